"""What every test may use."""

from __future__ import annotations

import signal
from pathlib import Path

import hypothesis
import pytest

from longest_first import LONGEST_FIRST

pytest_plugins = ("pytester", "skips")

# A busy machine is no failure; pytest-timeout ends what hangs.
hypothesis.settings.register_profile(
    "everyday", deadline=None, max_examples=40, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.register_profile(
    "thorough", parent=hypothesis.settings.get_profile("everyday"), max_examples=2_000
)
"""`make properties`"""
hypothesis.settings.load_profile("everyday")

# A shell starts what it puts into the background with Ctrl-C ignored, and programs that tests interrupt inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

_SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of data made by others that lies beside the checkout; tests that need it are skipped without."""
    if not _SHARED_DATA.is_dir():
        pytest.skip(f"no data made by others at {_SHARED_DATA}")
    return _SHARED_DATA


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes minutes comes first: of several processes each takes whole files, and the last has one alone."""
    order = {Path(__file__).parent / name: number for number, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: order.get(item.path, len(order)))
