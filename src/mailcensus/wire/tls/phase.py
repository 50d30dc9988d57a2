"""Where a TLS session is."""

from enum import Enum, auto


class Phase(Enum):
    """Where a session is."""

    FLIGHT = auto()
    """Reading the server's first flight."""
    FINISHING = auto()
    """TLS 1.2: our second flight is sent, the server's Finished is awaited."""
    OPEN = auto()
    """Both sides are finished: application data may flow."""
    OBSERVED = auto()
    """The first flight is read and the handshake will not be finished; `unfinished_reason` says why."""
    CLOSED = auto()
    """The server sent close_notify."""
