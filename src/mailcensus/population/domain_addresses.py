"""Which addresses a domain's mail goes to, and its own: what an excluded domain stands for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import dns.exception
import dns.nameserver
import dns.rdataclass
import dns.rdatatype
import dns.resolver
from dns.rdtypes.ANY.MX import MX

from mailcensus.population.prefixes import PrefixSet

_LOOKUP_S = 5.0
_EXCHANGES = 20
"""Mail servers that are looked up; a domain may name any number."""


@dataclass(frozen=True, slots=True)
class DomainAddresses:
    """What the DNS said of a domain."""

    addresses: PrefixSet
    failures: tuple[str, ...] = ()
    """Lookups that nobody answered, one line each; the addresses may then be too few."""


class DomainResolver:
    """Asks a DNS resolver; blocks meanwhile."""

    def __init__(self, resolvers: Sequence[str] = (), lookup_s: float = _LOOKUP_S) -> None:
        """Prepare to ask.

        Args:
            resolvers: addresses, each with a port or without; those of the system where there are none.
            lookup_s: how long one lookup may take, all resolvers and further tries included.
        """
        self._resolvers = tuple(resolvers)
        self._lookup_s = lookup_s

    def addresses_of(self, domain: str) -> DomainAddresses:
        """The addresses of a domain's mail exchanges and of the domain itself (A and AAAA)."""
        failures: list[str] = []
        exchanges = [
            str(cast(MX, answer).exchange) for answer in self._answers(domain, dns.rdatatype.MX, failures)
        ]
        # A null MX, RFC 7505, is a dot: no name.
        hosts = [domain, *(name for name in exchanges[:_EXCHANGES] if name != ".")]
        found = [
            str(answer)
            for host in dict.fromkeys(hosts)
            for kind in (dns.rdatatype.A, dns.rdatatype.AAAA)
            for answer in self._answers(host, kind, failures)
        ]
        return DomainAddresses(PrefixSet.of(found), tuple(failures))

    def _answers(self, name: str, kind: dns.rdatatype.RdataType, failures: list[str]) -> Iterator[object]:
        """Answers of a kind; none where there is no such name or it has none."""
        try:
            resolver = self._resolver()
            yield from resolver.resolve(f"{name.rstrip('.')}.", kind, raise_on_no_answer=False, search=False)
        except dns.resolver.NXDOMAIN:
            return
        except (dns.exception.DNSException, OSError) as error:
            failures.append(f"{name.rstrip('.')} {kind.name}: {_one_line(error)}")

    def _resolver(self) -> dns.resolver.Resolver:
        resolver = dns.resolver.Resolver(configure=not self._resolvers)
        if self._resolvers:
            resolver.nameservers = [
                dns.nameserver.Do53Nameserver(*_address(text)) for text in self._resolvers
            ]
        resolver.lifetime = self._lookup_s
        return resolver


def _address(text: str) -> tuple[str, int]:
    """Address and port of "192.0.2.53", "192.0.2.53:5353", "2001:db8::53" or "[2001:db8::53]:5353"."""
    if text.startswith("["):
        host, _, port = text[1:].partition("]:")
        return host, int(port)
    if text.count(":") == 1:
        host, _, port = text.partition(":")
        return host, int(port)
    return text, 53


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
