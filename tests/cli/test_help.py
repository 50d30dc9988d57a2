"""Help texts, their examples, the reference page, and the command as a whole."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from mailcensus import __version__
from mailcensus.cli.app import APP
from mailcensus.cli.reference import cli_reference, examples_of, walk

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"
COMMANDS = dict(walk(get_command(APP), ("mailcensus",)))
EXAMPLES = {example for command in COMMANDS.values() for example in examples_of(command)}


def test_every_verb_of_the_design_is_there() -> None:
    verbs = ["init", "run", "population", "discover", "collect", "analyse", "report", "grab", "demo", "ports"]
    assert {("mailcensus", verb) for verb in verbs} <= COMMANDS.keys()
    assert {("mailcensus", "lab", "serve"), ("mailcensus", "lab", "truth")} <= COMMANDS.keys()


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_help_ends_with_examples(mailcensus: Any, path: tuple[str, ...]) -> None:
    ended = mailcensus(*path[1:], "--help")
    examples = examples_of(COMMANDS[path])
    assert (ended.status, ended.err) == (0, "")
    assert [line.strip() for line in ended.out.splitlines()[-len(examples) :]] == examples
    assert examples


@pytest.mark.parametrize("example", sorted(EXAMPLES))
def test_every_example_is_a_command_that_can_be_read(example: str) -> None:
    name, *arguments = shlex.split(example)
    assert name == "mailcensus"
    command: Any = COMMANDS[("mailcensus",)]
    while hasattr(command, "commands"):
        command = command.commands[arguments.pop(0)]
    command.make_context("mailcensus", arguments).close()


def test_examples_run(mailcensus: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that need no lab and take no time; the stages' own tests run the others."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prefixes.txt").write_text("127.0.0.0/30\n")
    for verb in ("init", "population", "ports", "grab"):
        for example in examples_of(COMMANDS["mailcensus", verb]):
            assert mailcensus(*shlex.split(example)[1:]).status == 0, example
    (example,) = examples_of(COMMANDS["mailcensus", "lab", "truth"])
    assert len(mailcensus(*shlex.split(example)[1:]).out) > 1_000


def test_the_reference_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == cli_reference(), (
        "run: python -m mailcensus.cli.reference > docs/reference/cli.md"
    )


def test_the_module_is_the_command() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "mailcensus", "--version"],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    assert said.stdout == f"mailcensus {__version__}\n"


@pytest.mark.parametrize(
    "arguments", [["nope"], ["ports", "--nope"], ["run"], ["lab", "serve", "--size", "x"]]
)
def test_bad_usage_is_status_2(mailcensus: Any, arguments: list[str]) -> None:
    ended = mailcensus(*arguments)
    assert (ended.status, ended.out) == (2, "")
    assert "Usage: mailcensus" in ended.err


def test_nobody_waits_for_the_imports_of_other_verbs() -> None:
    called = "from mailcensus.cli import main\ntry:\n main(['ports'])\nexcept SystemExit:\n pass"
    looked = "import sys; print(sorted({'ibis', 'duckdb', 'matplotlib', 'distributed'} & sys.modules.keys()))"
    command = [sys.executable, "-c", f"{called}\n{looked}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
