"""The chains stage: a verdict for every chain, store and time, and what is judged again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chain_studies import Seen, judged, put, rows, sha256, study_of
from mailcensus.dataset.run import CurrentRun
from mailcensus.facts import chain_work
from mailcensus.lab.chains import KINDS, lab_chains
from mailcensus.lab.pki import AT, LAST_MONTH, NEXT_MONTH, LabAuthorities, Terms
from mailcensus.study import Settings, Study, StudyError

WORLD = LabAuthorities()
CHAINS = list(lab_chains(WORLD, len(KINDS)))


def test_every_kind_of_chain_gets_the_verdict_it_was_made_for(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    assert judged(study, [Seen(chain.certificates) for chain in CHAINS])
    found = {row["leaf_sha256"]: row for row in rows(study)}
    assert len(found) == len(CHAINS)
    for chain in CHAINS:
        row = found[sha256(chain.certificates[0])]
        names = ("status", "valid_with_known_intermediates", "superfluous", "duplicates")
        wanted = (chain.status, chain.valid_with_known, chain.superfluous, chain.duplicates)
        assert tuple(row[name] for name in names) == wanted, chain.kind
        assert (row["status"] == "valid") == (not row["errors"]), chain.kind
        if chain.kind != "unreadable":
            assert (row["wrong_order"], row["root_sent"]) == (chain.wrong_order, chain.root_sent), chain.kind
            assert bool(row["root_issued_leaf"]) == chain.root_issued, chain.kind
            assert row["path"][0] == row["leaf_sha256"]


def test_several_errors_are_kept_with_the_first_one_first(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    judged(study, [Seen(chain.certificates) for chain in CHAINS])
    kinds = {sha256(chain.certificates[0]): chain.kind for chain in CHAINS}
    found = {
        kinds[row["leaf_sha256"]]: [(error["code"], error["depth"]) for error in row["errors"]]
        for row in rows(study)
    }
    assert found["self_signed_expired"] == [(18, 0), (10, 0)]
    assert found["untrusted_root"] == [(19, 2), (10, 0)]
    assert found["issued_by_a_leaf"] == [(79, 1), (10, 0), (7, 0)]
    assert found["weak_and_expired"] == [(10, 0), (66, 0)]
    assert found["unreadable"] == [(0, 0)]


def test_a_chain_seen_before_and_after_its_end_has_a_row_for_each_time_to_the_second(tmp_path: Path) -> None:
    issuing = WORLD.authority("issuing authority", WORLD.root("trusted root"))
    chain = (WORLD.leaf("mx.example", issuing, Terms(since=LAST_MONTH, until=NEXT_MONTH)), issuing.der)
    study = study_of(tmp_path)
    times = [LAST_MONTH - timedelta(seconds=1), LAST_MONTH, NEXT_MONTH, NEXT_MONTH + timedelta(seconds=1)]
    judged(study, [Seen(chain, at=at) for at in times])
    spans = {row["status"]: (row["holds_from"], row["holds_until"]) for row in rows(study)}
    ends = NEXT_MONTH + timedelta(seconds=1)
    assert spans["not_yet_valid"][1] == LAST_MONTH
    assert spans["valid"] == (LAST_MONTH, ends)
    assert spans["expired"][0] == ends
    assert len(spans) == len(rows(study)) == 3


@pytest.mark.slow
def test_only_what_is_new_or_was_seen_outside_its_span_is_judged_again(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    valid = CHAINS[0].certificates
    judged(study, [Seen(valid)])
    before = rows(study)
    assert not judged(study)
    judged(study, [Seen(valid, at=AT + timedelta(hours=1)), Seen(CHAINS[6].certificates)])
    assert [row for row in rows(study) if row["leaf_sha256"] == sha256(valid[0])] == before
    judged(study, [Seen(valid, at=AT + timedelta(days=3_650))])
    after = sorted(
        (row["at"], row["status"]) for row in rows(study) if row["leaf_sha256"] == sha256(valid[0])
    )
    assert [status for _, status in after] == ["valid", "expired"]


@pytest.mark.slow
def test_an_intermediate_seen_later_completes_a_chain_that_was_broken(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    broken = next(chain for chain in CHAINS if chain.kind == "broken")
    judged(study, [Seen(broken.certificates)])
    assert [row["valid_with_known_intermediates"] for row in rows(study)] == [False]
    judged(study, [Seen(CHAINS[0].certificates)])
    found = {row["leaf_sha256"]: row["valid_with_known_intermediates"] for row in rows(study)}
    assert found == {sha256(broken.certificates[0]): True, sha256(CHAINS[0].certificates[0]): None}


@pytest.mark.slow
def test_each_store_has_a_verdict_of_its_own_and_a_changed_store_judges_beside_the_old(
    tmp_path: Path,
) -> None:
    study = study_of(tmp_path, root_stores=("mozilla", "roots.pem"))
    judged(study, [Seen(CHAINS[0].certificates)])
    assert {row["root_store"]: row["status"] for row in rows(study)} == {
        "mozilla": "broken_chain",
        "roots.pem": "valid",
    }
    other = LabAuthorities("2")
    (tmp_path / "roots.pem").write_bytes(other.roots_pem)
    judged(study)
    statuses = sorted((row["root_store"], row["status"]) for row in rows(study))
    assert statuses == [("mozilla", "broken_chain"), ("roots.pem", "broken_chain"), ("roots.pem", "valid")]
    assert len({row["store_sha256"] for row in rows(study)}) == 3


def test_certificates_that_were_not_kept_give_a_verdict_of_other(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    with CurrentRun(study.data, datetime.now(UTC)) as run:
        put(run, [Seen(CHAINS[0].certificates)], keep=False)
    judged(study)
    assert [(row["status"], row["unreadable"]) for row in rows(study)] == [("other", 2)]


@pytest.mark.parametrize("content", [b"", b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"])
def test_a_store_without_certificates_is_one_clear_line(tmp_path: Path, content: bytes) -> None:
    study = study_of(tmp_path)
    (tmp_path / "roots.pem").write_bytes(content)
    with pytest.raises(StudyError, match=r"roots.pem: no certificate in PEM form; mend facts.root_stores"):
        judged(study)


def test_an_empty_study_is_judged_at_once(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    assert judged(study)
    assert rows(study) == []
    assert not judged(study)


@pytest.mark.slow
def test_several_processes_find_what_one_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = [Seen(chain.certificates) for chain in lab_chains(WORLD, 20 * len(KINDS))]
    judged(study_of(tmp_path / "one"), seen)
    monkeypatch.setattr(chain_work, "_WORTH_PROCESSES", 0)
    monkeypatch.setattr(chain_work, "BATCH", 50)
    judged(study_of(tmp_path / "many"), seen)
    one, many = (rows(Study(tmp_path / name, Settings())) for name in ("one", "many"))
    stores = {row["store_sha256"] for row in (*one, *many)}
    assert len(stores) == 1
    assert one == many
    assert len(one) == 20 * len(KINDS)
