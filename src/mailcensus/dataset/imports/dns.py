"""A file of answers that zdns or massdns got becomes rows of `dns` of a run of its own.

Of several answers to one question the first that says what there is counts. The file's answers are in memory at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mailcensus.dataset.imports.dns_lines import read_massdns, read_zdns
from mailcensus.dataset.imports.import_run import file_sha256, has_ended, import_row, import_run_id
from mailcensus.dataset.imports.rejects import Rejects
from mailcensus.dataset.imports.rows import Reject, open_bytes
from mailcensus.dataset.lock import WriterLock
from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.seen import values_of
from mailcensus.model import DnsAnswer, Run
from mailcensus.study import Study, StudyError


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
    digest = file_sha256(path)
    began = datetime.now(UTC)
    run_id = import_run_id(datetime.fromtimestamp(path.stat().st_mtime, UTC), digest)
    imported = ImportedAnswers(run_id, study.data / "rejects" / f"{path.name}.jsonl")
    lock = WriterLock(study.data)
    try:
        if has_ended(study.data, run_id):
            imported.already = True
            return imported
        with Rejects(imported.rejects) as rejects:
            answers = _read(source, path, imported, rejects)
        if not answers:
            raise StudyError(
                f"{path}: none of its {imported.rows:,} rows is one of {source}'s ({imported.rejects})"
            )
        if run_id not in values_of(study.data / "dns", "run_id"):
            PartWriter(study.data, "dns", DnsAnswer).write(answers)
        imported.answers = len(answers)
        row = import_row(study, run_id, began, imported.rows, imported.answers)
        PartWriter(study.data, "runs", Run).write([row])
        return imported
    finally:
        lock.release()


def _read(source: str, path: Path, imported: ImportedAnswers, rejects: Rejects) -> list[DnsAnswer]:
    read = read_zdns if source == "zdns" else read_massdns
    now = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    found: dict[tuple[str, str], DnsAnswer] = {}
    try:
        with path.open("rb") as raw, open_bytes(raw) as stream:
            for line in read(stream, imported.run_id, now):
                imported.rows += 1
                if isinstance(line, Reject):
                    rejects.add(line)
                    continue
                for answer in line:
                    before = found.get((answer.name, answer.type))
                    if before is None or not before.state.is_known:
                        found[answer.name, answer.type] = answer
    except (OSError, EOFError) as error:
        raise StudyError(f"{path}: cannot be read on from here: {error}") from None
    imported.rejected = rejects.count
    return list(found.values())
