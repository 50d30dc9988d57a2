"""Two databases of one kind on the same addresses."""

from __future__ import annotations

from pathlib import Path

from mailcensus.facts.compare import Agreement, agreements
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
