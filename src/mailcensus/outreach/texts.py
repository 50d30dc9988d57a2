"""Texts that tell who asks: DNS records, security.txt, a page, mailboxes; for the vantage of a study.toml.

They are what the preflight looks for: whoever puts them up passes its lines about names.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from mailcensus.study import Settings, StudyError
from mailcensus.wire.visible import visible

EXPIRES_AFTER = timedelta(days=180)
"""Of security.txt; RFC 9116 section 2.5.5 recommends less than a year."""
_TXT_PART_BYTES = 255
"""Longest character-string of a TXT record, RFC 1035 section 3.3."""
_NOBODY = ("invalid", "example.invalid", "scanner.invalid")


@dataclass(frozen=True, slots=True)
class Text:
    """One text."""

    name: str
    """What `--only` calls it."""
    where: str
    """Where it belongs."""
    body: str
    """As it is to be put there; ends with a newline."""


@dataclass(frozen=True, slots=True)
class _Vantage:
    """What the texts are made of, checked."""

    study: str
    name: str
    """The EHLO name, without a final dot."""
    addresses: tuple[str, ...]
    contact: str
    """Mail address or URL."""
    opt_out: str
    """Mail address or URL."""
    services: tuple[str, ...]
    """Services asked of every hit."""
    per_s: float
    expires: str


def vantage_texts(settings: Settings, addresses: Sequence[str], now: datetime) -> list[Text]:
    """All texts, in the order in which they are best put up.

    Args:
        settings: a study's.
        addresses: the vantage's own public addresses.
        now: the time from which security.txt is valid.
    Raises:
        StudyError: study.toml does not say who asks, or says so in more than a line.
    """
    vantage = _vantage(settings, addresses, now)
    return [
        Text(name, where.format(vantage=vantage, host=_web_host(vantage)), make(vantage))
        for name, where, make in _TEXTS
    ]


def _vantage(settings: Settings, addresses: Sequence[str], now: datetime) -> _Vantage:
    study = settings.study
    name = _said("study.ehlo_name", study.ehlo_name).rstrip(".").lower()
    if name in _NOBODY:
        raise StudyError("study.toml: study.ehlo_name: set the name of the machine that asks")
    parsed = sorted((ipaddress.ip_address(text) for text in addresses), key=lambda ip: (ip.version, ip))
    return _Vantage(
        study=_said("study.name", study.name),
        name=name,
        addresses=tuple(map(str, parsed)),
        contact=_reachable("study.contact", study.contact),
        opt_out=_reachable("study.opt_out", study.opt_out),
        services=settings.collect.services,
        per_s=settings.politeness.connections_per_s,
        expires=(now + EXPIRES_AFTER).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


def _said(field: str, value: str | None) -> str:
    if value is None or not value.strip():
        raise StudyError(f"study.toml: {field}: not set; the texts say it")
    if visible(value) != value:
        raise StudyError(
            f"study.toml: {field}: {visible(value)} has characters that do not print; leave them out"
        )
    return value.strip()


def _reachable(field: str, value: str | None) -> str:
    said = _said(field, value)
    if any(character in said for character in ' "<>\\') or not (_is_page(said) or _is_mail(said)):
        raise StudyError(f"study.toml: {field}: {said} is neither a mail address nor an http(s) URL")
    return said


def _is_page(text: str) -> bool:
    return text.lower().startswith(("https://", "http://")) and bool(urlsplit(text).hostname)


def _is_mail(text: str) -> bool:
    local, at, domain = text.removeprefix("mailto:").partition("@")
    return bool(local and at and domain) and "@" not in domain


def as_uri(reach: str) -> str:
    """A mail address or URL as a URI (RFC 6068)."""
    return reach if _is_page(reach) else f"mailto:{reach.removeprefix('mailto:')}"


def _web_host(vantage: _Vantage) -> str:
    return urlsplit(vantage.opt_out).hostname or vantage.name if _is_page(vantage.opt_out) else vantage.name


def _ehlo(vantage: _Vantage) -> str:
    return f"{vantage.name}\n"


def _forward(vantage: _Vantage) -> str:
    kinds = {4: "A", 6: "AAAA"}
    return "".join(
        f"{vantage.name}. IN {kinds[ipaddress.ip_address(each).version]} {each}\n"
        for each in vantage.addresses
    )


def _reverse(vantage: _Vantage) -> str:
    return "".join(
        f"{ipaddress.ip_address(each).reverse_pointer}. IN PTR {vantage.name}.\n"
        for each in vantage.addresses
    )


def _txt(vantage: _Vantage) -> str:
    words = (
        f"Research: {vantage.study}. We ask mail servers for their keys and try no logins. "
        f"Contact: {vantage.contact} Opt out: {vantage.opt_out}"
    )
    return f"{vantage.name}. IN TXT {zone_strings(words)}\n"


def zone_strings(text: str) -> str:
    """Text as character-strings of a zone file (RFC 1035 section 5.1), as many as it takes."""
    data = text.encode()
    parts = (data[start : start + _TXT_PART_BYTES] for start in range(0, len(data), _TXT_PART_BYTES))
    return " ".join('"' + "".join(map(_zone_byte, part)) + '"' for part in parts)


def _zone_byte(byte: int) -> str:
    if byte in b'"\\':
        return "\\" + chr(byte)
    return chr(byte) if 0x20 <= byte < 0x7F else f"\\{byte:03d}"


def _security_txt(vantage: _Vantage) -> str:
    """Of RFC 9116; the page is no policy of disclosing vulnerabilities, so it stands in a comment."""
    return (
        f"# {vantage.name} scans for research: {vantage.study}\n"
        f"# Opt out: {vantage.opt_out}\n"
        f"Contact: {as_uri(vantage.contact)}\n"
        f"Expires: {vantage.expires}\n"
        "Preferred-Languages: en\n"
        f"Canonical: https://{_web_host(vantage)}/.well-known/security.txt\n"
    )


def _aliases(vantage: _Vantage) -> str:
    reader = "root" if _is_page(vantage.contact) else vantage.contact.removeprefix("mailto:")
    return "".join(f"{name}: {reader}\n" for name in ("abuse", "postmaster", "security"))


def _registry(vantage: _Vantage) -> str:
    mailbox = (
        f"abuse@{vantage.name}" if _is_page(vantage.contact) else vantage.contact.removeprefix("mailto:")
    )
    return f"remarks: Research scan: {vantage.study}; opt out: {vantage.opt_out}\nabuse-mailbox: {mailbox}\n"


def _page(vantage: _Vantage) -> str:
    environment = Environment(
        loader=PackageLoader("mailcensus.outreach"),
        autoescape=select_autoescape(("html.j2",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("vantage.html.j2").render(
        vantage=vantage, contact_uri=as_uri(vantage.contact), opt_out_uri=as_uri(vantage.opt_out)
    )


_TEXTS: tuple[tuple[str, str, Callable[[_Vantage], str]], ...] = (
    ("ehlo", "study.ehlo_name in study.toml: what servers are told", _ehlo),
    ("a", "zone of {vantage.name}", _forward),
    ("ptr", "reverse zones; your provider may have a form for it", _reverse),
    ("txt", "zone of {vantage.name}", _txt),
    (
        "security.txt",
        "https://{host}/.well-known/security.txt (RFC 9116), renewed before it expires",
        _security_txt,
    ),
    ("web", "http://{vantage.name}/ and the page of study.opt_out", _page),
    ("aliases", "/etc/aliases of the mail server of {vantage.name} (RFC 2142)", _aliases),
    ("registry", "inetnum and role object, or whatever your registry has instead", _registry),
)
NAMES = tuple(name for name, _, _ in _TEXTS)
"""Of all texts."""
