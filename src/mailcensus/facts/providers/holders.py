"""Who holds which domain, and who is served by more than one holder: what only the whole list tells."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from mailcensus.facts.providers.seen import DomainSeen
from mailcensus.facts.providers.table import Policy
from mailcensus.population.registered_domains import registered_domain

SHARED_BY = 3
"""Holders served below one registered domain from which on it is somebody's service. Two may be one holder's two
names, which the list spells differently."""
_WORDS = 3
_NO_LETTERS = re.compile(r"[^a-z]+")


def exchange_domain(name: str) -> str:
    """The registered domain of a host name; the name itself where it is a public suffix."""
    return registered_domain(name) or name


@dataclass
class Holders:
    """Holders of all domains of a run."""

    policy: Policy
    _names: dict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))
    _served: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    @classmethod
    def of(cls, domains: Iterable[DomainSeen], policy: Policy) -> Holders:
        """Those of a list."""
        holders = cls(policy)
        for seen in domains:
            own = holders.names_of(seen)
            if seen.registered_domain:
                holders._names[seen.registered_domain].update(dict.fromkeys(own))
            holder = next(iter(own), seen.registered_domain or seen.domain)
            for exchange in seen.exchanges:
                if exchange.is_host:
                    holders._served[exchange_domain(exchange.target or exchange.name)].add(holder)
        return holders

    def names_of(self, seen: DomainSeen) -> tuple[str, ...]:
        """What the list's columns say who holds a domain; whom it holds it together with comes first."""
        joint = (one.holder_of(seen.groups) for one in self.policy.joint)
        said = (seen.groups.get(column, "").strip() for column in self.policy.holder_columns)
        names = (*filter(None, joint), *(name for name in said if name not in self.policy.nobody))
        return tuple(" ".join(name.lower().split()) for name in names)

    def is_place_of(self, seen: DomainSeen, domain: str) -> bool:
        """Whether a registered domain is the holder's by other columns of the list."""
        return any(place.domain_of(seen.groups) == domain for place in self.policy.places)

    def of_domain(self, domain: str) -> tuple[str, ...]:
        """Holders of a registered domain of the list; none: it is not on the list, or the list does not say."""
        return tuple(self._names.get(domain, ()))

    def served(self, domain: str) -> int:
        """Holders, or domains of unknown holders, with an exchange below a registered domain."""
        return len(self._served.get(domain, ()))


def shared_holder(one: Iterable[str], other: Iterable[str]) -> str | None:
    """A holder that both have: the same name, or one that goes on where the other of three words or more ends.

    `city of albuquerque`, `city of albuquerque new mexico`.
    """
    names = list(other)
    return next((name for name in one for name2 in names if _is_same(name, name2)), None)


def _is_same(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return short == long or (short.count(" ") >= _WORDS - 1 and long.startswith(f"{short} "))


def are_similar(one: str, other: str, policy: Policy) -> bool:
    """Whether two registered domains have one name but for fillers: cityofalbany.net, albanyga.gov.

    Two letters at the end of one of them may be a state's. Where both end in other letters, nothing is said:
    franklinma.gov and franklintn.gov are two towns.
    """
    first, second = (_NO_LETTERS.sub("", domain.partition(".")[0]) for domain in (one, other))
    whole, whole2 = _core(first, policy), _core(second, policy)
    shorter, shorter2 = _core(first[:-2], policy), _core(second[:-2], policy)
    pairs = [(whole, whole2), (shorter, whole2), (whole, shorter2)]
    return any(a == b and len(a) >= policy.shortest for a, b in pairs)


def resembles(host: str, own: str, policy: Policy) -> bool:
    """Whether a label of a host name begins as a registered domain does, or the other way round.

    mail.carpinteria.ca.gov, carpinteriaca.gov; smtp.chehalistribe.net, chehalis-nsn.gov. Weaker than `are_similar`:
    for the holder's other names on a machine that goes by this one already.
    """
    core = _core(_NO_LETTERS.sub("", own.partition(".")[0]), policy)
    labels = (_core(_NO_LETTERS.sub("", label), policy) for label in host.split(".")[:-1])
    return any(
        min(len(core), len(label)) >= policy.shortest and (core.startswith(label) or label.startswith(core))
        for label in labels
    )


def _core(label: str, policy: Policy) -> str:
    """A label without fillers at its ends."""
    core = label
    while (rest := _shorter(core, policy)) != core:
        core = rest
    return core


def _shorter(label: str, policy: Policy) -> str:
    """Without one filler at each end, where enough is left."""
    for ending in (*policy.regions, *policy.fillers):
        rest = label.removesuffix(ending)
        label = rest if len(rest) >= policy.shortest else label
    for beginning in policy.fillers:
        rest = label.removeprefix(beginning)
        label = rest if len(rest) >= policy.shortest else label
    return label
