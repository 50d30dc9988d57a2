"""The report in Debian's Chromium, opened from disk: what a reader can do, and that nothing leaves the machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from chromium import once_drawn, only_from_disk
from report.synthetic import empty_report, mixed_report, strangers_report

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mixed_report(tmp_path_factory)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that fails the test when anything is logged to the console, or asked of anything but the disk."""
    context = browser.new_context(color_scheme="light", reduced_motion="reduce")
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("requestfailed", lambda request: _not_a_download(request.url, complaints))
    opened.on("request", lambda request: only_from_disk(request.url, complaints))
    yield opened
    context.close()
    assert complaints == []


def _not_a_download(url: str, complaints: list[str]) -> None:
    """A link that turns out to be a download ends as a failed request of the page."""
    if not url.endswith(".csv"):
        complaints.append(f"failed: {url}")


def keep(page: Page, name: str) -> None:
    """Keep a screenshot where MAILCENSUS_SCREENSHOTS says, if it does."""
    folder = os.environ.get("MAILCENSUS_SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=False)


def column(page: Page, table: str, number: int) -> list[str]:
    return page.locator(f"#table-{table} tbody tr td:nth-child({number})").all_inner_texts()


def numbers(texts: list[str]) -> list[float]:
    return [float(text.replace(",", "").rstrip(" %")) for text in texts]


def test_a_click_on_a_heading_sorts_all_rows_and_says_so(page: Page, report: Path) -> None:
    page.goto((report / "chapters/clusters.html").as_uri())
    heading = page.locator("#table-clusters th").nth(1)
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    falling = numbers(column(page, "clusters", 2))
    assert falling == sorted(falling, reverse=True)
    heading.get_by_role("button").click()
    page.locator("#table-clusters [aria-sort=ascending]").wait_for()
    rising = numbers(column(page, "clusters", 2))
    assert rising == sorted(rising)
    assert rising[0] == 2  # from beyond the first page
    keep(page, "index-light")


def test_the_keyboard_sorts_too(page: Page, report: Path) -> None:
    page.goto((report / "chapters/reuse.html").as_uri())
    heading = page.locator("#table-port_pairs th").first
    heading.get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"


def test_the_filter_finds_rows_beyond_the_first_page(page: Page, report: Path) -> None:
    page.goto((report / "chapters/reuse.html").as_uri())
    block = page.locator("[data-table=shared_keys]")
    total = int(block.get_attribute("data-total") or 0)
    assert total > 100
    block.get_by_role("searchbox").fill("ssh")
    block.get_by_text(f"of {total} rows").wait_for()
    assert all("ssh" in row for row in block.locator("tbody tr").all_inner_texts())
    block.get_by_role("searchbox").fill("no such thing")
    block.get_by_text(f"0 of {total} rows").wait_for()
    block.get_by_role("searchbox").fill("")
    block.get_by_text(f"{total} rows", exact=True).wait_for()


def test_pages_turn(page: Page, report: Path) -> None:
    page.goto((report / "chapters/reuse.html").as_uri())
    block = page.locator("[data-table=shared_keys]")
    first = column(page, "shared_keys", 1)
    block.get_by_role("button", name="Next").click()
    block.get_by_text("page 2 of").wait_for()
    assert not set(first) & set(column(page, "shared_keys", 1))
    block.get_by_role("button", name="Previous").click()
    block.get_by_text("page 1 of").wait_for()
    assert column(page, "shared_keys", 1) == first


def test_a_table_downloads_as_csv(page: Page, report: Path) -> None:
    page.goto((report / "chapters/clusters.html").as_uri())
    with page.expect_download() as download:
        page.locator("[data-table=clusters] a.csv").click()
    saved = download.value.path().read_bytes()
    assert saved == (report / "tables/clusters.csv").read_bytes()


def test_dark_and_light_are_chosen_and_remembered(page: Page, report: Path) -> None:
    page.goto((report / "index.html").as_uri())
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Dark").click()
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark != light
    assert page.get_by_role("button", name="Dark").get_attribute("aria-pressed") == "true"
    page.goto((report / "clusters/1.html").as_uri())
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
    keep(page, "cluster-dark")


def test_the_drawing_shows_hosts_and_keys_and_their_evidence(page: Page, report: Path) -> None:
    # All of the drawing is on the screen: Cytoscape notices scrolling a tenth of a second late.
    page.set_viewport_size({"width": 1280, "height": 1800})
    page.goto((report / "chapters/clusters.html").as_uri())
    page.locator("#table-clusters").get_by_role("link", name="1", exact=True).click()
    page.wait_for_url("**/clusters/1.html")
    assert page.evaluate("mailcensusDrawing.nodes().length") > 10
    where = page.evaluate(
        "(() => { const n = mailcensusDrawing.nodes('[kind = \"key\"]')[0].renderedPosition();"
        " const box = document.getElementById('canvas').getBoundingClientRect();"
        " return {x: box.x + n.x, y: box.y + n.y}; })()"
    )
    page.mouse.click(where["x"], where["y"])
    picked = page.locator("#picked")
    picked.get_by_text("Canonical key (SPKI SHA-256)").wait_for()
    keep(page, "cluster-light")
    picked.get_by_role("button", name="Show in the table").click()
    page.locator("#table-keys tr.marked").wait_for()
    assert page.locator("#table-keys tr.marked").count() == 1


def test_the_keyboard_walks_through_the_drawing(page: Page, report: Path) -> None:
    page.goto((report / "clusters/2.html").as_uri())
    page.locator("#canvas").focus()
    page.keyboard.press("ArrowRight")
    first = page.locator("#picked .title").inner_text()
    page.keyboard.press("ArrowRight")
    assert page.locator("#picked .title").inner_text() != first
    page.keyboard.press("Escape")
    assert page.evaluate("mailcensusDrawing.$(':selected').length") == 0


def test_hosts_are_joined_by_one_line_per_port_pair_and_the_legend_hides_them(
    page: Page, report: Path
) -> None:
    page.goto((report / "clusters/2.html").as_uri())
    page.get_by_role("button", name="Host to host").click()
    assert page.evaluate("mailcensusDrawing.nodes('[kind = \"key\"]').length") == 0
    entry = page.locator("[data-legend=hosts] button").first
    pair = entry.get_attribute("data-pair")
    visible = f"mailcensusDrawing.edges('[pair = {pair}]').filter(':visible').length"
    assert once_drawn(page, visible) > 0
    entry.click()
    assert once_drawn(page, visible) == 0
    assert entry.get_attribute("aria-pressed") == "false"
    keep(page, "cluster-hosts")


def test_a_phone_needs_no_sideways_scrolling(browser: Browser, report: Path) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    for name in ("index.html", "chapters/clusters.html", "tables/clusters.html", "clusters/1.html"):
        page = context.new_page()
        page.goto((report / name).as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        keep(page, f"phone-{name.replace('/', '-')}")
    context.close()


def test_a_table_wider_than_a_phone_says_so_and_keeps_its_first_column(
    browser: Browser, report: Path
) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto((report / "chapters/reuse.html").as_uri())
    block = page.locator("[data-table=shared_keys]")
    block.get_by_text("Scroll right for more columns").wait_for()
    first, second = (block.locator(f"tbody tr:first-child td:nth-child({n})").bounding_box() for n in (1, 2))
    block.locator(".scroll").evaluate("all => { all.scrollLeft = 300; }")
    block.locator(".scroll.scrolled.cut").wait_for()
    assert block.locator("tbody tr:first-child td:nth-child(1)").bounding_box() == first
    assert block.locator("tbody tr:first-child td:nth-child(2)").bounding_box() != second
    block.locator(".scroll").evaluate("all => { all.scrollLeft = all.scrollWidth; }")
    block.locator(".scroll:not(.cut)").wait_for()
    assert page.locator("[data-table=ways] .wider:visible").count() == 1
    context.close()


def test_hostile_text_runs_nowhere(page: Page, tmp_path_factory: pytest.TempPathFactory) -> None:
    report = strangers_report(tmp_path_factory)
    page.goto((report / "chapters/clusters.html").as_uri())
    page.locator("#table-clusters").get_by_role("link", name="1", exact=True).click()
    page.wait_for_url("**/clusters/1.html")
    page.locator("[data-table=hosts]").get_by_role("button", name="Next").click()
    page.locator("#canvas").focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    assert '"><script>' in page.locator("#picked").inner_text()
    assert page.title() != "owned"
    assert page.locator("img").count() == 0


def test_an_empty_study_has_a_page(page: Page, tmp_path_factory: pytest.TempPathFactory) -> None:
    page.goto(empty_report(tmp_path_factory).as_uri())
    assert "Nothing answered" in page.get_by_role("note").inner_text()
    keep(page, "empty")
