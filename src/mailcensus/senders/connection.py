"""One connection of a sender: carries the receiver's bytes, through TLS once it is up, and breaks what is to break."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from mailcensus.model import Attempt, AttemptOutcome, Handshake, TlsMode
from mailcensus.senders.conditions import Phase, StartTls
from mailcensus.senders.gate import Admission
from mailcensus.senders.house import House, PostRecipients
from mailcensus.senders.notes import Notes
from mailcensus.senders.old_tls import OLD_KINDS, OldServer
from mailcensus.senders.plan import Post
from mailcensus.senders.receiver import Manner, Receiver, Then, TooMuch
from mailcensus.senders.tls_side import HelloWatch, TlsClosed, TlsEnded, TlsServer
from mailcensus.study import StudyError
from mailcensus.wire.tls.cipher_suites import CIPHER_SUITES
from mailcensus.wire.visible import one_line

_GARBAGE = b"\x00\x01\x02 this is no TLS \r\n" * 4
_LINGER_S = 5.0
"""How long a sender may take to close once we have nothing more to say."""
_HANDSHAKE_BYTES = 262_144
"""More than any client's side of a handshake is long."""
_VERSION_NAMES = {0x0300: "SSLv3", 0x0301: "TLSv1", 0x0302: "TLSv1.1", 0x0303: "TLSv1.2"}


@dataclass(frozen=True, slots=True)
class Station:
    """A receiver as it is served."""

    post: Post
    recipients: PostRecipients


class Connection(asyncio.Protocol):
    """One accepted connection."""

    _transport: asyncio.Transport
    _notes: Notes
    _receiver: Receiver

    def __init__(self, house: House, station: Station) -> None:
        self._house, self._station = house, station
        self._plays = station.post.plays
        self._phase: Phase = self._plays.now
        self._admission = Admission.DROPPED
        self._take: Callable[[bytes], None] = _nothing
        self._tls: TlsServer | None = None
        self._old: OldServer | None = None
        self._watch = HelloWatch()
        self._handshake_bytes = 0
        self._ending: tuple[AttemptOutcome | None, str | None] = (None, None)
        self._over = False
        self._greeted = False
        self._ended_at: datetime | None = None
        self._lost: str | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._ptr: asyncio.Task[str | None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask the gate, and begin."""
        self._transport = cast(asyncio.Transport, transport)
        self._loop = asyncio.get_running_loop()
        self._client_ip, client_port = transport.get_extra_info("peername")[:2]
        self._admission = self._house.gate.admit(self._client_ip, self._loop.time())
        if self._admission is Admission.DROPPED:
            self._transport.abort()
            return
        self._notes = Notes(self._first_record(client_port), self._house.keep)
        self._receiver = self._make_receiver()
        if self._admission is Admission.TURNED_AWAY:
            self._ending = (AttemptOutcome.TURNED_AWAY, "too many connections")
            self._transport.write(b"421 4.7.0 Too many connections, try again later\r\n")
            self._transport.close()
            return
        if self._house.settings.reverse_names:
            self._ptr = self._house.names.look_up(self._client_ip)
        settings = self._house.settings
        self._deadline = self._loop.call_later(settings.connection_s, self._too_long)
        self._wait()
        if self._plays.implicit:
            self._start_tls()
        else:
            self._take = self._take_clear
            self._greeted = True
            self._transport.write(self._receiver.greet())

    def data_received(self, data: bytes) -> None:
        """Bytes of the sender."""
        if self._over or self._admission is not Admission.WELCOME:
            return
        self._wait()
        try:
            self._take(data)
        except TooMuch as reason:
            self._stop(AttemptOutcome.LIMIT, str(reason), b"421 4.7.0 Too much\r\n")
        except StudyError as error:  # a full disk: the service ends, and the journal has the rest
            self._house.trouble.append(error)
            self._transport.abort()

    def eof_received(self) -> None:
        """The sender closed its side; the transport closes ours."""

    def connection_lost(self, error: Exception | None) -> None:
        """It is over."""
        for timer in (self._idle, self._deadline):
            if timer is not None:
                timer.cancel()
        if self._admission is Admission.DROPPED:
            return
        if self._admission is Admission.WELCOME:
            self._house.gate.leave(self._client_ip)
        if self._begun_handshake() and self._notes.record.handshake is None:
            timed_out = self._ending[0] is AttemptOutcome.TIMEOUT
            self._notes.note(handshake=Handshake.TIMEOUT if timed_out else Handshake.CUT)
        self._ended_at = datetime.now(UTC)
        self._lost = one_line(str(error)) if isinstance(error, OSError) else None
        if self._ptr is None or self._ptr.done():
            self._finish(self._ptr)
        else:
            self._ptr.add_done_callback(self._finish)

    def _finish(self, ptr: asyncio.Task[str | None] | None) -> None:
        if ptr is not None and not ptr.cancelled():
            self._notes.note(ptr=ptr.result())
        outcome, error = self._ending
        try:
            self._notes.finish(
                self._ended_at or datetime.now(UTC), outcome=outcome, error=error or self._lost
            )
        except StudyError as trouble:
            self._house.trouble.append(trouble)
        self._let_go()

    def _let_go(self) -> None:
        """Undo what refers to us in a circle: thousands of connections should not wait for a collector of garbage."""
        self._take = _nothing
        self._ptr = None
        del self._receiver
        if self._tls is not None:
            self._tls.let_go()
            self._tls = None

    # The dialogue

    def _take_clear(self, data: bytes) -> None:
        self._answer(data, self._transport.write)

    def _answer(self, data: bytes, write: Callable[[bytes], None]) -> None:
        answer = self._receiver.receive(data)
        while self._receiver.kept:
            self._house.take_report_mail(self._receiver.kept.pop(), self._client_ip)
        if answer.data:
            write(answer.data)
        if answer.then is Then.START_TLS:
            self._start_tls()
        elif answer.then is Then.CLOSE:
            self._close()

    def _manner(self, ehlo_name: str) -> Manner:
        """How to treat this sender, which has just said its name."""
        later, known = self._plays.later, False
        if later is not None:
            known = self._house.deferrals.knows(self._plays.name, self._client_ip, ehlo_name)
            self._phase = later if known else self._plays.now
            self._notes.note(phase="later" if known else "first")
        return Manner(
            starttls=self._phase.starttls,
            requiretls=self._plays.requiretls,
            put_off=later is not None and not known,
        )

    # TLS

    def _begun_handshake(self) -> bool:
        return self._take in (self._take_tls, self._take_old, self._take_hello)

    def _start_tls(self) -> None:
        breaks = self._phase.starttls in (StartTls.GARBAGE, StartTls.RESET, StartTls.SILENT)
        if breaks and not self._plays.implicit:
            self._take = self._take_hello
            return
        shown = self._house.contexts.shown(self._phase.shows)
        self._notes.note(certificate_sha256=hashlib.sha256(shown.ders[0]).hexdigest())
        if self._phase.tls in OLD_KINDS:
            self._old = OldServer(OLD_KINDS[self._phase.tls], shown)
            self._take = self._take_old
        else:
            self._tls = TlsServer(self._house.contexts.get(self._phase))
            self._take = self._take_tls

    def _see_hello(self, data: bytes) -> bool:
        """Look for the hello; true when it has just become whole."""
        self._handshake_bytes += len(data)
        if self._handshake_bytes > _HANDSHAKE_BYTES:
            raise TooMuch(f"more than {_HANDSHAKE_BYTES} bytes of handshake")
        if not self._watch.feed(data) or self._watch.hello is None:
            return False
        self._notes.milestone(client_hello=self._watch.hello.offered)
        return True

    def _take_hello(self, data: bytes) -> None:
        """Broken on purpose: what follows the hello is no handshake."""
        whole = self._see_hello(data)
        if whole and self._phase.starttls is StartTls.GARBAGE:
            self._transport.write(_GARBAGE + secrets.token_bytes(64))
            self._deadline_soon()
        elif whole and self._phase.starttls is StartTls.RESET:
            self._notes.note(handshake=Handshake.CUT)
            _reset(self._transport)

    def _take_old(self, data: bytes) -> None:
        old = self._old
        assert old is not None
        if self._watch.hello is None:
            if self._see_hello(data) and self._watch.hello is not None:
                self._transport.write(old.answer(self._watch.hello))
                self._note_old(old)
            return
        old.receive(data)
        self._note_old(old)

    def _note_old(self, old: OldServer) -> None:
        self._notes.note(
            tls_version=None if old.version is None else _VERSION_NAMES.get(old.version),
            cipher_suite=None if old.suite is None else CIPHER_SUITES.get(old.suite),
            alert=old.alert,
            alert_sent=old.alert_sent,
        )
        if old.went_on:
            self._notes.milestone(handshake=Handshake.WENT_ON)
            self._transport.write(old.last_word())
            self._close()
        elif old.alert is not None:
            self._notes.note(handshake=Handshake.CLIENT_ALERT)
            self._close()
        elif old.alert_sent is not None:
            self._notes.note(handshake=Handshake.SERVER_ALERT)
            self._deadline_soon()

    def _take_tls(self, data: bytes) -> None:
        tls = self._tls
        assert tls is not None
        if not tls.established:
            self._see_hello(data)
        was_up = tls.established
        try:
            plain = tls.receive(data)
        except TlsClosed:
            self._note_tls(tls)
            self._close()
            return
        except TlsEnded as ended:
            self._tls_ended(tls, str(ended), was_up=was_up)
            return
        self._flush()
        if tls.established and not was_up:
            self._shaken(tls)
        if plain:
            self._answer(plain, self._write_tls)
        self._note_tls(tls)

    def _shaken(self, tls: TlsServer) -> None:
        self._receiver.secure = True
        self._notes.milestone(
            handshake=Handshake.OK, tls_version=tls.version, cipher_suite=tls.suite, group=tls.group
        )
        if not self._greeted:
            self._greeted = True
            self._write_tls(self._receiver.greet())

    def _tls_ended(self, tls: TlsServer, words: str, *, was_up: bool) -> None:
        """An alert or a protocol error. Of one that comes behind the handshake, the handshake stays what it was."""
        self._note_tls(tls)
        if not was_up:
            broken = Handshake.SERVER_ALERT if tls.alert_sent is not None else Handshake.BROKEN
            self._notes.note(handshake=Handshake.CLIENT_ALERT if tls.alert is not None else broken)
        self._notes.milestone(tls_error=one_line(words)[:500])
        self._flush()
        self._close()

    def _note_tls(self, tls: TlsServer) -> None:
        self._notes.note(alert=tls.alert, alert_sent=tls.alert_sent)

    def _write_tls(self, data: bytes) -> None:
        assert self._tls is not None
        try:
            self._tls.send(data)
        except TlsEnded as ended:
            self._tls_ended(self._tls, str(ended), was_up=True)
            return
        self._flush()

    def _flush(self) -> None:
        assert self._tls is not None
        data = self._tls.outgoing()
        if data and not self._transport.is_closing():
            self._transport.write(data)

    # The end

    def _wait(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = self._loop.call_later(self._house.settings.idle_s, self._fell_silent)

    def _fell_silent(self) -> None:
        self._stop(AttemptOutcome.TIMEOUT, "the sender fell silent", b"421 4.4.2 Timed out\r\n")

    def _too_long(self) -> None:
        self._stop(AttemptOutcome.LIMIT, "the connection took too long", b"421 4.7.0 Too long\r\n")

    def _deadline_soon(self) -> None:
        """Nothing more is to be said: a sender that does not leave is let go."""
        if self._idle is not None:
            self._idle.cancel()
        self._idle = self._loop.call_later(_LINGER_S, self._close)

    def _stop(self, outcome: AttemptOutcome, reason: str, farewell: bytes) -> None:
        self._ending = (outcome, reason)
        if self._tls is None and self._old is None and self._take == self._take_clear:
            self._transport.write(farewell)
        elif self._tls is not None and self._tls.established:
            self._write_tls(farewell)
        self._close()

    def _close(self) -> None:
        if self._over:
            return
        self._over = True
        if self._tls is not None:
            self._tls.close()
            self._flush()
        self._transport.close()

    def _first_record(self, client_port: int) -> Attempt:
        post = self._station.post
        return Attempt(
            run_id=self._house.plan.run_id,
            attempt_id=secrets.token_hex(10),
            condition=post.condition,
            backup=post.backup,
            started_at=datetime.now(UTC),
            ip=post.ip,
            port=post.port,
            client_ip=self._client_ip,
            client_port=client_port,
            tls_mode=TlsMode.IMPLICIT if self._plays.implicit else TlsMode.STARTTLS,
        )

    def _make_receiver(self) -> Receiver:
        return Receiver(
            self._station.post.host_name,
            self._notes,
            self._station.recipients,
            self._manner,
            lambda: datetime.now(UTC),
            message_bytes=self._house.settings.message_bytes,
            keeps=self._station.recipients.is_report,
        )


def _nothing(data: bytes) -> None:
    """What comes before we are ready, or after we are done."""


def _reset(transport: asyncio.Transport) -> None:
    """Close with a RST instead of a FIN: lingering for no time makes the kernel do so (socket(7))."""
    connection: socket.socket = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
