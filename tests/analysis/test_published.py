"""Values of papers stand beside the rows they belong to, and nowhere else."""

import sys
from pathlib import Path

import ibis
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from random_logins import write

from mailcensus.analysis.catalogue import TABLES
from mailcensus.analysis.evidence import gather
from mailcensus.analysis.published import beside, published_values
from mailcensus.analysis.table_spec import rows_of
from mailcensus.dataset.tables import Dataset
from mailcensus.model import schema_of

SPECS = {spec.name: spec for spec in TABLES}


def test_every_value_names_a_table_and_columns_that_there_are() -> None:
    for value in published_values():
        columns = schema_of(SPECS[value.table].row).names
        assert {*value.row, value.column} <= set(columns), value
        assert value.unit != "share" or 0 <= value.value <= 1, value
        assert {"published", "source"} <= set(columns) or not value.beside, value


def test_a_row_shows_what_was_published_for_it_and_others_show_nothing() -> None:
    rows = ibis.memtable({"service": ["all", "all", "smtp"], "code": [0x0301, 0x0304, 0x0301]})
    shown = beside(rows, "tls_versions").order_by("service", "code").to_pyarrow().to_pylist()
    assert [row["published"] for row in shown] == [0.3926, None, None]
    assert [row["source"] for row in shown] == ["Holz 2016, table IV", None, None]


def test_at_most_one_value_stands_beside_a_row() -> None:
    keys = [(value.table, tuple(sorted(value.row.items()))) for value in published_values() if value.beside]
    assert len(keys) == len(set(keys))


@pytest.mark.slow
def test_ours_is_the_number_of_our_table(tmp_path: Path) -> None:
    write(tmp_path, 3)
    evidence = gather(Dataset(tmp_path))
    rows = rows_of(SPECS["published_values"], evidence).to_pylist()
    mechanisms = rows_of(SPECS["auth_mechanisms"], evidence).to_pylist()
    plain = [
        row
        for row in mechanisms
        if (row["service"], row["side"], row["mechanism"]) == ("submission", "after", "PLAIN")
    ]
    ours = [row for row in rows if row["row"] == "service submission, side after, mechanism PLAIN"]
    assert [row["ours"] for row in ours] == [row["share"] for row in plain]
    assert [row["published"] for row in ours] == [row["published"] for row in plain] == [0.9927]
    assert all(row["ours"] is None for row in rows if row["table"] == "noise_ports")
