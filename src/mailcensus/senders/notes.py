"""What is noted of one connection while it lasts, and what it came to when it is over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from mailcensus.model import Attempt, AttemptOutcome, Handshake

_OF_A_MESSAGE: dict[str, Any] = {
    "mail_from_domain": None,
    "requiretls_asked": None,
    "recipients_refused": 0,
    "token": None,
    "body_token": None,
    "data_started": False,
    "data_in_clear": None,
    "data_bytes": 0,
}


class Notes:
    """The record of one connection, or of one message of it where it brings several.

    Attributes:
        record: what is known so far; `interrupted` until an end is noted.
    """

    def __init__(self, record: Attempt, keep: Callable[[Attempt, bool], None]) -> None:
        """Begin.

        Args:
            keep: takes the record at each milestone, and whether it is over: then it is final.
        """
        self.record = record
        self._keep = keep
        self._messages = 1
        self._deferred = self._rejected = self._in_data = False
        self._delivered: AttemptOutcome | None = None
        keep(record, False)

    def note(self, **changes: Any) -> None:
        """Change fields of the record."""
        self.record = replace(self.record, **changes)

    def milestone(self, **changes: Any) -> None:
        """Change fields, and keep the record as it is now in case that we die."""
        self.note(**changes)
        self._keep(self.record, False)

    def begin_message(self, domain: str, *, requiretls: bool, at: datetime) -> None:
        """MAIL FROM was said. What was noted of an earlier message becomes a record of its own."""
        if self._delivered is not None or self.record.token is not None:
            self.finish(at)
            self._messages += 1
            first = self.record.attempt_id.split("/", 1)[0]
            self.note(
                attempt_id=f"{first}/{self._messages}",
                outcome=AttemptOutcome.INTERRUPTED,
                started_at=at,
                **_OF_A_MESSAGE,
            )
            self._deferred = self._rejected = self._in_data = False
            self._delivered = None
        self.note(mail_from_domain=domain, requiretls_asked=requiretls)

    def defer(self) -> None:
        """We put it off; kept at once, since a sender that comes again must be known."""
        self._deferred = True
        self.milestone(outcome=AttemptOutcome.DEFERRED)

    def reject(self) -> None:
        """We refused it for good."""
        self._rejected = True

    def begin_data(self, *, in_clear: bool) -> None:
        """The message begins to come."""
        self._in_data = True
        self.milestone(data_started=True, data_in_clear=in_clear)

    def end_data(self, *, taken: bool, size: int, body_token: str | None) -> None:
        """The message came whole; we took it, or it was too large."""
        self._in_data = False
        if taken:
            clear = self.record.data_in_clear
            self._delivered = AttemptOutcome.DELIVERED_CLEAR if clear else AttemptOutcome.DELIVERED_ENCRYPTED
        else:
            self._rejected = True
        self.milestone(
            data_bytes=size, body_token=body_token, outcome=self._delivered or AttemptOutcome.REJECTED
        )

    def finish(
        self, at: datetime, *, outcome: AttemptOutcome | None = None, error: str | None = None
    ) -> Attempt:
        """It is over; the outcome follows from what was noted, unless one is given that overrides all but a delivery.

        Args:
            outcome: timeout, limit or turned_away, where the receiver ended it.
        """
        duration = (at - self.record.started_at).total_seconds() * 1_000
        self.note(duration_ms=max(duration, 0.0), outcome=self._outcome(outcome))
        if error is not None:
            self.note(error=error)
        self._keep(self.record, True)
        return self.record

    def _outcome(self, told: AttemptOutcome | None) -> AttemptOutcome:
        if self._delivered is not None:
            return self._delivered
        if told is not None and not (told is AttemptOutcome.TIMEOUT and self._tls_failed()):
            return told
        if self._in_data:
            return AttemptOutcome.CUT
        if self._deferred:
            return AttemptOutcome.DEFERRED
        if self._rejected:
            return AttemptOutcome.REJECTED
        return AttemptOutcome.TLS_FAILED if self._tls_failed() else AttemptOutcome.LEFT

    def _tls_failed(self) -> bool:
        asked = self.record.starttls_asked or self.record.handshake is not None
        return asked and self.record.handshake is not Handshake.OK
