"""Which notices were sent, and who answered: `outreach/ledger.jsonl`, one event a line, only ever added to.

It stands beside data/ and not in it: it names people, and data/ is there to be given away. An event is one write and
one line. What a killed command left half written at the end is passed over, and ended before the next event.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from mailcensus.outreach.notices_findings import Concern
from mailcensus.study import StageFailed, Study, StudyError
from mailcensus.wire.services import SERVICE_BY_NAME
from mailcensus.wire.visible import visible

_NOTICE_BYTES = 512 * 1024 * 1024
NOT_FOLLOWED = frozenset({Concern.SHARED_WITHIN})
"""Not wrong in itself, so there is nothing to be mended."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class Item(_Record):
    """One thing an operator was told, as it can be looked at again."""

    ip: str
    concern: Concern
    service: str | None = None
    """Where the key was seen; None: it is no matter of a key."""
    key: str | None = None
    """Its hash, or its pseudonym."""
    algorithm: str | None = None
    flaw: str | None = None
    """Of the host's TLS."""


class Event(_Record):
    """One line."""

    at: datetime
    event: Literal["sent", "answered"]
    notice: str
    run_id: str | None = None
    recipient: str | None = None
    pseudonym: str | None = None
    """What the recipient is called with the secret that names were made with."""
    name: str | None = None
    to: str | None = None
    note: str | None = None
    told: tuple[Item, ...] = ()


class _Finding(_Record):
    concern: Concern
    services: tuple[str, ...]
    key: str | None
    flaws: tuple[str, ...]


class _Host(_Record):
    ip: str
    findings: tuple[_Finding, ...]


class _Key(_Record):
    key: str
    algorithm: str | None


class _About(_Record):
    recipient: str
    name: str
    pseudonym: str


class _NoticeFile(_Record):
    """What is needed of notice.json."""

    format: Literal[1]
    notice: str
    run_id: str
    about: _About
    to: str | None
    hosts: tuple[_Host, ...]
    keys: tuple[_Key, ...]


def sent_event(folder: Path, at: datetime, to: str | None) -> Event:
    """That the notice in a folder was sent.

    Raises:
        StudyError: there is none.
    """
    path = folder / "notice.json"
    try:
        with path.open("rb") as file:
            read = _NoticeFile.model_validate_json(file.read(_NOTICE_BYTES))
    except OSError as error:
        raise StudyError(f"{path}: cannot be read: {error.strerror}; name the folder of a notice") from None
    except ValidationError as error:
        raise StudyError(f"{path}: not a notice of ours: {_first(error)}") from None
    return Event(
        at=at, event="sent", notice=read.notice, run_id=read.run_id, recipient=read.about.recipient,
        pseudonym=read.about.pseudonym, name=read.about.name, to=to or read.to, told=_items(read),
    )  # fmt: skip


def _items(read: _NoticeFile) -> tuple[Item, ...]:
    algorithm = {key.key: key.algorithm for key in read.keys}
    items: list[Item] = []
    for host in read.hosts:
        for finding in host.findings:
            if finding.concern in NOT_FOLLOWED:
                continue
            if finding.key is None:
                items += (Item(ip=host.ip, concern=finding.concern, flaw=flaw) for flaw in finding.flaws)
                continue
            kind = algorithm.get(finding.key)
            items += (
                Item(ip=host.ip, concern=finding.concern, service=service, key=finding.key, algorithm=kind)
                for service in _to_change(finding)
            )
    return tuple(items)


def _to_change(finding: _Finding) -> Sequence[str]:
    """Services that have to show another key: of one that SSH and TLS share, SSH's is enough."""
    if finding.concern is not Concern.SSH_AND_TLS:
        return finding.services
    by_ssh = [
        name
        for name in finding.services
        if name in SERVICE_BY_NAME and SERVICE_BY_NAME[name].protocol == "ssh"
    ]
    return by_ssh or finding.services


def ledger_path(study: Study) -> Path:
    """Where a study keeps its ledger."""
    return study.directory / "outreach" / "ledger.jsonl"


def append(study: Study, events: Sequence[Event]) -> None:
    """Add events, each whole or not at all.

    Raises:
        StageFailed: they cannot be written.
    """
    path = ledger_path(study)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "rb+", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            size = os.fstat(descriptor).st_size
            begun = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            lines = "".join(f"{event.model_dump_json(exclude_none=True)}\n" for event in events)
            file.write(b"\n" * begun + lines.encode())
            os.fsync(descriptor)
    except OSError as error:
        raise StageFailed(f"{path}: cannot be written: {error}") from error


def read_ledger(study: Study) -> list[Event]:
    """All events, the oldest first; none where nothing was sent yet.

    Raises:
        StudyError: a line is no event.
    """
    path = ledger_path(study)
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StudyError(f"{path}: cannot be read: {error.strerror}") from None
    events = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            events.append(Event.model_validate_json(line))
        except ValidationError as error:
            if number == len(lines) or _is_cut(line):
                continue
            raise StudyError(f"{path}: line {number}: {_first(error)}; mend or remove the line") from None
    return events


def _is_cut(line: bytes) -> bool:
    """Whether it is the beginning of an event whose writer was killed: no line of ours ends without a brace."""
    return line.startswith(b'{"at":') and not line.rstrip().endswith(b"}")


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return visible(f"{where}: {first['msg']}" if where else first["msg"])
