"""The preflight's look at who we say we are: reverse names, the EHLO name, its TXT record, the page.

Only DNS resolvers and our own page are asked. Names are looked at only for a public vantage: nobody can look up a
private one, and a lab on loopback must work without a network.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Sequence

import certifi

from mailcensus.discovery.preflight_line import Line
from mailcensus.model import DnsState, Verdict
from mailcensus.population.address import format_address, parse_address
from mailcensus.population.special import is_special
from mailcensus.probe.resolver import Answer, Resolver
from mailcensus.study import Study, StudyError

_QUERIES_PER_S = 20.0
_REPLY_S = 2.0
_PAGE_S = 5.0
_ANY_PORT = 9
_DOCUMENTED = ("192.0.2.1", "2001:db8::1")
"""RFC 5737 and RFC 3849: nobody's. A route to them is the default route."""


def own_addresses(study: Study, towards: Sequence[str]) -> tuple[str, ...]:
    """The addresses from which this machine would ask: as told, else those of its routes to some addresses.

    A UDP socket that is connected sends nothing; the kernel only says which address it would send from.

    Raises:
        StudyError: what study.toml tells is no address.
    """
    told = study.settings.preflight.addresses
    if told:
        return tuple(_address(study, text) for text in told)
    found = (_source(target) for target in towards or _DOCUMENTED)
    return tuple(dict.fromkeys(address for address in found if address is not None))


async def name_lines(study: Study, addresses: Sequence[str]) -> list[Line]:
    """What the world can find out about who asks.

    Raises:
        StudyError: a resolver of study.toml is no address.
    """
    public = [address for address in addresses if not is_special(address)]
    name = study.settings.study.ehlo_name.rstrip(".").lower()
    if not public:
        seen = ", ".join(addresses) or "no route"
        found = f"this machine's own addresses are not public ({seen})"
        mend = "behind NAT: set preflight.addresses to the public ones"
        return [Line("names", name, Verdict.UNKNOWN, found, mend)]
    try:
        resolver = Resolver(
            study.settings.preflight.resolvers or study.settings.facts.resolvers, _QUERIES_PER_S, _REPLY_S
        )
    except StudyError as error:
        if study.settings.preflight.resolvers:
            raise
        return [Line("names", name, Verdict.UNKNOWN, str(error), "set preflight.resolvers")]
    reverse = [_reverse(resolver, address, name) for address in public]
    return list(
        await asyncio.gather(*reverse, _forward(resolver, name, public), _text(resolver, name), _page(study))
    )


async def _reverse(resolver: Resolver, address: str, name: str) -> Line:
    check, mend = "reverse name", f"have its PTR record say {name}"
    answer = await resolver.reverse_names(address)
    if answer.state is DnsState.OK and name in answer.values:
        return Line(check, address, Verdict.OK, name)
    if answer.state is DnsState.OK:
        return Line(check, address, Verdict.WARNING, f"{', '.join(answer.values)}, not {name}", mend)
    return _missing(check, address, answer, "none", mend)


async def _forward(resolver: Resolver, name: str, addresses: Sequence[str]) -> Line:
    check = "EHLO name"
    mend = f"give {name} address records of this vantage, or set study.ehlo_name to a name that has them"
    if name == "invalid" or name.endswith(".invalid"):
        return Line(check, name, Verdict.WARNING, "no name at all (RFC 6761)", "set study.ehlo_name")
    versions = sorted({parse_address(address)[0] for address in addresses})
    answers = [await resolver.addresses(name, version) for version in versions]
    values = {_plain(value) for answer in answers for value in answer.values}
    missing = [address for address in addresses if _plain(address) not in values]
    if not missing:
        return Line(check, name, Verdict.OK, f"has {', '.join(addresses)}")
    unknown = next((a for a in answers if a.state in (DnsState.SERVFAIL, DnsState.TIMEOUT)), None)
    if unknown is not None:
        return _missing(check, name, unknown, "", mend)
    found = f"has {', '.join(sorted(values)) or 'no address'}, not {', '.join(missing)}"
    return Line(check, name, Verdict.WARNING, found, mend)


async def _text(resolver: Resolver, name: str) -> Line:
    check, mend = (
        "TXT record",
        f'have a TXT record at {name} say who asks and why, e.g. "research; https://..."',
    )
    if name == "invalid" or name.endswith(".invalid"):
        return Line(check, name, Verdict.WARNING, "no name at all (RFC 6761)", "set study.ehlo_name")
    answer = await resolver.texts(name)
    if answer.state is DnsState.OK:
        return Line(check, name, Verdict.OK, answer.values[0])
    return _missing(check, name, answer, "none", mend)


async def _page(study: Study) -> Line:
    check, url = "disclosure page", (study.settings.study.opt_out or "").strip()
    if not url.lower().startswith(("http://", "https://")):
        found = "study.opt_out is no web address" if url else "study.opt_out is not set"
        mend = "set study.opt_out to a page that says who asks and how to opt out"
        return Line(check, url or "-", Verdict.UNKNOWN, found, mend)
    try:
        status = await asyncio.to_thread(_fetch, url)
    except urllib.error.HTTPError as error:
        return Line(check, url, Verdict.WARNING, f"status {error.code}", "put the page there")
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return Line(check, url, Verdict.WARNING, f"not reached: {reason}", "put the page there")
    return Line(check, url, Verdict.OK, f"status {status}")


def _fetch(url: str) -> int:
    """The status of our own page."""
    request = urllib.request.Request(url, method="HEAD")
    context = ssl.create_default_context(cafile=certifi.where())
    with urllib.request.urlopen(request, timeout=_PAGE_S, context=context) as answer:
        return int(answer.status)


def _missing(check: str, subject: str, answer: Answer, nothing: str, mend: str) -> Line:
    if answer.state in (DnsState.NXDOMAIN, DnsState.NODATA):
        return Line(check, subject, Verdict.WARNING, nothing, mend)
    return Line(
        check, subject, Verdict.UNKNOWN, f"DNS gave no answer ({answer.state})", "look at the resolvers"
    )


def _source(target: str) -> str | None:
    version, _ = parse_address(target)
    with socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6, socket.SOCK_DGRAM) as udp:
        try:
            udp.connect((target, _ANY_PORT))
        except OSError:
            return None
        return _plain(str(udp.getsockname()[0]))


def _plain(address: str) -> str:
    try:
        return format_address(*parse_address(address.partition("%")[0]))
    except ValueError:
        return address


def _address(study: Study, text: str) -> str:
    try:
        return format_address(*parse_address(text))
    except ValueError:
        raise StudyError(
            f"{study.directory / 'study.toml'}: preflight.addresses: {text!a} is no address"
        ) from None
