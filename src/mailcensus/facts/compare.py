"""How two databases of one kind agree on the addresses of a study."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from mailcensus.population.databases import AddressFacts, AddressTable

_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two databases side by side. Shares are of `both`, the addresses that both know."""

    kind: str
    """`country`: where used, or else where registered. `as`: the set of origins."""
    one: str
    two: str
    addresses: int
    agree: int
    differ: int
    only_one: int
    only_two: int
    neither: int
    disagreements: tuple[tuple[str, str, int], ...]
    """The most frequent ones: what each says, and for how many addresses."""

    @property
    def both(self) -> int:
        """Addresses that both know."""
        return self.agree + self.differ


def agreements(tables: Sequence[AddressTable], ips: Sequence[str]) -> list[Agreement]:
    """Every pair of databases that know countries, then every pair that know AS numbers."""
    return [
        _agreement(kind, one, two, ips)
        for kind, knows in (
            ("country", lambda table: bool(table.countries)),
            ("as", lambda table: table.has_as),
        )
        for one, two in combinations(filter(knows, tables), 2)
    ]


def _agreement(kind: str, one: AddressTable, two: AddressTable, ips: Sequence[str]) -> Agreement:
    pairs = Counter(zip(_said(kind, one, ips), _said(kind, two, ips), strict=True))
    differing = Counter({pair: n for pair, n in pairs.items() if "" not in pair and pair[0] != pair[1]})
    return Agreement(
        kind,
        str(one.origin),
        str(two.origin),
        addresses=len(ips),
        agree=sum(n for (a, b), n in pairs.items() if a and a == b),
        differ=differing.total(),
        only_one=sum(n for (a, b), n in pairs.items() if a and not b),
        only_two=sum(n for (a, b), n in pairs.items() if b and not a),
        neither=pairs["", ""],
        disagreements=tuple((a, b, n) for (a, b), n in differing.most_common(_SHOWN)),
    )


def _said(kind: str, table: AddressTable, ips: Sequence[str]) -> list[str]:
    """What it says of each address; empty where nothing."""
    return [_text(kind, facts) if facts is not None else "" for facts in table.lookup(ips).facts()]


def _text(kind: str, facts: AddressFacts) -> str:
    if kind == "as":
        return " ".join(f"AS{asn}" for asn in facts.asns)
    return facts.country or facts.registered_country or ""
