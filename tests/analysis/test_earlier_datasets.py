"""Tables that earlier commits made of their own datasets, beside those that are made of the same datasets today."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from mailcensus.analysis.catalogue import TABLES
from mailcensus.analysis.evidence import gather
from mailcensus.analysis.table_spec import rows_of
from mailcensus.dataset.migrations.upgrade import upgrade
from mailcensus.dataset.tables import Dataset

pytestmark = pytest.mark.slow

EARLIER = Path(__file__).parents[1] / "dataset" / "data" / "earlier"
SAME = ("clusters", "cluster_hosts", "shared_keys", "port_pairs", "services", "outcomes")


def rows(table: Any, columns: list[str]) -> list[str]:
    """Rows of some columns, in any order."""
    return sorted(map(repr, table.select(columns).to_pylist()))


@pytest.mark.parametrize("upgraded", [False, True], ids=["as it is", "upgraded"])
@pytest.mark.parametrize("commit", ["d7d4e00", "151a0ab"])
def test_the_tables_of_an_earlier_commit_come_out_again(commit: str, upgraded: bool, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(EARLIER / commit / "data", data)
    if upgraded:
        upgrade(data)
    evidence = gather(Dataset(data))
    specs = {spec.name: spec for spec in TABLES}
    for name in SAME:
        old = pq.read_table(EARLIER / commit / "tables" / f"{name}.parquet")
        new = rows_of(specs[name], evidence)
        both = [column for column in old.column_names if column in new.column_names]
        assert len(both) > 2, name
        assert rows(new, both) == rows(old, both), name
        assert len(new) > 0, name
