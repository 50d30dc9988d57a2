"""What the text protocols have in common: lines, caps, and the turns of a lock-step dialogue.

A dialogue asks one server what it offers. It is driven by `wire.conversation`, which owns TLS:

    open()        the connection is there (for implicit TLS: the handshake is done)
    receive(...)  until `turn` is no longer READ
    secured()     after START_TLS, once the handshake is done: capabilities are asked again
    farewell()    what to say before closing, once `turn` is FINISHED

Nothing is sent before the server's turn is over, and nothing is asked but the greeting, capabilities and TLS.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import Enum, auto

from mailcensus.model import Outcome, Stage
from mailcensus.wire.errors import LimitExceeded
from mailcensus.wire.exchange import ExchangeSettings, Findings


class Turn(Enum):
    """Whose turn it is after a call."""

    READ = auto()
    """The server's: wait for more bytes."""
    START_TLS = auto()
    """The server agreed to STARTTLS: handshake now."""
    FINISHED = auto()
    """Nothing is left to ask."""


class Lines:
    """Cuts a byte stream into lines, however it arrives, within caps.

    Lines end in LF; a CR before it is dropped. Bare CR is content (servers do send it).
    """

    def __init__(self, line_bytes: int, text_bytes: int) -> None:
        self._buffer = bytearray()
        self._line_bytes = line_bytes
        self._text_left = text_bytes

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are complete now, without their ends.

        Raises:
            LimitExceeded: a line or the whole text is longer than its cap.
        """
        self._text_left -= len(data)
        if self._text_left < 0:
            raise LimitExceeded("the server sent more text than our cap")
        self._buffer += data
        if b"\n" not in data:
            if len(self._buffer) > self._line_bytes:
                raise LimitExceeded("the server sent a line longer than our cap")
            return []
        *lines, rest = self._buffer.split(b"\n")
        self._buffer = rest
        if len(rest) > self._line_bytes or any(len(line) > self._line_bytes for line in lines):
            raise LimitExceeded("the server sent a line longer than our cap")
        return [bytes(line[:-1] if line.endswith(b"\r") else line) for line in lines]

    @property
    def pending(self) -> bytes:
        """What has arrived of a line that is not complete."""
        return bytes(self._buffer)


class Dialogue(ABC):
    """One text protocol, from the client's side, bytes only.

    Attributes:
        turn: what the driver does next.
        stage: where the dialogue is (greeting, capabilities, starttls, session, done).
        outcome: set with FINISHED; OK, or NO_STARTTLS where a STARTTLS service did not give it.
        error: the server's own words where outcome is not OK.
    """

    def __init__(self, settings: ExchangeSettings, findings: Findings, *, starttls: bool) -> None:
        self.settings = settings
        self.findings = findings
        self.starttls = starttls
        """Whether this service is to be upgraded: ask for STARTTLS when it is offered."""
        self.secure = False
        """TLS is up: what is learnt now is 'after'."""
        self.turn = Turn.READ
        self.stage = Stage.GREETING
        self.outcome = Outcome.OK
        self.error: str | None = None

    @abstractmethod
    def open(self) -> bytes:
        """Begin; with implicit TLS `secure` is set before. Most protocols wait for a greeting and send nothing."""

    @abstractmethod
    def receive(self, data: bytes) -> bytes:
        """Take plain text from the server; give the next command once its turn is over.

        Raises:
            WireError: what the server sent ends the dialogue; its class gives the outcome.
        """

    @abstractmethod
    def secured(self) -> bytes:
        """TLS is up after STARTTLS: forget what was pending, ask capabilities again (stage `session`)."""

    @abstractmethod
    def farewell(self) -> bytes:
        """The polite last word (QUIT, LOGOUT); empty where the protocol has none or it makes no sense now."""
