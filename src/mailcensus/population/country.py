"""The networks of a country, out of a country database of any known format."""

from __future__ import annotations

from pathlib import Path

from mailcensus.population.databases import AddressTable, CountryNetworks
from mailcensus.study import StudyError


def check_countries(path: Path, table: AddressTable) -> None:
    """Refuse a database that is none of countries.

    Raises:
        StudyError: it holds no countries.
    """
    if not table.countries:
        raise StudyError(
            f"{path}: holds no countries; population.country_database must be a country database"
        )


def country_networks(path: Path, table: AddressTable, country: str) -> CountryNetworks:
    """The networks of a country by ISO 3166-1 alpha-2 code, in either case.

    Args:
        path: where the database lies, for words about it.
        table: what it says.
        country: the code.

    Raises:
        StudyError: the database holds no countries, or not this one.
    """
    check_countries(path, table)
    wanted = country.upper()
    if wanted not in table.countries:
        raise StudyError(
            f"{path}: no network of country {wanted!a} (population.country); it knows {len(table.countries)} "
            f"ISO 3166-1 alpha-2 codes such as {', '.join(sorted(table.countries)[:3])} (the United Kingdom is GB)"
        )
    return table.prefixes_of_country(wanted)
