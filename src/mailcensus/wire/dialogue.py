"""What the text protocols have in common: the turns of a lock-step dialogue.

A dialogue asks one server what it offers. It is driven by `wire.conversation`, which owns TLS:

    open()        the connection is there (for implicit TLS: the handshake is done, `secure` was set)
    receive(...)  until `turn` is no longer READ
    pending       with START_TLS: bytes that came with the server's agreement, for the TLS reader
    secured()     after START_TLS, once the handshake is done: capabilities are asked again
    farewell()    what to say before closing, once `turn` is FINISHED

Nothing is sent before the server's turn is over, and nothing is asked but the greeting, capabilities and TLS.

Stages: greeting; capabilities in the clear, session behind TLS (either kind of TLS); starttls; done. A dialogue
that ends well ends in `done`; one without STARTTLS ends in `capabilities` (not offered) or `starttls` (refused).

Where the capabilities are not known (the server has no such command), STARTTLS is asked for all the same:
that is the one way to know, and unknown is never "no".
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from enum import Enum, auto
from typing import Generic

from mailcensus.model import Outcome, Stage
from mailcensus.wire.errors import ProtocolError, RateLimited, WireError
from mailcensus.wire.exchange import ExchangeSettings, Findings, printable
from mailcensus.wire.lines import LineReader, UnexpectedLine, Unit

_TLS_FIRST_BYTES = (0x15, 0x16)
"""Content types a TLS server can send before it has read a ClientHello: alert and HelloRequest (RFC 5246)."""

_LATER = re.compile(
    r"too (?:many|fast|frequent)|try(?:ing)? (?:again|later)|again later|temporar|throttl|rate.?limit|"
    r"limit (?:exceeded|reached)|exceed(?:s|ed|ing)|maximum|overload|too busy|server busy|unavailable|"
    r"\[(?:SYS/TEMP|LOGIN-DELAY|IN-USE|UNAVAILABLE|LIMIT)\b|\(TRYLATER\b",
    re.IGNORECASE,
)


class Turn(Enum):
    """Whose turn it is after a call."""

    READ = auto()
    """The server's: wait for more bytes."""
    START_TLS = auto()
    """The server agreed to STARTTLS: handshake now."""
    FINISHED = auto()
    """Nothing is left to ask."""


class Dialogue(ABC):
    """One protocol, from the client's side, bytes only.

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

    @property
    def pending(self) -> bytes:
        """With START_TLS: bytes that arrived behind the server's agreement; they are the TLS reader's first.

        Empty with an honest server, which waits for the ClientHello. `receive` has already raised
        ProtocolError where they cannot begin a TLS record (text slipped in before the handshake).
        """
        return b""

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


class LineDialogue(Dialogue, Generic[Unit]):
    """A dialogue over a reader: the stage says which answer is being waited for."""

    starttls_command = b""
    farewell_command = b""

    def __init__(self, settings: ExchangeSettings, findings: Findings, *, starttls: bool) -> None:
        super().__init__(settings, findings, starttls=starttls)
        self._reader: LineReader[Unit] = self.new_reader()

    @abstractmethod
    def new_reader(self) -> LineReader[Unit]:
        """A reader for a new phase: the clear text, and again behind TLS."""

    @abstractmethod
    def on_greeting(self, unit: Unit) -> bytes:
        """The first thing the server says; give the capability command."""

    @abstractmethod
    def on_capabilities(self, unit: Unit) -> bytes:
        """The answer, or a part of it, to the capability command."""

    @abstractmethod
    def on_starttls(self, unit: Unit) -> bytes:
        """The answer to `starttls_command`."""

    @property
    def pending(self) -> bytes:
        """See Dialogue."""
        return self._reader.rest() if self.turn is Turn.START_TLS else b""

    def open(self) -> bytes:
        """Wait for the greeting."""
        return b""

    def receive(self, data: bytes) -> bytes:
        """See Dialogue. A first line that is not the protocol's is kept as the greeting before it raises."""
        self._reader.feed(data)
        commands = b""
        try:
            while self.turn is Turn.READ and (unit := self._reader.next()) is not None:
                commands += self._take(unit)
        except UnexpectedLine as unexpected:
            if self.findings.greeting is None and self.stage is Stage.GREETING:
                self.findings.greeting = printable(unexpected.line)
            raise
        if self.turn is Turn.START_TLS:
            _check_tls_can_begin(self._reader.rest())
        return commands

    def secured(self) -> bytes:
        """See Dialogue."""
        self._reader = self.new_reader()
        self.secure = True
        self.turn = Turn.READ
        self.stage = Stage.SESSION
        return self.ask_again()

    @abstractmethod
    def ask_again(self) -> bytes:
        """What to send behind STARTTLS."""

    def farewell(self) -> bytes:
        """See Dialogue. Nothing between the two halves of an upgrade."""
        return b"" if self.turn is Turn.START_TLS else self.farewell_command

    def ask_capabilities(self, command: bytes) -> bytes:
        """Enter the stage where capabilities are awaited."""
        self.stage = Stage.SESSION if self.secure else Stage.CAPABILITIES
        return command

    def learn(self, capabilities: tuple[str, ...], auth: tuple[str, ...] | None) -> None:
        """Record capabilities on this side of TLS."""
        if self.secure:
            self.findings.capabilities_after, self.findings.auth_after = capabilities, auth
        else:
            self.findings.capabilities_before, self.findings.auth_before = capabilities, auth

    def go_on(self, *, starttls_offered: bool | None) -> bytes:
        """Capabilities are known: ask for STARTTLS or finish. None: the server would not say what it offers."""
        if self.secure:
            return self.finish()
        self.findings.starttls_offered = starttls_offered
        if not self.starttls:
            return self.finish()
        if starttls_offered is False:
            self.turn, self.outcome, self.error = (
                Turn.FINISHED,
                Outcome.NO_STARTTLS,
                "STARTTLS was not offered",
            )
            return b""
        self.stage = Stage.STARTTLS
        return self.ask_starttls()

    def ask_starttls(self) -> bytes:
        """The command that asks for TLS."""
        return self.starttls_command

    def finish(self) -> bytes:
        """All is asked."""
        self.turn, self.stage = Turn.FINISHED, Stage.DONE
        return b""

    def accept(self) -> bytes:
        """The server agreed to start TLS."""
        self.findings.starttls_accepted = True
        self.turn = Turn.START_TLS
        return b""

    def refuse(self, words: str) -> bytes:
        """The server refused to start TLS, in its own words."""
        self.findings.starttls_accepted = False
        self.turn, self.outcome, self.error = Turn.FINISHED, Outcome.NO_STARTTLS, words
        return b""

    def _take(self, unit: Unit) -> bytes:
        if self.stage is Stage.GREETING:
            return self.on_greeting(unit)
        if self.stage is Stage.STARTTLS:
            return self.on_starttls(unit)
        return self.on_capabilities(unit)


def refusal(words: str) -> WireError:
    """What a server's refusal to talk comes to: RateLimited where its words ask for another time.

    For protocols whose refusals carry no class of their own (POP3, IMAP, IRC, XMPP); SMTP has its 4xx.
    """
    return RateLimited(words) if _LATER.search(words) else ProtocolError(words)


def _check_tls_can_begin(rest: bytes) -> None:
    """Text behind the agreement would be read as if it came through TLS (CVE-2011-0411's mirror image)."""
    if rest and (rest[0] not in _TLS_FIRST_BYTES or rest[1:2] not in (b"", b"\x03")):
        raise ProtocolError(f"text behind the STARTTLS reply, before TLS: {printable(rest[:200])!r}")
