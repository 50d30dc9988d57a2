"""The kinds of groups a lab has: one function each, and the table of how often each is drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from mailcensus.lab import sharing
from mailcensus.lab.drafting import Draft, Drafter, everywhere
from mailcensus.lab.plan import Cause
from mailcensus.lab.sharing import Unit, shared_kind


def single(drafter: Drafter, group: str, room: int) -> list[Unit]:
    """A host with keys of its own: one TLS key for all, one for mail and one for web, or one for each service."""
    style = drafter.style()
    certificates = everywhere(drafter.own_certificate(style.name))
    habit = drafter.rng.choice(("one", "one", "two", "each"))
    if habit == "two":
        certificates["https"] = drafter.own_certificate(style.name)
    if habit == "each":
        certificates = {service: drafter.own_certificate(style.name) for service in certificates}
    if drafter.rng.random() < 0.15:
        del certificates[drafter.rng.choice(("smtp", "pop3", "imap", "submission"))]
    return [(drafter.host(Cause.SINGLE, group, style, certificates, drafter.key()),)]


def cross_protocol(drafter: Drafter, group: str, room: int) -> list[Unit]:
    """The SSH host key is the TLS key, on some services or on all."""
    style = drafter.style()
    key = drafter.key(shared_kind(drafter))
    shared = drafter.own_certificate(style.name, key)
    certificates = everywhere(shared)
    if drafter.rng.random() < 0.5:
        certificates = {**everywhere(drafter.own_certificate(style.name)), "smtp": shared}
    return [(drafter.host(Cause.CROSS_PROTOCOL, group, style, certificates, key),)]


def no_tls(drafter: Drafter, group: str, room: int) -> list[Unit]:
    """A host whose mail services offer no STARTTLS; SSH perhaps."""
    host_key = drafter.key() if drafter.rng.random() < 0.5 else None
    return [(drafter.host(Cause.NO_TLS, group, drafter.style(), {}, host_key),)]


def only_smtp(drafter: Drafter, group: str, room: int) -> list[Unit]:
    """Port 25 and nothing else, with TLS or without."""
    style = replace(drafter.style(), services=("smtp",))
    certificates = everywhere(drafter.own_certificate(style.name)) if drafter.rng.random() < 0.6 else {}
    return [(drafter.host(Cause.ONLY_SMTP, group, style, certificates, None),)]


def rate_limited(drafter: Drafter, group: str, room: int) -> list[Unit]:
    """421 on SMTP for the first who waits for the greeting."""
    style = drafter.style()
    certificates = everywhere(drafter.own_certificate(style.name))
    host = drafter.host(Cause.RATE_LIMITED, group, style, certificates, drafter.key())
    return [(host.changed("smtp", refusals=1),)]


def stuck(drafter: Drafter, group: str, room: int) -> list[Unit]:
    """A host whose IMAP port never answers a SYN."""
    style = drafter.style(needed=("imap",))
    certificates = everywhere(drafter.own_certificate(style.name))
    host = drafter.host(Cause.STUCK, group, style, certificates, drafter.key())
    return [(host.changed("imap", mute=True),)]


def no_smtp(drafter: Drafter, group: str, room: int) -> list[Unit]:
    """Two hosts with one certificate, one of them without a discovery port: no cluster for who asks only hits."""
    style = drafter.style()
    certificates = everywhere(drafter.own_certificate(style.name))
    seen = drafter.host(Cause.NO_SMTP, group, style, certificates, drafter.key())
    hidden = replace(seen, services=tuple(s for s in seen.services if s.name != "smtp"))
    return [(seen,), (hidden,)]


def mute(drafter: Drafter, group: str, room: int) -> list[Unit]:
    """An address that swallows every SYN to the discovery port."""
    style = replace(drafter.style(), services=("smtp",))
    host = drafter.host(Cause.MUTE, group, style, {}, None)
    return [(host.changed("smtp", mute=True),)]


def absent(drafter: Drafter, group: str, room: int) -> list[Unit]:
    """An address where nothing listens."""
    return [(Draft(cause=Cause.ABSENT, group=group),)]


@dataclass(frozen=True, slots=True)
class Recipe:
    """One kind of group: the fewest hosts it needs, and how often it is drawn."""

    cause: Cause
    least: int
    weight: int
    make: Callable[[Drafter, str, int], list[Unit]]


RECIPES = (
    Recipe(Cause.SINGLE, 1, 100, single),
    Recipe(Cause.CLONE, 2, 6, sharing.clones),
    Recipe(Cause.LOAD_BALANCED, 2, 5, sharing.load_balanced),
    Recipe(Cause.CROSS_PROTOCOL, 1, 6, cross_protocol),
    Recipe(Cause.NO_TLS, 1, 10, no_tls),
    Recipe(Cause.MACHINE, 2, 5, sharing.machine),
    Recipe(Cause.CHAIN, 3, 2, sharing.chain),
    Recipe(Cause.RATE_LIMITED, 1, 3, rate_limited),
    Recipe(Cause.CROSS_PROTOCOL_PAIR, 2, 2, sharing.cross_protocol_pair),
    Recipe(Cause.RENEWED, 2, 3, sharing.renewed),
    Recipe(Cause.ONLY_SMTP, 1, 8, only_smtp),
    Recipe(Cause.ABSENT, 1, 3, absent),
    Recipe(Cause.NO_SMTP, 2, 2, no_smtp),
    Recipe(Cause.DEFAULT_CERTIFICATE, 4, 1, sharing.default_certificate),
    Recipe(Cause.MUTE, 1, 1, mute),
    Recipe(Cause.STUCK, 1, 1, stuck),
    Recipe(Cause.MULTI_HOMED, 2, 2, sharing.multi_homed),
    Recipe(Cause.WILDCARD, 3, 2, sharing.wildcard),
    Recipe(Cause.SHARED_HOSTING, 4, 2, sharing.shared_hosting),
    Recipe(Cause.SUSPICIOUS, 4, 1, sharing.suspicious),
    Recipe(Cause.CDN, 4, 1, sharing.cdn),
    Recipe(Cause.DEFAULT_KEY, 4, 1, sharing.default_key),
    Recipe(Cause.MIXED, 6, 1, sharing.mixed),
)
"""Every plan has the first recipes once, as far as it has room, before the weights decide."""
