"""MMDB files against the JSON they were made from, the library's own walk, and damage."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import random
from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path

import maxminddb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from docs.country_database import country_database
from mailcensus.population.databases import AddressFacts, AddressTable, Origin, open_database
from mailcensus.population.databases.bulk import numbers_of
from mailcensus.population.databases.mmdb import facts_of_record, table_of_mmdb
from mailcensus.population.databases.mmdb_values import DamagedDatabase, ValueReader

NESTED = "maxmind-db/test-data"
COUNTRY, CITY, ASN = "GeoLite2-Country-Test", "GeoIP2-City-Test", "GeoLite2-ASN-Test"
FLAT = "geo/geo-whois-asn-country/geo-whois-asn-country-ipv4.mmdb"
ORIGIN = Origin("hand-made", "2026-11-22", "dated")


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"country": {"iso_code": "IE"}, "registered_country": {"iso_code": "US"}}, AddressFacts("IE", "US")),
        ({"country": {"names": {}}, "registered_country": {"iso_code": "IE"}}, AddressFacts(None, "IE")),
        ({"country_code": "ie"}, AddressFacts("IE")),
        ({"country_code": ""}, AddressFacts()),
        (
            {"country": "IE", "asn": "AS64500", "as_name": "Example"},
            AddressFacts("IE", asns=(64500,), as_org="Example"),
        ),
        ({"country": "Ireland", "country_code": "IE"}, AddressFacts("IE")),
        ({"country": {"iso_code": 372}}, AddressFacts()),
        ({"autonomous_system_number": 1213}, AddressFacts(asns=(1213,))),
        ({"autonomous_system_number": -1}, AddressFacts()),
        (
            {"city": {"names": {"en": "Cork"}}, "location": {"latitude": 51.9, "longitude": -8.5}},
            AddressFacts(city="Cork", latitude=51.9, longitude=-8.5),
        ),
        ({"city": "Cork", "lat": "51.9", "lng": "400"}, AddressFacts(city="Cork", latitude=51.9)),
        (
            {"traits": {"is_anycast": True}, "subdivisions": [{"names": {"en": "Munster"}}]},
            AddressFacts(region="Munster", anycast=True),
        ),
        ({"is_anycast": "true"}, AddressFacts(anycast=True)),
        ({"is_anycast": "false"}, AddressFacts(anycast=False)),
        ({"is_anycast": ""}, AddressFacts()),
        (["IE"], AddressFacts()),
        (None, AddressFacts()),
    ],
)
def test_a_record_of_any_maker_says_this(record: object, expected: AddressFacts) -> None:
    assert facts_of_record(record) == expected


@pytest.mark.shared_data
@pytest.mark.parametrize("name", [COUNTRY, CITY, ASN])
def test_every_network_of_the_json_source_is_there_with_its_facts(shared_data: Path, name: str) -> None:
    table = open_database(shared_data / NESTED / f"{name}.mmdb")
    source = json.loads((shared_data / "maxmind-db/source-data" / f"{name}.json").read_text())
    rows = {prefix: record for row in source for prefix, record in row.items()}
    first = [_in_database(ipaddress.ip_network(prefix)[0]) for prefix in rows]
    last = [_in_database(ipaddress.ip_network(prefix)[-1]) for prefix in rows]
    expected = list(map(facts_of_record, rows.values()))
    assert table.lookup(first).facts() == expected
    assert table.lookup(last).facts() == expected


def _in_database(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """The source writes IPv4 networks as ::a.b.c.d/n in places; the database has them as IPv4."""
    return str(ipaddress.IPv4Address(int(address)) if int(address) < 1 << 32 else address)


@pytest.mark.shared_data
@pytest.mark.parametrize(
    "name",
    [
        *(f"{NESTED}/{name}.mmdb" for name in (COUNTRY, CITY, ASN)),
        pytest.param(FLAT, marks=pytest.mark.slow),
    ],
)
def test_the_table_has_the_networks_and_facts_of_the_library_s_own_walk(shared_data: Path, name: str) -> None:
    ours = dict(_networks(open_database(shared_data / name)))
    with maxminddb.open_database(shared_data / name) as database:
        theirs = {
            (n.version, int(n.network_address), int(n.broadcast_address)): facts_of_record(r)
            for n, r in database
        }
    assert ours == theirs


def _networks(table: AddressTable) -> Iterator[tuple[tuple[int, int, int], AddressFacts]]:
    for version, side in ((4, table.ipv4), (6, table.ipv6)):
        for start, last, facts in zip(
            *map(numbers_of, (side.starts, side.lasts)), side.facts.tolist(), strict=True
        ):
            yield (version, start, last), table.facts[facts]


@pytest.mark.shared_data
def test_random_addresses_are_looked_up_as_the_library_does(shared_data: Path) -> None:
    table = open_database(shared_data / FLAT)
    chance = random.Random(7)
    addresses = [str(ipaddress.IPv4Address(chance.getrandbits(32))) for _ in range(2_000)]
    with maxminddb.open_database(shared_data / FLAT) as database:
        theirs = [database.get(address) for address in addresses]
    ours = [facts and {"country_code": facts.country} for facts in table.lookup(addresses).facts()]
    assert ours == theirs


def test_its_build_epoch_is_the_date_where_it_has_one(tmp_path: Path) -> None:
    path = tmp_path / "GeoLite2-Country_20261120.mmdb"
    path.write_bytes(country_database(IPv4Network("192.0.2.0/24"), "IE"))
    assert str(open_database(path).origin) == f"{path.name}, dated 2026-11-20"  # the epoch in it is 0
    assert open_database(path).prefixes_of_country("IE").located.count == 256


@pytest.mark.slow
@pytest.mark.shared_data
def test_a_damaged_database_gives_a_table_or_the_one_error(shared_data: Path) -> None:
    whole = (shared_data / NESTED / f"{COUNTRY}.mmdb").read_bytes()
    chance = random.Random(4)
    for _ in range(150):
        content = bytearray(whole[: chance.randrange(len(whole))] if chance.random() < 0.3 else whole)
        for _ in range(chance.choice((0, 1, 3, 30))):
            content[chance.randrange(len(content))] = chance.randrange(256)
        with contextlib.suppress(DamagedDatabase):
            table_of_mmdb(bytes(content), ORIGIN)


@given(st.binary(max_size=200), st.integers(0, 20))
def test_any_bytes_are_a_value_or_damage(content: bytes, offset: int) -> None:
    with contextlib.suppress(DamagedDatabase):
        ValueReader(content, 0).at(offset)


def test_pointers_that_multiply_end_soon() -> None:
    """Each array points to the next one 16 times: 2**56 values, if every pointer were followed anew."""
    at = [34 * (n + 1) for n in range(14)]
    content = b"".join(b"\x10\x04" + bytes((0x20 | offset >> 8, offset & 0xFF)) * 16 for offset in at)
    assert isinstance(ValueReader(content + b"\x40", 0).at(0), list)


def test_a_pointer_to_itself_is_damage() -> None:
    with pytest.raises(DamagedDatabase, match="run in circles"):
        ValueReader(b"\x20\x00", 0).at(0)
