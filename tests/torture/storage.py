"""A disk that is full, and parts that are no longer what was written."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq

from mailcensus.dataset.parts import visible_parts
from torture.domains import check_domains, domain_sections, name_server_of
from torture.invariants import check
from torture.scene import Fault, ended, scene

_SMALL_KB = 160
_STEP_KB = 60
_ENOUGH_KB = 60_000


@contextmanager
def small_disk(directory: Path, kilobytes: int) -> Iterator[Path]:
    """A tmpfs of a size, while the context lasts."""
    directory.mkdir()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", str(directory)], check=True, timeout=20
    )
    try:
        yield directory
    finally:
        subprocess.run(["umount", "-l", str(directory)], check=True, timeout=20)


def resize(directory: Path, kilobytes: int) -> None:
    """Make a tmpfs of another size."""
    subprocess.run(["mount", "-o", f"remount,size={kilobytes}k", str(directory)], check=True, timeout=20)


def disk_full(directory: Path, chance: random.Random, *, times: int = 5) -> str:
    """A full disk ends a command with one line; with more room the same command goes on."""
    with (
        small_disk(directory / "disk", _SMALL_KB) as disk,
        scene(directory, chance.randrange(1 << 16), study_directory=disk) as here,
    ):
        full, verb = 0, "discover"
        for step in range(times):
            resize(disk, _SMALL_KB + step * _STEP_KB + chance.randrange(30))
            process = here.start(verb)
            said = ended(process)
            here.struck_when_last_asked()
            if process.returncode == 0:
                verb = "collect"
            elif process.returncode == 1 and "disk full" in said and said.count("\n") <= 1:
                full += 1
            else:
                raise Fault(f"on a full disk it ended with {process.returncode}: {said}")
        resize(disk, _ENOUGH_KB)
        here.ask_everybody()
        if not full:
            raise Fault("the disk was never full; make it smaller")
        return f"{check(here)}; full {full} times"


def parts_damaged(directory: Path, chance: random.Random, *, rounds: int = 2) -> str:
    """Bits flip and files are cut, in the middle of a run and after it: noticed, set aside, asked again."""
    with scene(directory, chance.randrange(1 << 16)) as here:
        data, harmed, tables = here.directory / "data", [], set()
        process = here.start("run")
        while not visible_parts(data / "grabs") and process.poll() is None:
            time.sleep(0.05)
        time.sleep(chance.uniform(0.3, 1.5))
        here.kill(process)
        for _ in range(rounds):
            table = chance.choice(
                [name for name in ("grabs", "certificates", "keys", "hits") if visible_parts(data / name)]
            )
            path = chance.choice(visible_parts(data / table)).path
            harmed.append(f"{harm(path, chance)} {table}")
            tables.add(table)
            said = here.run("discover") + here.run("collect")
            if f"{path} was damaged" not in said:
                raise Fault(f"{path} was harmed and nobody noticed: {said}")
        here.ask_everybody()
        return f"{check(here, asked_again='*')}; {', '.join(harmed)}"


def domains_damaged(directory: Path, chance: random.Random, *, rounds: int = 3, domains: int = 1_000) -> str:
    """The same of what `mailcensus resolve` writes: of DNS nothing is asked again but what the disk has lost."""
    with (
        scene(directory, chance.randrange(1 << 16), hosts=30) as here,
        name_server_of(here, domains) as server,
    ):
        (here.directory / "study.toml").write_text(domain_sections(here, server.resolver))
        data, harmed, lost = here.directory / "data", [], 0
        process = here.start("resolve")
        while not visible_parts(data / "domains") and process.poll() is None:
            time.sleep(0.02)
        here.kill(process)
        for number in range(rounds):
            table = chance.choice([name for name in ("domains", "mx", "dns") if visible_parts(data / name)])
            path = chance.choice(visible_parts(data / table)).path
            lost += pq.read_metadata(path).num_rows if table == "dns" else 0
            harmed.append(f"{harm(path, chance)} {table}")
            said = here.run("resolve")
            if f"{path} was damaged" not in said:
                raise Fault(f"{path} was harmed and nobody noticed: {said}")
            check_domains(here, domains)
            if number == 0:
                here.run("discover")
        here.run("discover")  # of the same exchanges as before, or it says so
        again = len(server.questions) - len(set(server.questions))
        if again > lost + 600 + rounds:  # 200 in work at the kill, and each command asks for the root
            raise Fault(f"{again} questions asked again, where {lost} answers were lost")
        return f"{domains} domains, {again} questions again, {lost} answers lost; {', '.join(harmed)}"


def harm(path: Path, chance: random.Random) -> str:
    """Flip a bit of a file, cut it, or empty it; what was done."""
    content = bytearray(path.read_bytes())
    way = chance.choice(("flipped", "cut", "emptied"))
    if way == "flipped":
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    else:
        del content[chance.randrange(len(content)) if way == "cut" else 0 :]
    path.write_bytes(content)
    return way
