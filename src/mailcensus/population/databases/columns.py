"""CSV databases: which column says what, by the header or, where there is none, by the number of columns.

| columns | of |
| --- | --- |
| `start_ip,end_ip,...` or `network,...` with names | IPinfo, MaxMind ASN, anybody's |
| start, end, country | ip-location-db, DB-IP lite |
| start, end, AS number, organisation | ip-location-db, DB-IP lite |
| start, end, continent, country, region, city, latitude, longitude | DB-IP city lite |
| start, end, country, region, district, city, postcode, latitude, longitude, zone | ip-location-db city |
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from typing import BinaryIO, Literal

from mailcensus.population.address import parse_address, parse_prefix
from mailcensus.population.databases.builder import TableBuilder
from mailcensus.population.databases.table import AddressFacts
from mailcensus.population.databases.text import YES, as_numbers, country_code, csv_fields, degrees, lines_of

Role = Literal[
    "start",
    "last",
    "network",
    "country",
    "asn",
    "as_org",
    "region",
    "city",
    "latitude",
    "longitude",
    "anycast",
]

_NAMES: dict[Role, tuple[str, ...]] = {  # the first one that a header has counts
    "start": ("start_ip", "ip_range_start", "range_start", "ip_start", "first_ip", "start"),
    "last": ("end_ip", "ip_range_end", "range_end", "ip_end", "last_ip", "end"),
    "network": ("network", "prefix", "cidr", "range"),
    "country": ("country_code", "country_iso_code", "country"),
    "asn": ("asn", "autonomous_system_number", "as_number"),
    "as_org": ("as_name", "autonomous_system_organization", "as_organization", "organization", "as_org"),
    "region": ("region", "subdivision_1_name", "stateprov", "state1"),
    "city": ("city", "city_name"),
    "latitude": ("latitude", "lat"),
    "longitude": ("longitude", "lng", "lon"),
    "anycast": ("is_anycast", "anycast"),
}
_RANGE = ("start", "last", "network")
_BY_WIDTH: dict[int, dict[Role, int]] = {
    3: {"start": 0, "last": 1, "country": 2},
    4: {"start": 0, "last": 1, "asn": 2, "as_org": 3},
    8: {"start": 0, "last": 1, "country": 3, "region": 4, "city": 5, "latitude": 6, "longitude": 7},
    10: {"start": 0, "last": 1, "country": 2, "region": 3, "city": 5, "latitude": 7, "longitude": 8},
}


@dataclass(frozen=True, slots=True)
class Layout:
    """Which column says what."""

    width: int
    places: dict[Role, int]
    has_header: bool

    def text(self, fields: list[str], role: Role) -> str:
        """What a row says in some role; empty where it says nothing."""
        place = self.places.get(role)
        return "" if place is None else fields[place].strip()

    def range_of(self, fields: list[str]) -> tuple[int, int, int]:
        """IP version, first and last address of a row.

        Raises:
            ValueError: it has no good ones.
        """
        if "network" in self.places:
            version, start, stop = parse_prefix(fields[self.places["network"]].strip())
            return version, start, stop - 1
        version, start = parse_address(fields[self.places["start"]].strip())
        same, last = parse_address(fields[self.places["last"]].strip())
        if same != version or last < start:
            raise ValueError("ends before it starts")
        return version, start, last


def layout_of(line: str) -> Layout | None:
    """The layout of a file with this first line; None where it is none of ours."""
    try:
        fields = csv_fields(line)
    except ValueError:
        return None
    names = {field.strip().lower(): place for place, field in enumerate(fields)}
    named: dict[Role, int] = {}
    for role, known in _NAMES.items():
        places = [names[name] for name in known if name in names]
        if places:
            named[role] = places[0]
    if ("network" in named or {"start", "last"} <= named.keys()) and named.keys() & {"country", "asn"}:
        return Layout(len(fields), named, has_header=True)
    layout = Layout(len(fields), _BY_WIDTH.get(len(fields), {}), has_header=False)
    try:
        layout.range_of(fields)
        _facts(layout, fields)
    except (ValueError, KeyError):
        return None
    return layout


def read_columns(file: BinaryIO, layout: Layout, builder: TableBuilder | None = None) -> TableBuilder:
    """Every row of a CSV database, into a builder given or a new one."""
    builder = builder or TableBuilder()
    said_of = itemgetter(*(place for role, place in layout.places.items() if role not in _RANGE))
    header = layout.has_header
    for number, line in enumerate(lines_of(file), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        if header:
            header = False
            continue
        try:
            _take(builder, layout, said_of, number, csv_fields(line))
        except ValueError as error:
            builder.reject(number, str(error), line.rstrip())
    return builder


def _take(
    builder: TableBuilder, layout: Layout, said_of: itemgetter[object], number: int, fields: list[str]
) -> None:
    if len(fields) != layout.width:
        raise ValueError(f"{len(fields)} columns instead of {layout.width}")
    version, start, last = layout.range_of(fields)
    facts = builder.facts_of(said_of(fields), lambda: _facts(layout, fields))
    builder.add(version, start, last, facts, line=number)


def _facts(layout: Layout, fields: list[str]) -> AddressFacts:
    return AddressFacts(
        country=country_code(layout.text(fields, "country")),
        asns=as_numbers(layout.text(fields, "asn")),
        as_org=layout.text(fields, "as_org") or None,
        region=layout.text(fields, "region") or None,
        city=layout.text(fields, "city") or None,
        latitude=degrees(layout.text(fields, "latitude"), 90),
        longitude=degrees(layout.text(fields, "longitude"), 180),
        anycast=YES.get(layout.text(fields, "anycast").lower()),
    )
