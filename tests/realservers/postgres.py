"""A server of Debian's PostgreSQL on a socket of its own, nothing but a directory that goes with it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def postgres_programs() -> Path | None:
    """Where the newest installed PostgreSQL has its programs; None: it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    return found[-1].parent if found else None


@contextmanager
def postgres_server() -> Iterator[str]:
    """Its URL. PostgreSQL must be installed."""
    programs = postgres_programs()
    assert programs is not None
    user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    become = ("runuser", "-u", user, "--") if os.getuid() == 0 else ()
    directory = Path(tempfile.mkdtemp(prefix="mailcensus-"))
    shutil.chown(directory, user)
    place = ["-D", str(directory / "data")]

    def run(program: str, *arguments: str) -> None:
        command = [*become, str(programs / program), *place, *arguments]
        subprocess.run(
            command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", timeout=60
        )

    # Not C: the tables must sort as bytes do whatever the server's own language is.
    run("initdb", "--auth=trust", "--encoding=UTF8", "--locale-provider=icu", "--icu-locale=en", "--no-sync")
    run("pg_ctl", "-w", "-o", f"-k {directory} -c listen_addresses= -c fsync=off", "start")
    yield f"postgresql://{user}@/postgres?host={directory}"
    run("pg_ctl", "-m", "immediate", "stop")
    shutil.rmtree(directory)
