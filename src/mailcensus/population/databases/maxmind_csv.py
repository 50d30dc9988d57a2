"""MaxMind's GeoLite2/GeoIP2 Country and City as CSV: blocks that name places by number, and a list of the places.

A block has up to three numbers: where it is used, where it is registered, and whom it represents (an embassy),
which is passed over. A block with nothing but the second is kept, as registered there.

Source: MaxMind, "GeoIP2 and GeoLite City and Country CSV Databases".
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mailcensus.population.address import parse_prefix
from mailcensus.population.databases.builder import TableBuilder
from mailcensus.population.databases.table import AddressFacts
from mailcensus.population.databases.text import (
    Unreadable,
    country_code,
    csv_fields,
    degrees,
    lines_of,
    opened,
)

_NEEDED = ("network", "geoname_id", "registered_country_geoname_id")
_YES = {"1": True, "0": False}


@dataclass(frozen=True, slots=True)
class _Place:
    country: str | None
    region: str | None
    city: str | None


_NOWHERE = _Place(None, None, None)


def looks_like(line: str) -> bool:
    """Whether a line is the header of a file of such blocks."""
    return line.startswith("network,geoname_id,")


def locations_beside(blocks: Path) -> Path:
    """The list of places that belongs to a file of blocks; the English one where there are several.

    Raises:
        Unreadable: there is none.
    """
    product = blocks.name.partition("-Blocks-")[0]
    found = sorted(blocks.parent.glob(f"{product}-Locations-*.csv*"))
    if not found:
        raise Unreadable(f"needs {product}-Locations-en.csv beside it, which says what its numbers mean")
    return next((path for path in found if "-Locations-en." in path.name), found[0])


def read_blocks(builder: TableBuilder, blocks: BinaryIO, locations: Path) -> None:
    """Every block of a file, into a builder.

    Raises:
        Unreadable: a header is not what it should be, or the list of places is damaged.
        OSError: the list of places cannot be read.
    """
    places = _places(locations)
    lines = lines_of(blocks)
    header = _header(next(lines, ""), "its header")
    if not set(_NEEDED) <= set(header):
        raise Unreadable(f"its header lacks one of {', '.join(_NEEDED)}")
    for number, line in enumerate(lines, start=2):
        if line.strip():
            try:
                _take(builder, header, places, number, csv_fields(line))
            except ValueError as error:
                builder.reject(number, str(error), line.rstrip())


def _header(line: str, what: str) -> list[str]:
    try:
        return csv_fields(line)
    except ValueError as error:
        raise Unreadable(f"{what} is {error}") from None


def _take(
    builder: TableBuilder, header: list[str], places: dict[str, _Place], number: int, fields: list[str]
) -> None:
    if len(fields) != len(header):
        raise ValueError(f"{len(fields)} columns instead of {len(header)}")
    said = dict(zip(header, fields, strict=True))
    version, start, stop = parse_prefix(said["network"])
    key = tuple(fields[place] for place, name in enumerate(header) if name != "network")
    facts = builder.facts_of(key, lambda: _facts(said, places))
    builder.add(version, start, stop - 1, facts, line=number)


def _facts(said: dict[str, str], places: dict[str, _Place]) -> AddressFacts:
    place = _place(places, said["geoname_id"])
    return AddressFacts(
        country=place.country,
        registered_country=_place(places, said["registered_country_geoname_id"]).country,
        region=place.region,
        city=place.city,
        latitude=degrees(said.get("latitude", ""), 90),
        longitude=degrees(said.get("longitude", ""), 180),
        anycast=_YES.get(said.get("is_anycast", "")),
    )


def _place(places: dict[str, _Place], number: str) -> _Place:
    if not number:
        return _NOWHERE
    if number not in places:
        raise ValueError(f"geoname_id {number[:20]!a} is not among the locations")
    return places[number]


def _places(path: Path) -> dict[str, _Place]:
    places: dict[str, _Place] = {}
    with opened(path) as file:
        lines = lines_of(file)
        header = _header(next(lines, ""), f"{path.name}: its header")
        if not {"geoname_id", "country_iso_code"} <= set(header):
            raise Unreadable(f"{path.name}: its header lacks geoname_id or country_iso_code")
        for number, line in enumerate(lines, start=2):
            if line.strip():
                try:
                    said = dict(zip(header, csv_fields(line), strict=True))
                    code = country_code(said["country_iso_code"])
                except ValueError as error:
                    raise Unreadable(f"{path.name}: line {number}: {error}") from None
                region, city = said.get("subdivision_1_name"), said.get("city_name")
                places[said["geoname_id"]] = _Place(code, region or None, city or None)
    return places
