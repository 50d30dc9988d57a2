"""Clusters worked out by queries, beside those worked out in memory."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pyarrow as pa
import pytest

from mailcensus.analysis.components import number_clusters
from mailcensus.analysis.engines.components import clusters_on_engine
from mailcensus.dataset.tables import Dataset


def clusters(folder: Path, edges: list[tuple[int, int]]) -> tuple[list[int], list[int], int]:
    """By queries, in memory, and the rounds the queries took."""
    hosts, keys = ([edge[side] for edge in edges] for side in (0, 1))
    table = pa.table({"host": pa.array(hosts, pa.int32()), "key": pa.array(keys, pa.int32())})
    dataset = Dataset(folder)
    numbered, rounds = clusters_on_engine(dataset, dataset.put("showings", table))
    found = numbered.to_pyarrow().sort_by([("host", "ascending"), ("key", "ascending")])
    wanted = table.append_column(
        "cluster", pa.array(number_clusters(table["host"].to_numpy(), table["key"].to_numpy()))
    )
    wanted = wanted.sort_by([("host", "ascending"), ("key", "ascending")])
    return found["cluster"].to_pylist(), wanted["cluster"].to_pylist(), rounds


@pytest.mark.parametrize("seed", range(2))
def test_clusters_by_queries_are_those_worked_out_in_memory(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    edges = sorted({(random.randrange(200), random.randrange(150)) for _ in range(240)})
    ours, theirs, _ = clusters(tmp_path, edges)
    assert ours == theirs


@pytest.mark.slow
def test_a_chain_of_a_thousand_hosts_takes_few_rounds(tmp_path: Path) -> None:
    chain = sorted({(host, key) for host in range(1000) for key in (host, host + 1)})
    shuffled = Random(1).sample(range(1000), 1000)
    ours, theirs, rounds = clusters(tmp_path, sorted((shuffled[host], key) for host, key in chain))
    assert ours == theirs
    assert rounds <= 20


def test_nothing_shared_is_no_cluster(tmp_path: Path) -> None:
    assert clusters(tmp_path, [])[:2] == ([], [])
