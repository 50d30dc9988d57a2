"""The networks of a country, out of a MaxMind-format country database (MMDB).

Two kinds of record are understood: MaxMind's nested one (GeoLite2/GeoIP2 Country and City), and the flat
`{"country_code": ...}` of the ip-location-db files.

A nested record names up to two countries: `country`, where the addresses are used, and `registered_country`,
where the registry has the block. The second counts only where the first is absent (satellite and anycast blocks,
mostly); taking only the first would silently pass those over. The two are kept apart, so that a report can say
how much of a population rests on which.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from mailcensus.population.mmdb import DamagedDatabase, records_and_networks
from mailcensus.population.prefixes import PrefixSet, Triple
from mailcensus.study import StudyError


class Basis(StrEnum):
    """Why a network counts as a country's."""

    LOCATED = "located"
    """The database says its addresses are used there."""
    REGISTERED = "registered"
    """The database does not say where it is used, only that it is registered there."""


@dataclass(frozen=True, slots=True)
class CountryNetworks:
    """A country's addresses by what says so. No address is in both."""

    located: PrefixSet
    registered: PrefixSet


def read_country(path: Path, country: str) -> CountryNetworks:
    """The networks of a country by ISO 3166-1 alpha-2 code, in either case.

    Raises:
        StudyError: the database is missing, damaged or holds no countries, or not this one.
    """
    wanted = country.upper()
    found: dict[Basis, list[Triple]] = {basis: [] for basis in Basis}
    known: set[str] = set()
    try:
        for record, group in records_and_networks(path.read_bytes()):
            if (named := country_of(record)) is not None:
                code, basis = named
                known.add(code)
                if code == wanted:
                    found[basis] += group.networks()
    except OSError as error:
        reason = error.strerror or str(error)
        raise StudyError(f"{path}: cannot be read: {reason}; mend population.country_database") from None
    except DamagedDatabase as error:
        raise StudyError(f"{path}: not a whole MaxMind database ({error}); download it again") from None
    _check_known(path, wanted, known)
    return CountryNetworks(*(PrefixSet.of_parsed(found[basis]) for basis in Basis))


def _check_known(path: Path, wanted: str, known: set[str]) -> None:
    if not known:
        raise StudyError(f"{path}: holds no countries; population.country_database must be a country MMDB")
    if wanted not in known:
        raise StudyError(
            f"{path}: no network of country {wanted!a} (population.country); it knows {len(known)} "
            f"ISO 3166-1 alpha-2 codes such as {', '.join(sorted(known)[:3])} (the United Kingdom is GB)"
        )


def country_of(record: object) -> tuple[str, Basis] | None:
    """The country a record names and on what ground; None where it names none."""
    if not isinstance(record, dict):
        return None
    flat = record.get("country_code")
    if isinstance(flat, str):
        return (flat.upper(), Basis.LOCATED) if flat else None
    for field, basis in (("country", Basis.LOCATED), ("registered_country", Basis.REGISTERED)):
        nested = record.get(field)
        code = nested.get("iso_code") if isinstance(nested, dict) else None
        if isinstance(code, str) and code:
            return code.upper(), basis
    return None
