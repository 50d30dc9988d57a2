"""The demo, as a stranger runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from places import own_block

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


def test_the_demo_finds_exactly_the_truth_twice(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mailcensus", "demo", "demo", "--size", "200", "--block", own_block(3)]
    for _ in range(2):
        ended = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=250, check=False
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert "15 of 15 comparisons equal the truth" in ended.stdout
        assert "DIFFERS" not in ended.stdout
        assert ended.stdout.endswith("demo/report/index.html\n")
        assert (tmp_path / "demo" / "report" / "index.html").is_file()
        assert (tmp_path / "demo" / "report" / "clusters" / "1.html").is_file()
