"""Fifty senders at once for a few seconds, slow and broken ones among them; `bench.senders` does it for ten minutes."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.senders import measure


@pytest.mark.slow
def test_no_attempt_of_fifty_senders_is_lost(tmp_path: Path) -> None:
    measured = measure(tmp_path, 4.0, idle_s=1.5)
    assert measured["connections made"] == measured["attempts recorded"]
    assert measured["messages taken, as told"] == measured["messages taken, recorded"]
    assert measured["connections made"] != 0
