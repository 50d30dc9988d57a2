"""A server as our child process: started in the foreground, waited for, stopped by its own process id.

Each has a keeper, a shell that reads a pipe from us: when the pipe ends, because we were killed, it kills the server.
(The kernel's own signal at a parent's death is forgotten by a server that changes its user.)
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_S = 180.0
"""ejabberd takes ten seconds on an idle machine."""
STOP_S = 10.0
_KEEPER = 'read -r line || kill -s KILL -- "-$1"'
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class ServerMissing(Exception):
    """The server is not installed, or cannot run here; the text says what would mend it."""


class ServerFailed(Exception):
    """The server did not come up; the text ends with its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningServer:
    """A server that answers on all its ports."""

    name: str
    address: str
    ports: dict[str, int]
    """Service name to port."""
    log: Path
    pid: int


def program(name: str, package: str) -> str:
    """The path of a system program, whatever PATH the caller has.

    Raises:
        ServerMissing: it is not installed.
    """
    path = shutil.which(name, path=_SYSTEM_PATH)
    if path is None:
        raise ServerMissing(f"{name} is not installed (Debian package: {package})")
    return path


def require_root(name: str) -> None:
    """Postfix and Dovecot switch to users of their own.

    Raises:
        ServerMissing: we are not root.
    """
    if os.geteuid() != 0:
        raise ServerMissing(f"{name} must be started by root")


@contextmanager
def running(
    name: str,
    command: Sequence[str],
    *,
    directory: Path,
    address: str,
    ports: dict[str, int],
    log: Path,
    environment: Mapping[str, str] | None = None,
) -> Iterator[RunningServer]:
    """Run a server that stays in the foreground, until the block is left or this process is gone.

    Args:
        log: where it is told to log; its standard output and error are added to that file.
        environment: variables it needs besides PATH and LANG.
    Raises:
        ServerFailed: it ended, or did not answer on every port in time.
    """
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={"PATH": _SYSTEM_PATH, "LANG": "C.UTF-8", **(environment or {})},
            start_new_session=True,
        )
    try:
        with _kept(child.pid):
            _wait_until_up(name, child, address, ports, log)
            yield RunningServer(name=name, address=address, ports=ports, log=log, pid=child.pid)
    finally:
        _stop(child)


def tail(log: Path, lines: int = 60) -> str:
    """The last lines of a log, for a person to read."""
    if not log.exists():
        return "(no log)"
    return "\n".join(log.read_text(errors="backslashreplace").splitlines()[-lines:])


@contextmanager
def _kept(pid: int) -> Iterator[None]:
    """Should we die in this block, so does the process group that `pid` leads."""
    # A session of its own: what is sent to our group, Ctrl-C above all, must not reach it.
    keeper = subprocess.Popen(
        ["/bin/sh", "-c", _KEEPER, "keeper", str(pid)], stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        yield
    finally:
        keeper.kill()  # before the server is reaped: until then nobody else has its number
        keeper.communicate()


def _wait_until_up(
    name: str, child: subprocess.Popen[bytes], address: str, ports: dict[str, int], log: Path
) -> None:
    give_up_at = time.monotonic() + START_S
    for port in ports.values():
        while not _answers(address, port):
            if _has_ended(child.pid):
                raise ServerFailed(f"{name} ended\n{tail(log)}")
            if time.monotonic() > give_up_at:
                raise ServerFailed(f"{name} does not answer on {address}:{port}\n{tail(log)}")
            time.sleep(0.02)


def _answers(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=1.0):
            return True
    except OSError:
        return False


def _stop(child: subprocess.Popen[bytes]) -> None:
    """Ask, wait, then insist; the child leads a session of its own, so its own children go with it.

    The child is reaped last: until then its number, which names the group too, cannot be anybody else's.
    """
    os.kill(child.pid, signal.SIGTERM)  # Popen's own way would reap a child that has ended already
    insist_at = time.monotonic() + STOP_S
    while not _has_ended(child.pid) and time.monotonic() < insist_at:
        time.sleep(0.01)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _has_ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
