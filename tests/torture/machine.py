"""The machine that asks: its clock jumps, its file descriptors run out, its DNS is dead."""

from __future__ import annotations

import random
import resource
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from mailcensus.dataset.tables import Dataset
from torture.domains import domain_sections, name_server_of
from torture.invariants import check
from torture.scene import Fault, Scene, ended, scene

_SPARE_FILES = 12
_SAID_NO = ("null_mx", "no_mail", "nxdomain", "broken", "implicit_mx")


def faketime_library() -> Path | None:
    """libfaketime for processes with threads, where it is installed."""
    return next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)


def clock_jumps(directory: Path, chance: random.Random, *, jumps: int = 2) -> str:
    """The wall clock jumps by hours and days, both ways, while a run goes on; the monotonic one does not."""
    library = faketime_library()
    if library is None:
        return "skipped: libfaketime is not installed (Debian package: faketime)"
    with scene(directory, chance.randrange(1 << 16)) as here:
        offset = directory / "offset"
        told = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(offset),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        jumped: list[str] = []
        jumps_to = [sign + seconds for seconds in ("40", "5400", "180000") for sign in "-+"]
        chance.shuffle(jumps_to)

        def jump() -> None:
            jumped.append(jumps_to.pop())
            offset.write_text(jumped[-1])

        here.run("discover")
        for is_last in (False, True):
            jump()
            process = here.start("collect", environment=told)
            while process.poll() is None and len(jumped) < jumps * (1 + is_last):
                time.sleep(chance.uniform(1.0, 2.5))
                jump()
            if not is_last:
                here.kill(process)
        said = ended(process)
        if process.returncode:
            raise Fault(f"after jumps of {jumped} s it ended with {process.returncode}: {said}")
        return f"{check(here)}; jumps to {', '.join(jumped)} s"


def out_of_descriptors(directory: Path, chance: random.Random) -> str:
    """A limit too low is said before anybody is asked; one that sinks in the middle ends the command in one line."""
    with scene(directory, chance.randrange(1 << 16)) as here:

        def hardly_any() -> None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))

        process = here.start("discover", prepare=hardly_any)
        said = ended(process)
        if process.returncode not in (1, 2) or "open files" not in said:
            raise Fault(f"with 200 descriptors it ended with {process.returncode}: {said}")
        process = here.start("run")
        _wait_for_hits(here, process)
        used = len(list(Path(f"/proc/{process.pid}/fd").iterdir()))
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (max(8, used - _SPARE_FILES), 4096))
        said = ended(process)
        here.struck()
        sunk = process.returncode
        if sunk == 1 and "Traceback" in said:
            raise Fault(f"without descriptors it ended in a traceback: {said}")
        if sunk:
            here.ask_everybody()
        return f"{check(here)}; refused at 200, ended with {sunk} at {used - _SPARE_FILES}"


def machine_stalls(directory: Path, chance: random.Random, *, stalls: int = 4) -> str:
    """The process is stopped for seconds and goes on, as when a machine is suspended: nobody is to blame but we."""
    with scene(directory, chance.randrange(1 << 16)) as here:
        here.run("discover")
        process, done = here.start("collect"), 0
        while process.poll() is None and done < stalls:
            time.sleep(chance.uniform(0.8, 2.0))
            process.send_signal(signal.SIGSTOP)
            time.sleep(chance.uniform(2.5, 4.0))
            process.send_signal(signal.SIGCONT)
            done += 1
        said = ended(process)
        if process.returncode:
            raise Fault(f"stopped {done} times it ended with {process.returncode}: {said}")
        return f"{check(here)}; stopped {done} times"


def _wait_for_hits(here: Scene, process: subprocess.Popen[str]) -> None:
    while process.poll() is None and not list((here.directory / "data" / "hits").glob("part-*")):
        time.sleep(0.02)


def dns_dead(directory: Path, chance: random.Random, *, domains: int = 8) -> str:
    """A resolver that does not answer leaves nothing known, not "no mail" and "no name"."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        dead = f"127.0.0.1:{silent.getsockname()[1]}"
        with (
            scene(directory, chance.randrange(1 << 16), hosts=20) as here,
            name_server_of(here, domains) as server,
        ):
            text = domain_sections(here, dead)
            (here.directory / "study.toml").write_text(text)
            process = here.start("resolve")
            said = ended(process)
            rows = Dataset(here.directory / "data").table("domains").to_pyarrow().to_pylist()
            told = [row for row in rows if row["mail"] in _SAID_NO]
            if told:
                raise Fault(f"DNS was dead and {len(told)} domains have no mail, it says")
            shutil.rmtree(here.directory / "data")
            (here.directory / "study.toml").write_text(text.replace(dead, server.resolver))
            here.run("resolve")
            known = Dataset(here.directory / "data").table("mx").count().to_pyarrow().as_py()
            if known != domains:
                raise Fault(f"{known} exchanges of {domains} once DNS answered: {said}")
            return (
                f"{len(rows)} domains without an answer (status {process.returncode}), then {known} exchanges"
            )
