"""IMAP (RFC 9051, RFC 3501): greeting, CAPABILITY, STARTTLS.

Servers may send any untagged response at any time; only the tagged one ends their turn. CAPABILITY is asked even
when the greeting carried it: some servers put only a part there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailcensus.wire.dialogue import LineDialogue, Turn, refusal
from mailcensus.wire.errors import ProtocolError
from mailcensus.wire.exchange import printable
from mailcensus.wire.lines import LiteralReader, UnexpectedLine

_START = re.compile(rb"(\*|\+|[!#$&',-.0-9:;<=>?@A-Z\[\]^_`a-z|}~/]{1,64})(?: |\Z)")
"""A tag is ASTRING-CHAR but `+`, RFC 9051 section 9; clients of others use more than letters."""
_CAPABILITY_DATA = re.compile(r"CAPABILITY\b([^\r\n]*)", re.IGNORECASE)
_CAPABILITY_CODE = re.compile(r"(?:OK|PREAUTH|NO) \[CAPABILITY\b([^\]\r\n]*)\]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Response:
    """One response, RFC 9051 section 2.2.2.

    Attributes:
        tag: `*` untagged, `+` continuation, else the command's own.
        text: all behind the tag; literals stand in it as they came.
    """

    tag: str
    text: str

    @property
    def line(self) -> str:
        """The whole response as sent."""
        return f"{self.tag} {self.text}" if self.text else self.tag

    @property
    def word(self) -> str:
        """The first word, upper case: OK, NO, BAD, BYE, PREAUTH, CAPABILITY, ..."""
        return self.text.partition(" ")[0].upper()


class ResponseReader(LiteralReader[Response]):
    """Bytes of an IMAP server in, responses out."""

    def unit(self, raw: bytes) -> Response:
        """See LiteralReader."""
        start = _START.match(raw)
        if start is None:
            raise UnexpectedLine("an IMAP response", raw)
        return Response(start[1].decode("ascii"), printable(raw[start.end() :]))


def capabilities_of(text: str) -> tuple[str, ...] | None:
    """The capabilities in a CAPABILITY response or response code, as sent; None: it has none."""
    found = _CAPABILITY_DATA.match(text) or _CAPABILITY_CODE.match(text)
    return tuple(found[1].split()) if found else None


def auth_mechanisms(capabilities: tuple[str, ...]) -> tuple[str, ...]:
    """SASL mechanisms (`AUTH=...`) in the server's order, each once, upper case."""
    auth = (item[len("AUTH=") :].upper() for item in capabilities if item[:5].upper() == "AUTH=")
    return tuple(dict.fromkeys(filter(None, auth)))


class ImapDialogue(LineDialogue[Response]):
    """Greeting, CAPABILITY, STARTTLS, CAPABILITY again, LOGOUT."""

    _capabilities: tuple[str, ...] | None = None
    _commands_sent = 0

    def new_reader(self) -> ResponseReader:
        """See LineDialogue."""
        return ResponseReader(self.settings.limits)

    def on_greeting(self, unit: Response) -> bytes:
        """OK or PREAUTH, perhaps with capabilities; BYE refuses us."""
        self.findings.greeting = unit.line
        if unit.tag != "*" or unit.word not in ("OK", "PREAUTH"):
            raise refusal(self.findings.greeting)
        self._learn_from(unit)
        return self.ask_capabilities(self._command("CAPABILITY"))

    def on_capabilities(self, unit: Response) -> bytes:
        """Untagged data and the tagged end of CAPABILITY."""
        self._learn_from(unit)
        if not self._ends_turn(unit):
            return b""
        if self._capabilities is None:
            return self.go_on(starttls_offered=None)
        return self.go_on(starttls_offered="STARTTLS" in (item.upper() for item in self._capabilities))

    def on_starttls(self, unit: Response) -> bytes:
        """OK, or NO and BAD (RFC 9051 section 6.2.1); untagged data may come before."""
        if not self._ends_turn(unit):
            return b""
        return self.accept() if unit.word == "OK" else self.refuse(unit.text)

    def ask_again(self) -> bytes:
        """RFC 9051 section 6.2.1: capabilities from before TLS are forgotten."""
        self._capabilities = None
        return self._command("CAPABILITY")

    def ask_starttls(self) -> bytes:
        """See LineDialogue."""
        return self._command("STARTTLS")

    def farewell(self) -> bytes:
        """See Dialogue."""
        return b"" if self.turn is Turn.START_TLS else self._command("LOGOUT")

    def _learn_from(self, unit: Response) -> None:
        capabilities = capabilities_of(unit.text)
        if capabilities is not None:
            self._capabilities = capabilities
            self.learn(capabilities, auth_mechanisms(capabilities))

    def _command(self, words: str) -> bytes:
        self._commands_sent += 1
        return f"a{self._commands_sent} {words}\r\n".encode()

    def _ends_turn(self, unit: Response) -> bool:
        if unit.tag == f"a{self._commands_sent}":
            return True
        if unit.tag not in ("*", "+"):
            raise ProtocolError(f"an answer to a command that was not sent: {unit.line}")
        if unit.word == "BYE":
            raise refusal(unit.line)
        return False
