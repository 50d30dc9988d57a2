"""The run sheet: what is to be sent by whom, and what people note in it (`senders/run-sheet.csv`)."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mailcensus.dataset.files import replace_file
from mailcensus.senders.plan import Plan
from mailcensus.study import StageFailed, Study, StudyError

COLUMNS = ("token", "sender", "condition", "recipient", "subject", "body", "sent_at", "bounced_at", "note")
_NOTED = ("sent_at", "bounced_at", "note")


@dataclass(frozen=True, slots=True)
class Noted:
    """What people wrote about one message."""

    sent_at: datetime | None
    bounced_at: datetime | None


def sheet_file(study: Study) -> Path:
    """Where it is."""
    return study.directory / "senders" / "run-sheet.csv"


def write_sheet(study: Study, plan: Plan) -> None:
    """Write a row for each token; what was noted in an earlier one stays.

    Raises:
        StudyError: the earlier one cannot be read.
        StageFailed: it cannot be written.
    """
    path = sheet_file(study)
    old = {row["token"]: row for row in _rows(path)}
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    for token in plan.tokens:
        noted = {name: old.get(token.token, {}).get(name, "") for name in _NOTED}
        writer.writerow(
            {
                "token": token.token, "sender": token.sender, "condition": token.condition,
                "recipient": plan.recipient(token), "subject": f"Experiment {token.token}",
                "body": f"This message is part of an experiment with mail transport. {token.token} .", **noted,
            }
        )  # fmt: skip
    try:
        replace_file(path, text.getvalue().encode())
    except OSError as error:
        raise StageFailed(f"{path}: cannot be written: {error.strerror or error}") from error


def read_sheet(path: Path) -> Mapping[str, Noted]:
    """What was noted, by token; times without a zone are UTC. Nothing where there is no sheet.

    Raises:
        StudyError: it cannot be read; line, column and how to mend it.
    """
    return {
        row["token"]: Noted(_time(path, line, row, "sent_at"), _time(path, line, row, "bounced_at"))
        for line, row in enumerate(_rows(path), 2)
    }


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        reader = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline=""))
        rows = list(reader)
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise StudyError(f"{path}: cannot be read: {error}") from None
    missing = [name for name in ("token", "sent_at", "bounced_at") if name not in (reader.fieldnames or ())]
    if missing:
        raise StudyError(f"{path}: line 1: no column {missing[0]}; keep the header as it was written")
    return rows


def _time(path: Path, line: int, row: Mapping[str, str], column: str) -> datetime | None:
    text = (row[column] or "").strip()
    if not text:
        return None
    try:
        time = datetime.fromisoformat(text)
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise StudyError(
            f"{path}: row {line}: {column}: {text!r} is no time; write it as 2026-11-22 14:05"
        ) from None
