"""Every `$ mailcensus ...` of the pages runs as it stands there; a lab stands where the Internet would.

Commands of one page run in order in one directory, as its reader would type them. A block with a file's name is that
file; of a study.toml it is what to change. What studies are told besides is where the lab is.

A study costs a dozen seconds of CPU, and pages begin alike: what `init` or `run` has made for an earlier page of a
study with the same files is copied, and what follows on the page goes on from there.
"""

from __future__ import annotations

import hashlib
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from docs.country_database import country_database
from docs.pages import PAGES, ROOT, Block, blocks
from mailcensus.lab.plan import Plan
from mailcensus.lab.population import make_plan
from mailcensus.lab.products import LISTENERS
from mailcensus.lab.running import running
from mailcensus.study.template import toml_value
from places import own_block

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

HOSTS = 40
PROMPT = "$ mailcensus"
TIMEOUT_S = 300
RUN_ELSEWHERE = {"mailcensus demo lab": "integration/test_demo.py"}
"""It listens where every demo does, and so may one beside this test."""


def commands(block: Block) -> list[str]:
    if block.language != "console":
        return []
    return [line.removeprefix("$ ") for line in block.text.splitlines() if line.startswith(PROMPT)]


def has_commands(page: Path) -> bool:
    return any(commands(block) for block in blocks(page) if block.not_run is None)


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture(scope="module")
def lab() -> Iterator[Plan]:
    plan = make_plan(seed=11, size=HOSTS, block=own_block(3))
    with running(plan):
        yield plan


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return Shelf(tmp_path_factory.mktemp("shelf"))


@dataclass(frozen=True)
class Shelf:
    """Studies as `init` and `run` have made them, by the command and the files that it met."""

    directory: Path
    studies: dict[str, Path] = field(default_factory=dict)

    def keep(self, name: str, study: Path) -> None:
        kept = self.directory / str(len(self.studies))
        self.studies[name] = shutil.copytree(study, kept, symlinks=True)

    def take(self, name: str, study: Path) -> bool:
        """Whether there was such a study; it replaces the one that is there."""
        if name in self.studies:
            shutil.rmtree(study, ignore_errors=True)
            shutil.copytree(self.studies[name], study, symlinks=True)
        return name in self.studies


def name_of(command: str, study: Path, sources: dict[str, bytes]) -> str:
    """What a command makes of a study follows from these."""
    files = sorted(path for path in study.rglob("*") if path.is_file())
    met = [(str(path.relative_to(study)), path.read_bytes()) for path in files]
    return hashlib.sha256(repr((command, sorted(sources.items()), met)).encode()).hexdigest()


@dataclass(frozen=True)
class Reader:
    """Somebody who does what a page says."""

    directory: Path
    lab: Plan
    shelf: Shelf

    @property
    def sources(self) -> dict[str, bytes]:
        """Files that say whom to ask: the lab, whatever a page says they are."""
        addresses = "\n".join(host.ip for host in self.lab.hosts)
        return {
            "hosts.txt": f"{addresses}\n".encode(),
            "prefixes.txt": f"{self.lab.block}\n".encode(),
            "GeoLite2-Country.mmdb": country_database(IPv4Network(self.lab.block), "IE"),
        }

    def do(self, command: str) -> None:
        """Run a command, unless what it makes of a study is known."""
        if command in RUN_ELSEWHERE:
            assert (ROOT / "tests" / RUN_ELSEWHERE[command]).is_file()
        elif (making := re.match(r"mailcensus (?:init|run) (\S+)", command)) is None:
            self.run(command)
        else:
            study = self.directory / making[1]
            name = name_of(command, study, self.sources)
            if not self.shelf.take(name, study):
                self.run(command)
                self.shelf.keep(name, study)

    def run(self, command: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", *shlex.split(command)],
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
        assert done.returncode == 0, f"$ {command}\n{done.stdout}{done.stderr}"
        if (study := re.match(r"mailcensus init (\S+)", command)) is not None:
            change(self.directory / study[1] / "study.toml", self.where_the_lab_is())

    def where_the_lab_is(self) -> dict[str, dict[str, object]]:
        ports = {row.name: row.port + self.lab.port_offset for row in LISTENERS}
        return {
            "study": {"allow_special": True},
            "politeness": {
                "connections_per_s": 5_000.0,
                "prefix_connections_per_s": 5_000.0,
                "prefix_connections": 500,
            },
            "discovery": {"ports": [self.lab.discovery_port], "timeout_s": 1.0},
            "collect": {"rate_limited_pauses_s": (0.2, 0.4)},
            "collect.deadlines": {"connect_s": 1.0},
            "ports": ports,
        }

    def write(self, block: Block) -> None:
        assert block.name is not None
        path = self.directory / block.name
        if path.name == "study.toml":
            change(path, tomllib.loads(block.text))
        elif block.name not in self.sources:
            path.parent.mkdir(exist_ok=True)
            path.write_text(block.text, encoding="utf-8")


def change(study_toml: Path, sections: dict[str, dict[str, object]]) -> None:
    """Set settings where `mailcensus init` wrote them, with a value or commented out."""
    text = study_toml.read_text(encoding="utf-8")
    for name, settings in sections.items():
        head, title, rest = text.partition(f"\n[{name}]\n")
        assert title, f"no section [{name}]"
        section, more, tail = rest.partition("\n[")
        for key, value in settings.items():
            line = f"{key} = {toml_value(value)}"
            section, found = re.subn(
                rf"^(# )?{key} = .*$", lambda _, line=line: line, section, flags=re.MULTILINE
            )
            if not found:
                assert name == "ports", f"no setting {name}.{key}"
                section += f"\n{line}"
        text = head + title + section + more + tail
    study_toml.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("page", list(filter(has_commands, PAGES)), ids=named)
def test_the_commands_of_a_page_run(page: Path, lab: Plan, shelf: Shelf, tmp_path: Path) -> None:
    reader = Reader(tmp_path, lab, shelf)
    for name, content in reader.sources.items():
        (tmp_path / name).write_bytes(content)
    found = [command for block in blocks(page) if block.not_run is None for command in commands(block)]
    if not any(
        command.startswith("mailcensus init mine") for command in found
    ):  # pages for those who have one
        reader.do("mailcensus init mine --hosts hosts.txt")
    for block in blocks(page):
        if block.not_run is None:
            if block.name is not None:
                reader.write(block)
            for command in commands(block):
                reader.do(command)
