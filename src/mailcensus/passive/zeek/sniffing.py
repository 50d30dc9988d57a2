"""What a file is, by its first bytes and, where these do not say, its name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mailcensus.passive.zeek.json_log import JsonReader, first_object
from mailcensus.passive.zeek.log_kinds import LOGS, LogKind
from mailcensus.passive.zeek.opening import CANNOT_READ, open_log
from mailcensus.passive.zeek.text_log import TextReader, names_fields

_LOOKED_AT = 1 << 16
_NAME = re.compile(r"([a-z][a-z0-9]*(?:_[a-z]+)*)")
_HEADERS = (b"#separator", b"#fields", b"#set_separator", b"#path", b"###")
"""How text logs of Zeek begin; the last is a comment of its own test suite."""


@dataclass(frozen=True, slots=True)
class ZeekFile:
    """A file of Zeek's."""

    path: Path
    reader: TextReader | JsonReader
    kind: str
    """Name of the log; json: several in one file."""


def zeek_file(path: Path) -> ZeekFile | None:
    """How to read a file; None: it is no log of Zeek's that is read here, or cannot be read at all.

    A text log of another kind (dns.log) is one of Zeek's and is read: its header says that nothing of it is wanted.
    """
    try:
        with open_log(path) as stream:
            begin = stream.read(_LOOKED_AT)
    except CANNOT_READ:
        return None
    named = _named(path)
    if begin.startswith(_HEADERS):
        return ZeekFile(path, TextReader(named), _path_said(begin) or named or "text")
    if begin.lstrip()[:1] == b"{":
        return _json_file(path, begin, named)
    if names_fields(begin, named):
        return ZeekFile(path, TextReader(named), named or "text")
    return None


def _json_file(path: Path, begin: bytes, named: str | None) -> ZeekFile | None:
    row = first_object(begin)
    if row is None:
        return None
    if "_path" in row:
        return ZeekFile(path, JsonReader(None), str(row["_path"])[:64])
    log = LOGS.get(named or "") or _known_by(set(row))
    return None if log is None else ZeekFile(path, JsonReader(log), log.path)


def _known_by(fields: set[str]) -> LogKind | None:
    return next((log for log in LOGS.values() if log.known_by and log.known_by <= fields), None)


def _named(path: Path) -> str | None:
    """The log that a file's name tells, as in ssl.log, ssl.10:00:00-11:00:00.log.gz, ssl_20261122.json.zst."""
    found = _NAME.match(path.name.lower())
    return found[1] if found and found[1] in LOGS else None


def _path_said(begin: bytes) -> str | None:
    found = re.search(rb"^#path[^\w\n]+(\w+)", begin, re.MULTILINE)
    return found[1].decode()[:64] if found else None
