"""What senders' own logs say of the messages of an experiment, each of which goes to a token of its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class Told:
    """What a sender's own log says of one message."""

    tries: int = 0
    encrypted: bool | None = None
    """How it was delivered; None: it was not."""
    given_up: bool = False

    @property
    def verdict(self) -> str:
        if self.encrypted is not None:
            return "delivered_encrypted" if self.encrypted else "delivered_clear"
        return "bounced" if self.given_up else "retried"


_STATUS = re.compile(r"/smtp\[(\d+)\]: \w+: to=<(mc-\w+)@(?!returns)[^>]*>.* status=(\w+)")
_SHAKEN = re.compile(r"/smtp\[(\d+)\]: \w+ TLS connection established")
_EXPIRED = re.compile(r"from=<(mc-\w+)@returns[^>]*>, status=expired")


def _postfix(log: str) -> dict[str, Told]:
    told: dict[str, Told] = {}
    shaken: set[str] = set()
    for line in log.splitlines():
        if match := _SHAKEN.search(line):
            shaken.add(match[1])
        elif match := _STATUS.search(line):
            process, token, status = match.groups()
            each = told.setdefault(token, Told())
            each.tries += 1
            if status == "sent":
                each.encrypted = process in shaken
            each.given_up |= status == "bounced"
            shaken.discard(process)
        elif match := _EXPIRED.search(line):
            told.setdefault(match[1], Told()).given_up = True
    return told


_EXIM_LINE = re.compile(r" (=>|\*\*|==) (mc-\w+)@(?!returns)\S+(.*)")


def _exim(log: str) -> dict[str, Told]:
    told: dict[str, Told] = {}
    for line in log.splitlines():
        if match := _EXIM_LINE.search(line):
            each = told.setdefault(match[2], Told())
            each.tries += 1
            if match[1] == "=>":
                each.encrypted = " X=TLS" in match[3]
            each.given_up |= match[1] == "**"
    return told


_OPENSMTPD_LINE = re.compile(r"^(\w{16}) mta delivery .*to=<(mc-\w+)@(?!returns)[^>]*>.*result=\"?(\w+)")
_OPENSMTPD_TLS = re.compile(r"^(\w{16}) mta tls ciphers=")
_OPENSMTPD_EXPIRED = re.compile(r"to=<(mc-\w+)@(?!returns)[^>]*>.*(?:Expired|expire)", re.IGNORECASE)


def _opensmtpd(log: str) -> dict[str, Told]:
    told: dict[str, Told] = {}
    shaken: set[str] = set()
    for line in log.splitlines():
        if match := _OPENSMTPD_TLS.match(line):
            shaken.add(match[1])
        elif match := _OPENSMTPD_LINE.match(line):
            session, token, result = match.groups()
            each = told.setdefault(token, Told())
            each.tries += 1
            if result == "Ok":
                each.encrypted = session in shaken
            each.given_up |= result == "PermFail"
        elif match := _OPENSMTPD_EXPIRED.search(line):
            told.setdefault(match[1], Told()).given_up = True
    return told


SENDER_LOGS: dict[str, Callable[[str], dict[str, Told]]] = {
    "postfix": _postfix,
    "exim": _exim,
    "opensmtpd": _opensmtpd,
}
"""By sender, how its log is read: by token, what it says."""
