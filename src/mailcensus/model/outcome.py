"""The vocabulary of what a grab came to: one outcome, and the stage it was reached at."""

from enum import StrEnum


class TlsMode(StrEnum):
    """When TLS starts on a service."""

    NONE = "none"
    STARTTLS = "starttls"
    IMPLICIT = "implicit"


class Outcome(StrEnum):
    """How a grab ended. Failure is data: every grab has exactly one."""

    OK = "ok"
    NO_STARTTLS = "no_starttls"
    """The server answered, and did not offer STARTTLS or refused it for good."""
    REFUSED = "refused"
    """The TCP connection was refused, or the network said unreachable."""
    TIMEOUT = "timeout"
    RESET = "reset"
    CLOSED = "closed"
    """The peer closed the connection before its turn was over."""
    TLS_ALERT = "tls_alert"
    TLS_ERROR = "tls_error"
    PROTOCOL_ERROR = "protocol_error"
    RATE_LIMITED = "rate_limited"
    """The peer asked us to come back later (421, 4xx, SSH penalties). Never a finding about the peer."""
    LIMIT = "limit"
    """The peer exceeded one of our own caps."""
    EXCLUDED = "excluded"
    """An exclusion stood in the way; nothing was sent."""


class Stage(StrEnum):
    """How far a grab came: the stage it was in when it ended."""

    CONNECT = "connect"
    GREETING = "greeting"
    CAPABILITIES = "capabilities"
    STARTTLS = "starttls"
    TLS = "tls"
    SESSION = "session"
    """Behind TLS: capabilities asked again, or the request that TLS was for."""
    DONE = "done"
