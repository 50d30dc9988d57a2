"""kill -9 at random points of every stage."""

from __future__ import annotations

import random
import time
from pathlib import Path

from mailcensus.dataset.tables import Dataset
from torture.captures import capture
from torture.domains import check_domains, domain_sections, name_server_of
from torture.invariants import check
from torture.scene import Fault, StudyAt, ended, scene

_WHOLE_RUN_S = (0.5, 5.0)
_SHORT_S = (0.05, 1.0)
"""For a command that is over at once."""


def killed(
    here: StudyAt,
    chance: random.Random,
    *words: str,
    kills: int,
    between_s: tuple[float, float] = _WHOLE_RUN_S,
) -> int:
    """Kill a command at random moments, again and again; how often it was, before it came to its end."""
    for done in range(kills):
        process = here.start(*words)
        deadline = time.monotonic() + chance.uniform(*between_s)
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        if process.poll() is not None:
            said = ended(process)
            if process.returncode:
                raise Fault(f"mailcensus {words[0]} ended with {process.returncode}: {said}")
            return done
        here.kill(process)
    return kills


def killed_until_done(
    here: StudyAt,
    chance: random.Random,
    *words: str,
    kills: int,
    between_s: tuple[float, float] = _WHOLE_RUN_S,
) -> int:
    """As `killed`, and then let it come to its end."""
    done = killed(here, chance, *words, kills=kills, between_s=between_s)
    here.run(*words)
    return done


def run_killed(directory: Path, chance: random.Random, *, kills: int = 6) -> str:
    """`mailcensus run`: discovery and collection together."""
    with scene(directory, chance.randrange(1 << 16)) as here:
        killed(here, chance, "run", kills=kills, between_s=(1.5, 10.0))
        here.ask_everybody()
        return check(here)


def each_stage_killed(directory: Path, chance: random.Random, *, kills: int = 3) -> str:
    """Every stage by its own command, population to report."""
    with scene(directory, chance.randrange(1 << 16)) as here:
        counts = [
            f"{verb} {killed_until_done(here, chance, verb, kills=kills, between_s=between_s)}"
            for verb, between_s in (
                ("population", _SHORT_S),
                *((verb, _WHOLE_RUN_S) for verb in ("discover", "collect", "enrich", "analyse", "report")),
            )
        ]
        if not (here.directory / "report" / "index.html").exists():
            raise Fault("no report")
        return f"{check(here)}; killed: {', '.join(counts)}"


def resolve_killed(directory: Path, chance: random.Random, *, kills: int = 3, domains: int = 3_000) -> str:
    """`mailcensus resolve`: nothing lost, and no question asked twice but those of the last moment."""
    with (
        scene(directory, chance.randrange(1 << 16), hosts=30) as here,
        name_server_of(here, domains) as server,
    ):
        (here.directory / "study.toml").write_text(domain_sections(here, server.resolver))
        done = killed_until_done(here, chance, "resolve", kills=kills, between_s=(2.0, 8.0))
        check_domains(here, domains)
        asked = dict.fromkeys(server.questions)
        again = len(server.questions) - len(asked)
        if again > 600 * (done + 1):  # 200 in work at a time, three kinds of question each at that moment
            raise Fault(f"{again} questions asked again for {done} kills")
        return f"{domains} domains, {len(server.questions)} questions, {again} again, {done} kills"


def import_killed(directory: Path, chance: random.Random, *, kills: int = 3, rows: int = 300_000) -> str:
    """`mailcensus import`."""
    with scene(directory, chance.randrange(1 << 16), hosts=30) as here:
        port = here.plan.discovery_port
        file = directory / "list.txt"
        numbers = (f"{11 + n // 65_536}.{n // 65_536}.{n // 256 % 256}.{n % 256}" for n in range(rows))
        file.write_text("".join(f"open tcp {port} {ip} 1790000000\n" for ip in numbers))
        words = ("import", str(file), "--from", "masscan")
        done = killed_until_done(here, chance, *words, kills=kills, between_s=(1.0, 4.0))
        here.run(*words)
        hits = Dataset(here.directory / "data").table("hits")
        counts = hits.count().to_pyarrow().as_py(), hits.ip.nunique().to_pyarrow().as_py()
        if counts != (rows, rows):
            raise Fault(f"{counts[0]} hits, {counts[1]} different, of {rows}")
        return f"{rows} rows imported, {done} kills"


def passive_killed(
    directory: Path, chance: random.Random, *, kills: int = 3, connections: int = 20_000
) -> str:
    """`mailcensus passive`."""
    with scene(directory, chance.randrange(1 << 16), hosts=30) as here:
        file = capture(directory, connections, here.plan.discovery_port)
        done = killed_until_done(here, chance, "passive", str(file), kills=kills, between_s=(1.0, 4.0))
        here.run("passive", str(file))
        flows = Dataset(here.directory / "data").table("flows").count().to_pyarrow().as_py()
        if flows != connections:
            raise Fault(f"{flows} flows of {connections}")
        return f"{flows} flows, {done} kills"
