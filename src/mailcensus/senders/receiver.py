"""SMTP, the receiving side, as far as an experiment needs it (RFC 5321, RFC 3207): bytes in, answers out.

Nothing is ever forwarded: recipients outside of the experiment's own domains are refused, of messages only a token is
read, and the rest is dropped as it comes. AUTH is never offered, and refused unread.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol

from mailcensus.senders.conditions import StartTls
from mailcensus.senders.notes import Notes
from mailcensus.senders.tokens import TokenScanner
from mailcensus.wire.exchange import printable

LINE_BYTES = 4_096
"""RFC 5321 section 4.5.3.1.4 has 512, and extensions lengthen it; senders of today stay far below this."""
COMMANDS = 200
_NAME_LETTERS = 255
_PATH = r"\s*<(?P<path>[^<>\r\n]*)>(?P<rest>.*)"
_MAIL = re.compile(r"MAIL\s+FROM:" + _PATH, re.IGNORECASE | re.DOTALL)
_RCPT = re.compile(r"RCPT\s+TO:" + _PATH, re.IGNORECASE | re.DOTALL)
_END = b"\r\n.\r\n"


class Then(Enum):
    """What the connection does behind an answer."""

    GO_ON = "go_on"
    START_TLS = "start_tls"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Answer:
    """Bytes to send, and what then."""

    data: bytes = b""
    then: Then = Then.GO_ON


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How to treat this sender; known once it has said its name."""

    starttls: StartTls
    requiretls: bool = False
    put_off: bool = False
    """451 for every recipient."""


class Recipients(Protocol):
    """Who is ours."""

    def find(self, local_part: str, domain: str) -> tuple[bool, str | None]:
        """Whether the address is ours, and the token it is."""


class TooMuch(Exception):
    """The sender passed a cap; one line that says which."""


class Receiver:
    """One connection's dialogue.

    Attributes:
        secure: TLS is up; set by whoever carries the bytes.
        kept: messages to the report address, whole; nothing else is ever kept.
    """

    def __init__(
        self,
        host_name: str,
        notes: Notes,
        recipients: Recipients,
        manner: Callable[[str], Manner],
        clock: Callable[[], datetime],
        *,
        message_bytes: int,
        keeps: Callable[[str, str], bool] = lambda local_part, domain: False,
    ) -> None:
        """Make one.

        Args:
            manner: how to treat a sender of this name.
            keeps: whether messages to this address are reports, which are kept to be read.
        """
        self.secure = False
        self.kept: list[bytes] = []
        self._host_name, self._notes, self._recipients = host_name, notes, recipients
        self._choose, self._clock, self._keeps = manner, clock, keeps
        self._message_bytes = message_bytes
        self._manner = Manner(starttls=StartTls.OFFERED)
        self._buffer = bytearray()
        self._searched = 0
        self._commands = 0
        self._mail = False
        self._accepted = self._keeping = False
        self._data: _Message | None = None

    def greet(self) -> bytes:
        """The banner."""
        return self._say(220, f"{self._host_name} ESMTP mailcensus experiment, no mail is delivered here")

    def receive(self, data: bytes) -> Answer:
        """Take bytes, give the answers to all commands that are whole.

        What follows STARTTLS in the clear is dropped (RFC 3207 section 4.2).

        Raises:
            TooMuch: a cap was passed.
        """
        self._buffer += data
        out = bytearray()
        while True:
            if self._data is not None:
                reply = self._take_data()
                if reply is None:
                    return Answer(bytes(out))
                out += reply
                continue
            line = self._next_line()
            if line is None:
                return Answer(bytes(out))
            answer = self._obey(line)
            out += answer.data
            if answer.then is not Then.GO_ON:
                self._buffer.clear()
                self._searched = 0
                return Answer(bytes(out), answer.then)

    def _next_line(self) -> bytes | None:
        end = self._buffer.find(b"\n", self._searched)
        if end < 0:
            self._searched = len(self._buffer)
            if end < 0 and len(self._buffer) > LINE_BYTES:
                raise TooMuch(f"a command of more than {LINE_BYTES} bytes")
            return None
        line = bytes(self._buffer[:end]).removesuffix(b"\r")
        del self._buffer[: end + 1]
        self._searched = 0
        if len(line) > LINE_BYTES:
            raise TooMuch(f"a command of more than {LINE_BYTES} bytes")
        return line

    def _obey(self, line: bytes) -> Answer:
        self._commands += 1
        if self._commands > COMMANDS:
            raise TooMuch(f"more than {COMMANDS} commands")
        text = printable(line)
        verb = re.split(r"[\s:]", text.strip(), maxsplit=1)[0].upper()[:12]
        self._notes.note(last_command=verb)
        match verb:
            case "EHLO" | "HELO":
                return Answer(self._hello(verb, text))
            case "STARTTLS":
                return self._starttls()
            case "MAIL":
                return Answer(self._mail_from(text))
            case "RCPT":
                return Answer(self._rcpt_to(text))
            case "DATA":
                return Answer(self._begin_data())
            case "RSET":
                self._reset()
                return Answer(self._say(250, "2.0.0 Ok"))
            case "NOOP":
                return Answer(self._say(250, "2.0.0 Ok"))
            case "VRFY":
                return Answer(self._say(252, "2.5.0 Send some mail and see"))
            case "QUIT":
                self._notes.note(quit=True)
                return Answer(self._say(221, "2.0.0 Bye"), Then.CLOSE)
            case "AUTH":
                self._notes.note(auth_tried=True, last_command="AUTH")
                return Answer(self._say(502, "5.5.1 Nobody logs in here"))
        return Answer(self._say(502, "5.5.2 Command not known"))

    def _hello(self, verb: str, text: str) -> bytes:
        name = text.strip()[len(verb) :].strip()[:_NAME_LETTERS]
        if not name:
            return self._say(501, f"5.5.4 Syntax: {verb} name")
        self._reset()
        self._manner = self._choose(name)
        offers = (
            verb == "EHLO"
            and not self.secure
            and self._manner.starttls not in (StartTls.ABSENT, StartTls.STRIPPED)
        )
        known = self._notes.record.starttls_offered
        self._notes.milestone(
            ehlo_name=name, esmtp=verb == "EHLO", starttls_offered=known if self.secure else offers
        )
        if verb == "HELO":
            return self._say(250, self._host_name)
        lines = [self._host_name, f"SIZE {self._message_bytes}", "8BITMIME", "ENHANCEDSTATUSCODES"]
        if offers:
            lines.append("STARTTLS")
        elif self._manner.starttls is StartTls.STRIPPED and not self.secure:
            lines.append("XXXXXXXA")  # as a well-known firewall's inspection of SMTP leaves it
        if self.secure and self._manner.requiretls:
            lines.append("REQUIRETLS")
        return self._say(250, *lines)

    def _starttls(self) -> Answer:
        if self.secure:
            return Answer(self._say(503, "5.5.1 TLS is up already"))
        self._notes.note(starttls_asked=True)
        match self._manner.starttls:
            case StartTls.ABSENT | StartTls.STRIPPED:
                return Answer(self._say(502, "5.5.1 Command not known"))
            case StartTls.REFUSED:
                return Answer(self._say(454, "4.7.0 TLS not available due to local problem"))
        return Answer(self._say(220, "2.0.0 Ready to start TLS"), Then.START_TLS)

    def _mail_from(self, text: str) -> bytes:
        match = _MAIL.match(text.strip())
        if match is None:
            return self._say(501, "5.5.4 Syntax: MAIL FROM:<address>")
        if self._notes.record.ehlo_name is None or self._mail:
            return self._say(503, "5.5.1 Not now")
        domain = match["path"].rpartition("@")[2].lower()[:_NAME_LETTERS]
        asked = "REQUIRETLS" in match["rest"].upper().split()
        if asked and not (self.secure and self._manner.requiretls):
            return self._say(555, "5.5.4 REQUIRETLS is not offered")
        self._notes.begin_message(domain, requiretls=asked, at=self._clock())
        self._mail = True
        return self._say(250, "2.1.0 Ok")

    def _rcpt_to(self, text: str) -> bytes:
        match = _RCPT.match(text.strip())
        if match is None:
            return self._say(501, "5.5.4 Syntax: RCPT TO:<address>")
        if not self._mail:
            return self._say(503, "5.5.1 MAIL first")
        local_part, _, domain = match["path"].rpartition("@")
        ours, token = self._recipients.find(local_part, domain.lower())
        if not ours:
            self._notes.note(recipients_refused=self._notes.record.recipients_refused + 1)
            self._notes.reject()
            return self._say(550, "5.7.1 Not a recipient of this experiment; nothing is relayed")
        self._notes.milestone(token=self._notes.record.token or token)
        if self._manner.put_off:
            self._notes.defer()
            return self._say(451, "4.7.1 Put off, please come again")
        self._accepted = True
        self._keeping = self._keeping or self._keeps(local_part, domain.lower())
        return self._say(250, "2.1.5 Ok")

    def _begin_data(self) -> bytes:
        if not self._accepted:
            return self._say(503, "5.5.1 No recipient")
        self._data = _Message(self._message_bytes, keep=self._keeping)
        self._notes.begin_data(in_clear=not self.secure)
        return self._say(354, "End with a dot on a line by itself")

    def _take_data(self) -> bytes | None:
        """The reply to a message that has ended; None: more is to come."""
        message = self._data
        assert message is not None
        rest = message.feed(bytes(self._buffer))
        self._buffer.clear()
        self._notes.note(data_bytes=message.size)
        if rest is None:
            if message.size > 4 * self._message_bytes:
                raise TooMuch(f"a message of more than {4 * self._message_bytes} bytes")
            return None
        self._buffer += rest
        self._data = None
        taken = message.size <= self._message_bytes
        self._notes.end_data(taken=taken, size=message.size, body_token=message.token)
        if taken and message.kept is not None:
            self.kept.append(bytes(message.kept))
        self._reset()
        if taken:
            return self._say(250, "2.0.0 Ok, read and dropped")
        return self._say(552, "5.3.4 Message too large")

    def _reset(self) -> None:
        self._mail = self._accepted = self._keeping = False

    def _say(self, code: int, *lines: str) -> bytes:
        self._notes.note(replied=code)
        *first, last = lines
        return "".join([*(f"{code}-{line}\r\n" for line in first), f"{code} {last}\r\n"]).encode()


class _Message:
    """A message as it comes: counted, searched for a token, and dropped unless it is a report."""

    __slots__ = ("_cap", "_scanner", "_tail", "kept", "size", "token")

    def __init__(self, cap: int, *, keep: bool) -> None:
        self._cap = cap
        self._scanner = TokenScanner()
        self._tail = b"\r\n"  # the line before the message ended
        self.size = 0
        self.token: str | None = None
        self.kept: bytearray | None = bytearray() if keep else None

    def feed(self, data: bytes) -> bytes | None:
        """Take bytes. What stands behind the end, once that has come; the dot on its line is CRLF.CRLF and no other."""
        text = self._tail + data
        end = text.find(_END)
        fresh = data if end < 0 else data[: max(end + 2 - len(self._tail), 0)]
        self.size += len(fresh)
        if self.size <= self._cap:
            self._scanner.feed(fresh)
            if self.kept is not None:
                self.kept += fresh
        else:
            self.kept = None
        if end < 0:
            self._tail = text[-(len(_END) - 1) :]
            return None
        self._forget(len(self._tail) - (end + 2))
        self._scanner.end()
        self.token = self._scanner.found
        return text[end + len(_END) :]

    def _forget(self, count: int) -> None:
        """Bytes that were counted when they came and belong to the end."""
        if count > 0:
            self.size -= count
            if self.kept is not None:
                del self.kept[-count:]
