"""Dropbear, a second SSH server, with host keys of its own making. Nobody can log in."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from realservers.ports import PORTS
from realservers.process import RunningServer, program, running


@contextmanager
def dropbear(
    directory: Path, *, address: str, host_keys: Sequence[tuple[str, str]]
) -> Iterator[RunningServer]:
    """Run Dropbear until the block is left.

    Args:
        host_keys: type and bits, as `dropbearkey` takes them.
    Raises:
        ServerMissing: Dropbear is not installed.
        ServerFailed: it does not come up.
    """
    command = program("dropbear", "dropbear-bin")
    directory.mkdir(parents=True)
    port = PORTS["ssh"]
    arguments: list[str] = []
    for kind, bits in host_keys:
        path = directory / f"{kind}-{bits}"
        size = [] if kind == "ed25519" else ["-s", bits]
        subprocess.run(
            [program("dropbearkey", "dropbear-bin"), "-t", kind, *size, "-f", path],
            check=True,
            capture_output=True,
            timeout=60,
        )
        arguments += ["-r", str(path)]
    # -s: no passwords; -F, -E: in the foreground, log to standard error
    with running(
        "dropbear",
        [command, "-F", "-E", "-s", "-p", f"{address}:{port}", *arguments],
        directory=directory,
        address=address,
        ports={"ssh": port},
        log=directory / "dropbear.log",
    ) as server:
        yield server
