"""The units and the container file, as far as they can be judged without running them."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from mailcensus.cli.app import APP

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNITS = ("mailcensus@.service", "mailcensus-metrics@.service", "mailcensus-vantage@.service")
MOST_EXPOSED = 2.0
"""Of systemd's 10 for a unit without any hardening."""
INSTRUCTIONS = {"FROM", "RUN", "COPY", "ENV", "WORKDIR", "USER", "VOLUME", "ENTRYPOINT", "CMD"}

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")


@needs_systemd
@pytest.mark.parametrize("name", UNITS)
def test_systemd_finds_nothing_wrong_with_a_unit_once_the_command_is_there(name: str, tmp_path: Path) -> None:
    unit = tmp_path / name
    text = (DEPLOY / name).read_text().replace("/opt/mailcensus/.venv/bin/mailcensus", "/bin/true")
    unit.write_text(text)
    ended = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    about_it = [line for line in ended.stderr.splitlines() if "mailcensus" in line or str(tmp_path) in line]
    assert about_it == []


@needs_systemd
@pytest.mark.parametrize("name", UNITS)
def test_systemd_holds_a_unit_for_little_exposed(name: str) -> None:
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={round(MOST_EXPOSED * 10)}"]
    ended = subprocess.run([*command, DEPLOY / name], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout[-400:]
    assert "Overall exposure level" in ended.stdout


@pytest.mark.parametrize("name", UNITS)
def test_the_command_of_a_unit_is_one_that_we_have(name: str) -> None:
    (line,) = re.findall(r"^ExecStart=(.*)$", (DEPLOY / name).read_text(), re.MULTILINE)
    program, *arguments = shlex.split(line.replace("%i", "study"))
    assert program == "/opt/mailcensus/.venv/bin/mailcensus"
    command = get_command(APP)
    context = command.make_context("mailcensus", list(arguments), resilient_parsing=True)  # type: ignore[attr-defined]
    assert context.params["log_format"] == "json"
    assert arguments[2] in command.commands  # type: ignore[attr-defined]


def test_a_unit_runs_as_nobody_special_and_may_do_nothing_special() -> None:
    for name in UNITS:
        text = (DEPLOY / name).read_text()
        assert "User=mailcensus" in text
        assert "CapabilityBoundingSet=\n" in text
        assert "LoadCredential" not in text, "there are no secrets to give it"


def instructions() -> list[tuple[str, str]]:
    """Instructions of the container file, continued lines joined."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Containerfile").read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [(line.split()[0], line.split(maxsplit=1)[1].strip()) for line in lines if line.strip()]


def test_the_container_file_has_instructions_that_there_are_and_copies_what_is_there() -> None:
    for word, rest in instructions():
        assert word in INSTRUCTIONS, word
        if word == "COPY" and not rest.startswith("--from="):
            *sources, _ = rest.split()
            assert [source for source in sources if not (ROOT / source).exists()] == []
        if word in ("ENTRYPOINT", "CMD"):
            assert all(isinstance(part, str) for part in json.loads(rest))


def test_the_container_runs_as_a_user_without_rights_and_installs_nothing_without_its_hash() -> None:
    words = instructions()
    last_stage = words[max(at for at, (word, _) in enumerate(words) if word == "FROM") :]
    assert ("USER", "mailcensus") in last_stage
    installs = [rest for word, rest in words if word == "RUN" and "pip install" in rest]
    assert len(installs) == 2
    assert "--require-hashes" in installs[0]
    assert "--no-index --no-deps" in installs[1] or (
        "--no-deps" in installs[1] and "--no-index" in installs[1]
    )


def test_the_shell_commands_of_the_container_file_are_shell() -> None:
    for word, rest in instructions():
        if word == "RUN":
            subprocess.run(["sh", "-n", "-c", rest], check=True)


def test_the_runtime_lock_is_what_the_package_needs_and_no_more() -> None:
    script = ROOT / "scripts" / "runtime-lock"
    printed = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True).stdout
    names = set(re.findall(r"^([a-z0-9-]+)==", printed, re.MULTILINE))
    assert {"cryptography", "pyarrow", "cffi"} <= names
    assert names.isdisjoint({"pytest", "mypy", "ruff", "hypothesis"})
    assert len(re.findall(r"^[a-z0-9-]+==", printed, re.MULTILINE)) <= printed.count("--hash=sha256:")
