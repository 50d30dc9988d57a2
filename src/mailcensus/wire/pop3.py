"""POP3 (RFC 1939) with CAPA (RFC 2449), STLS (RFC 2595) and AUTH (RFC 5034).

A server that answers CAPA with -ERR predates RFC 2449 and may still know STLS, so STLS is then asked for with
`starttls_offered` left unknown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailcensus.wire.dialogue import LineDialogue, refusal
from mailcensus.wire.exchange import Limits, printable
from mailcensus.wire.lines import LineReader, UnexpectedLine

_TIMESTAMP = re.compile(r"<[^<>@\s]{1,255}@[^<>\s]{1,255}>")


@dataclass(frozen=True, slots=True)
class Response:
    """One response, RFC 1939 section 3.

    Attributes:
        ok: +OK or -ERR.
        text: the status line as sent.
        body: the lines of a multi-line response, dot-stuffing undone; None: it had one line only.
    """

    ok: bool
    text: str
    body: tuple[str, ...] | None = None


class ResponseReader(LineReader[Response]):
    """Bytes of a POP3 server in, responses out.

    Whether a response has many lines depends on the command: say `expect_body` when that was CAPA. An -ERR never
    has a body.
    """

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self._expects_body = False
        self._status: str | None = None
        self._body: list[str] = []

    def expect_body(self) -> None:
        """The next +OK is followed by lines up to a lone dot."""
        self._expects_body = True

    def next(self) -> Response | None:
        """See LineReader."""
        while (line := self.lines.next_line()) is not None:
            if self._status is None:
                ok = _is_ok(line)
                if not (ok and self._expects_body):
                    self._expects_body = False
                    return Response(ok, printable(line))
                self._status = printable(line)
            elif line == b".":
                return self._whole()
            else:
                self._body.append(printable(line.removeprefix(b".")))
        return None

    def _whole(self) -> Response:
        response = Response(True, self._status or "", tuple(self._body))
        self._expects_body, self._status, self._body = False, None, []
        return response


def auth_mechanisms(capabilities: tuple[str, ...], greeting: str | None) -> tuple[str, ...]:
    """How users may log in: SASL mechanisms in the server's order, then USER, then APOP.

    USER is a capability of its own (RFC 2449 section 6.3); APOP shows by the timestamp in the greeting
    (RFC 1939 section 7).
    """
    words = [line.upper().split() for line in capabilities]
    sasl = [mechanism for line in words if line[:1] == ["SASL"] for mechanism in line[1:]]
    user = ["USER"] if ["USER"] in words else []
    apop = ["APOP"] if _TIMESTAMP.search(greeting or "") else []
    return tuple(dict.fromkeys(sasl + user + apop))


class Pop3Dialogue(LineDialogue[Response]):
    """Greeting, CAPA, STLS, CAPA again, QUIT."""

    starttls_command = b"STLS\r\n"
    farewell_command = b"QUIT\r\n"

    def new_reader(self) -> ResponseReader:
        """See LineDialogue."""
        self._responses = ResponseReader(self.settings.limits)
        return self._responses

    def on_greeting(self, unit: Response) -> bytes:
        """+OK, with a timestamp where the server knows APOP."""
        self.findings.greeting = unit.text
        if not unit.ok:
            raise refusal(unit.text)
        return self.ask_capabilities(self.ask_again())

    def on_capabilities(self, unit: Response) -> bytes:
        """The list of CAPA; -ERR: there is none to be had."""
        capabilities = unit.body or ()
        auth = auth_mechanisms(capabilities, self.findings.greeting)
        if not unit.ok:
            self.learn((), auth or None)
            return self.go_on(starttls_offered=None)
        self.learn(capabilities, auth)
        return self.go_on(starttls_offered=any(line.strip().upper() == "STLS" for line in capabilities))

    def on_starttls(self, unit: Response) -> bytes:
        """+OK or -ERR, RFC 2595 section 4."""
        return self.accept() if unit.ok else self.refuse(unit.text)

    def ask_again(self) -> bytes:
        """RFC 2595 section 4: capabilities are asked anew behind TLS."""
        self._responses.expect_body()
        return b"CAPA\r\n"


def _is_ok(line: bytes) -> bool:
    status = line[:4].upper()
    if status[:3] == b"+OK":
        return True
    if status == b"-ERR":
        return False
    raise UnexpectedLine("a POP3 response", line)
