"""Names are looked up by hash, and compared whole wherever that could take two of them for one."""

from __future__ import annotations

from pathlib import Path

import ibis
import pytest

from analysis.random_populations import crowd
from mailcensus.analysis import numbering, sightings
from mailcensus.analysis.evidence import gather
from mailcensus.dataset.tables import Dataset

SHOWN = ("ip", "mask", "spki_sha256")


def shown(data: Path) -> tuple[set[tuple[object, ...]], set[tuple[object, ...]]]:
    """Who showed which key, and which certificates, by their names."""
    evidence = gather(Dataset(data))
    keys = evidence.showings.join(evidence.hosts, "host").join(evidence.keys, "key").select(*SHOWN)
    leaves = (
        evidence.leaves.join(evidence.hosts, "host").drop("key").join(evidence.certificates, "certificate")
    )
    return tuple(
        {tuple(row.values()) for row in table.to_pyarrow().to_pylist()}
        for table in (keys, leaves.select("ip", "certificate_sha256"))
    )  # type: ignore[return-value]


@pytest.mark.slow
def test_names_of_one_hash_stay_two_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crowd(7, 60).write(tmp_path)
    usual = shown(tmp_path)
    assert all(map(len, usual))

    def poor_hash(text: ibis.Value) -> ibis.Value:
        return text.length().cast("uint64")

    monkeypatch.setattr(numbering, "name_hash", poor_hash)
    monkeypatch.setattr(sightings, "name_hash", poor_hash)
    assert shown(tmp_path) == usual


def test_two_names_of_one_hash_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ibis.memtable({"name": ["one", "two", "three"]}).name
    assert not numbering.collide(names)
    monkeypatch.setattr(numbering, "name_hash", lambda text: text.length().cast("uint64"))
    assert numbering.collide(names)
    assert not numbering.collide(ibis.memtable({"name": ["one", "three"]}).name)
