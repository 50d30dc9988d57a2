"""The network in between: a link that goes down in the middle of a slice; loss, delay, reordering and duplicates."""

from __future__ import annotations

import random
import subprocess
import time
from pathlib import Path
from typing import Any

from mailcensus.dataset.tables import Dataset
from mailcensus.study.template import toml_value
from namespaces import World, world
from torture.rough_line import Roughness, rough_world
from torture.scene import PATIENCE_S, Fault

Sections = dict[str, dict[str, object]]

POPULATION = "10.99.0.0/18"
_LISTENERS = 2_000
_ENGINE_RATE_PER_S = 3_000.0


def link_down(directory: Path, chance: random.Random, *, engine: str = "zmap") -> str:
    """The cable is pulled in the middle of a slice of an engine and put in again: a pause, and every hit is found."""
    with world(_LISTENERS, seed=chance.randrange(1 << 16)) as here:
        inside = {ip for ip in here.listening if int(ip.split(".")[2]) < 64}
        canaries = sorted(here.listening - inside)[:2]
        way: dict[str, object] = {"engine": engine, "timeout_s": 0.7, "cooldown_s": 1, "slice_s": 2.0}
        if engine != "connect":
            way |= {"interface": here.interface, "gateway_mac": here.gateway_mac}
        _write_study(
            directory,
            POPULATION,
            {
                "politeness": {"connections_per_s": _ENGINE_RATE_PER_S},
                "discovery": way,
                "canaries": {
                    "hosts": canaries,
                    "share": 0.01,
                    "silent_after": 2,
                    "rest_s": 0.1,
                    "retry_s": 0.5,
                },
            },
        )
        process = subprocess.Popen(
            here.mailcensus("discover", str(directory), "--quiet"), stderr=subprocess.PIPE, text=True
        )
        try:
            _wait_until(lambda: _is_sending(here, directory, engine), process)
            time.sleep(chance.uniform(0.3, 1.5))
            _pull(here)
            time.sleep(chance.uniform(2.0, 4.0))
            _put_in(here)
            said = process.communicate(timeout=PATIENCE_S)[1]
        finally:
            process.kill()
            process.wait()
        if process.returncode:
            raise Fault(f"{engine}: it ended with {process.returncode}: {said}")
        return f"{engine}: {_pauses(directory)} pauses, {_all_found(directory, inside)} hits, all there are"


def _pull(here: World) -> None:
    """The far end goes down, so that the near one has no carrier, as with a cable."""
    subprocess.run(["ip", "-n", _far_side(here), "link", "set", "answer", "down"], check=True, timeout=20)


def _put_in(here: World) -> None:
    subprocess.run(["ip", "-n", _far_side(here), "link", "set", "answer", "up"], check=True, timeout=20)


def _far_side(here: World) -> str:
    return f"{here.namespace[:-1]}b"


def _is_sending(here: World, directory: Path, engine: str) -> bool:
    if engine == "connect":
        return bool(list((directory / "data" / "hits").glob("part-*")))
    listed = subprocess.run(
        ["ip", "netns", "pids", here.namespace], capture_output=True, text=True, check=False
    )
    return any(_comm(pid) == engine for pid in listed.stdout.split())


def _comm(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _pauses(directory: Path) -> int:
    pauses = _rows(directory, "pauses")
    if not pauses or any(pause["ended_at"] is None for pause in pauses):
        raise Fault(f"the link was down and no whole pause is on record: {pauses}")
    return len(pauses)


def _all_found(directory: Path, expected: set[str]) -> int:
    hits = [row["ip"] for row in _rows(directory, "hits") if not row["canary"]]
    if sorted(hits) != sorted(expected):
        raise Fault(f"{len(hits)} hits, {len(set(hits))} different, of {len(expected)}")
    return len(hits)


def rough_network(directory: Path, chance: random.Random, *, listeners: int = 120) -> str:
    """Loss, delay, reordering and duplicates on the way: every hit and every grab is there, once."""
    roughness = Roughness(
        loss=0.05, duplicates=0.03, delay_s=0.02, jitter_s=0.06, seed=chance.randrange(1 << 16)
    )
    with rough_world(listeners, roughness) as here:
        _write_study(
            directory,
            here.population,
            {
                "politeness": {"connections_per_s": 200.0, "in_flight": 100},
                "discovery": {"timeout_s": 8.0, "retries": 2, "retry_pause_s": 0.5},
                "collect": {"services": ["smtp"]},
            },
        )
        for verb in ("discover", "collect"):
            done = subprocess.run(
                here.mailcensus(verb, str(directory), "--quiet"),
                capture_output=True,
                text=True,
                timeout=PATIENCE_S,
            )
            if done.returncode:
                raise Fault(f"{verb} ended with {done.returncode}: {done.stderr}")
        hits = _all_found(directory, set(here.listening))
        grabs = [(row["ip"], row["outcome"]) for row in _rows(directory, "grabs")]
        if sorted(grabs) != sorted((ip, "no_starttls") for ip in here.listening):
            raise Fault(
                f"grabs: {[grab for grab in grabs if grab[1] != 'no_starttls'][:3]}, {len(grabs)} in all"
            )
        return f"{hits} hits and grabs; {here.line.passed} packets, {here.line.lost} lost, {here.line.doubled} doubled"


def _rows(directory: Path, table: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = Dataset(directory / "data").table(table).to_pyarrow().to_pylist()
    return rows


def _write_study(directory: Path, prefixes: str, sections: Sections) -> None:
    (directory / "prefixes.txt").write_text(f"{prefixes}\n")
    politeness = {"prefix_connections_per_s": 20_000.0, "prefix_connections": 500, "in_flight": 500}
    everything: Sections = {
        "study": {"allow_special": True},
        "population": {"prefixes": "prefixes.txt"},
        **sections,
        "politeness": {**politeness, **sections["politeness"]},
    }
    lines = [
        line
        for name, section in everything.items()
        for line in (f"[{name}]", *(f"{key} = {toml_value(value)}" for key, value in section.items()))
    ]
    (directory / "study.toml").write_text("\n".join(lines) + "\n")


def _wait_until(condition: Any, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if process.poll() is not None or time.monotonic() > end:
            raise Fault(f"it ended before anything could happen to it: {process.communicate()[1]}")
        time.sleep(0.02)
