"""The networks of a country, out of a country database of any known format."""

from __future__ import annotations

from pathlib import Path

from mailcensus.population.databases import CountryNetworks, open_database
from mailcensus.study import StudyError


def read_country(path: Path, country: str) -> CountryNetworks:
    """The networks of a country by ISO 3166-1 alpha-2 code, in either case.

    Raises:
        StudyError: the database is missing, damaged or holds no countries, or not this one.
    """
    wanted = country.upper()
    table = open_database(path)
    if not table.countries:
        raise StudyError(
            f"{path}: holds no countries; population.country_database must be a country database"
        )
    if wanted not in table.countries:
        raise StudyError(
            f"{path}: no network of country {wanted!a} (population.country); it knows {len(table.countries)} "
            f"ISO 3166-1 alpha-2 codes such as {', '.join(sorted(table.countries)[:3])} (the United Kingdom is GB)"
        )
    return table.prefixes_of_country(wanted)
