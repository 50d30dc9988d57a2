"""Verdicts and names by host and service."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chain_studies import Seen, put, study_of
from mailcensus.analysis.chain_status import chain_status
from mailcensus.analysis.name_matches import name_matches
from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.run import CurrentRun
from mailcensus.dataset.tables import Dataset
from mailcensus.facts.chain_rows import chain_id
from mailcensus.facts.chains import judge_chains
from mailcensus.facts.name_match import name_match
from mailcensus.lab.chains import KINDS, lab_chains
from mailcensus.lab.pki import AT, NEXT_YEAR, LabAuthorities
from mailcensus.model import DnsState, Host
from mailcensus.study import Study

WORLD = LabAuthorities()
CHAINS = [chain for chain in lab_chains(WORLD, len(KINDS)) if chain.kind != "unreadable"]


def dataset_of(study: Study, seen: list[Seen], ptr: dict[str, str] | None = None) -> tuple[Dataset, str]:
    with CurrentRun(study.data, datetime.now(UTC)) as run:
        put(run, seen)
        PartWriter(run.data, "hosts", Host).write(
            [
                Host(run_id=run.run_id, ip=ip, looked_up_at=AT, ptr=name, ptr_state=DnsState.OK)
                for ip, name in (ptr or {}).items()
            ]
        )
        judge_chains(study, run, lambda _: None)
        return Dataset(study.data), run.run_id


def test_every_host_has_the_status_of_its_chain_at_its_time_by_each_store(tmp_path: Path) -> None:
    later = NEXT_YEAR + timedelta(days=9)
    seen = [Seen(chain.certificates, at=at) for at in (AT, later) for chain in CHAINS]
    study = study_of(tmp_path, root_stores=("roots.pem", "mozilla"))
    dataset, run_id = dataset_of(study, seen)
    rows = chain_status(dataset, run_id).to_pyarrow().to_pylist()
    assert len(rows) == 2 * len(seen)
    ours = {row["ip"]: row for row in rows if row["root_store"] == "roots.pem"}
    for number, chain in enumerate(CHAINS):
        row = ours[f"198.18.0.{number}"]
        assert (row["status"], row["trusted"]) == (chain.status, chain.status == "valid"), chain.kind
        if chain.status == "valid":
            assert ours[f"198.18.0.{number + len(CHAINS)}"]["status"] == "expired", chain.kind
    assert not any(row["trusted"] for row in rows if row["root_store"] == "mozilla")


@pytest.mark.slow
def test_chain_ids_of_sql_and_python_are_the_same(tmp_path: Path) -> None:
    dataset, run_id = dataset_of(study_of(tmp_path), [Seen(CHAINS[1].certificates)])
    (row,) = chain_status(dataset, run_id).to_pyarrow().to_pylist()
    (grab,) = dataset.table("grabs").to_pyarrow().to_pylist()
    assert row["chain_id"] == chain_id(grab["tls"]["chain"])


@pytest.mark.slow
def test_names_match_as_the_rules_for_one_name_say(tmp_path: Path) -> None:
    root = WORLD.root("trusted root")
    presented = ("mx.example.org", "*.example.org", "*.org", "other.example")
    names = ("MX.example.org", "www.example.org", "a.b.example.org", "example.org", "other.example")
    seen = [
        Seen((WORLD.leaf(own, root),), sni=name, greeting=f"220 {name} ESMTP")
        for own in presented
        for name in names
    ]
    ptr = {f"198.18.0.{number}": names[number % len(names)].lower() for number in range(len(seen))}
    dataset, run_id = dataset_of(study_of(tmp_path), seen, ptr)
    rows = name_matches(dataset, run_id).to_pyarrow().to_pylist()
    assert len(rows) == 3 * len(seen)
    for row in rows:
        number = int(row["ip"].rpartition(".")[2])
        own, name = presented[number // len(names)], names[number % len(names)]
        wanted = name_match(name, (own,), own)
        assert wanted is not None
        assert (row["name"], row["name_match"], row["matches"]) == (name.lower(), wanted, wanted.matches)


def test_an_empty_study_has_no_rows(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path)
    assert chain_status(dataset, None).to_pyarrow().num_rows == 0
    assert name_matches(dataset, None).to_pyarrow().num_rows == 0
