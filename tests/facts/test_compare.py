"""Two databases of one kind on the same addresses."""

from __future__ import annotations

from pathlib import Path

from mailcensus.facts.compare import Agreement, agreements, distance_km
from mailcensus.population.databases import open_database


def test_two_country_databases_and_two_of_as_are_compared_each_with_each(tmp_path: Path) -> None:
    files = {
        "a-2026-11.csv": "192.0.2.0,192.0.2.9,IE\n192.0.2.20,192.0.2.29,FR\n",
        "b-2026-10.csv": "192.0.2.0,192.0.2.4,IE\n192.0.2.5,192.0.2.9,GB\n192.0.2.30,192.0.2.30,GB\n",
        "c-2026-10.pfx2as": "192.0.2.0\t24\t64500_64501\n",
        "d-2026-10.pfx2as": "192.0.2.0\t24\t64500\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    tables = [open_database(tmp_path / name) for name in files]
    countries, systems = agreements(tables, [f"192.0.2.{n}" for n in range(32)])
    assert countries == Agreement(
        "country",
        "a-2026-11.csv, dated 2026-11",
        "b-2026-10.csv, dated 2026-10",
        addresses=32,
        agree=5,
        differ=5,
        only_one=10,
        only_two=1,
        neither=11,
        disagreements=(("IE", "GB", 5),),
    )
    assert countries.both == 10
    assert (systems.agree, systems.differ) == (0, 32)
    assert systems.disagreements == (("AS64500 AS64501", "AS64500", 32),)


HEADER = "start_ip,end_ip,country,city,latitude,longitude,is_anycast\n"


def test_places_agree_where_they_are_near_and_anycast_where_both_say_the_same(tmp_path: Path) -> None:
    rows = {
        "a-2026-11.csv": (
            "192.0.2.0,192.0.2.9,IE,Dublin,53.35,-6.26,false\n"
            "192.0.2.10,192.0.2.19,IE,Cork,51.9,-8.47,true\n"
            "192.0.2.20,192.0.2.29,IE,,,,\n"
        ),
        "b-2026-11.csv": (
            "192.0.2.0,192.0.2.9,IE,Swords,53.46,-6.22,true\n192.0.2.10,192.0.2.29,IE,Galway,53.27,-9.05,true\n"
        ),
    }
    for name, text in rows.items():
        (tmp_path / name).write_text(HEADER + text)
    tables = [open_database(tmp_path / name) for name in rows]
    _, place, anycast = agreements(tables, [f"192.0.2.{n}" for n in range(31)])
    assert (place.kind, place.agree, place.differ, place.only_two, place.neither) == ("place", 10, 10, 10, 1)
    assert place.disagreements == (("Cork (IE)", "Galway (IE)", 10),)
    assert (anycast.kind, anycast.agree, anycast.differ) == ("anycast", 10, 10)
    assert anycast.disagreements == (("no", "yes", 10),)


def test_a_distance_is_that_of_the_great_circle() -> None:
    assert round(distance_km((53.35, -6.26), (51.5, -0.12))) == 464  # Dublin to London
    assert round(distance_km((0, 179.5), (0, -179.5)), 1) == 111.2  # across the date line
    assert round(distance_km((0, 0), (90, 0)), 1) == 10007.6  # a quarter of the meridian
