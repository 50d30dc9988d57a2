"""A text protocol up to TLS, or up to where the client logs in or goes on without.

The server's side is read by the readers of `wire` that the active dialogues use; the client's by `wire.clients`, which
let nothing through but what is asked for here. Answers belong to commands by their order.

    greeting       first thing the server says; SMTP's may be several replies
    capabilities   its answer to a question for them, or unasked (IMAP codes, ManageSieve, XMPP features)
    STARTTLS       its answer to that
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from ipaddress import ip_address
from typing import TypeVar

from mailcensus.passive.watch.side import Side, words_of
from mailcensus.wire import imap, irc, managesieve, pop3, smtp, xmpp
from mailcensus.wire.clients import Said, Says, client_reader
from mailcensus.wire.errors import WireError
from mailcensus.wire.exchange import Findings, Limits
from mailcensus.wire.lines import LineReader
from mailcensus.wire.xml_stream import Element, StreamReader

_Unit = TypeVar("_Unit")
_MOST_OPEN_COMMANDS = 256
_STREAMS, _TLS = "http://etherx.jabber.org/streams", "urn:ietf:params:xml:ns:xmpp-tls"


class TextWatch:
    """One connection in the clear.

    Attributes:
        findings: what the server showed; fields as in `model.Flow`.
        starttls_asked: the client asked for TLS.
        mechanism: how the client logged in, by name.
        client_spoke: bytes of the client came; where not, its side is not in the capture.
        through: nothing more is to come that is asked for: the client logged in, or went on without TLS.
        error: what could not be read, quoting nobody.
    """

    def __init__(self, protocol: str, limits: Limits) -> None:
        self.protocol = protocol
        self.findings = Findings()
        self.starttls_asked = False
        self.mechanism: str | None = None
        self.through = False
        self.error: str | None = None
        self._client = client_reader(protocol, limits)
        self._client_failed = self._client is None
        self._server_failed = False
        self.client_spoke = False
        self._asked: deque[Said] = deque(maxlen=_MOST_OPEN_COMMANDS)
        self._server = _SERVERS[protocol](self, limits)

    @property
    def anything_read(self) -> bool:
        """The server greeted, or the client said something that its protocol has."""
        return (
            self.findings.greeting is not None or self.starttls_asked or (self.through and self.error is None)
        )

    def receive(self, side: Side, data: bytes) -> bytes:
        """Take what one side sent, in order; give what of it belongs to TLS, if that begins in its middle."""
        if self.through:
            return b""
        try:
            if side is Side.SERVER:
                return b"" if self._server_failed else self._server.receive(data)
            return b"" if self._client_failed else self._of_client(data)
        except WireError as error:
            self.error = self.error or words_of(side, error)
            if side is Side.SERVER:
                self._server_failed = True
            else:
                self._client_failed = True
            self.through = self._server_failed and self._client_failed
            return b""

    def _of_client(self, data: bytes) -> bytes:
        reader = self._client
        assert reader is not None
        self.client_spoke = True
        reader.feed(data)
        while not self.through and (said := reader.next()) is not None:
            self._asked.append(said)
            if said.what is Says.STARTTLS:
                self.starttls_asked = True
                return reader.rest()
            if said.what is Says.LOGS_IN:
                self.mechanism = said.mechanism
            self.through = said.what in (Says.LOGS_IN, Says.GOES_ON)
        return b""

    # what the server readers ask and tell

    @property
    def open_command(self) -> Said | None:
        """The client's command that the server's next answer belongs to; None: none is known."""
        return self._asked[0] if self._asked else None

    def answered(self) -> Said | None:
        """That command, which is now answered."""
        return self._asked.popleft() if self._asked else None

    def learn(
        self, capabilities: tuple[str, ...], auth: tuple[str, ...] | None, starttls: bool | None
    ) -> None:
        """The server's capabilities; later ones replace earlier ones."""
        self.findings.capabilities_before, self.findings.auth_before = capabilities, auth
        self.findings.starttls_offered = starttls


class _Server:
    """The server's side of one protocol."""

    def __init__(self, watch: TextWatch, limits: Limits) -> None:
        self.watch = watch
        self.findings = watch.findings

    def receive(self, data: bytes) -> bytes:
        """Take bytes; what of them belongs to TLS."""
        raise NotImplementedError

    def _drain(self, reader: LineReader[_Unit], data: bytes, take: Callable[[_Unit], None]) -> bytes:
        reader.feed(data)
        while not self.watch.through and (unit := self._next(reader)) is not None:
            take(unit)
            if self.findings.starttls_accepted:
                return reader.rest()
        return b""

    def _next(self, reader: LineReader[_Unit]) -> _Unit | None:
        return reader.next()


class _Smtp(_Server):
    def __init__(self, watch: TextWatch, limits: Limits) -> None:
        super().__init__(watch, limits)
        self._reader = smtp.ReplyReader(limits)

    def receive(self, data: bytes) -> bytes:
        return self._drain(self._reader, data, self._take)

    def _take(self, reply: smtp.Reply) -> None:
        findings, watch = self.findings, self.watch
        if findings.greeting is None:
            findings.greeting = reply.text
            return
        command = watch.open_command
        if command is None and not watch.client_spoke:
            self._guess(reply)
            return
        if command is not None and command.what is Says.CAPABILITIES and reply.code == 220:
            findings.greeting += f"\n{reply.text}"  # some greet with several replies
            return
        watch.answered()
        if command is None:
            return
        if command.what is Says.CAPABILITIES and reply.code == 250:
            self._capabilities(reply)
        elif command.what is Says.STARTTLS:
            findings.starttls_accepted = reply.code == 220

    def _guess(self, reply: smtp.Reply) -> None:
        """Without the client's side: an answer of several lines is EHLO's, another 220 is STARTTLS's."""
        if reply.code == 250 and len(reply.lines) > 1 and self.findings.capabilities_before is None:
            self._capabilities(reply)
        elif reply.code == 220 and self.findings.starttls_offered:
            self.findings.starttls_accepted = True

    def _capabilities(self, reply: smtp.Reply) -> None:
        lines = reply.lines[1:]
        offered = any(line.strip().upper() == "STARTTLS" for line in lines)
        self.watch.learn(lines, smtp.auth_mechanisms(lines), offered)


class _Pop3(_Server):
    def __init__(self, watch: TextWatch, limits: Limits) -> None:
        super().__init__(watch, limits)
        self._reader = pop3.ResponseReader(limits)

    def receive(self, data: bytes) -> bytes:
        return self._drain(self._reader, data, self._take)

    def _next(self, reader: LineReader[_Unit]) -> _Unit | None:
        command = self.watch.open_command
        if self.findings.greeting is not None and command is not None and command.long_answer:
            self._reader.expect_body()
        return reader.next()

    def _take(self, response: pop3.Response) -> None:
        findings = self.findings
        if findings.greeting is None:
            findings.greeting = response.text
            return
        command = self.watch.answered()
        if command is None:
            return
        if command.what is Says.CAPABILITIES and response.ok:
            lines = response.body or ()
            offered = any(line.strip().upper() == "STLS" for line in lines)
            self.watch.learn(lines, pop3.auth_mechanisms(lines, findings.greeting), offered)
        elif command.what is Says.STARTTLS:
            findings.starttls_accepted = response.ok


class _Imap(_Server):
    def __init__(self, watch: TextWatch, limits: Limits) -> None:
        super().__init__(watch, limits)
        self._reader = imap.ResponseReader(limits)

    def receive(self, data: bytes) -> bytes:
        return self._drain(self._reader, data, self._take)

    def _take(self, response: imap.Response) -> None:
        findings = self.findings
        if findings.greeting is None:
            findings.greeting = response.line
        capabilities = imap.capabilities_of(response.text)
        if capabilities is not None:
            offered = any(item.upper() == "STARTTLS" for item in capabilities)
            self.watch.learn(capabilities, imap.auth_mechanisms(capabilities), offered)
        if response.tag in ("*", "+"):
            return
        command = self.watch.answered()
        if command is not None and command.what is Says.STARTTLS:
            findings.starttls_accepted = response.word == "OK"


class _ManageSieve(_Server):
    def __init__(self, watch: TextWatch, limits: Limits) -> None:
        super().__init__(watch, limits)
        self._reader = managesieve.ResponseReader(limits)
        self._lines: list[managesieve.Line] = []

    def receive(self, data: bytes) -> bytes:
        return self._drain(self._reader, data, self._take)

    def _take(self, line: managesieve.Line) -> None:
        if line.status is None:
            self._lines.append(line)
            return
        lines, self._lines = tuple(self._lines), []
        findings = self.findings
        if findings.greeting is None:
            findings.greeting = "\n".join(item.text for item in (*lines, line))
            self._learn(lines)
            return
        command = self.watch.answered()
        if command is None:
            return
        if command.what is Says.CAPABILITIES and line.status == "OK":
            self._learn(lines)
        elif command.what is Says.STARTTLS:
            findings.starttls_accepted = line.status == "OK"

    def _learn(self, lines: tuple[managesieve.Line, ...]) -> None:
        offered = any(line.strings and line.strings[0].upper() == "STARTTLS" for line in lines)
        self.watch.learn(tuple(line.text for line in lines), managesieve.auth_mechanisms(lines), offered)


class _Irc(_Server):
    """Its notices before registration talk of the client's host name: none of them is kept."""

    def __init__(self, watch: TextWatch, limits: Limits) -> None:
        super().__init__(watch, limits)
        self._reader = irc.MessageReader(limits)
        self._capabilities: list[str] = []

    def receive(self, data: bytes) -> bytes:
        return self._drain(self._reader, data, self._take)

    def _take(self, message: irc.Message) -> None:
        findings = self.findings
        if message.command == "CAP" and message.params[1:2] == ("LS",):
            self._capabilities += message.params[-1].split()
            if message.params[2:3] != ("*",) or len(message.params) <= 3:
                listed, self._capabilities = tuple(self._capabilities), []
                self.watch.learn(listed, irc.auth_mechanisms(listed), "tls" in listed)
        elif message.command == "670":
            findings.starttls_accepted = True
        elif message.command == "691":
            findings.starttls_accepted = False
        elif message.command == "001":  # registered in the clear
            self.watch.through = True


class _Xmpp(_Server):
    def __init__(self, watch: TextWatch, limits: Limits) -> None:
        super().__init__(watch, limits)
        self._reader = StreamReader(limits)

    def receive(self, data: bytes) -> bytes:
        return self._drain(self._reader, data, self._take)

    def _take(self, element: Element) -> None:
        where = (element.namespace, element.name)
        if where == (_STREAMS, "stream"):
            if self.findings.greeting is None:
                self.findings.greeting = _TO.sub("", element.source or "")
        elif where == (_STREAMS, "features"):
            offered = any((item.namespace, item.name) == (_TLS, "starttls") for item in element.children)
            self.watch.learn(xmpp.capabilities_of(element), xmpp.auth_mechanisms(element), offered)
        elif where in ((_TLS, "proceed"), (_TLS, "failure")):
            self.findings.starttls_accepted = element.name == "proceed"


_TO = re.compile(r"""\sto=("[^"]*"|'[^']*')""")
"""In a server's stream header: whom it takes the client for."""

_SERVERS: dict[str, Callable[[TextWatch, Limits], _Server]] = {
    "smtp": _Smtp,
    "lmtp": _Smtp,
    "pop3": _Pop3,
    "imap": _Imap,
    "managesieve": _ManageSieve,
    "irc": _Irc,
    "xmpp": _Xmpp,
}

TEXT_PROTOCOLS = frozenset(_SERVERS)

_FIRST_WORDS = (
    (re.compile(rb"220[ -][^\r\n]*SMTP", re.IGNORECASE), "smtp"),
    (re.compile(rb"\+OK[ \r\n]"), "pop3"),
    (re.compile(rb"\* (?:OK|PREAUTH) "), "imap"),
)


def protocol_by_first_words(data: bytes) -> str | None:
    """What a server on a port of no service speaks, by how it begins; None: none that we read."""
    return next((protocol for pattern, protocol in _FIRST_WORDS if pattern.match(data)), None)


_ADDRESS = re.compile(
    r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7})(?![\w:])"
)


def without_addresses(greeting: str, server: str) -> str:
    """A greeting in which addresses other than the server's own are replaced: some greet a client by it."""

    def replacement(found: re.Match[str]) -> str:
        try:
            return found[0] if str(ip_address(found[0])) == server else "[address]"
        except ValueError:
            return found[0]

    return _ADDRESS.sub(replacement, greeting)
