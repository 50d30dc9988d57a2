"""JSON on stdout, for programs: one object a line."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import datetime


def print_json(value: Mapping[str, object]) -> None:
    """One object on a line of its own. Times are ISO 8601, UTC; enums and paths are text."""
    sys.stdout.write(json.dumps(value, default=_plain) + "\n")


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
