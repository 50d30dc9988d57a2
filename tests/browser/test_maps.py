"""Maps in Debian's Chromium: zoom by button and key, kinds hidden, a dot read; nothing asked of any network."""

from __future__ import annotations

import shutil
from importlib import resources
from pathlib import Path

import pytest

from chromium import chromium, need_chromium
from mailcensus.report.figures.style import save_figure
from mailcensus.report.maps import Area, Dot, draw_map

pytestmark = pytest.mark.browser
PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>maps</title><meta http-equiv='
    "\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'self' file:; style-src 'self' file: "
    '\'unsafe-inline\'; img-src data:"><link rel="icon" href="data:,"><link rel="stylesheet" href="report.css">'
    '<script src="maps.js" defer></script><main><figure>{}</figure></main></html>'
)


@pytest.fixture
def page_file(tmp_path: Path) -> Path:
    dots = [Dot(53.35, -6.26, "one", 5, "Dublin"), Dot(51.9, -8.47, "two", 3, "Cork")]
    figure = draw_map(dots, Area.WORLD, counted="hosts")
    assert figure is not None
    with resources.as_file(resources.files("mailcensus.report") / "assets") as assets:
        for name in ("maps.js", "report.css"):
            shutil.copy(assets / name, tmp_path)
    file = tmp_path / "page.html"
    file.write_text(PAGE.format(save_figure(figure, tmp_path, "a-map")), encoding="utf-8")
    return file


def test_a_map_is_zoomed_moved_and_read(page_file: Path) -> None:
    need_chromium()
    with chromium() as browser:
        page = browser.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request",
            lambda asked: complaints.extend([asked.url] * (not asked.url.startswith(("file:", "data:")))),
        )
        page.goto(page_file.as_uri())
        axes, dots = page.locator('svg [id$="axes_1"]'), page.locator("g.told[data-group] use")
        assert dots.count() == 2
        page.get_by_role("button", name="Zoom in").click()
        assert "scale(1.6)" in str(axes.get_attribute("transform"))
        zoomed = axes.get_attribute("transform")
        page.locator("svg.map").focus()
        page.keyboard.press("ArrowLeft")
        assert axes.get_attribute("transform") != zoomed
        page.keyboard.press("0")
        assert axes.get_attribute("transform") == "translate(0 0) scale(1)"
        page.keyboard.press("-")
        assert axes.get_attribute("transform") == "translate(0 0) scale(1)"
        assert page.locator(".map-tools label").all_inner_texts() == [" one", " two"]
        page.get_by_label("one").uncheck()
        assert [dot.is_visible() for dot in dots.all()] == [False, True]
        dots.nth(1).click(force=True)
        assert page.locator(".map-said").inner_text() == "two: 3 hosts\nCork"
    assert complaints == []
