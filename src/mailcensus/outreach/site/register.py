"""Opting out and in: the database first, then the exclusion file, then the answer."""

from __future__ import annotations

import logging
import threading

from sqlalchemy.exc import SQLAlchemyError

from mailcensus.outreach.site.opt_out_file import OptOutFile
from mailcensus.outreach.site.store import Action, Request, Store
from mailcensus.outreach.site.whom import Way
from mailcensus.study import StageFailed

_LOG = logging.getLogger(__name__)


class Register:
    """What is opted out, in the database and in the file. Its methods wait for disks: call them in threads."""

    def __init__(self, store: Store, file: OptOutFile) -> None:
        """Bring the file up to date: what was asked for right before a crash is in the database alone.

        Raises:
            StageFailed: the file cannot be written.
        """
        self.store = store
        self._file = file
        self._lock = threading.Lock()
        self._written: tuple[int, int] | None = None
        self.follow()

    def apply(self, action: Action, whom: str, way: Way, secret: str | None = None) -> None:
        """Opt out or withdraw; it is in the file when this returns.

        Raises:
            StageFailed: the file cannot be written; it will be tried again every second.
        """
        self.store.apply(action, whom, way.value, secret)
        self.follow()

    def apply_mailed(self, mail_secret: str, request: Request) -> None:
        """The same, for a request that a mail was about."""
        self.store.apply_mailed(mail_secret, request, Way.MAIL.value)
        self.follow()

    def follow(self) -> None:
        """Write what is new in the database, whichever site process put it there.

        Raises:
            StageFailed: the file cannot be written.
        """
        with self._lock:
            state = self.store.state()
            if state != self._written:
                self._file.follow(self.store.opt_outs())
                self._written = state

    def follow_or_complain(self) -> None:
        """The same, of which trouble is only logged; the next time may be better."""
        try:
            self.follow()
        except StageFailed as error:
            _LOG.error("opt-outs wait: %s", error)
        except SQLAlchemyError as error:
            _LOG.error("opt-outs wait: the database does not answer (%s)", type(error).__name__)
