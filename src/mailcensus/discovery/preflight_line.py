"""One line of the preflight."""

from __future__ import annotations

from dataclasses import dataclass

from mailcensus.model import Verdict


@dataclass(frozen=True, slots=True)
class Line:
    """What one look came to; fields as in `model.PreflightCheck`."""

    check: str
    subject: str
    verdict: Verdict
    found: str
    mend: str | None = None
    stops: bool = False
