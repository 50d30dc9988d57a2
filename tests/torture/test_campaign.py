"""The short form of the campaign of faults (`make torture` is the long one)."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

from torture.__main__ import SHORT, Scenario

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

SEED = 2026
_NEED = {"link-down-zmap": ("zmap", "ethtool")}


@pytest.mark.parametrize(("name", "scenario"), SHORT.items(), ids=list(SHORT))
def test_a_fault_loses_nothing_and_asks_nobody_twice(name: str, scenario: Scenario, tmp_path: Path) -> None:
    if name in _NEED and os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    for program in _NEED.get(name, ()):
        if shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None:
            pytest.skip(f"{program} is not installed")
    assert scenario(tmp_path, random.Random(SEED))
