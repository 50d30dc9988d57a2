"""The stage that looks over every key of a dataset: each by itself, then all RSA keys for primes in common.

Resumable: a key that was looked at is not looked at again while checks and lists are the same. Primes in common are
looked for over all keys at once, anew whenever there are more.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow.parquet as pq

from mailcensus.dataset.parts import visible_files
from mailcensus.dataset.run import CurrentRun, StageState, stage_row
from mailcensus.facts.batch_gcd import BatchResult, find_shared
from mailcensus.facts.blocklist import Blocklist
from mailcensus.facts.key_flaws import CHECK_STAGE as STAGE
from mailcensus.facts.key_flaws import Flaw
from mailcensus.facts.key_numbers import RsaNumbers, numbers_of
from mailcensus.facts.key_tables import KeyTables
from mailcensus.facts.known_keys import known_keys
from mailcensus.facts.weak_keys import KeyChecker
from mailcensus.model import KeyCheck, KeyFinding
from mailcensus.study import Study

GCD_SOURCE = "batch GCD over the study's RSA keys"
_BATCH = 4_096
_TREE_LEVELS = 25
"""Of a chunk of a million moduli, with what is worked on; see `batch_gcd.tree_bytes`."""


@dataclass(slots=True)
class KeyProgress:
    """How far the stage is; steps are those of the batch GCD."""

    keys: int
    keys_done: int = 0
    found: int = 0
    """Keys looked at in this session against which something is known."""
    steps: int = 0
    steps_done: int = 0


@dataclass(frozen=True, slots=True)
class _StoredKey:
    spki_sha256: str
    algorithm: str
    bits: int | None
    spki_der: bytes


def wants_key_checks(study: Study) -> bool:
    """Whether a study has its keys looked over."""
    return study.settings.facts.check_keys


def key_checker(study: Study) -> KeyChecker:
    """The checks and lists of a study.

    Raises:
        StudyError: its blocklist is not there or no blocklist.
    """
    folder = study.settings.facts.key_blocklist
    return KeyChecker(known_keys(), Blocklist(study.path(folder)) if folder else None)


def check_keys(study: Study, run: CurrentRun, on_progress: Callable[[KeyProgress], None]) -> bool:
    """Look over what has not been looked at; False where that was nothing.

    Raises:
        StudyError: the disk is full, or the blocklist is bad.
    """
    checker, wants_gcd = key_checker(study), study.settings.facts.batch_gcd
    tables, progress = KeyTables(run.data), KeyProgress(_count(run))
    about = (
        f"{checker.identity}; {'with' if wants_gcd else 'no'} batch GCD over all keys; {progress.keys} keys"
    )
    if run.stage(STAGE).order != about:
        run.restart(STAGE, datetime.now(UTC), about)
    elif run.begin(STAGE, datetime.now(UTC)).state is StageState.DONE:
        return False
    _check_each(run, checker, tables, study.settings.collect.flush_s, progress, on_progress)
    tables.replace_between(_between(study, run, progress, on_progress) if wants_gcd else [])
    tables.compact()
    checked, found = tables.counts()
    run.finish(stage_row(run, STAGE, study.settings, asked=checked, answered=found))
    return True


def _check_each(
    run: CurrentRun,
    checker: KeyChecker,
    tables: KeyTables,
    flush_s: float,
    progress: KeyProgress,
    on_progress: Callable[[KeyProgress], None],
) -> None:
    done = tables.checked_with(checker.identity)
    tables.keep_only(done, checker.identity)
    findings: list[KeyFinding] = []
    checks: list[KeyCheck] = []
    flush_at = time.monotonic() + flush_s
    try:
        for key in _keys(run):
            progress.keys_done += 1
            if key.spki_sha256 in done:
                continue
            done.add(key.spki_sha256)
            own, check = _rows(checker, key)
            findings += own
            checks.append(check)
            progress.found += bool(own)
            on_progress(progress)
            if time.monotonic() >= flush_at:
                tables.add(findings, checks)
                findings, checks = [], []
                flush_at = time.monotonic() + flush_s
    finally:
        tables.add(findings, checks)


def _rows(checker: KeyChecker, key: _StoredKey) -> tuple[list[KeyFinding], KeyCheck]:
    said = checker.check(key.spki_sha256, key.spki_der, key.algorithm, key.bits)
    now = datetime.now(UTC)
    findings = [
        KeyFinding(
            spki_sha256=key.spki_sha256, finding=found.flaw, detail=found.detail, source=found.source,
            as_of=found.as_of, checked_at=now,
        )
        for found in said.found
    ]  # fmt: skip
    return findings, KeyCheck(
        spki_sha256=key.spki_sha256, checked_at=now, checked_with=checker.identity,
        not_checked=said.not_checked,
    )  # fmt: skip


def _between(
    study: Study, run: CurrentRun, progress: KeyProgress, on_progress: Callable[[KeyProgress], None]
) -> list[KeyFinding]:
    names, moduli = [], []
    for key in _keys(run, "rsa"):
        numbers = numbers_of(key.spki_der, key.algorithm)
        if isinstance(numbers, RsaNumbers):
            names.append(key.spki_sha256)
            moduli.append(numbers.modulus)

    def report(done: int, steps: int) -> None:
        progress.steps_done, progress.steps = done, steps
        on_progress(progress)

    chunk_bits = study.settings.facts.batch_gcd_mb * (8 << 20) // _TREE_LEVELS
    return list(shared_findings(names, find_shared(moduli, chunk_bits=chunk_bits, report=report)))


def shared_findings(names: list[str], result: BatchResult) -> Iterator[KeyFinding]:
    """What keys have in common, a finding for each key of it. Factors are named by their hash, not told."""
    now = datetime.now(UTC)

    def rows(
        flaw: Flaw, places: tuple[int, ...], factor_sha256: str | None, detail: str
    ) -> Iterator[KeyFinding]:
        own = sorted({names[place] for place in places})
        for name in own if len(own) > 1 else []:
            yield KeyFinding(
                spki_sha256=name, finding=flaw, detail=detail, factor_sha256=factor_sha256,
                keys_sharing=len(own), source=GCD_SOURCE, checked_at=now,
            )  # fmt: skip

    for shared in result.shared:
        digest = hashlib.sha256(f"{shared.factor:x}".encode()).hexdigest()
        yield from rows(
            Flaw.SHARED_PRIME, shared.places, digest, f"factor of {shared.factor.bit_length()} bits"
        )
    for places in result.equal:
        yield from rows(Flaw.SHARED_MODULUS, places, None, "same modulus, another exponent")


def _count(run: CurrentRun) -> int:
    return sum(pq.read_metadata(file).num_rows for file in visible_files(run.data / "keys"))


def _keys(run: CurrentRun, algorithm: str | None = None) -> Iterator[_StoredKey]:
    """The keys of the dataset, of one algorithm or of all, those of other runs included."""
    columns = ["spki_sha256", "algorithm", "bits", "spki_der"]
    for file in visible_files(run.data / "keys"):
        with pq.ParquetFile(file) as source:
            for batch in source.iter_batches(_BATCH, columns=columns):
                for row in zip(*(batch[name].to_pylist() for name in columns), strict=True):
                    if algorithm in (None, row[1]):
                        yield _StoredKey(*row)
