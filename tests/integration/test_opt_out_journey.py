"""An operator sees our connections, opens our page in a browser and opts out, while the scan goes on.

Two network namespaces joined by a cable: on one side the scan and the site, on the other a lab whose hosts note who
asks them, and the browser, on one of these hosts. What counts is what the hosts have noted.

    scan and site 10.96.255.1  ==veth==  10.96.8.0/26, all hosts of the lab; the browser is one of them
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page

from chromium import CHROMIUM, chromium, need_chromium
from mailcensus.dataset.tables import Dataset
from mailcensus.lab.ledger import Visit, read_ledger
from mailcensus.lab.plan import Plan
from mailcensus.lab.population import make_plan
from mailcensus.lab.verdict import study_toml
from namespaces import need
from outreach.databases import Database, databases

pytestmark = [pytest.mark.integration, pytest.mark.browser, pytest.mark.timeout(600)]

BLOCK, SCANNER, SITE = "10.96.8.0/26", "10.96.255.1", "http://10.96.255.1:8025"
RATE_PER_S = 15.0
HOLDS_WITHIN_S = 4.0
"""Exclusion files are looked at once a second; the rest is a busy machine's."""


@dataclass(frozen=True)
class Ground:
    """Both sides."""

    directory: Path
    plan: Plan
    ask: str
    answer: str
    operator: str
    """The host on which the browser is."""

    @property
    def study(self) -> Path:
        return self.directory / "study"

    def mailcensus(self, *words: str) -> list[str]:
        return ["ip", "netns", "exec", self.ask, sys.executable, "-m", "mailcensus", *words]

    def visits(self) -> list[Visit]:
        """What the lab's hosts were asked by the scan, and when, in the lab's own time."""
        ledger = read_ledger(self.directory / "asked.jsonl")
        return [visit for visit in ledger if visit.peer.startswith(f"{SCANNER}:")]

    def lab_time_s(self) -> float:
        """What time it is in the lab: a connection from its own side is noted with it."""
        host = next(host for host in self.plan.hosts if host.ip != self.operator and host.services)
        place = f"/dev/tcp/{host.ip}/{host.services[0].port}"
        knock = ["ip", "netns", "exec", self.answer, "bash", "-c", f"exec 3<>{place}"]
        subprocess.run(knock, check=True, timeout=20)
        until = time.monotonic() + 100
        while time.monotonic() < until:
            ledger = read_ledger(self.directory / "asked.jsonl")
            ours = [visit.opened_s for visit in ledger if not visit.peer.startswith(f"{SCANNER}:")]
            if ours:
                return max(ours)
            time.sleep(0.05)
        raise AssertionError("the lab did not note our knock")


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=20)


@contextmanager
def ground(directory: Path, database: str) -> Iterator[Ground]:
    """Namespaces, lab and study."""
    plan = make_plan(seed=5, size=40, block=BLOCK)
    operator = max(plan.hosts, key=lambda host: len(host.services) if host.cause == "single" else 0).ip
    names = [f"oo{time.monotonic_ns() % 10**8}{side}" for side in "ab"]
    made = Ground(directory, plan, *names, operator)
    with ExitStack() as stack:
        for name in names:
            _ip("netns", "add", name)
            stack.callback(_ip, "netns", "del", name)
        _ip(
            "link",
            "add",
            "wire",
            "netns",
            made.ask,
            "type",
            "veth",
            "peer",
            "name",
            "wire",
            "netns",
            made.answer,
        )
        for name, address in ((made.ask, SCANNER), (made.answer, operator)):
            _ip("-n", name, "addr", "add", f"{address}/16", "dev", "wire")
            _ip("-n", name, "link", "set", "lo", "up")
            _ip("-n", name, "link", "set", "wire", "up")
        _ip("-n", made.answer, "route", "add", "local", BLOCK, "dev", "lo")
        _write_study(made, database)
        (directory / "plan.json").write_text(plan.to_json())
        lab = ["-m", "mailcensus.lab.serve", "--plan", str(directory / "plan.json")]
        lab += ["--ledger", str(directory / "asked.jsonl")]
        first = [
            "nice",
            "-n",
            "-15",
            sys.executable,
        ]  # it says when it was asked, so it goes before all others
        there = ["ip", "netns", "exec", made.answer]
        stack.enter_context(_started([*there, *first, *lab], "ready\n", directory / "lab.err"))
        stack.enter_context(
            _started(
                made.mailcensus("outreach", "serve", str(made.study)), f"{SITE}/\n", directory / "site.err"
            )
        )
        yield made


def _write_study(made: Ground, database: str) -> None:
    made.study.mkdir()
    text = study_toml(made.plan, made.study)
    for old, new in (
        ("connections_per_s = 5000.0", f"connections_per_s = {RATE_PER_S}"),
        ('prefixes = "prefixes.txt"\n', 'prefixes = "prefixes.txt"\nexclusions = ["opt-outs.txt"]\n'),
    ):
        assert old in text
        text = text.replace(old, new, 1)
    text += f'\n[site]\nlisten = ["{SITE.removeprefix("http://")}"]\n{database}'
    (made.study / "study.toml").write_text(text)


@contextmanager
def _started(command: list[str], ready: str, complaints: Path) -> Iterator[None]:
    with complaints.open("w") as stderr:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True)
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == ready, complaints.read_text()
            yield
        finally:
            process.terminate()
            process.wait(100)
    assert process.returncode == 0, complaints.read_text()


@contextmanager
def browser_at(made: Ground) -> Iterator[Page]:
    """A page of a browser on the operator's host, without JavaScript."""
    program = made.directory / "chromium-there"
    program.write_text(f'#!/bin/sh\nexec ip netns exec {made.answer} {CHROMIUM} "$@"\n')
    program.chmod(0o755)
    with chromium(program) as browser:
        yield browser.new_context(java_script_enabled=False).new_page()


@pytest.mark.parametrize("kind", databases())
def test_after_the_click_no_packet_goes_to_that_address_while_the_scan_goes_on(
    tmp_path: Path, kind: Database
) -> None:
    need()
    need_chromium()
    with kind() as database, ground(tmp_path, database) as made, browser_at(made) as page:
        subprocess.run(made.mailcensus("discover", str(made.study), "--quiet"), check=True, timeout=100)
        page.goto(SITE)
        assert "scanner.lab.example" in page.locator("main").inner_text()
        page.get_by_role("link", name="Opt out").first.click()
        scan = subprocess.Popen(made.mailcensus("collect", str(made.study), "--quiet"))
        while sum(visit.ip == made.operator for visit in made.visits()) < 2:  # one of discovery
            assert scan.poll() is None
            time.sleep(0.05)

        page.get_by_role("button", name=f"Leave {made.operator} out").click()
        assert f"{made.operator} is left out from now on" in page.get_by_role("status").inner_text()
        done_s = made.lab_time_s()
        assert scan.poll() is None, "it goes on"
        assert scan.wait(250) == 0

        theirs = [visit.opened_s - done_s for visit in made.visits() if visit.ip == made.operator]
        others = [visit.opened_s - done_s for visit in made.visits() if visit.ip != made.operator]
        assert max(theirs) < HOLDS_WITHIN_S
        assert max(others) > HOLDS_WITHIN_S + 1, "others are asked on"
        services = next(host.services for host in made.plan.hosts if host.ip == made.operator)
        assert len(theirs) < len(services) + 1, "the scan was not through with them"
        _check_records(made, len(theirs))
        _withdraw(page, made)


def _check_records(made: Ground, asked: int) -> None:
    """What the dataset says of the opt-out: the reason, and what it stopped."""
    dataset = Dataset(made.study / "data")
    rows = dataset.table("exclusions").to_pyarrow().to_pylist()
    (entry,) = {(row["entry"], row["reason"]) for row in rows}
    assert entry == (made.operator, "opt-out page: from the address itself")
    grabs = [row for row in dataset.table("grabs").to_pyarrow().to_pylist() if row["ip"] == made.operator]
    assert sum(row["outcome"] == "excluded" for row in grabs) == sum(row["refused"] for row in rows) > 0
    assert asked == 1 + sum(row["outcome"] not in ("excluded", "refused") for row in grabs)


def _withdraw(page: Page, made: Ground) -> None:
    """They see what is held on them, and change their mind."""
    page.get_by_role("link", name="What we hold on you").click()
    page.get_by_role("button", name="Look it up").click()
    held = page.locator("main").inner_text()
    assert "It is left out now" in held
    assert f'"ip": "{made.operator}"' in held
    assert not any(f'"{host.ip}"' in held for host in made.plan.hosts if host.ip != made.operator)
    page.get_by_role("link", name="Opt out").first.click()
    page.get_by_role("button", name="Withdraw my opt-out").click()
    assert "is withdrawn" in page.get_by_role("status").inner_text()
    lines = (made.study / "opt-outs.txt").read_text().splitlines()
    assert not [line for line in lines if not line.startswith("#")]
