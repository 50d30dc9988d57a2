"""Every kind of page, full of hostile text, in Debian's Chromium: nothing runs, and axe-core finds nothing serious."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page

from browser.test_report import keep
from report.hostile import hostile_study

pytestmark = pytest.mark.browser

SERIOUS = frozenset({"serious", "critical"})


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hostile_study(tmp_path_factory)[0]


def pages_of(report: Path) -> list[Path]:
    """The first page, every chapter, a table's own page and a cluster."""
    own = [report / "tables/weak_keys.html", report / "tables/canary_record.html", report / "clusters/1.html"]
    return [report / "index.html", *sorted(report.glob("chapters/*.html")), *own]


def kinds_of(report: Path) -> list[Path]:
    """Of the chapters, which are of one kind, every fourth: axe-core takes ten seconds for a long one."""
    chapters = sorted(report.glob("chapters/*.html"))
    return [page for page in pages_of(report) if page not in chapters or page in chapters[::4]]


def opened(context: BrowserContext, path: Path, complaints: list[str]) -> Page:
    page = context.new_page()
    page.on("console", lambda message: complaints.append(f"{path.name}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(f"{path.name}: {error}"))
    page.on("dialog", lambda dialog: complaints.append(f"{path.name}: {dialog.message}"))
    page.on(
        "request",
        lambda asked: complaints.extend(
            [asked.url] * (not asked.url.startswith(("file:", "data:", "blob:")))
        ),
    )
    page.goto(path.as_uri())
    return page


def test_hostile_text_runs_on_no_page(browser: Browser, report: Path) -> None:
    complaints: list[str] = []
    context = browser.new_context()
    for path in pages_of(report):
        page = opened(context, path, complaints)
        for box in page.get_by_role("searchbox").all()[:3]:  # brings the rows beyond the first page
            box.fill("owned")
        assert page.title() != "owned", path
        assert page.locator("img, iframe, main script:not([type='application/json'])").count() == 0, path
        page.close()
    context.close()
    assert complaints == []


# In the dark other colours are all that changes.
@pytest.mark.parametrize(("theme", "rules"), [("light", {}), ("dark", {"runOnly": ["color-contrast"]})])
def test_axe_finds_nothing_serious(browser: Browser, report: Path, theme: Any, rules: dict[str, Any]) -> None:
    found: list[str] = []
    context = browser.new_context(color_scheme=theme, reduced_motion="reduce")
    for path in kinds_of(report):
        page = opened(context, path, [])
        violations = Axe().run(page, options={"resultTypes": ["violations"], **rules}).response["violations"]
        for each in violations:
            if each["impact"] in SERIOUS:
                where = [" ".join(map(str, node["target"])) for node in each["nodes"][:3]]
                found.append(f"{path.name}: {each['id']}: {len(each['nodes'])} times, {where}")
        keep(page, f"axe-{theme}-{path.stem}")
        page.close()
    context.close()
    assert found == []


def test_a_phone_shows_every_kind_of_page_without_sideways_scrolling(browser: Browser, report: Path) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    wide = []
    for path in pages_of(report):
        page = opened(context, path, [])
        if page.evaluate("document.documentElement.scrollWidth") > 390:
            wide.append(path.name)
        page.close()
    context.close()
    assert wide == []
