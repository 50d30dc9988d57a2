"""Where our servers listen: every service on its own port plus 20,000, so that nobody needs to be root."""

from __future__ import annotations

import secrets

PORTS = {
    "ssh": 20_022,
    "lmtp": 20_024,
    "smtp": 20_025,
    "pop3": 20_110,
    "imap": 20_143,
    "https": 20_443,
    "smtps": 20_465,
    "submission": 20_587,
    "imaps": 20_993,
    "pop3s": 20_995,
    "managesieve": 24_190,
}


def fresh_network() -> str:
    """The first three numbers of a /24 in 127.64.0.0/10, at random: runs at the same time do not meet."""
    return f"127.{64 + secrets.randbelow(64)}.{secrets.randbelow(256)}"
