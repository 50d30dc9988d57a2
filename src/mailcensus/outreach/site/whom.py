"""Whom an opt-out names: an address, a prefix or a domain, always written the same way."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from mailcensus.population.address import BITS, format_address, parse_address, parse_prefix, reached_address
from mailcensus.population.exclusion_list import Kind, parse_entry
from mailcensus.population.prefixes import Triple

MAX_CHARACTERS = 300
_WIDEST_BITS = {4: 8, 6: 16}
"""Wider than these is nobody's own; whoever speaks for more writes to the contact."""
_WIDEST_BY_ADDRESS_BITS = {4: 24, 6: 48}
"""An address speaks for its neighbours as far as networks are handed out to one customer, and no further."""
_LABEL = "_mailcensus-opt-out"
"""No host may be called so (RFC 952), so nobody can register it below a provider's domain."""
_ZONE_BITS = {4: 8, 6: 4}
"""Reverse zones are cut at these (RFC 1035 section 3.5, RFC 3596 section 2.5)."""


class Way(StrEnum):
    """How a request is proved to be the owner's."""

    OWN = "own"
    """It came from the address it names."""
    ADDRESS = "address"
    """Its link was opened from an address in the range."""
    DNS = "dns"
    """A TXT record says so."""
    MAIL = "mail"
    """The link in a mail to its abuse contact or postmaster was followed."""


@dataclass(frozen=True, slots=True)
class Whom:
    """An address, prefix or domain."""

    name: str
    """As exclusion files have it: `192.0.2.7`, `192.0.2.0/24`, `domain:example.org`."""
    domain: str | None = None
    triple: Triple | None = None

    @classmethod
    def of_address(cls, ip: str) -> Whom:
        """One address; an IPv4-mapped one is the IPv4 address in it.

        Raises:
            ValueError: not an address.
        """
        version, value = reached_address(*parse_address(ip))
        return cls(format_address(version, value), None, (version, value, value + 1))

    @property
    def shown(self) -> str:
        """As people write it."""
        return self.domain or self.name

    @property
    def bits(self) -> int:
        """Length of its prefix; 0 of a domain."""
        return 0 if self.triple is None else _length(self.triple)

    def holds(self, ip: str) -> bool:
        """Whether an address is in the range."""
        if self.triple is None:
            return False
        version, start, stop = self.triple
        own, value = reached_address(*parse_address(ip))
        return own == version and start <= value < stop

    @property
    def by_address(self) -> bool:
        """Whether an address in it can speak for all of it."""
        return self.triple is not None and _length(self.triple) >= _WIDEST_BY_ADDRESS_BITS[self.triple[0]]

    def dns_names(self) -> tuple[str, ...]:
        """Names whose TXT records prove it: one of a domain; of a range each reverse zone that makes it up."""
        if self.domain is not None:
            return (f"{_LABEL}.{self.domain}",)
        assert self.triple is not None
        return tuple(f"{_LABEL}.{zone}" for zone in _reverse_zones(self.triple))


def parse_whom(text: str) -> Whom:
    """What somebody typed: an address, a prefix (`192.0.2.5/24` is all of it) or a domain.

    Raises:
        ValueError: none of these, or wider than anybody's own; the message is for whoever typed it.
    """
    text = text.strip()
    if not text or len(text) > MAX_CHARACTERS or len(text.split()) != 1:
        raise ValueError("write one address, prefix or domain")
    if _looks_like_a_range(text):
        return _range(text)
    domain = text.lower().removeprefix("domain:").rstrip(".")
    entry = parse_entry(f"domain:{domain}", date.min)
    if entry.kind is not Kind.DOMAIN or entry.value.rpartition(".")[2].isdigit():
        raise ValueError("not an address, prefix or domain")
    return Whom(entry.name, entry.value)


def dns_value(secret: str) -> str:
    """What the TXT record of a request says; from it nobody finds the request's own link."""
    return f"mailcensus-opt-out={hashlib.sha256(f'dns {secret}'.encode()).hexdigest()[:40]}"


def _looks_like_a_range(text: str) -> bool:
    return "/" in text or text.count(":") > 1 or text.replace(".", "").isdigit()


def _range(text: str) -> Whom:
    version, start, stop = parse_prefix(text, widen=True)
    if stop - start == 1:
        return Whom.of_address(format_address(version, start))
    length = _length((version, start, stop))
    if length < _WIDEST_BITS[version]:
        raise ValueError(f"wider than a /{_WIDEST_BITS[version]}; please write to us")
    if version == 6 and start >> 32 == 0xFFFF:
        raise ValueError("IPv4 addresses within IPv6; write them as IPv4")
    return Whom(f"{format_address(version, start)}/{length}", None, (version, start, stop))


def _length(triple: Triple) -> int:
    version, start, stop = triple
    return BITS[version] + 1 - (stop - start).bit_length()


def _reverse_zones(triple: Triple) -> Iterator[str]:
    """The reverse zones at the next cut that together are the range: 1 to 128 for IPv4, 1 to 8 for IPv6."""
    version, start, stop = triple
    cut = _ZONE_BITS[version]
    labels = -(-_length(triple) // cut)
    size = 1 << (BITS[version] - labels * cut)
    for first in range(start, stop, size):
        digits = [first >> (BITS[version] - place * cut) & ((1 << cut) - 1) for place in range(labels, 0, -1)]
        if version == 4:
            yield ".".join([*map(str, digits), "in-addr.arpa"])
        else:
            yield ".".join([*(f"{digit:x}" for digit in digits), "ip6.arpa"])
