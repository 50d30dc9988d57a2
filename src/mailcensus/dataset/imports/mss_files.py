"""The files in which "Where is your mail?" (Hayes, Park, Zhou, 2024) was published: MX records, addresses, places.

Three CSV files with a header, columns found by name, others passed over:

- `mx_records.csv`: queried (a domain), exchange (as the record spells it), preference;
- `mx_ip.csv`: queried (an exchange), a_record, asn (CAIDA's pfx2as; 0: none);
- `ipinfo_mx_geo.csv`, may be missing: ip, hostname, city, region, country, latitude, longitude, org, anycast, bogon
  (IPinfo's API; a cell that says nothing is empty).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mailcensus.dataset.imports.rows import Reject, is_address, lines_of
from mailcensus.population.databases.text import as_numbers, country_code, csv_fields, degrees
from mailcensus.study import StudyError

MX_FILE, ADDRESS_FILE, PLACE_FILE = "mx_records.csv", "mx_ip.csv", "ipinfo_mx_geo.csv"

_MX_COLUMNS = ("queried", "exchange", "preference")
_ADDRESS_COLUMNS = ("queried", "a_record", "asn")
_PLACE_COLUMNS = (
    *("ip", "hostname", "city", "region", "country", "latitude", "longitude", "org", "anycast"),
    "bogon",
)
_LARGEST_PREFERENCE = 0xFFFF


@dataclass(frozen=True, slots=True)
class MxLine:
    """One MX record."""

    domain: str
    """Lower case, without its last dot."""
    exchange: str
    """As the record spells it, with its last dot."""
    preference: int


@dataclass(frozen=True, slots=True)
class AddressLine:
    """One address of an exchange."""

    exchange: str
    """Lower case, without its last dot."""
    ip: str
    asn: int | None
    """None: nobody announces it, as the file says."""


@dataclass(frozen=True, slots=True)
class PlaceLine:
    """What IPinfo said of an address. None: it did not say."""

    ip: str
    host_name: str | None
    city: str | None
    region: str | None
    country: str | None
    latitude: float | None
    longitude: float | None
    asn: int | None
    organisation: str | None
    anycast: bool | None
    """IPinfo's API marks anycast addresses and says nothing of others: False where it knows the address at all."""


Line = MxLine | AddressLine | PlaceLine


def read_mx(path: Path) -> Iterator[MxLine | Reject]:
    """The rows of mx_records.csv.

    Raises:
        StudyError: it cannot be read, or lacks a column.
    """
    for number, row in _rows(path, _MX_COLUMNS):
        if isinstance(row, Reject):
            yield row
        elif not (row["preference"].isascii() and row["preference"].isdigit()):
            yield Reject(number, "preference is no number", repr(row))
        elif int(row["preference"][:9]) > _LARGEST_PREFERENCE or not row["queried"] or not row["exchange"]:
            yield Reject(number, "not a domain, an exchange and a preference up to 65,535", repr(row))
        else:
            yield MxLine(plain_name(row["queried"]), row["exchange"], int(row["preference"]))


def read_addresses(path: Path) -> Iterator[AddressLine | Reject]:
    """The rows of mx_ip.csv.

    Raises:
        StudyError: it cannot be read, or lacks a column.
    """
    for number, row in _rows(path, _ADDRESS_COLUMNS):
        if isinstance(row, Reject):
            yield row
        elif not is_address(row["a_record"]):
            yield Reject(number, "a_record is no address", repr(row))
        else:
            try:
                asn = next(iter(as_numbers(row["asn"])), None)
            except ValueError as error:
                yield Reject(number, str(error), repr(row))
                continue
            yield AddressLine(plain_name(row["queried"]), row["a_record"], asn)


def read_places(path: Path) -> Iterator[PlaceLine | Reject]:
    """The rows of ipinfo_mx_geo.csv.

    Raises:
        StudyError: it cannot be read, or lacks a column.
    """
    for number, row in _rows(path, _PLACE_COLUMNS):
        if isinstance(row, Reject):
            yield row
        elif not is_address(row["ip"]):
            yield Reject(number, "ip is no address", repr(row))
        else:
            try:
                yield _place(row)
            except ValueError as error:
                yield Reject(number, str(error), repr(row))


def plain_name(name: str) -> str:
    """A name in lower case without its last dot; `.` stays what it is."""
    return name.lower().removesuffix(".") or "."


def _place(row: Mapping[str, str]) -> PlaceLine:
    number, _, organisation = row["org"].partition(" ")
    country = country_code(row["country"])
    known = country is not None and row["bogon"].lower() != "true"
    return PlaceLine(
        ip=row["ip"],
        host_name=plain_name(row["hostname"]) if row["hostname"] else None,
        city=row["city"] or None,
        region=row["region"] or None,
        country=country,
        latitude=degrees(row["latitude"], 90),
        longitude=degrees(row["longitude"], 180),
        asn=next(iter(as_numbers(number)), None),
        organisation=organisation.strip() or None,
        anycast=row["anycast"].lower() == "true" if known else None,
    )


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str] | Reject]]:
    """Line numbers with the named columns of each row."""
    try:
        with path.open("rb") as stream:
            places: dict[str, int] | None = None
            for number, line in lines_of(stream):
                fields = _fields(line)
                if places is None:
                    places = _header(path, columns, fields)
                elif fields is None or len(fields) <= max(places.values()):
                    text = "" if line is None else line.decode("utf-8", "replace")
                    yield number, Reject(number, "not a row of this file", text)
                else:
                    yield number, {name: fields[place].strip() for name, place in places.items()}
        if places is None:
            _header(path, columns, None)
    except OSError as error:
        raise StudyError(f"{path}: cannot be read: {error.strerror or error}") from None


def _fields(line: bytes | None) -> list[str] | None:
    try:
        return None if line is None else csv_fields(line.decode("utf-8", "backslashreplace"))
    except ValueError:
        return None


def _header(path: Path, columns: tuple[str, ...], fields: list[str] | None) -> dict[str, int]:
    names = [name.strip().removeprefix("\ufeff") for name in fields or ()]
    missing = [name for name in columns if name not in names]
    if missing:
        raise StudyError(
            f"{path}: line 1 has no column {', '.join(missing)}; it must name {', '.join(columns)}"
        )
    return {name: names.index(name) for name in columns}
