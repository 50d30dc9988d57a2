"""The databases a site may have: SQLite, and a PostgreSQL of one's own that ends with the test."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

Database = Callable[[], AbstractContextManager[str]]
"""Gives the line that [site] of study.toml needs for it."""
_USER = "nobody"
"""PostgreSQL refuses to run as root."""


@contextmanager
def sqlite() -> Iterator[str]:
    yield ""


@contextmanager
def postgresql() -> Iterator[str]:
    with server() as url:
        yield f'database = "{url}"\n'


@contextmanager
def server() -> Iterator[str]:
    """A new PostgreSQL that listens at a socket file alone; its URL."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not programs:
        pytest.skip("no PostgreSQL; install the Debian package postgresql")
    folder = Path(tempfile.mkdtemp(prefix="mailcensus-pg-"))
    as_user = (
        ["setpriv", f"--reuid={_USER}", f"--regid={_group()}", "--clear-groups"] if os.geteuid() == 0 else []
    )
    try:
        if as_user:
            shutil.chown(folder, _USER)
        data, log = folder / "data", folder / "log"
        init = [
            str(programs[-1].with_name("initdb")),
            "--auth=trust",
            "--username=census",
            "--no-sync",
            "-D",
            data,
        ]
        subprocess.run([*as_user, *init], check=True, capture_output=True, cwd=folder, timeout=60)
        run = [
            "-D",
            data,
            "-k",
            folder,
            "-c",
            "listen_addresses=",
            "-c",
            "fsync=off",
            "-c",
            "max_connections=40",
        ]
        with log.open("w") as stderr:
            process = subprocess.Popen([*as_user, programs[-1], *run], stderr=stderr, cwd=folder)
        try:
            _wait_for(folder, log, process)
            yield f"postgresql:///postgres?host={folder}&user=census"
        finally:
            process.terminate()  # waits for clients
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(folder)


def _wait_for(folder: Path, log: Path, process: subprocess.Popen[bytes]) -> None:
    import psycopg

    for _ in range(300):
        assert process.poll() is None, log.read_text()
        try:
            psycopg.connect(f"host={folder} user=census dbname=postgres", connect_timeout=5).close()
            return
        except psycopg.OperationalError:
            try:
                process.wait(0.1)
            except subprocess.TimeoutExpired:
                pass
    raise AssertionError(log.read_text())


def _group() -> str:
    return "nogroup"


def databases() -> list[object]:
    """Both, as parameters of a test."""
    return [pytest.param(sqlite, id="sqlite"), pytest.param(postgresql, id="postgresql")]
