"""What the lab was asked: one visit per connection, so that tests can check politeness from the other side."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TextIO

_HEARD_LINES = 32
_HEARD_CHARS = 200


@dataclass(slots=True, kw_only=True)
class Visit:
    """One connection, as the server saw it."""

    ip: str
    port: int
    service: str
    peer: str
    """Address and port it came from."""
    opened_s: float
    """Since the lab began to listen."""
    open_on_address: int
    """Connections open to this address then, this one included."""
    closed_s: float | None = None
    heard: list[str] = field(default_factory=list)
    """What was said, a line each (SSH: the identification, then message numbers); at most 32 lines."""
    early: bool = False
    """It spoke before the greeting was sent, or before our turn was over."""
    starttls: bool = False
    tls_version: str | None = None
    """Set once the handshake is finished."""
    tls_error: str | None = None
    farewell: bool = False
    """QUIT, LOGOUT or SSH's DISCONNECT was heard."""
    close_notify: bool = False
    end: str = "open"
    """How it ended: `fin` (they closed), `reset` (they reset), `server` (we had to close first)."""

    def hear(self, line: bytes) -> None:
        """Note what was said."""
        if len(self.heard) < _HEARD_LINES:
            self.heard.append(line[:_HEARD_CHARS].decode("utf-8", "backslashreplace"))


class Ledger:
    """Keeps visits: as JSON lines in a file, or in memory when there is none."""

    def __init__(self, path: Path | None = None) -> None:
        self.visits: list[Visit] = []
        """Ended visits, in the order they ended; empty when they go to a file."""
        self._open: dict[str, dict[int, Callable[[], bool]]] = defaultdict(dict)
        self._started = time.monotonic()
        self._file: TextIO | None = path.open("w", encoding="utf-8", buffering=1) if path else None

    def opened(
        self, ip: str, port: int, service: str, peer: str, has_left: Callable[[], bool] = lambda: False
    ) -> Visit:
        """A connection was accepted.

        Args:
            has_left: whether the visitor has closed, though that may still have to be noticed here.
        """
        others = self._open[ip]
        visit = Visit(
            ip=ip,
            port=port,
            service=service,
            peer=peer,
            opened_s=self._now_s(),
            open_on_address=1 + sum(not left() for left in others.values()),
        )
        others[id(visit)] = has_left
        return visit

    def closed(self, visit: Visit, end: str) -> None:
        """The connection is gone."""
        visit.closed_s, visit.end = self._now_s(), end
        del self._open[visit.ip][id(visit)]
        if self._file is None:
            self.visits.append(visit)
        else:
            self._file.write(json.dumps(asdict(visit)) + "\n")

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _now_s(self) -> float:
        return round(time.monotonic() - self._started, 6)


def read_ledger(path: Path) -> list[Visit]:
    """The visits of a ledger file. A last line that is cut off is left out."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return [Visit(**json.loads(line)) for line in lines if line.endswith("\n")]
