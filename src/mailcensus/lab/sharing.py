"""Groups of hosts that share keys, one function for each cause.

Names, networks and software are drawn as they come with the cause in the field, with its exceptions: some clones keep
the name of their image, some products' certificates are in no list, some farms stand in several networks.
"""

from __future__ import annotations

from dataclasses import replace

from mailcensus.lab.drafting import Draft, Drafter, Style, Where, everywhere
from mailcensus.lab.plan import Cause, KeyKind

Unit = tuple[Draft, ...]
"""Hosts that get adjacent addresses."""

_SHARED_KINDS = (KeyKind.RSA_2048, KeyKind.ECDSA_P256, KeyKind.ED25519)
_PRODUCT_NAMES = (
    *("localhost.localdomain", "localhost", "Plesk", "MikroTik", "UBNT", "QNAP NAS"),
    *("SmartGate 300", "mailappliance"),  # in no list of ours: networks and names must tell
)
_KNOWN_NAMES = ("update.microsoft.com", "mail.google.com", "www.apple.com", "outlook.office365.com")
_IMAGE_NAME = "localhost.localdomain"


def clones(drafter: Drafter, group: str, room: int) -> list[Unit]:
    """One image started many times: the SSH host key equal, mostly all keys."""
    style = drafter.style()
    host_key = drafter.key(shared_kind(drafter))
    key = drafter.key(shared_kind(drafter))
    certificate = drafter.own_certificate(style.name, key)
    names = drafter.rng.choices(("own", "none", "kept"), (80, 15, 5))[0]
    own_tls = drafter.rng.random() < 0.15
    where = drafter.rng.choices((Where.HOSTER, Where.APART), (80, 20))[0]
    units: list[Unit] = []
    for _ in range(min(room, group_size(drafter, 12))):
        name = {"own": drafter.name(), "none": _IMAGE_NAME, "kept": style.name}[names]
        shown = drafter.own_certificate(name) if own_tls and names == "own" else certificate
        units.append((_host(drafter, Cause.CLONE, group, replace(style, name=name), shown, host_key, where),))
    return units


def load_balanced(drafter: Drafter, group: str, room: int) -> list[Unit]:
    """One service behind many hosts: one certificate, own SSH keys; under one name, or names of one domain."""
    domain = drafter.domain()
    style = drafter.style(name=drafter.name(domain))
    certificate = drafter.own_certificate(style.name)
    one_name = drafter.rng.random() < 0.5
    where = drafter.rng.choices((Where.ONE_NETWORK, Where.APART), (80, 20))[0]
    units: list[Unit] = []
    for _ in range(min(room, group_size(drafter, 8))):
        named = style if one_name else replace(style, name=drafter.name(domain))
        units.append((_host(drafter, Cause.LOAD_BALANCED, group, named, certificate, drafter.key(), where),))
    return units


def default_certificate(drafter: Drafter, group: str, room: int) -> list[Unit]:
    """A product's built-in certificate on unrelated hosts, each with its own name, style and SSH key."""
    key = drafter.key(KeyKind.RSA_2048)
    certificate = drafter.certificate(key, drafter.rng.choice(_PRODUCT_NAMES))
    return _unrelated(
        drafter, Cause.DEFAULT_CERTIFICATE, group, certificate, min(room, drafter.rng.randint(4, 15))
    )


def machine(drafter: Drafter, group: str, room: int) -> list[Unit]:
    """One machine with two to four adjacent addresses."""
    style = drafter.style()
    certificate = drafter.own_certificate(style.name)
    host = _host(drafter, Cause.MACHINE, group, style, certificate, drafter.key())
    return [(host,) * min(room, drafter.rng.randint(2, 4))]


def multi_homed(drafter: Drafter, group: str, room: int) -> list[Unit]:
    """One machine with two or three addresses in as many networks."""
    style = drafter.style()
    certificate = drafter.own_certificate(style.name)
    host = _host(drafter, Cause.MULTI_HOMED, group, style, certificate, drafter.key(), Where.APART)
    return [(host,)] * min(room, drafter.rng.choices((2, 3), (80, 20))[0])


def cross_protocol_pair(drafter: Drafter, group: str, room: int) -> list[Unit]:
    """The SSH host key of one host is the TLS key of the other."""
    key = drafter.key(shared_kind(drafter))
    domain = drafter.domain() if drafter.rng.random() < 0.7 else None
    one, other = (drafter.style(name=drafter.name(domain)) for _ in range(2))
    own, shared = drafter.own_certificate(one.name), drafter.own_certificate(other.name, key)
    return [
        (_host(drafter, Cause.CROSS_PROTOCOL_PAIR, group, one, own, key),),
        (_host(drafter, Cause.CROSS_PROTOCOL_PAIR, group, other, shared, drafter.key()),),
    ]


def renewed(drafter: Drafter, group: str, room: int) -> list[Unit]:
    """One key in a different certificate on each host; mostly names of one domain."""
    key = drafter.key(shared_kind(drafter))
    domain = drafter.domain() if drafter.rng.random() < 0.8 else None
    units: list[Unit] = []
    for _ in range(min(room, drafter.rng.randint(2, 4))):
        style = drafter.style(name=drafter.name(domain))
        certificate = drafter.own_certificate(style.name, key)
        units.append((_host(drafter, Cause.RENEWED, group, style, certificate, drafter.key()),))
    return units


def chain(drafter: Drafter, group: str, room: int) -> list[Unit]:
    """Host n shares one key with host n-1 (on SMTP) and another with host n+1 (on IMAP)."""
    style = drafter.style(needed=("imap",))
    length = min(room, drafter.rng.randint(3, 6))
    links = [drafter.own_certificate(style.name) for _ in range(length + 1)]
    return [
        (
            drafter.host(
                Cause.CHAIN, group, style, {"smtp": links[n], "imap": links[n + 1]}, host_key=drafter.key()
            ),
        )
        for n in range(length)
    ]


def wildcard(drafter: Drafter, group: str, room: int) -> list[Unit]:
    """A wildcard certificate on hosts of its domain, with names, software and SSH keys of their own."""
    domain = drafter.domain()
    certificate = drafter.issued_certificate(f"*.{domain}", (f"*.{domain}", domain))
    where = drafter.rng.choice((Where.ONE_NETWORK, Where.APART))
    units: list[Unit] = []
    for _ in range(min(room, drafter.rng.randint(3, 8))):
        style = drafter.style(name=drafter.name(domain))
        units.append((_host(drafter, Cause.WILDCARD, group, style, certificate, drafter.key(), where),))
    return units


def shared_hosting(drafter: Drafter, group: str, room: int) -> list[Unit]:
    """A hoster's certificate on servers that greet with their customers' names; some name all the customers."""
    styles = [drafter.style() for _ in range(min(room, drafter.rng.randint(4, 10)))]
    hoster = drafter.domain()
    names: tuple[str, ...] = (f"*.{hoster}", hoster)
    if drafter.rng.random() < 0.5:
        names = (f"web.{hoster}", *(drafter.domain() for _ in range(drafter.rng.randint(8, 30))))
    certificate = drafter.issued_certificate(names[0], names)
    return [
        (_host(drafter, Cause.SHARED_HOSTING, group, style, certificate, drafter.key(), Where.HOSTER),)
        for style in styles
    ]


def cdn(drafter: Drafter, group: str, room: int) -> list[Unit]:
    """A delivery network's certificate for many customers, shown from its prefixes, without SSH."""
    network = drafter.domain()
    names = (f"edge.{network}", *(drafter.domain() for _ in range(drafter.rng.randint(3, 40))))
    certificate = drafter.issued_certificate(names[0], names)
    units: list[Unit] = []
    style = drafter.style()
    for _ in range(min(room, drafter.rng.randint(4, 10))):
        named = replace(style, name=drafter.name(network))
        units.append((_host(drafter, Cause.CDN, group, named, certificate, None, Where.CDN),))
    return units


def suspicious(drafter: Drafter, group: str, room: int) -> list[Unit]:
    """Somebody's issued certificate, some with a name that everybody knows, on unrelated hosts."""
    name = drafter.rng.choice(_KNOWN_NAMES) if drafter.rng.random() < 0.5 else drafter.name()
    certificate = drafter.issued_certificate(name)
    return _unrelated(drafter, Cause.SUSPICIOUS, group, certificate, min(room, drafter.rng.randint(4, 10)))


def default_key(drafter: Drafter, group: str, room: int) -> list[Unit]:
    """A product's built-in SSH host key on unrelated hosts with TLS keys of their own."""
    host_key = drafter.key(shared_kind(drafter))
    units: list[Unit] = []
    for _ in range(min(room, drafter.rng.randint(4, 10))):
        style = drafter.style()
        certificate = drafter.own_certificate(style.name)
        units.append((_host(drafter, Cause.DEFAULT_KEY, group, style, certificate, host_key, Where.APART),))
    return units


def mixed(drafter: Drafter, group: str, room: int) -> list[Unit]:
    """An image copied two or three times, and a product's certificate on one copy and on unrelated hosts."""
    host_key, style = drafter.key(shared_kind(drafter)), drafter.style()
    certificate = drafter.certificate(drafter.key(KeyKind.RSA_2048), "localhost.localdomain")
    copies: list[Unit] = []
    for _ in range(drafter.rng.randint(2, 3)):
        own = replace(style, name=drafter.name())
        shown = drafter.own_certificate(own.name) if copies else certificate
        copies.append((_host(drafter, Cause.MIXED, group, own, shown, host_key, Where.HOSTER),))
    others = min(room - len(copies), drafter.rng.randint(3, 6))
    return copies + _unrelated(drafter, Cause.MIXED, group, certificate, others)


def shared_kind(drafter: Drafter) -> KeyKind:
    """A kind of key for a group."""
    return drafter.rng.choice(_SHARED_KINDS)


def group_size(drafter: Drafter, most: int) -> int:
    """Many small groups, few large ones."""
    size = 2
    while size < most and drafter.rng.random() < 0.6:
        size += 1
    return size


def _unrelated(drafter: Drafter, cause: Cause, group: str, certificate: str, size: int) -> list[Unit]:
    """Hosts of different owners with one certificate, in networks of their own."""
    return [
        (_host(drafter, cause, group, drafter.style(), certificate, drafter.key(), Where.APART),)
        for _ in range(size)
    ]


def _host(
    drafter: Drafter,
    cause: Cause,
    group: str,
    style: Style,
    certificate: str,
    host_key: str | None,
    where: Where = Where.ANYWHERE,
) -> Draft:
    """A host with one certificate on all its services."""
    return drafter.host(cause, group, style, everywhere(certificate), host_key, where)
