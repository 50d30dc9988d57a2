"""Countries out of MMDB files, against the JSON the files were made from and the library's own walk."""

from __future__ import annotations

import ipaddress
import json
from collections import defaultdict
from pathlib import Path

import maxminddb
import pytest

from mailcensus.population.country import country_networks
from mailcensus.population.databases import CountryNetworks, open_database
from mailcensus.population.prefixes import PrefixSet
from mailcensus.study import StudyError

FILES = ("maxmind-db/test-data/GeoLite2-Country-Test.mmdb", "maxmind-db/test-data/GeoIP2-City-Test.mmdb")
FLAT = "geo/geo-whois-asn-country/geo-whois-asn-country-ipv4.mmdb"


def read_country(path: Path, country: str) -> CountryNetworks:
    return country_networks(path, open_database(path), country)


@pytest.mark.shared_data
@pytest.mark.parametrize("name", FILES)
def test_countries_are_those_of_the_json_source(shared_data: Path, name: str) -> None:
    database = shared_data / name
    source = shared_data / "maxmind-db" / "source-data" / f"{database.stem}.json"
    expected: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in json.loads(source.read_text()):
        for prefix, record in row.items():
            basis = "country" if "country" in record else "registered_country"
            if code := record.get(basis, {}).get("iso_code"):
                expected[code, basis].add(prefix)
    for code in {code for code, _ in expected}:
        networks = read_country(database, code.lower())
        assert networks.located == _as_in_database(expected[code, "country"])
        assert networks.registered == _as_in_database(expected[code, "registered_country"])
    assert any(basis == "registered_country" for _, basis in expected)


def _as_in_database(prefixes: set[str]) -> PrefixSet:
    """The source writes IPv4 networks as ::a.b.c.d/n in places; the database has them as IPv4."""
    return PrefixSet.of(map(_shortened, prefixes))


def _shortened(prefix: str) -> str:
    network = ipaddress.ip_network(prefix)
    if network.version == 6 and network.prefixlen >= 96 and int(network[0]) >> 32 == 0:
        return f"{ipaddress.IPv4Address(int(network[0]))}/{network.prefixlen - 96}"
    return prefix


@pytest.mark.shared_data
def test_a_flat_database_of_the_whole_world_has_ireland(shared_data: Path) -> None:
    networks = read_country(shared_data / FLAT, "IE")
    assert networks.located.count == 15_679_216
    assert networks.registered == PrefixSet()
    with maxminddb.open_database(shared_data / FLAT) as database:
        for index in range(0, networks.located.count, 100_003):
            assert database.get(networks.located.address_at(index)) == {"country_code": "IE"}


@pytest.mark.shared_data
def test_an_unknown_country_names_the_setting_and_some_codes(shared_data: Path) -> None:
    with pytest.raises(StudyError, match=r"no network of country 'UK' \(population\.country\).*GB"):
        read_country(shared_data / FILES[0], "uk")


@pytest.mark.shared_data
def test_a_database_without_countries_is_the_wrong_one(shared_data: Path) -> None:
    with pytest.raises(
        StudyError, match=r"holds no countries; population\.country_database must be a country database"
    ):
        read_country(shared_data / "maxmind-db/test-data/GeoLite2-ASN-Test.mmdb", "IE")


def test_what_is_no_database_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "countries.mmdb"
    with pytest.raises(
        StudyError, match=r"cannot be read: No such file or directory; mend the path in study\.toml"
    ):
        read_country(path, "IE")
    for content in (b"", b"network,country\n", b"\xab\xcd\xefMaxMind.com", b"\xab\xcd\xefMaxMind.com\xe0"):
        path.write_bytes(content)
        with pytest.raises(StudyError, match=r"not a whole MaxMind database|is empty") as caught:
            read_country(path, "IE")
        assert "\n" not in str(caught.value)
