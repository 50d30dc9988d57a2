"""The opt-out site in Debian's Chromium: by keyboard, on a phone, in the dark; no script, no complaint."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from browser.test_report import keep
from outreach.serving import served

pytestmark = pytest.mark.browser

STUDY = """
[study]
name = "Keys & <b>mail</b>"
contact = "scan@scanner.example"
opt_out = "https://scanner.example/opt-out"
[population]
exclusions = ["opt-outs.txt"]
[preflight]
addresses = ["192.0.2.1"]
[facts]
resolvers = ["127.0.0.1:9"]
[site]
listen = ["127.0.0.1:0"]
smtp = "127.0.0.1:9"
"""


SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("site"), STUDY) as url:
        yield url


@pytest.fixture
def page(browser: Browser, site: str) -> Iterator[Page]:
    """A page that fails the test when the browser complains of anything, or asks anybody else."""
    context = browser.new_context(base_url=site)
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on(
        "request", lambda asked: complaints.extend([asked.url] * (not asked.url.startswith((site, "data:"))))
    )
    yield opened
    context.close()
    assert complaints == []


def walk(page: Page) -> Iterator[str]:
    """Every kind of page, by its links and forms."""
    page.goto("/")
    yield "who"
    page.get_by_role("link", name="What we hold on you").click()
    yield "held"
    page.get_by_role("button", name="Look it up").click()
    page.get_by_text("Nothing is recorded of it.").wait_for()
    yield "held-rows"
    page.get_by_role("link", name="Opt out", exact=True).click()
    yield "opt-out"
    page.get_by_role("button", name="Leave 127.0.0.1 out").click()
    assert "left out from now on" in page.get_by_role("status").inner_text()
    yield "changed"
    page.get_by_role("link", name="Back to the form").click()
    page.get_by_label("Address, prefix or domain").fill("127.0.0.0/24")
    page.get_by_role("button", name="Leave it out").click()
    page.get_by_role("heading", name="Prove that it is yours").wait_for()
    yield "request"
    page.get_by_role("button", name="Look it up").click()
    assert "Not proved yet" in page.get_by_role("status").inner_text()
    yield "not-proved"
    page.get_by_role("button", name="I am here").click()
    assert "Done" in page.get_by_role("status").inner_text()
    yield "done"


def test_axe_finds_no_fault_on_any_page_by_day_and_by_night(browser: Browser, site: str) -> None:
    context = browser.new_context(base_url=site, bypass_csp=True)  # axe is a script
    page, axe = context.new_page(), Axe()
    for name in walk(page):
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            results = axe.run(page)
            assert results.violations_count == 0, f"{name}: {results.generate_report()}"
            keep(page, f"site-{name}-{scheme}")
    context.close()


def test_every_page_opens_without_a_complaint_and_fits_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    for name in walk(page):
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 320, name
        assert page.title() not in ("", "owned")


def test_the_keyboard_is_enough(page: Page) -> None:
    page.goto("/opt-out")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.innerText") == "To the content"
    page.get_by_label("Address, prefix or domain").focus()
    page.keyboard.type("example.org")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Prove that it is yours").wait_for()
    assert "_mailcensus-opt-out.example.org. IN TXT" in page.locator("pre").inner_text()


def test_a_form_on_another_site_is_not_taken(browser: Browser, site: str, tmp_path: Path) -> None:
    """A page of somebody else sends the visitor's browser to us: as a form, and from an address of its own."""
    attack = tmp_path / "attack.html"
    attack.write_text(
        f'<form method="post" action="{site}/opt-out"><input name="action" value="opt_out"><input name="token" '
        'value="1.1"><button>win a prize</button></form>'
    )
    context = browser.new_context()
    opened = context.new_page()
    opened.goto(attack.as_uri())
    with opened.expect_navigation() as navigation:
        opened.get_by_role("button").click()
    answer = navigation.value
    assert answer is not None
    assert answer.status == 403
    context.close()
