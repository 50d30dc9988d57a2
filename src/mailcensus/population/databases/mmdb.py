"""MMDB databases of MaxMind, IPinfo, DB-IP and ip-location-db as tables.

Nested records (MaxMind, DB-IP: `country.iso_code`, `registered_country.iso_code`, `location.latitude`) and flat
ones (IPinfo: `country_code` or `country`, `asn` as "AS13335"; ip-location-db: `country_code`,
`autonomous_system_number`) are understood, field by field, whichever a file has.
"""

from __future__ import annotations

from mailcensus.population.databases.mmdb_tree import read_tree
from mailcensus.population.databases.table import AddressFacts, AddressTable, Origin
from mailcensus.population.databases.text import YES, as_numbers, country_code, degrees

_REGION_FIELDS = ("region", "state1", "stateprov")


def facts_of_record(record: object) -> AddressFacts:
    """What a record says; a field that is not of its kind says nothing."""
    if not isinstance(record, dict):
        return AddressFacts()
    place = record.get("location") if isinstance(record.get("location"), dict) else record
    return AddressFacts(
        country=_country(record),
        registered_country=_code(_inner(record, "registered_country", "iso_code")),
        asns=_asns(record),
        as_org=_text(record, "autonomous_system_organization", "as_name", "organization", "as_organization"),
        region=_region(record),
        city=_name(record.get("city")),
        latitude=_degrees(place, ("latitude", "lat"), 90),
        longitude=_degrees(place, ("longitude", "lng", "lon"), 180),
        anycast=_anycast(record),
    )


def _country(record: dict[str, object]) -> str | None:
    if isinstance(record.get("country"), dict):
        return _code(_inner(record, "country", "iso_code"))
    return _code(record.get("country_code")) or _code(record.get("country"))


def _code(value: object) -> str | None:
    try:
        return country_code(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _asns(record: dict[str, object]) -> tuple[int, ...]:
    for field in ("autonomous_system_number", "asn", "as_number"):
        value = record.get(field)
        if isinstance(value, int | str) and not isinstance(value, bool):
            try:
                return as_numbers(str(value))
            except ValueError:
                continue
    return ()


def _region(record: dict[str, object]) -> str | None:
    match record.get("subdivisions"):
        case [first, *_]:
            return _name(first)
    return _text(record, *_REGION_FIELDS)


def _name(value: object) -> str | None:
    """A plain text, or the English one of MaxMind's `names`."""
    if isinstance(value, str):
        return value or None
    names = value.get("names") if isinstance(value, dict) else None
    return _text(names, "en") if isinstance(names, dict) else None


def _text(record: dict[str, object], *fields: str) -> str | None:
    values = (record.get(field) for field in fields)
    return next((value for value in values if isinstance(value, str) and value), None)


def _inner(record: dict[str, object], outer: str, field: str) -> object:
    inner = record.get(outer)
    return inner.get(field) if isinstance(inner, dict) else None


def _degrees(record: object, fields: tuple[str, ...], limit: int) -> float | None:
    for field in fields:
        value = record.get(field) if isinstance(record, dict) else None
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            try:
                return degrees(str(value), limit)
            except ValueError:
                continue
    return None


def _anycast(record: dict[str, object]) -> bool | None:
    value = record.get("is_anycast", _inner(record, "traits", "is_anycast"))
    return YES.get(value.lower()) if isinstance(value, str) else value if isinstance(value, bool) else None


def table_of_mmdb(content: bytes, origin: Origin) -> AddressTable:
    """The table of a database's content.

    Raises:
        DamagedDatabase: it is no whole MMDB.
    """
    tree = read_tree(content)
    facts: list[AddressFacts] = []
    index: dict[AddressFacts, int] = {}
    meant = []
    for record in tree.records():
        said = facts_of_record(record)
        if index.setdefault(said, len(facts)) == len(facts):
            facts.append(said)
        meant.append(index[said])
    return AddressTable(origin, *tree.sides(meant), tuple(facts))
