"""SMTP (RFC 5321) with STARTTLS (RFC 3207) and AUTH (RFC 4954), as far as a census asks.

EHLO is sent whatever the banner says: servers that hide "ESMTP" are many. A server that answers 5xx gets HELO, and
has then told us that it has no extensions. 4xx anywhere but at STARTTLS means "come back later".
"""

from __future__ import annotations

from dataclasses import dataclass

from mailcensus.model import Stage
from mailcensus.wire.dialogue import LineDialogue
from mailcensus.wire.errors import ProtocolError, RateLimited, WireError
from mailcensus.wire.exchange import Limits, printable
from mailcensus.wire.lines import LineReader, UnexpectedLine

_SEPARATORS = (b"-", b" ")
_AUTH = ("AUTH ", "AUTH=", "AUTH\t")
_SERVICE_READY = 220
_CLOSING = 421
_OK = 250


@dataclass(frozen=True, slots=True)
class Reply:
    """One whole reply, RFC 5321 section 4.2. `lines` are without code and separator."""

    code: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """The reply as it was sent, lines parted by LF."""
        *first, last = self.lines
        return "\n".join([f"{self.code}-{line}" for line in first] + [f"{self.code} {last}".rstrip()])

    @property
    def words(self) -> str:
        """The reply in one line, for an error."""
        return " ".join([str(self.code), *self.lines])


class ReplyReader(LineReader[Reply]):
    """Bytes of an SMTP server in, replies out.

    Where the lines of one reply carry different codes (RFC 5321 forbids it), the last one counts, as it does
    for the mail servers that ask.
    """

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self._lines: list[bytes] = []

    def next(self) -> Reply | None:
        """See LineReader."""
        while (line := self.lines.next_line()) is not None:
            code, separator = line[:3], line[3:4]
            if len(code) < 3 or not code.isdigit() or separator.isdigit():
                raise UnexpectedLine("an SMTP reply", line)
            self._lines.append(line[4:] if separator in _SEPARATORS else line[3:])
            if separator != b"-":
                text, self._lines = printable(b"\n".join(self._lines)), []
                return Reply(int(code), tuple(text.split("\n")))
        return None


def auth_mechanisms(capabilities: tuple[str, ...]) -> tuple[str, ...]:
    """SASL mechanisms of all AUTH lines in the server's order, each once, upper case.

    `AUTH=LOGIN PLAIN`, which some servers repeat for very old clients, counts too.
    """
    found: dict[str, None] = {}
    for capability in capabilities:
        line = capability.strip().upper()
        if line[:5] in _AUTH:
            found.update(dict.fromkeys(line[len("AUTH ") :].split()))
    return tuple(found)


class SmtpDialogue(LineDialogue[Reply]):
    """Greeting, EHLO (or HELO), STARTTLS, EHLO again, QUIT."""

    hello = "EHLO"
    plain_hello: str | None = "HELO"
    """What to say instead to a server that does not know `hello`."""
    starttls_command = b"STARTTLS\r\n"
    farewell_command = b"QUIT\r\n"
    _said_plain_hello = False

    def new_reader(self) -> ReplyReader:
        """See LineDialogue."""
        return ReplyReader(self.settings.limits)

    def on_greeting(self, unit: Reply) -> bytes:
        """220 is answered with EHLO; the banner's words do not matter."""
        self.findings.greeting = unit.text
        if unit.code != _SERVICE_READY:
            raise _refusal(unit)
        return self.ask_capabilities(self._say(self.hello))

    def on_capabilities(self, unit: Reply) -> bytes:
        """The answer to EHLO, or to HELO."""
        if unit.code == _SERVICE_READY and self.stage is Stage.CAPABILITIES:
            # Some greet with several lines that lack the hyphen; the EHLO answer comes behind them.
            self._lengthen_greeting(unit)
            return b""
        if unit.code >= 500 and self.plain_hello is not None and not self._said_plain_hello:
            self._said_plain_hello = True
            return self._say(self.plain_hello)
        if unit.code != _OK:
            raise _refusal(unit)
        capabilities = () if self._said_plain_hello else unit.lines[1:]
        self.learn(capabilities, auth_mechanisms(capabilities))
        return self.go_on(starttls_offered="STARTTLS" in [line.strip().upper() for line in capabilities])

    def on_starttls(self, unit: Reply) -> bytes:
        """220: go. 421: later. All else, 454 too, is a refusal (RFC 3207 section 4)."""
        if unit.code == _SERVICE_READY:
            return self.accept()
        if unit.code == _CLOSING:
            raise RateLimited(unit.words)
        return self.refuse(unit.words)

    def ask_again(self) -> bytes:
        """RFC 3207 section 4.2: all knowledge from before TLS is forgotten."""
        self._said_plain_hello = False
        return self._say(self.hello)

    def _lengthen_greeting(self, reply: Reply) -> None:
        greeting = self.findings.greeting or ""
        if len(greeting) <= self.settings.limits.line:
            self.findings.greeting = f"{greeting}\n{reply.text}"

    def _say(self, hello: str) -> bytes:
        return f"{hello} {self.settings.ehlo_name}\r\n".encode()


def _refusal(reply: Reply) -> WireError:
    return RateLimited(reply.words) if 400 <= reply.code < 500 else ProtocolError(reply.words)
