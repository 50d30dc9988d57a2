"""IRC (RFC 1459) before registration: capabilities (IRCv3 CAP 302), SASL and STARTTLS as InspIRCd does it.

The client speaks first; the server may talk of host name lookups meanwhile, and that is its greeting. We never
register, so there is no nickname and no MOTD. A server without CAP is asked for STARTTLS all the same.

Sources: ircv3.net/specs/extensions/capability-negotiation, sasl-3.1, tls-3.1 (numerics 670 and 691).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailcensus.wire.dialogue import LineDialogue, refusal
from mailcensus.wire.exchange import printable
from mailcensus.wire.lines import LineReader, UnexpectedLine

_MESSAGE = re.compile(
    rb"(?:@[^ ]+ +)?(?P<source>:[^ ]* +)?(?P<command>[A-Za-z]+|\d{3})(?: +(?P<params>.*))?\Z", re.DOTALL
)
_STARTTLS_SUCCESSFUL = "670"


@dataclass(frozen=True, slots=True)
class Message:
    """One message, RFC 1459 section 2.3.1; the trailing parameter is the last one."""

    command: str
    params: tuple[str, ...]
    text: str
    """The whole line as sent."""


class MessageReader(LineReader[Message]):
    """Bytes of an IRC server in, messages out."""

    def next(self) -> Message | None:
        """See LineReader. Empty lines are passed over (RFC 1459 section 2.3)."""
        while (line := self.lines.next_line()) is not None:
            if line.strip():
                return _message(line)
        return None


def auth_mechanisms(capabilities: tuple[str, ...]) -> tuple[str, ...]:
    """The mechanisms of `sasl=PLAIN,EXTERNAL` in the server's order, each once, upper case."""
    sasl = (item.partition("=")[2] for item in capabilities if item.lower().startswith("sasl="))
    return tuple(dict.fromkeys(filter(None, (name.upper() for value in sasl for name in value.split(",")))))


class IrcDialogue(LineDialogue[Message]):
    """CAP LS, STARTTLS, CAP LS again, QUIT."""

    starttls_command = b"STARTTLS\r\n"
    farewell_command = b"QUIT\r\n"

    def new_reader(self) -> MessageReader:
        """See LineDialogue."""
        self._capabilities: list[str] = []
        self._greeting: list[str] = []
        return MessageReader(self.settings.limits)

    def open(self) -> bytes:
        """The client speaks first."""
        return self.ask_again()

    def on_greeting(self, unit: Message) -> bytes:
        """Notices until the first answer to CAP."""
        if unit.command in ("CAP", "ERROR") or unit.command.isdigit():
            self._keep_greeting()
            self.ask_capabilities(b"")
            return self.on_capabilities(unit)
        if unit.command == "NOTICE":
            self._greeting.append(unit.text)
        return _pong(unit)

    def on_capabilities(self, unit: Message) -> bytes:
        """`CAP * LS :...` ends the list, `CAP * LS * :...` does not; an error numeric says there is none."""
        _check_no_error(unit)
        if unit.command == "CAP" and unit.params[1:2] == ("LS",):
            self._capabilities += unit.params[-1].split()
            return b"" if unit.params[2:3] == ("*",) and len(unit.params) > 3 else self._listed()
        if _is_error(unit):
            self.learn((), None)
            return self.go_on(starttls_offered=None)
        return _pong(unit)

    def on_starttls(self, unit: Message) -> bytes:
        """670, or 691 and other errors."""
        _check_no_error(unit)
        if unit.command == _STARTTLS_SUCCESSFUL:
            return self.accept()
        return self.refuse(unit.text) if _is_error(unit) else _pong(unit)

    def ask_again(self) -> bytes:
        """The same question behind TLS."""
        return b"CAP LS 302\r\n"

    def _listed(self) -> bytes:
        capabilities = tuple(self._capabilities)
        self.learn(capabilities, auth_mechanisms(capabilities))
        return self.go_on(starttls_offered="tls" in capabilities)

    def _keep_greeting(self) -> None:
        if self._greeting:
            self.findings.greeting = "\n".join(self._greeting)


def _message(line: bytes) -> Message:
    found = _MESSAGE.match(line)
    if found is None or (found["source"] is None and found["command"].isdigit()):
        raise UnexpectedLine("an IRC message", line)
    middle, colon, trailing = (b" " + (found["params"] or b"")).partition(b" :")
    params = [*middle.split(), *([trailing] if colon else [])]
    return Message(found["command"].decode("ascii").upper(), tuple(map(printable, params)), printable(line))


def _is_error(message: Message) -> bool:
    return message.command.isdigit() and message.command >= "400"


def _check_no_error(message: Message) -> None:
    if message.command == "ERROR":
        raise refusal(message.text)


def _pong(message: Message) -> bytes:
    """Some servers want a PONG before they go on."""
    if message.command != "PING" or not message.params:
        return b""
    return b"PONG :" + message.params[-1].encode() + b"\r\n"
