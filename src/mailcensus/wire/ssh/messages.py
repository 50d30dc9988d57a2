"""Message numbers (RFC 4250 section 4.1) and the disconnect message (RFC 4253 section 11.1)."""

from __future__ import annotations

from mailcensus.model import Outcome
from mailcensus.wire.errors import WireError
from mailcensus.wire.exchange import printable
from mailcensus.wire.ssh.packet import Reader, write_string

DISCONNECT = 1
IGNORE = 2
UNIMPLEMENTED = 3
DEBUG = 4
KEXINIT = 20
KEX_INIT = 30
"""The client's half of a key exchange, whatever the method calls it."""
KEX_REPLY = 31
"""The server's half; in group exchange, the group."""
GEX_INIT = 32
GEX_REPLY = 33
GEX_REQUEST = 34

PROTOCOL_ERROR = 2
KEY_EXCHANGE_FAILED = 3
BY_APPLICATION = 11
TOO_MANY_CONNECTIONS = 12

_OUTCOMES = {
    PROTOCOL_ERROR: Outcome.PROTOCOL_ERROR,
    KEY_EXCHANGE_FAILED: Outcome.PROTOCOL_ERROR,
    TOO_MANY_CONNECTIONS: Outcome.RATE_LIMITED,
}
"""What a server's reason comes to; any other is a connection closed."""


class Disconnected(WireError):
    """The server ended the connection and said why; `outcome` depends on its reason."""

    def __init__(self, reason: int, words: str) -> None:
        super().__init__(f"disconnect {reason}: {words}")
        self.outcome = _OUTCOMES.get(reason, Outcome.CLOSED)


def read_disconnect(payload: bytes) -> Disconnected:
    """What a server's SSH_MSG_DISCONNECT says.

    Raises:
        ProtocolError: it is cut short.
    """
    reader = Reader(payload[1:])
    return Disconnected(reader.uint32(), printable(reader.string()))


def write_disconnect(reason: int, words: str) -> bytes:
    """SSH_MSG_DISCONNECT without a language."""
    return bytes((DISCONNECT,)) + reason.to_bytes(4, "big") + write_string(words.encode()) + write_string(b"")
