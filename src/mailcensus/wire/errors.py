"""What a peer can do wrong. Raised by readers, turned into an outcome by the exchange that drives them.

WireError
├── ProtocolError      the bytes are not the protocol
├── LimitExceeded      the peer went over one of our caps
├── RateLimited        the peer asked us to come back later
├── TlsError           the handshake cannot go on
└── TlsAlert           the server said so itself
"""

from mailcensus.model import Outcome


class WireError(Exception):
    """A peer misbehaved or refused; `outcome` is what the grab comes to."""

    outcome = Outcome.PROTOCOL_ERROR


class ProtocolError(WireError):
    """The bytes are not what the protocol's grammar allows."""


class LimitExceeded(WireError):
    """The peer went over one of our caps on bytes, lines, certificates or messages."""

    outcome = Outcome.LIMIT


class RateLimited(WireError):
    """The peer asked us to come back later: 421 and other 4xx, SSH start-up limits and penalties."""

    outcome = Outcome.RATE_LIMITED


class TlsError(WireError):
    """The TLS handshake cannot go on."""

    outcome = Outcome.TLS_ERROR


class TlsAlert(WireError):
    """The TLS server ended the handshake with an alert."""

    outcome = Outcome.TLS_ALERT
