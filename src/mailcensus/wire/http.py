"""HTTP/1.1 (RFC 9112): one HEAD request for the root, never followed anywhere."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from mailcensus.model import Http
from mailcensus.wire.dialogue import LineDialogue
from mailcensus.wire.exchange import Limits, printable
from mailcensus.wire.lines import LineReader, UnexpectedLine

_STATUS_LINE = re.compile(rb"HTTP/\d\.\d +(\d{3})(?: |\Z)")


@dataclass(frozen=True, slots=True)
class Status:
    """A status line, RFC 9112 section 4."""

    code: int


@dataclass(frozen=True, slots=True)
class Field:
    """A header field, its name in lower case. A line without a colon, or a folded one, has no name."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class End:
    """The empty line behind the header fields."""


class HeadReader(LineReader[Status | Field | End]):
    """Bytes of an HTTP server in, the parts of response heads out. The answer to HEAD has no body."""

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self._in_head = False

    def next(self) -> Status | Field | End | None:
        """See LineReader."""
        line = self.lines.next_line()
        if line is None:
            return None
        if self._in_head:
            self._in_head = bool(line)
            return _field(line) if line else End()
        self._in_head = True
        return _status(line)


class HttpDialogue(LineDialogue[Status | Field | End]):
    """HEAD /, its head, and no more. What came of a head that never ends is kept."""

    def new_reader(self) -> HeadReader:
        """See LineDialogue."""
        return HeadReader(self.settings.limits)

    def open(self) -> bytes:
        """The client speaks first. Host is never empty where we can help it: nginx answers 400 to that."""
        host = self.settings.server_name or self.settings.authority or ""
        return self.ask_capabilities(
            f"HEAD / HTTP/1.1\r\nHost: {host}\r\n"
            f"User-Agent: mailcensus ({self.settings.ehlo_name})\r\nAccept: */*\r\nConnection: close\r\n\r\n".encode()
        )

    def on_capabilities(self, unit: Status | Field | End) -> bytes:
        """The first Server and Location count; a 1xx head announces another one (RFC 9110 section 15.2)."""
        http = self.findings.http or Http()
        match unit:
            case Status(code):
                self.findings.http = Http(status=code)
            case Field("server", value) if http.server is None:
                self.findings.http = replace(http, server=value)
            case Field("location", value) if http.location is None:
                self.findings.http = replace(http, location=value)
            case End() if http.status is None or http.status >= 200:
                return self.finish()
        return b""

    def on_greeting(self, unit: Status | Field | End) -> bytes:
        """HTTP has none: `open` has left that stage."""
        return self.on_capabilities(unit)

    def on_starttls(self, unit: Status | Field | End) -> bytes:
        """Never asked for."""
        return self.on_capabilities(unit)

    def ask_again(self) -> bytes:
        """Behind an upgrade the request is made as on a new connection."""
        return self.open()


def _status(line: bytes) -> Status:
    match = _STATUS_LINE.match(line)
    if match is None:
        raise UnexpectedLine("an HTTP response", line)
    return Status(int(match[1]))


def _field(line: bytes) -> Field:
    name, colon, value = line.partition(b":")
    if not colon or name[:1] in (b" ", b"\t"):
        return Field("", printable(line))
    return Field(printable(name).lower(), printable(value.strip()))
