"""Clusters of 4, 50 and 2,000 hosts in Debian's Chromium: views, filters, evidence, files. No analysis is run."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from xml.etree import ElementTree

import networkx
import pytest
from playwright.sync_api import Browser, Download, Page

from chromium import once_drawn, only_from_disk
from mailcensus.report.cluster import Cluster, Reading, SharedKey, Word
from mailcensus.report.cluster_groups import Place
from mailcensus.report.cluster_page import cluster_page
from mailcensus.report.evidence import HostEvidence, ServiceEvidence
from mailcensus.report.pages import Pages

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=alert(1)>\u202e"
PORTS = {"ssh": 22, "smtp": 25, "imap": 143, "https": 443}
SVG = "{http://www.w3.org/2000/svg}"
CLONED = Reading("cloned_image", "high", ["hosts=9"], ["all show one SSH host key"], ["all in one AS"])
HOSTED = Reading("shared_hosting", "low", ["hosts=9"], [], ["their names are in three domains"])


def cluster_of(number: int, size: int, seed: int) -> Cluster:
    """A hoster's key on most hosts by TLS; SSH host keys of images, each on a dozen hosts."""
    rng = random.Random(seed)
    links, hosts, places = [], {}, {}
    keys = {0: {"smtp"}}
    for i in range(size):
        ip = f"10.{number}.{i >> 8}.{i & 255}"
        tls = tuple(sorted(rng.sample(("imap", "smtp", "https"), rng.randint(1, 3))))
        shows = {0: tls, 1 + i // 12: ("ssh",)}
        for key, services in shows.items():
            keys.setdefault(key, set()).update(services)
            links.append((ip, spki(key), services))
        hosts[ip] = host_of(ip, shows)
        if i % 9:
            system = min(int(rng.expovariate(0.4)), 15)
            places[ip] = Place(64500 + system, HOSTILE if system == 1 else f"Net {system}", "IE", None)
    shared = [
        SharedKey(
            spki(key),
            "tls" if key == 0 else "ssh",
            sorted(services),
            "rsa",
            2048,
            None,
            CLONED if key else HOSTED,
        )
        for key, services in sorted(keys.items())
    ]
    words = [Word("shop", size, size, 0, 2), Word(HOSTILE, 2, 0, 2, 0)]
    return Cluster(number, shared, links, hosts, {}, HOSTED, ["shared_hosting=9"], places, words)


def spki(key: int) -> str:
    return f"{key:064x}"


def host_of(ip: str, shows: Mapping[int, tuple[str, ...]]) -> HostEvidence:
    services = [
        ServiceEvidence(
            service, PORTS[service], "ok", "done", f"220 {HOSTILE}", None, None, None, None, {spki(key): "fp"}
        )
        for key, names in shows.items()
        for service in names
    ]
    return HostEvidence(ip, services, [f"mail.{ip}.example"])


SIZES = {1: 2_000, 2: 50, 3: 4}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    with resources.as_file(resources.files("mailcensus.report") / "assets") as assets:
        shutil.copytree(assets, folder / "assets")
    (folder / "clusters").mkdir()
    pages = Pages("Ruritania", datetime(2026, 11, 22, tzinfo=UTC))
    for number, size in SIZES.items():
        page = cluster_page(cluster_of(number, size, number), folder / "clusters", last=len(SIZES))
        pages.write(folder / "clusters" / f"{number}.html", "cluster.html.j2", up="../", page=page)
    return folder


@pytest.fixture
def cluster(browser: Browser, report: Path) -> Iterator[Callable[[int], Page]]:
    """Opens a cluster's page; anything on the console, and any request beyond the disk, fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 1800}, reduced_motion="reduce")
    complaints: list[str] = []

    def open_page(number: int) -> Page:
        page = context.new_page()
        page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: only_from_disk(request.url, complaints))
        page.goto((report / f"clusters/{number}.html").as_uri())
        page.wait_for_function("window.mailcensusDrawing")
        return page

    yield open_page
    context.close()
    assert complaints == []


def keep(page: Page, name: str) -> None:
    """Keep a screenshot of the drawing where MAILCENSUS_SCREENSHOTS says, if it does."""
    folder = os.environ.get("MAILCENSUS_SCREENSHOTS")
    if folder:
        page.locator("#drawing").screenshot(path=Path(folder) / f"{name}.png")


def drawn(page: Page, selector: str) -> int:
    count: int = once_drawn(page, f"mailcensusDrawing.$({selector!r}).filter(':visible').length")
    return count


def saved(page: Page, name: str) -> Download:
    with page.expect_download() as download:
        page.locator("#drawing").get_by_text(name, exact=True).click()
    return download.value


@pytest.mark.parametrize("number", SIZES)
def test_both_views_draw_every_host(cluster: Callable[[int], Page], number: int) -> None:
    page = cluster(number)
    size = f"{SIZES[number]:,}"
    assert page.locator("[data-shown]").inner_text().startswith(f"Drawn: {size} of {size} hosts and ")
    assert drawn(page, 'node[kind = "key"]') == 1 + -(-SIZES[number] // 12)
    keep(page, f"cluster-{SIZES[number]}-keys")
    page.get_by_role("button", name="Host to host").click()
    assert drawn(page, 'node[kind = "key"]') == 0
    assert drawn(page, "edge") > 0
    keep(page, f"cluster-{SIZES[number]}-hosts")


def test_a_cause_a_port_and_an_as_are_seen_alone(cluster: Callable[[int], Page]) -> None:
    page = cluster(2)
    page.get_by_label("Cause").select_option("shared hosting")
    assert drawn(page, 'node[kind = "key"]') == 1
    page.get_by_label("Port").select_option("smtp 25")
    labels = "[...new Set(mailcensusDrawing.edges(':visible').map(e => e.data('pair')))].length"
    assert once_drawn(page, labels) == 1
    page.get_by_label("Port").select_option("ssh 22")
    assert drawn(page, "*") == 0
    page.get_by_label("Cause").select_option("every cause")
    page.get_by_label("Port").select_option("all ports")
    unknown = len(range(0, 50, 9))
    page.locator("[data-filter=as]").select_option("-1")
    assert drawn(page, 'node[kind != "key"]') == unknown
    page.locator("[data-filter=as]").select_option("")
    assert drawn(page, 'node[kind != "key"]') == 50


def test_filters_hold_between_hosts_too(cluster: Callable[[int], Page]) -> None:
    page = cluster(2)
    page.get_by_role("button", name="Host to host").click()
    before = drawn(page, "edge")
    page.get_by_label("Cause").select_option("cloned image")
    assert 0 < drawn(page, "edge") < before
    services = "mailcensusDrawing.edges(':visible').map(e => e.data('colour'))"
    assert len(set(once_drawn(page, services))) == 1, "SSH alone"


def test_hosts_take_the_colours_of_their_country_or_none(cluster: Callable[[int], Page]) -> None:
    page = cluster(2)
    hues = "[...new Set(mailcensusDrawing.nodes('[kind = \"host\"]').map(n => n.data('hue')))].length"
    assert page.evaluate(hues) > 4
    page.get_by_label("Colour hosts by").select_option("country")
    assert page.evaluate(hues) == 2, "one country, and not known"
    assert page.locator("[data-colours=country]").is_visible()
    assert not page.locator("[data-colours=as]").is_visible()
    page.get_by_label("Colour hosts by").select_option("nothing")
    assert page.evaluate(hues) == 1


def test_a_click_shows_the_evidence_and_the_cause(cluster: Callable[[int], Page]) -> None:
    page = cluster(3)
    picked = page.locator("#picked")
    assert "shared hosting, low confidence" in picked.inner_text()
    where = page.evaluate(
        "(() => { const n = mailcensusDrawing.nodes('[kind = \"key\"]')[1].renderedPosition();"
        " const box = document.getElementById('canvas').getBoundingClientRect();"
        " return {x: box.x + n.x, y: box.y + n.y}; })()"
    )
    page.mouse.click(where["x"], where["y"])
    picked.get_by_text("cloned image, high confidence").wait_for()
    assert "all show one SSH host key" in picked.inner_text()
    page.keyboard.press("Escape")


def test_the_keyboard_reaches_hosts_and_what_they_said_stays_text(cluster: Callable[[int], Page]) -> None:
    page = cluster(3)
    page.locator("#canvas").focus()
    page.keyboard.press("ArrowLeft")
    said = page.locator("#picked").inner_text()
    assert "<img src=x onerror=alert(1)>\\u202e" in said
    assert page.locator("img").count() == 0
    page.keyboard.press("Escape")
    assert page.evaluate("mailcensusDrawing.$(':selected').length") == 0


@pytest.mark.parametrize("number", SIZES)
def test_the_view_is_saved_as_svg_and_png(cluster: Callable[[int], Page], number: int) -> None:
    page = cluster(number)
    svg = ElementTree.fromstring(saved(page, "SVG").path().read_bytes())
    assert len(svg.findall(f"{SVG}g")) == drawn(page, "node")
    assert len(svg.findall(f"{SVG}path")) == drawn(page, "edge")
    assert saved(page, "PNG").path().read_bytes().startswith(b"\x89PNG")


def test_files_of_all_hosts_are_beside_the_page(cluster: Callable[[int], Page], report: Path) -> None:
    """Opened from disk, a browser may show them instead of saving them."""
    page = cluster(1)
    for ending in ("GraphML", "DOT", "JSON"):
        href = page.get_by_role("link", name=ending, exact=True).get_attribute("href")
        assert (report / "clusters" / str(href)).stat().st_size > 100_000
    graph = networkx.read_graphml(report / "clusters/1.graphml", force_multigraph=True)
    assert sum(kind == "host" for _, kind in graph.nodes(data="kind")) == 2_000
