"""The numbers about Ireland are those of the data."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.pages import ROOT
from mailcensus.population import SPECIAL_PREFIXES, PrefixSet
from mailcensus.population.breakdown import by_as
from mailcensus.population.databases import open_database

pytestmark = [pytest.mark.shared_data, pytest.mark.slow]

NAMED_BY_THE_STUDY = 18_400_000


def test_the_page_on_ireland_says_what_the_data_say(shared_data: Path) -> None:
    geo = shared_data / "geo"
    countries = open_database(geo / "geo-whois-asn-country" / "geo-whois-asn-country-ipv4.mmdb")
    systems = open_database(geo / "asn" / "asn-ipv4.csv.gz")
    networks = countries.prefixes_of_country("IE")
    ireland, announced = networks.located, networks.located.intersect(systems.routed())
    counts = {group.name: group.count for group in by_as(ireland, systems)}
    blocks = list(ireland.blocks())
    wide = [size for _, size in blocks if size >= 1 << 16]
    amazon, microsoft = counts["AS16509"], counts["AS8075"]
    amazon_everywhere = systems.prefixes_of_as(16509).count
    irish = PrefixSet()
    for name, count in counts.items():
        prefixes = systems.prefixes_of_as(int(name.removeprefix("AS"))) if name else PrefixSet()
        if prefixes.count <= 2 * count:
            irish = irish.union(prefixes)
    said = " ".join((ROOT / "docs/explanation/ireland.md").read_text(encoding="utf-8").split())
    for words in (
        f"built on {countries.origin.date}, it is {ireland.count:,}",
        f"| located in Ireland (`country_code` IE) | {ireland.count:,} |",
        f"| only registered in Ireland | {networks.registered.count:,} |",
        f"| located there and announced in BGP (`routed`) | {announced.count:,} |",
        f"at least half of their addresses there | {irish.count:,} |",
        f"not located in Ireland by the country database | {irish.minus(ireland).count:,} |",
        f"without Amazon and Microsoft | {ireland.count - amazon - microsoft:,} |",
        f"Where {(NAMED_BY_THE_STUDY - ireland.count) / 1e6:.1f} million may come from",
        f"{amazon:,} of our addresses, {amazon / ireland.count:.1%}".replace("%", " %"),
        f"(Microsoft) {microsoft:,}, {microsoft / ireland.count:.1%}".replace("%", " %"),
        f"announces {amazon_everywhere:,} addresses",
        f"the Irish ones are {amazon / amazon_everywhere:.1%}".replace("%", " %"),
        f"HEAnet with {counts['AS1213']:,} and Eircom with {counts['AS5466']:,}",
        f"Ireland is {len(blocks):,} prefixes",
        f"The {len(wide)} that are a /16 or wider hold {sum(wide):,} addresses, "
        f"{sum(wide) / ireland.count:.1%}".replace("%", " %"),
        f"{ireland.count - announced.count:,} addresses, {1 - announced.count / ireland.count:.1%}".replace(
            "%", " %"
        ),
        f"among ours are {ireland.intersect(SPECIAL_PREFIXES).count}",
    ):
        assert words in said
    assert max(size for _, size in blocks) == 1 << 20  # a /12
    assert NAMED_BY_THE_STUDY - ireland.count < 3 << 20
