"""The stage that looks over keys: what it writes, what it does again and what not."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gmpy2
import pytest

from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.run import CurrentRun
from mailcensus.dataset.tables import Dataset
from mailcensus.facts.check_keys import KeyProgress, check_keys
from mailcensus.facts.key_flaws import CHECK_STAGE as STAGE
from mailcensus.model import Key
from mailcensus.study import Settings, StageFailed, Study, StudyError
from mailcensus.wire.keys import describe_key
from rsa_material import P, Q, prime, rsa_spki, write_blocklist

R, S, T = (prime(1024, n) for n in (3, 4, 5))
GOOD, SHARES_P, SHARES_P_TOO = rsa_spki(S * T), rsa_spki(P * Q), rsa_spki(P * R)
OTHER_EXPONENT = rsa_spki(S * T, 3)
U = prime(1024, 6)
CLOSE = rsa_spki(U * int(gmpy2.next_prime(U)))


def name(spki: bytes) -> str:
    return describe_key(spki).spki_sha256


def study_of(directory: Path, **facts: object) -> Study:
    directory.mkdir(exist_ok=True)
    return Study(directory, Settings.model_validate({"facts": facts}))


def checked(study: Study, more: Iterable[bytes] = (), stop_after: int = 0, stop_in_gcd: bool = False) -> bool:
    def count(progress: KeyProgress) -> None:
        if 0 < stop_after <= progress.keys_done or (stop_in_gcd and progress.steps):
            raise StageFailed("enough")

    with CurrentRun(study.data, datetime.now(UTC)) as run:
        keys = [describe_key(spki) for spki in more]
        if keys:
            PartWriter(study.data, "keys", Key).write(keys)
        return check_keys(study, run, count)


def findings(study: Study) -> set[tuple[str, str]]:
    rows = table(study, "key_findings")
    found = {(row["spki_sha256"], row["finding"]) for row in rows}
    assert len(found) == len(rows)
    return found


def table(study: Study, which: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = Dataset(study.data).table(which).to_pyarrow().to_pylist()
    return rows


def test_primes_in_common_are_found_and_told_with_who_shares_them(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    assert checked(study, [GOOD, SHARES_P, SHARES_P_TOO])
    assert findings(study) == {(name(SHARES_P), "shared_prime"), (name(SHARES_P_TOO), "shared_prime")}
    rows = table(study, "key_findings")
    assert {row["keys_sharing"] for row in rows} == {2}
    assert len({row["factor_sha256"] for row in rows}) == 1
    assert {row["detail"] for row in rows} == {"factor of 1024 bits"}
    assert len(table(study, "key_checks")) == 3


def test_no_prime_stands_in_the_dataset(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    checked(study, [SHARES_P, SHARES_P_TOO])
    text = repr(table(study, "key_findings"))
    for factor in (P, Q, R):
        assert f"{factor:x}" not in text
        assert str(factor) not in text


def test_one_modulus_under_two_exponents_is_told_of_both(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    checked(study, [GOOD, OTHER_EXPONENT])
    assert findings(study) == {
        (name(GOOD), "shared_modulus"),
        (name(OTHER_EXPONENT), "shared_modulus"),
        (name(OTHER_EXPONENT), "small_exponent"),
    }


def test_done_once_it_looks_at_new_keys_only(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    assert checked(study, [GOOD, SHARES_P])
    first = {row["spki_sha256"]: row["checked_at"] for row in table(study, "key_checks")}
    assert not checked(study)
    assert checked(study, [SHARES_P_TOO])
    after = {row["spki_sha256"]: row["checked_at"] for row in table(study, "key_checks")}
    assert after.keys() == {*first, name(SHARES_P_TOO)}
    assert {key: after[key] for key in first} == first
    assert findings(study) == {(name(SHARES_P), "shared_prime"), (name(SHARES_P_TOO), "shared_prime")}
    rows = [row for row in table(study, "runs") if row["stage"] == STAGE]
    assert [(row["asked"], row["answered"]) for row in rows] == [(2, 0), (3, 2)]


def test_an_interrupted_stage_goes_on_with_what_is_left(tmp_path: Path) -> None:
    study, keys = study_of(tmp_path), [CLOSE, GOOD, SHARES_P, SHARES_P_TOO]
    with pytest.raises(StageFailed, match="enough"):
        checked(study, keys, stop_after=2)
    assert {row["spki_sha256"] for row in table(study, "key_checks")} == {name(CLOSE), name(GOOD)}
    with pytest.raises(StageFailed, match="enough"):
        checked(study, stop_in_gcd=True)
    assert checked(study)
    assert findings(study) == {
        (name(CLOSE), "close_primes"),
        (name(SHARES_P), "shared_prime"),
        (name(SHARES_P_TOO), "shared_prime"),
    }


def test_findings_of_a_key_whose_check_was_cut_off_do_not_stand_twice(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    checked(study, [CLOSE])
    before = findings(study)
    for part in (study.data / "key_checks").glob("*.parquet"):
        part.unlink()
    (study.data / "run.json").unlink()
    checked(study)
    assert findings(study) == before == {(name(CLOSE), "close_primes")}


def test_another_list_means_that_all_keys_are_looked_at_again(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    checked(study, [GOOD, CLOSE])
    write_blocklist(tmp_path / "badkeys", [S * T])
    with_list = study_of(tmp_path, key_blocklist="badkeys")
    assert checked(with_list)
    assert findings(with_list) == {(name(CLOSE), "close_primes"), (name(GOOD), "blocklisted")}
    assert {row["checked_with"].count("no badkeys blocklist") for row in table(study, "key_checks")} == {0}
    assert len(table(study, "key_checks")) == 2
    assert checked(study)
    assert findings(study) == {(name(CLOSE), "close_primes")}


def test_without_batch_gcd_keys_are_looked_at_by_themselves_alone(tmp_path: Path) -> None:
    study = study_of(tmp_path, batch_gcd=False)
    checked(study, [CLOSE, SHARES_P, SHARES_P_TOO])
    assert findings(study) == {(name(CLOSE), "close_primes")}


def test_a_study_without_keys_has_nothing_found(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    assert checked(study)
    assert (findings(study), table(study, "key_checks")) == (set(), [])


def test_a_blocklist_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"badkeysdata\.json: cannot be read: .*mend facts\.key_blocklist"):
        checked(study_of(tmp_path, key_blocklist="nowhere"), [GOOD])
