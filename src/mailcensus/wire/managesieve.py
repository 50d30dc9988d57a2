"""ManageSieve (RFC 5804): the greeting is the capability list, and it comes again by itself behind STARTTLS.

RFC 5804 section 2.2 lets a client wait for that second list, so nothing is sent behind TLS but LOGOUT.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailcensus.wire.dialogue import LineDialogue, refusal
from mailcensus.wire.exchange import printable
from mailcensus.wire.lines import LiteralReader, UnexpectedLine

_STATUS = re.compile(rb"(OK|NO|BYE)(?: |\Z)", re.IGNORECASE)
_STRING = re.compile(rb'"((?:[^"\\]|\\.)*)"|\{(\d{1,10})\+?\}', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a response, RFC 5804 section 1.2.

    Attributes:
        status: OK, NO or BYE where the line ends the response; None: a line of data.
        strings: quoted strings and literals of a line of data.
        text: the whole line as sent.
    """

    status: str | None
    strings: tuple[str, ...]
    text: str


class ResponseReader(LiteralReader[Line]):
    """Bytes of a ManageSieve server in, lines of its responses out."""

    def unit(self, raw: bytes) -> Line:
        """See LiteralReader."""
        if status := _STATUS.match(raw):
            return Line(status[1].decode("ascii").upper(), (), printable(raw))
        if raw[:1] not in (b'"', b"{"):
            raise UnexpectedLine("a ManageSieve response", raw)
        return Line(None, _strings(raw), printable(raw))


def auth_mechanisms(lines: tuple[Line, ...]) -> tuple[str, ...]:
    """The mechanisms of the SASL capability in the server's order, each once, upper case."""
    sasl = (line.strings[1] for line in lines if _name(line) == "SASL" and len(line.strings) > 1)
    return tuple(dict.fromkeys(mechanism.upper() for value in sasl for mechanism in value.split()))


class ManageSieveDialogue(LineDialogue[Line]):
    """Capabilities, STARTTLS, capabilities again, LOGOUT."""

    starttls_command = b"STARTTLS\r\n"
    farewell_command = b"LOGOUT\r\n"

    def new_reader(self) -> ResponseReader:
        """See LineDialogue."""
        self._lines: list[Line] = []
        return ResponseReader(self.settings.limits)

    def on_greeting(self, unit: Line) -> bytes:
        """Capability lines, then OK: greeting and capabilities in one."""
        if unit.status is None:
            self._lines.append(unit)
            return b""
        self.findings.greeting = "\n".join(line.text for line in (*self._lines, unit))
        self.ask_capabilities(b"")
        return self.on_capabilities(unit)

    def on_capabilities(self, unit: Line) -> bytes:
        """The same list, behind STARTTLS."""
        if unit.status is None:
            self._lines.append(unit)
            return b""
        if unit.status != "OK":
            raise refusal(unit.text)
        lines, self._lines = tuple(self._lines), []
        self.learn(tuple(line.text for line in lines), auth_mechanisms(lines))
        return self.go_on(starttls_offered=any(_name(line) == "STARTTLS" for line in lines))

    def on_starttls(self, unit: Line) -> bytes:
        """OK, or NO in the server's words."""
        if unit.status == "OK":
            return self.accept()
        if unit.status == "BYE":
            raise refusal(unit.text)
        return self.refuse(unit.text) if unit.status else b""

    def ask_again(self) -> bytes:
        """The server lists them unasked."""
        return b""


def _name(line: Line) -> str:
    return line.strings[0].upper() if line.strings else ""


def _strings(raw: bytes) -> tuple[str, ...]:
    strings, at = [], 0
    while found := _STRING.match(raw, at):
        at = found.end()
        value = found[1]
        if value is None:
            value, at = raw[at : at + int(found[2])], at + int(found[2])
        else:
            value = re.sub(rb"\\(.)", rb"\1", value, flags=re.DOTALL)
        strings.append(printable(value))
        at += raw[at : at + 1] == b" "
    return tuple(strings)
