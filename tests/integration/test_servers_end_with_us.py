"""A test run that is killed leaves no servers behind."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from places import fresh_network

pytestmark = pytest.mark.integration

TESTS = Path(__file__).parents[1]
PATIENCE_S = 60.0
RUN = """\
import sys
from pathlib import Path
from realservers.credentials import Credentials
from realservers.{module} import {start}
directory, address = Path(sys.argv[1]), sys.argv[2]
credential = Credentials(directory / "keys").get("p-256")
with {start}(directory / "server", address=address, credential=credential) as server:
    print(server.pid, flush=True)
    sys.stdin.read()
"""


# Exim changes its user; the kernel forgets whom such a process wanted to die with.
@pytest.mark.parametrize(("module", "start"), [("openssl", "s_server"), ("exim", "exim")])
def test_a_server_dies_when_the_process_that_started_it_is_killed(
    server_directory: Path, module: str, start: str
) -> None:
    directory = server_directory / f"killed-{module}"
    directory.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", RUN.format(module=module, start=start), directory, f"{fresh_network()}.1"],
        cwd=TESTS,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        line = owner.stdout.readline()
        owner.kill()
        _, complaints = owner.communicate(timeout=PATIENCE_S)
    if "ServerMissing" in complaints:
        pytest.skip(complaints.splitlines()[-1])
    assert line.strip().isdigit(), complaints
    give_up_at = time.monotonic() + PATIENCE_S
    while _runs(int(line)):
        assert time.monotonic() < give_up_at, "the server goes on"
        time.sleep(0.02)


def _runs(pid: int) -> bool:
    """Whether a process is there and no zombie: nobody may reap orphans where we run."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"
