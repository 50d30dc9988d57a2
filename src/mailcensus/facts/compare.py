"""How two databases of one kind agree on the addresses of a study."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import asin, cos, radians, sin, sqrt

from mailcensus.population.databases import AddressFacts, AddressTable

_SHOWN = 10
SAME_PLACE_KM = 50
"""Two databases mean one place where their coordinates are no farther apart: a city and its suburbs."""
_EARTH_KM = 6371.0088
"""Mean radius (IUGG)."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two databases side by side. Shares are of `both`, the addresses that both know."""

    kind: str
    """`country`: where used, or else where registered. `as`: the set of origins. `place`: coordinates no more than
    SAME_PLACE_KM apart. `anycast`: yes or no."""
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


@dataclass(frozen=True, slots=True)
class _Place:
    name: str
    latitude: float
    longitude: float


_Said = str | _Place | None
"""What a database says of an address; None: nothing."""


def agreements(tables: Sequence[AddressTable], ips: Sequence[str]) -> list[Agreement]:
    """Every pair of databases that know countries, then AS numbers, places, and what is anycast."""
    kinds: tuple[tuple[str, Callable[[AddressTable], bool], Callable[[AddressFacts], _Said]], ...] = (
        ("country", lambda table: bool(table.countries), _country),
        ("as", lambda table: table.has_as, _systems),
        ("place", lambda table: table.has_place, _place),
        ("anycast", lambda table: table.has_anycast, _anycast),
    )
    return [
        _agreement(kind, said_of, one, two, ips)
        for kind, knows, said_of in kinds
        for one, two in combinations(filter(knows, tables), 2)
    ]


def _agreement(
    kind: str,
    said_of: Callable[[AddressFacts], _Said],
    one: AddressTable,
    two: AddressTable,
    ips: Sequence[str],
) -> Agreement:
    said = (
        [said_of(facts) if facts else None for facts in table.lookup(ips).facts()] for table in (one, two)
    )
    pairs = Counter(zip(*said, strict=True))
    differing = Counter({(a, b): n for (a, b), n in pairs.items() if a and b and not _agree(a, b)})
    return Agreement(
        kind,
        str(one.origin),
        str(two.origin),
        addresses=len(ips),
        agree=sum(n for (a, b), n in pairs.items() if a and b and _agree(a, b)),
        differ=differing.total(),
        only_one=sum(n for (a, b), n in pairs.items() if a and not b),
        only_two=sum(n for (a, b), n in pairs.items() if b and not a),
        neither=pairs[None, None],
        disagreements=tuple((_text(a), _text(b), n) for (a, b), n in differing.most_common(_SHOWN)),
    )


def _agree(one: str | _Place, two: str | _Place) -> bool:
    if isinstance(one, _Place) and isinstance(two, _Place):
        apart = distance_km((one.latitude, one.longitude), (two.latitude, two.longitude))
        return apart <= SAME_PLACE_KM
    return one == two


def distance_km(one: tuple[float, float], two: tuple[float, float]) -> float:
    """Great-circle distance of two places, each degrees north and east (haversine formula)."""
    (north, east), (north2, east2) = (tuple(map(radians, place)) for place in (one, two))
    half = sin((north2 - north) / 2) ** 2 + cos(north) * cos(north2) * sin((east2 - east) / 2) ** 2
    return 2 * _EARTH_KM * asin(min(1.0, sqrt(half)))


def _text(said: str | _Place) -> str:
    return said.name if isinstance(said, _Place) else said


def _country(facts: AddressFacts) -> _Said:
    return facts.country or facts.registered_country


def _systems(facts: AddressFacts) -> _Said:
    return " ".join(f"AS{asn}" for asn in facts.asns) or None


def _place(facts: AddressFacts) -> _Said:
    if facts.latitude is None or facts.longitude is None:
        return None
    city = facts.city or f"{facts.latitude:.1f}, {facts.longitude:.1f}"
    return _Place(f"{city} ({facts.country})" if facts.country else city, facts.latitude, facts.longitude)


def _anycast(facts: AddressFacts) -> _Said:
    return None if facts.anycast is None else "yes" if facts.anycast else "no"
