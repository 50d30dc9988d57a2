"""Whom exclusions name after they were asked, no table shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from mailcensus.dataset.left_out import dataset_of
from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.pending import execute
from mailcensus.dataset.recorder import Recorder
from mailcensus.model import Grab, Hit, Observation, SentToNetwork, Tls
from mailcensus.population import Exclusions
from mailcensus.study import Settings, Study
from mailcensus.wire.certificates import parse_certificate
from observations import START, certificate, grab, hit, ip


@pytest.fixture
def study(tmp_path: Path) -> Study:
    (tmp_path / "exclusions.txt").write_text("# nobody yet\n")
    PartWriter(tmp_path / "data", "hits", Hit).write([hit(number) for number in range(4)])
    recorder = Recorder(tmp_path / "data")
    for number in range(4):
        recorder.add(Observation(_shown(number), (certificate(number),)))
    recorder.close()
    settings = {"study": {"allow_special": True}, "population": {"exclusions": ["exclusions.txt"]}}
    return Study(tmp_path, Settings.model_validate(settings))


def _shown(number: int) -> Grab:
    leaf = parse_certificate(certificate(number)).sha256
    greeting = "220 mail.example.net ESMTP" if number == 3 else None
    return replace(grab(number), tls=Tls(leaf_sha256=leaf), greeting=greeting)


def exclude(study: Study, *entries: str) -> None:
    (study.directory / "exclusions.txt").write_text("\n".join(entries))


def test_nobody_is_left_out_where_nobody_opted_out(study: Study) -> None:
    assert dataset_of(study).left_out == frozenset()
    assert dataset_of(study).table("grabs").count().to_pyarrow().as_py() == 4


def test_no_table_shows_whom_an_exclusion_names_by_now_in_sql_neither(study: Study) -> None:
    exclude(study, f"{ip(1)}  2026-11-22  by mail")
    dataset = dataset_of(study)
    for name in ("hits", "grabs"):
        assert sorted(dataset.table(name).ip.to_pyarrow().to_pylist()) == [ip(0), ip(2), ip(3)]
        assert dataset.connection.raw_sql(f"SELECT count(*) FROM {name}").fetchone() == (3,)
    assert execute(study.data, "SELECT count(*) FROM hits", ["hits"]).fetchone() == (4,), (
        "the rows stay on disk"
    )


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        (["domain:mx2.example"], {ip(2)}),
        (["domain:example.net"], {ip(3)}),
        (["domain:xample.net", "domain:example.org"], set()),
    ],
)
def test_hosts_that_named_themselves_under_an_excluded_domain_are_left_out(
    study: Study, entries: Sequence[str], expected: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mailcensus.population.domain_addresses import DomainAddresses, DomainResolver
    from mailcensus.population.prefixes import PrefixSet

    monkeypatch.setattr(DomainResolver, "addresses_of", lambda self, domain: DomainAddresses(PrefixSet()))
    exclude(study, *entries)
    assert dataset_of(study).left_out == expected
    assert Exclusions.of_study(study).domains


def test_networks_of_the_ledger_in_which_anybody_is_excluded_are_not_to_be_named(study: Study) -> None:
    row = SentToNetwork(run_id="r", hour=START, network="127.0.0.0/24", attempts=9, peak_per_s=1)
    PartWriter(study.data, "politeness", SentToNetwork).write([row, replace(row, network="127.0.1.0/24")])
    exclude(study, ip(1))
    assert dataset_of(study).left_out_networks == {"127.0.0.0/24"}
