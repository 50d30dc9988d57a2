"""LMTP (RFC 2033): SMTP that says LHLO, with no older dialect to fall back to."""

from __future__ import annotations

from mailcensus.wire.smtp import SmtpDialogue


class LmtpDialogue(SmtpDialogue):
    """Greeting, LHLO, STARTTLS, LHLO again, QUIT."""

    hello = "LHLO"
    plain_hello = None
