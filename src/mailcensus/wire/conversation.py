"""A text service's whole conversation: its dialogue, and TLS in front of it or in the middle.

    TLS mode    order
    none        dialogue
    starttls    dialogue up to STARTTLS, TLS, dialogue again
    implicit    TLS, dialogue

Where TLS cannot be finished, the conversation ends well with what the first flight showed; the record says why.
"""

from __future__ import annotations

from mailcensus.model import Outcome, Stage, TlsMode
from mailcensus.wire.dialogue import Dialogue, Turn
from mailcensus.wire.errors import TlsError, WireError
from mailcensus.wire.exchange import ExchangeSettings, Findings
from mailcensus.wire.services import Service
from mailcensus.wire.tls.phase import Phase
from mailcensus.wire.tls.session import Session
from mailcensus.wire.tls.shares import KeyPairs
from mailcensus.wire.tls.sslv2 import VERSION as SSL_2_0
from mailcensus.wire.tls.sslv2 import Sslv2Session
from mailcensus.wire.visible import one_line

INJECTED: dict[str, bytes] = {
    "smtp": b"NOOP\r\n",
    "lmtp": b"NOOP\r\n",
    "imap": b"i1 NOOP\r\n",
    "pop3": b"CAPA\r\n",
}
"""What is sent behind STARTTLS in the clear; protocols whose servers speak first behind TLS are not here."""


class Conversation:
    """An Exchange (see `wire.exchange`) for every service that has a dialogue."""

    __slots__ = (
        "_dialogue",
        "_findings",
        "_key_pairs",
        "_service",
        "_session",
        "_settings",
        "error",
        "outcome",
        "stage",
    )

    def __init__(self, service: Service, settings: ExchangeSettings, key_pairs: KeyPairs) -> None:
        if service.dialogue is None:
            raise ValueError(f"{service.name} has no dialogue")
        self._service = service
        self._settings = settings
        self._key_pairs = key_pairs
        self._findings = Findings()
        self._dialogue: Dialogue = service.dialogue(
            settings, self._findings, starttls=service.tls_mode is TlsMode.STARTTLS
        )
        self._session: Session | Sslv2Session | None = None
        self.stage = Stage.TLS if service.tls_mode is TlsMode.IMPLICIT else Stage.GREETING
        self.outcome: Outcome | None = None
        self.error: str | None = None

    def start(self) -> bytes:
        """See Exchange."""
        if self._service.tls_mode is TlsMode.IMPLICIT:
            return self._begin_tls()
        return self._dialogue.open()

    def receive(self, data: bytes) -> bytes:
        """See Exchange."""
        if self.outcome is not None:
            return b""
        try:
            if self._session is None:
                return self._clear_text(data)
            return self._behind_tls(self._session, data)
        except WireError as error:
            return self._fail(error)

    def eof(self) -> None:
        """See Exchange."""
        self.give_up(Outcome.CLOSED, "the server closed the connection")

    def give_up(self, outcome: Outcome, error: str) -> None:
        """See Exchange."""
        if self.outcome is not None:
            return
        self._note_stage()
        if self._settings.inject and outcome is Outcome.TIMEOUT and self.stage is Stage.SESSION:
            self._end_injection(injected=False)
        else:
            self.outcome, self.error = outcome, one_line(error)

    def findings(self) -> Findings:
        """See Exchange."""
        session = self._session
        if session is not None and session.spoken:
            self._findings.tls = session.record()
            self._findings.certificates = session.chain or ()
        return self._findings

    # in the clear

    def _clear_text(self, data: bytes) -> bytes:
        dialogue = self._dialogue
        out = dialogue.receive(data)
        self._note_stage()
        if self._settings.inject and out and dialogue.stage is Stage.STARTTLS:
            out += INJECTED[self._service.protocol]
        if dialogue.turn is Turn.START_TLS:
            early = dialogue.pending
            out += self._begin_tls()
            if early and self._session is not None:
                out += self._handshake(self._session, early)
        elif dialogue.turn is Turn.FINISHED:
            out += self._end()
        return out

    # TLS

    def _begin_tls(self) -> bytes:
        self.stage = Stage.TLS
        self._session = self._new_session()
        return self._session.start()

    def _new_session(self) -> Session | Sslv2Session:
        settings, service = self._settings, self._service
        if settings.hello.versions == (SSL_2_0,):
            return Sslv2Session(settings.limits)
        return Session(
            settings.hello,
            self._key_pairs,
            server_name=settings.server_name,
            alpn=(service.alpn,) if service.alpn else (),
            limits=settings.limits,
            finish=settings.finish_tls,
        )

    def _behind_tls(self, session: Session | Sslv2Session, data: bytes) -> bytes:
        if session.phase in (Phase.FLIGHT, Phase.FINISHING):
            return self._handshake(session, data)
        out = session.receive(data)
        return out + self._protected_text(session)

    def _handshake(self, session: Session | Sslv2Session, data: bytes) -> bytes:
        out = session.receive(data)
        if session.phase is Phase.OBSERVED:
            self.outcome = Outcome.OK
            return out + session.close()
        if session.phase is Phase.OPEN:
            out += self._open_protected(session)
            out += self._protected_text(session)
        return out

    def _open_protected(self, session: Session | Sslv2Session) -> bytes:
        self.stage = Stage.SESSION
        if self._settings.inject:
            return b""  # only listen: whoever speaks now obeys what came in the clear
        if self._service.tls_mode is TlsMode.STARTTLS:
            text = self._dialogue.secured()
        else:
            self._dialogue.secure = True
            text = self._dialogue.open()
        return session.send(text) if text else b""

    def _protected_text(self, session: Session | Sslv2Session) -> bytes:
        text = session.plaintext()
        out = b""
        if text and self._settings.inject:
            return self._end_injection(injected=True)
        if text:
            answer = self._dialogue.receive(text)
            if answer:
                out = session.send(answer)
            if self._dialogue.turn is Turn.FINISHED:
                return out + self._end()
            if self._dialogue.turn is Turn.START_TLS:
                raise TlsError("STARTTLS behind TLS")
        if session.phase is Phase.CLOSED:
            self.eof()
        return out

    # ends

    def _end(self) -> bytes:
        self.outcome, words = self._dialogue.outcome, self._dialogue.error
        self.error = None if words is None else one_line(words)
        self.stage = Stage.DONE if self.outcome is Outcome.OK else self._dialogue.stage
        return self._goodbye()

    def _end_injection(self, *, injected: bool) -> bytes:
        self._findings.starttls_injected = injected
        self.outcome, self.stage = Outcome.OK, Stage.DONE
        return self._goodbye()

    def _fail(self, error: WireError) -> bytes:
        self._note_stage()
        self.outcome, self.error = error.outcome, one_line(str(error))
        session = self._session
        if session is None:
            return self._dialogue.farewell() if self.outcome is Outcome.RATE_LIMITED else b""
        if session.phase is Phase.OPEN:
            return self._goodbye()
        if self.outcome is Outcome.PROTOCOL_ERROR:
            self.outcome = Outcome.TLS_ERROR
        return b""

    def _goodbye(self) -> bytes:
        text = self._dialogue.farewell()
        session = self._session
        if session is None:
            return text
        if session.phase is not Phase.OPEN:
            return b""
        return (session.send(text) if text else b"") + session.close()

    def _note_stage(self) -> None:
        if self._session is None:
            self.stage = self._dialogue.stage
