"""Every format of address database by a small file of it: what it says of addresses, and what it cannot take."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from mailcensus.population.databases import AddressFacts, open_database
from mailcensus.study import StudyError

BLOCKS = (
    "network,geoname_id,registered_country_geoname_id,represented_country_geoname_id,"
    "is_anonymous_proxy,is_satellite_provider,is_anycast\n"
    "192.0.2.0/25,2963597,2635167,,0,0,\n"
    "192.0.2.128/25,,2963597,,0,1,\n"
    "198.51.100.0/24,6255148,2635167,,0,0,1\n"
    "203.0.113.0/24,77,2635167,,0,0,\n"
    "203.0.113.0/33,2963597,2635167,,0,0,\n"
)
LOCATIONS = (
    "geoname_id,locale_code,continent_code,continent_name,country_iso_code,country_name,is_in_european_union\n"
    "2963597,en,EU,Europe,IE,Ireland,1\n"
    '2635167,en,EU,Europe,GB,"United Kingdom",0\n'
    "6255148,en,EU,Europe,,,0\n"
)
DELEGATED = (
    "2.3|ripencc|1781647199|5|19830705|20260616|+0200\n"
    "ripencc|*|ipv4|*|4|summary\n"
    "ripencc|IE|ipv4|192.0.2.0|192|20100712|allocated|9b1c\n"
    "ripencc||ipv4|192.0.2.192|64|20100712|available\n"
    "ripencc|GB|ipv6|2001:db8::|33|20100712|assigned|9b1c\n"
    "ripencc|GB|asn|64500|1|20100712|allocated|9b1c\n"
    "ripencc|XX1|ipv4|198.51.100.0|256|20100712|allocated\n"
    "ripencc|GB|ipv4|255.255.255.0|512|20100712|allocated\n"
)
CITY = AddressFacts(country="IE", region="Leinster", city="Dublin", latitude=53.35, longitude=-6.26)

CASES = {
    "ip-location-db country": (
        "192.0.2.0,192.0.2.255,IE\n2001:db8::,2001:db8::ffff,gb\n198.51.100.9,198.51.100.0,IE\n",
        {
            "192.0.2.77": AddressFacts(country="IE"),
            "2001:db8::1": AddressFacts(country="GB"),
            "2001:db9::": None,
        },
        1,
    ),
    "ip-location-db AS": (
        '192.0.2.0,192.0.2.255,64500,"Example, Inc."\n198.51.100.0,198.51.100.1,x,Bad\n"203.0.113.0,203.0.113.9,1,a\n',
        {"192.0.2.0": AddressFacts(asns=(64500,), as_org="Example, Inc."), "198.51.100.0": None},
        2,
    ),
    "DB-IP city": (
        "192.0.2.0,192.0.2.255,EU,IE,Leinster,Dublin,53.35,-6.26\n192.0.3.0,192.0.3.1,EU,IE,Leinster,Dublin,91,0\n",
        {"192.0.2.255": CITY},
        1,
    ),
    "ip-location-db city": (
        "192.0.2.0,192.0.2.255,IE,Leinster,,Dublin,,53.35,-6.26,Europe/Dublin\n",
        {"192.0.2.255": CITY},
        0,
    ),
    "IPinfo country and AS": (
        "start_ip,end_ip,continent,continent_name,country,country_name,asn,as_name,as_domain\n"
        "192.0.2.0,192.0.2.255,EU,Europe,IE,Ireland,AS64500,Example,example.com\n",
        {"192.0.2.1": AddressFacts(country="IE", asns=(64500,), as_org="Example")},
        0,
    ),
    "IPinfo Lite": (
        "network,country,country_code,continent,continent_code,asn,as_name,as_domain\n"
        "192.0.2.0/24,Ireland,IE,Europe,EU,AS64500,Example,example.com\n192.0.3.1,Ireland,IE,Europe,EU,,,\n"
        "192.0.4.1/24,Ireland,IE,Europe,EU,,,\nshort\n",
        {
            "192.0.2.1": AddressFacts(country="IE", asns=(64500,), as_org="Example"),
            "192.0.3.1": AddressFacts(country="IE"),
        },
        2,
    ),
    "MaxMind AS": (
        "network,autonomous_system_number,autonomous_system_organization\n192.0.2.0/24,64500,Example\n",
        {"192.0.2.9": AddressFacts(asns=(64500,), as_org="Example")},
        0,
    ),
    "delegated, with a count that is no power of two": (
        DELEGATED,
        {
            "192.0.2.191": AddressFacts(registered_country="IE"),
            "192.0.2.192": None,
            "2001:db8:7fff:ffff::": AddressFacts(registered_country="GB"),
            "2001:db8:8000::": None,
        },
        2,
    ),
    "pfx2as, nested and of several origins": (
        "192.0.2.0\t24\t64500\n192.0.2.64\t26\t64502_64501\n192.0.2.128\t25\t64503,64504_64505\n"
        "192.0.2.0\t24\t64499\n2001:db8::\t32\t{64500}\n198.51.100.1\t24\t1\n198.51.100.0\t24\t0\nbad line\n",
        {
            "192.0.2.1": AddressFacts(asns=(64499, 64500)),
            "192.0.2.64": AddressFacts(asns=(64501, 64502)),
            "192.0.2.127": AddressFacts(asns=(64501, 64502)),
            "192.0.2.255": AddressFacts(asns=(64503, 64504, 64505)),
            "2001:db8::1": AddressFacts(asns=(64500,)),
        },
        3,
    ),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_a_database_says_this_and_counts_its_bad_rows(tmp_path: Path, case: str, packed: bool) -> None:
    text, expected, bad = CASES[case]
    path = tmp_path / "database"
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    table = open_database(path)
    assert dict(zip(expected, table.lookup(list(expected)).facts(), strict=True)) == expected
    assert table.rejects.count == bad
    assert len(table.rejects.examples) == bad


def test_a_rejected_row_says_where_and_why(tmp_path: Path) -> None:
    path = tmp_path / "db.csv"
    path.write_text("192.0.2.0,192.0.2.9,IE\n\n192.0.2.10,192.0.2.256,IE\n")
    assert open_database(path).rejects.examples == (
        "line 3: not an IPv4 or IPv6 address: '192.0.2.10,192.0.2.256,IE'",
    )


@pytest.mark.parametrize("alone", [False, True])
def test_maxmind_blocks_get_their_countries_from_the_locations_beside_them(
    tmp_path: Path, alone: bool
) -> None:
    folder = tmp_path / "GeoLite2-Country-CSV_20261120"
    folder.mkdir()
    (folder / "GeoLite2-Country-Blocks-IPv4.csv").write_text(BLOCKS)
    (folder / "GeoLite2-Country-Blocks-IPv6.csv").write_text(
        BLOCKS.splitlines()[0] + "\n2001:db8::/32,2963597,2963597,,0,0,\n"
    )
    (folder / "GeoLite2-Country-Locations-de.csv").write_text("geoname_id\n")
    (folder / "GeoLite2-Country-Locations-en.csv").write_text(LOCATIONS)
    table = open_database(folder / "GeoLite2-Country-Blocks-IPv4.csv" if alone else folder)
    assert table.lookup(["192.0.2.1", "192.0.2.200", "198.51.100.1", "203.0.113.1"]).facts() == [
        AddressFacts(country="IE", registered_country="GB"),
        AddressFacts(registered_country="IE"),
        AddressFacts(registered_country="GB", anycast=True),
        None,
    ]
    ireland = table.prefixes_of_country("ie")
    assert ireland.located.ipv4.count == ireland.registered.ipv4.count == 128
    assert ireland.located.ipv6.count == (0 if alone else 1 << 96)
    assert table.rejects.count == 2
    assert str(table.origin).endswith("dated 2026-11-20")


@pytest.mark.parametrize(
    ("name", "first", "date"),
    [
        ("dbip-country-lite-2026-11.csv", "192.0.2.0,192.0.2.9,IE", "dated 2026-11"),
        ("routeviews-rv2-20261119-1200.pfx2as", "192.0.2.0\t24\t64500", "dated 2026-11-19"),
        ("delegated-ripencc-latest", DELEGATED, "built 2026-06-16"),
    ],
)
def test_a_database_has_a_date_and_says_what_says_so(
    tmp_path: Path, name: str, first: str, date: str
) -> None:
    (tmp_path / name).write_text(first)
    assert str(open_database(tmp_path / name).origin) == f"{name}, {date}"


def test_blocks_without_locations_say_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "GeoLite2-Country-Blocks-IPv4.csv"
    path.write_text(BLOCKS)
    with pytest.raises(StudyError, match=r"needs GeoLite2-Country-Locations-en\.csv beside it"):
        open_database(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"hello\n", "'hello' is of no known address database; known are MMDB"),
        (b"a,b,c\n", "is of no known address database"),
        (b"\x1f\x8b\x08junk", "broken gzip"),
        (gzip.compress(b"192.0.2.0,192.0.2.9,IE\n" * 99, mtime=0)[:-9], "broken gzip"),
        (b"\0\1\2", "not a whole MaxMind database"),
        (b"network,asn\nx,y\nx,z\n", "none of its 2 rows can be used; line 2: not an IPv4 or IPv6 address"),
    ],
)
def test_what_is_no_database_is_one_clear_line(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "some.file"
    path.write_bytes(content)
    with pytest.raises(StudyError) as caught:
        open_database(path)
    assert said in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_database_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="cannot be read: No such file or directory; mend the path in study"):
        open_database(tmp_path / "none.csv")
