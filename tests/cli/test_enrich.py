"""`mailcensus enrich`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from mailcensus.dataset.run import CurrentRun
from probe_studies import put_hits

FACTS = '[facts]\ndatabases = ["a-2026-11.csv", "b-2026-10.csv"]\n'


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A study with three hits and two country databases."""
    (tmp_path / "study.toml").write_text(FACTS)
    (tmp_path / "a-2026-11.csv").write_text("192.0.2.0,192.0.2.9,IE\nwhat is this?\n")
    (tmp_path / "b-2026-10.csv").write_text("192.0.2.0,192.0.2.1,GB\n192.0.2.2,192.0.2.9,IE\n")
    with CurrentRun(tmp_path / "data", datetime.now(UTC)) as run:
        put_hits(run, ["192.0.2.1", "192.0.2.2", "192.0.2.3", "198.51.100.1"])
    return tmp_path


def test_it_writes_hosts_once_and_says_which_rows_were_of_no_use(mailcensus: Any, study: Path) -> None:
    ended = mailcensus("enrich", study)
    assert (ended.status, ended.out) == (0, "")
    kept = study / "data" / "rejects" / "a-2026-11.csv.txt"
    assert f"a-2026-11.csv: of its rows, 1 could not be used as it is; see {kept}" in ended.err
    assert kept.read_text() == "line 2: 1 columns instead of 3: 'what is this?'\n"
    rows = [pyarrow.parquet.read_table(part) for part in sorted((study / "data/hosts").glob("*.parquet"))]
    assert [row["country"] for table in rows for row in table.to_pylist()] == ["IE", "IE", "IE", None]
    assert "is enriched; nothing to do" in mailcensus("enrich", study).err


def test_compare_counts_how_far_two_databases_agree_and_writes_nothing(mailcensus: Any, study: Path) -> None:
    ended = mailcensus("enrich", study, "--compare", "--json")
    (agreement,) = ended.json
    names = ("kind", "addresses", "agree", "differ", "only_one", "only_two", "neither", "disagreements")
    assert [agreement[name] for name in names] == ["country", 4, 2, 1, 0, 0, 1, [["IE", "GB", 1]]]
    shown = mailcensus("enrich", study, "--compare").out
    assert "agree, 66.7% of the 3 that both know" in shown
    assert not (study / "data" / "hosts").exists()


@pytest.mark.parametrize(
    ("facts", "options", "said"),
    [
        (
            "[facts]\nroot_stores = []\ncheck_keys = false\n",
            (),
            "nothing to look up; set facts.databases, facts.ptr or facts.root_stores",
        ),
        ('[facts]\nroot_stores = ["none.pem"]\n', (), "none.pem: root store 'none.pem' cannot be read"),
        (FACTS, ("--json",), "--json goes with --compare"),
        ('[facts]\ndatabases = ["a-2026-11.csv"]\n', ("--compare",), "--compare needs two databases"),
        ('[facts]\ndatabases = ["none.csv"]\n', (), "none.csv: cannot be read: No such file or directory"),
        ('[facts]\nptr = true\nresolvers = ["dns"]\n', (), "resolver 'dns': not an address"),
    ],
)
def test_bad_input_is_one_clear_line(
    mailcensus: Any, study: Path, facts: str, options: tuple[str, ...], said: str
) -> None:
    (study / "study.toml").write_text(facts)
    ended = mailcensus("enrich", study, *options)
    assert (ended.status, ended.out) == (2, "")
    assert said in ended.err
    assert len(ended.err.splitlines()) == 1
