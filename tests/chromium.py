"""Debian's Chromium, without a window and without anything that it asks the network by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


def need_chromium() -> None:
    """Skip the test where there is none."""
    if not CHROMIUM.exists():
        pytest.skip(f"no browser at {CHROMIUM}; install the Debian package chromium")


@contextmanager
def chromium(program: Path = CHROMIUM) -> Iterator[Browser]:
    """A browser, for as long as the block lasts."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield opened
        opened.close()


def once_drawn(page: Page, expression: str) -> Any:
    """The value of an expression after a drawing has caught up with a filter, which takes it a frame."""
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return page.evaluate(expression)


def only_from_disk(url: str, complaints: list[str]) -> None:
    """Complain of a request that leaves the disk."""
    if not url.startswith(("file:", "data:", "blob:")):
        complaints.append(f"asked for {url}")
