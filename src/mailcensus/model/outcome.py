"""The vocabulary of what a grab came to: one outcome, and the stage it was reached at."""

from enum import StrEnum


class TlsMode(StrEnum):
    """When TLS starts on a service."""

    NONE = "none"
    """Never."""
    STARTTLS = "starttls"
    """After a command of the protocol, on the same connection."""
    IMPLICIT = "implicit"
    """From the first byte."""


class Outcome(StrEnum):
    """How a grab ended. Failure is data: every grab has exactly one."""

    OK = "ok"
    """All that was meant to be asked was asked and answered. Where a handshake could not be finished, the first
    flight was read; `tls.unfinished_reason` says why it ended there."""
    NO_STARTTLS = "no_starttls"
    """The server answered, and did not offer STARTTLS or refused it for good."""
    REFUSED = "refused"
    """The TCP connection was refused, or the network said unreachable."""
    TIMEOUT = "timeout"
    """A deadline of ours passed; the stage says which."""
    RESET = "reset"
    """The connection was reset."""
    CLOSED = "closed"
    """The peer closed the connection before its turn was over."""
    TLS_ALERT = "tls_alert"
    """The server ended TLS with an alert; `tls.alert` names it."""
    TLS_ERROR = "tls_error"
    """TLS could not go on: what came was not TLS, was out of order or did not verify."""
    PROTOCOL_ERROR = "protocol_error"
    """The peer did not speak the protocol, refused for good (SMTP 5xx), or an SSH signature did not verify."""
    RATE_LIMITED = "rate_limited"
    """The peer asked us to come back later (421, 4xx, SSH penalties). Never a finding about the peer."""
    LIMIT = "limit"
    """The peer exceeded one of our own caps."""
    EXCLUDED = "excluded"
    """An exclusion stood in the way; nothing was sent."""


class Stage(StrEnum):
    """How far a grab came: the stage it was in when it ended."""

    CONNECT = "connect"
    """TCP connect, or before it."""
    GREETING = "greeting"
    """Waiting for the greeting; SSH: for the identification."""
    CAPABILITIES = "capabilities"
    """Waiting for capabilities in the clear; SSH: for KEXINIT."""
    STARTTLS = "starttls"
    """Waiting for the answer to STARTTLS."""
    TLS = "tls"
    """In the TLS handshake."""
    SESSION = "session"
    """Behind TLS: capabilities asked again, or the request that TLS was for. SSH: in the key exchange."""
    DONE = "done"
    """All was asked."""
