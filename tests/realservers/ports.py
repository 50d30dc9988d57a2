"""Where our servers listen: every service on its own port plus 20,000, so that nobody needs to be root."""

from __future__ import annotations

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
