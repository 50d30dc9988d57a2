"""The verdict on what a study found, and the study.toml that asks a lab."""

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from mailcensus.lab.plan import Plan
from mailcensus.lab.population import make_plan
from mailcensus.lab.truth import Truth, truth_of
from mailcensus.lab.verdict import Found, compare, study_toml
from mailcensus.study import Study


@pytest.fixture
def truth(tiny: Plan) -> Truth:
    return truth_of(tiny)


def right(truth: Truth) -> Found:
    return Found(
        responding=frozenset(truth.responding),
        clusters=frozenset(frozenset(c.addresses) for c in truth.clusters),
        cross_protocol=frozenset((c.ip, frozenset(c.services)) for c in truth.cross_protocol),
        hark_hosts=truth.hark_hosts,
        key_hosts=truth.key_hosts,
        outcomes=truth.outcomes,
        machines=frozenset(frozenset(machine) for machine in truth.machines),
        readings={frozenset(c.addresses): c.reading or "anything" for c in truth.clusters},
    )


def test_a_study_that_found_the_truth_is_equal_in_every_line(truth: Truth) -> None:
    verdict = compare(truth, right(truth))
    assert verdict.equal
    assert len(verdict.lines) == 6 + len(truth.services)
    assert not any(line.difference for line in verdict.lines)


def test_a_split_cluster_is_named(truth: Truth) -> None:
    split = frozenset({frozenset({"127.10.0.1", "127.10.0.2"})})
    verdict = compare(truth, replace(right(truth), clusters=split))
    assert not verdict.equal
    line = verdict.lines[1]
    assert (line.expected, line.found, line.equal) == ("1", "1", False)
    assert line.difference == (
        "missing: {127.10.0.1 127.10.0.2 127.10.0.3}; too much: {127.10.0.1 127.10.0.2}"
    )


def test_each_other_kind_of_error_is_seen(truth: Truth) -> None:
    good = right(truth)
    assert not compare(truth, replace(good, responding=good.responding | {"127.10.0.6"})).lines[0].equal
    assert not compare(truth, replace(good, cross_protocol=frozenset())).lines[2].equal
    assert not compare(truth, replace(good, hark_hosts=2)).lines[3].equal
    wrong = compare(truth, replace(good, outcomes={**good.outcomes, "ssh": {"ok": 2, "timeout": 3}}))
    assert [line.what for line in wrong.lines if not line.equal] == ["outcomes of ssh"]


def test_an_outcome_counted_zero_times_is_no_difference(truth: Truth) -> None:
    good = right(truth)
    ssh = {**good.outcomes["ssh"], "timeout": 0}
    assert compare(truth, replace(good, outcomes={**good.outcomes, "ssh": ssh})).equal


def test_the_study_of_a_lab_is_a_valid_study(tmp_path: Path) -> None:
    plan = make_plan(seed=1, size=20, port_offset=30_000)
    (tmp_path / "study.toml").write_text(study_toml(plan, tmp_path))
    settings = Study.open(tmp_path).settings
    assert settings.study.allow_special
    assert settings.discovery.ports == (plan.discovery_port,) == (30_025,)
    assert settings.ports["imaps"] == 30_993
    assert settings.collect.services == plan.services
    assert settings.population.prefixes is not None
    assert (tmp_path / settings.population.prefixes).read_text() == "127.10.0.0/22\n"
    assert tomllib.loads(study_toml(plan, tmp_path))["collect"]["rate_limited_pauses_s"] == [1.0, 2.0]
