"""A file of answers that zdns or massdns got becomes rows of `dns` of a run of its own.

Of several answers to one question the first that says what there is counts. The file's answers are in memory at once.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mailcensus import __version__
from mailcensus.dataset.imports.dns_lines import read_massdns, read_zdns
from mailcensus.dataset.imports.rows import Reject, open_bytes
from mailcensus.dataset.lock import WriterLock
from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.seen import values_of
from mailcensus.model import DnsAnswer, Run
from mailcensus.study import Study, StudyError

_DIGITS = 16
_MOST_REJECTS = 100_000
_REJECT_CHARACTERS = 2_000


@dataclass(slots=True)
class ImportedAnswers:
    """What came of an import."""

    run_id: str
    rejects: Path
    """Where bad rows are kept; there is no such file where there are none."""
    already: bool = False
    """The same file had been imported before; nothing was done."""
    rows: int = 0
    answers: int = 0
    """Questions with their answers, each once."""
    rejected: int = 0


def import_answers(study: Study, source: str, path: Path) -> ImportedAnswers:
    """Read a file of answers into a study.

    Args:
        source: zdns or massdns.

    Raises:
        StudyError: the file cannot be read, or has no row that can be; another process writes to the study.
        StageFailed: what was read cannot be written.
    """
    digest = _digest(path)
    began = datetime.now(UTC)
    run_id = (
        f"{datetime.fromtimestamp(path.stat().st_mtime, UTC):%Y-%m-%dT%H-%M-%SZ}-import-{digest[:_DIGITS]}"
    )
    imported = ImportedAnswers(run_id, study.data / "rejects" / f"{path.name}.jsonl")
    lock = WriterLock(study.data)
    try:
        if run_id in values_of(study.data / "runs", "run_id"):
            imported.already = True
            return imported
        answers, rejects = _read(source, path, imported)
        _keep_aside(imported.rejects, rejects)
        if not answers:
            raise StudyError(
                f"{path}: none of its {imported.rows:,} rows is one of {source}'s ({imported.rejects})"
            )
        if run_id not in values_of(study.data / "dns", "run_id"):
            PartWriter(study.data, "dns", DnsAnswer).write(answers)
        imported.answers = len(answers)
        PartWriter(study.data, "runs", Run).write([_run(study, imported, began)])
        return imported
    finally:
        lock.release()


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise StudyError(f"{path}: cannot be read: {error.strerror or error}") from None


def _read(source: str, path: Path, imported: ImportedAnswers) -> tuple[list[DnsAnswer], list[Reject]]:
    read = read_zdns if source == "zdns" else read_massdns
    now = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    found: dict[tuple[str, str], DnsAnswer] = {}
    rejects: list[Reject] = []
    try:
        with path.open("rb") as raw, open_bytes(raw) as stream:
            for line in read(stream, imported.run_id, now):
                imported.rows += 1
                if isinstance(line, Reject):
                    imported.rejected += 1
                    rejects += [line] if len(rejects) < _MOST_REJECTS else []
                    continue
                for answer in line:
                    before = found.get((answer.name, answer.type))
                    if before is None or not before.state.is_known:
                        found[answer.name, answer.type] = answer
    except (OSError, EOFError) as error:
        raise StudyError(f"{path}: cannot be read on from here: {error}") from None
    return list(found.values()), rejects


def _keep_aside(path: Path, rejects: list[Reject]) -> None:
    path.unlink(missing_ok=True)
    if rejects:
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = (
            json.dumps({"line": row.line, "reason": row.reason, "row": row.text[:_REJECT_CHARACTERS]})
            for row in rejects
        )
        path.write_text("\n".join(rows) + "\n", encoding="utf-8")


def _run(study: Study, imported: ImportedAnswers, began: datetime) -> Run:
    return Run(
        run_id=imported.run_id,
        stage="import",
        started_at=began,
        ended_at=datetime.now(UTC),
        vantage=study.settings.study.vantage,
        mailcensus_version=__version__,
        settings_json=study.settings.model_dump_json(),
        asked=imported.rows,
        answered=imported.answers,
    )
