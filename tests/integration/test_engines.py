"""Every engine finds exactly who listens among 65,536 addresses behind a cable."""

from __future__ import annotations

import contextlib
import math
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mailcensus.dataset.tables import Dataset
from mailcensus.study.template import toml_value
from namespaces import POPULATION, World, need, world

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

ENGINES = ("connect", "zmap", "masscan")
FREE = {
    "connections_per_s": 10_000.0,
    "prefix_connections_per_s": 20_000.0,
    "prefix_connections": 2_000,
    "in_flight": 2_000,
}
BUSY = {"connections_per_s": 5_000.0}
"""What a busy machine keeps up with. (zmap computes while it waits: half the rate is twice the CPU.)"""


@pytest.fixture(scope="module")
def quiet_world() -> Iterator[World]:
    need("zmap", "masscan", "ethtool")
    with world() as running:
        yield running


def make_study(directory: Path, sections: dict[str, dict[str, object]], prefixes: str = POPULATION) -> Path:
    """A study of the namespace's addresses; sections go over what makes it quick."""
    (directory / "prefixes.txt").write_text(f"{prefixes}\n")
    settings: dict[str, dict[str, object]] = {
        "study": {"allow_special": True},
        "population": {"prefixes": "prefixes.txt"},
        "politeness": dict(FREE),
        "discovery": {"timeout_s": 2.0, "cooldown_s": 1, "slice_s": 2.0},
        "collect": {"services": ["smtp"]},
    }
    for name, section in sections.items():
        settings.setdefault(name, {}).update(section)
    lines = [
        line
        for name, section in settings.items()
        for line in (f"[{name}]", *(f"{key} = {toml_value(value)}" for key, value in section.items()))
    ]
    (directory / "study.toml").write_text("\n".join(lines) + "\n")
    return directory


def via(here: World, engine: str, **discovery: object) -> dict[str, dict[str, object]]:
    """Settings of an engine in a world."""
    if engine == "connect":  # no quicker than a busy machine manages, or its own time-outs make the loss
        return {"discovery": {"engine": engine, **discovery}, "politeness": BUSY | {"in_flight": 500}}
    way = {"interface": here.interface, "gateway_mac": here.gateway_mac}
    told: dict[str, dict[str, object]] = {"discovery": {"engine": engine, **way, **discovery}}
    if engine == "masscan":  # it makes up for time in which it did not run, and loses answers to such a burst
        told["discovery"] = {"retries": 1, **told["discovery"]}
        told["politeness"] = {"connections_per_s": 4_000.0}
    return told


def run(command: list[str], timeout_s: float = 250) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)


def discovered(here: World, directory: Path) -> list[dict[str, Any]]:
    """Discover; the hits."""
    ended = run(here.mailcensus("discover", str(directory), "--quiet"))
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    return hits_of(directory)


def hits_of(directory: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = Dataset(directory / "data").table("hits").to_pyarrow().to_pylist()
    return rows


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_finds_exactly_the_truth(quiet_world: World, engine: str, tmp_path: Path) -> None:
    began = time.time()
    hits = discovered(quiet_world, make_study(tmp_path, via(quiet_world, engine)))
    assert {hit["ip"] for hit in hits} == quiet_world.listening
    assert len(hits) == len(quiet_world.listening)
    assert {(hit["port"], hit["engine"], hit["canary"]) for hit in hits} == {(25, engine, False)}
    assert all(began - 2 <= hit["seen_at"].timestamp() <= time.time() + 1 for hit in hits)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_every_port_of_every_address_is_asked(engine: str, tmp_path: Path) -> None:
    need("zmap", "masscan", "ethtool")
    with world(200, ports=(25, 587)) as here:
        told = {"politeness": BUSY} | via(here, engine, ports=[25, 587], slice_s=60.0)
        study = make_study(tmp_path, told, "10.99.0.0/18")
        hits = discovered(here, study)
        listening = first_of(here, thirds_below=64)
        assert {(hit["ip"], hit["port"]) for hit in hits} == {
            (ip, port) for ip in listening for port in (25, 587)
        }


LOSS = 0.25
LISTENERS = 3_000


def within_chance(found: int, expected_share: float, of: int) -> bool:
    """Whether so many are what chance gives, five standard deviations either way."""
    spread = math.sqrt(of * expected_share * (1 - expected_share))
    return abs(found - of * expected_share) <= 5 * spread


@pytest.mark.parametrize("engine", ["zmap", "masscan"])
def test_the_loss_of_a_network_is_what_an_engine_misses_and_retries_recover(
    engine: str, tmp_path: Path
) -> None:
    """There is no `tc netem` in every kernel; the listeners' sockets throw segments away at random instead."""
    need("zmap", "masscan", "ethtool")
    with world(LISTENERS, loss=LOSS) as here:
        listening = first_of(here, thirds_below=64)
        for retries in (0, 2):
            directory = tmp_path / str(retries)
            directory.mkdir()
            told = {"politeness": BUSY} | via(here, engine, retries=retries)
            hits = discovered(here, make_study(directory, told, "10.99.0.0/18"))
            assert {hit["ip"] for hit in hits} <= listening
            assert within_chance(len(hits), 1 - LOSS ** (1 + retries), of=len(listening))


def test_the_loss_is_what_connect_misses_and_retries_recover(tmp_path: Path) -> None:
    """Within a time-out of 0.4 s, kept late as it may be, the kernel sends one SYN; tries do what packets do."""
    need("ethtool")
    with world(LISTENERS, loss=LOSS) as here:
        listening = first_of(here, thirds_below=64)
        for retries in (0, 2):
            directory = tmp_path / str(retries)
            directory.mkdir()
            told = via(here, "connect", retries=retries, retry_pause_s=0.5, timeout_s=0.4)
            hits = discovered(here, make_study(directory, told, "10.99.0.0/18"))
            assert {hit["ip"] for hit in hits} <= listening
            assert within_chance(len(hits), 1 - LOSS ** (1 + retries), of=len(listening))


def first_of(here: World, *, thirds_below: int) -> set[str]:
    """Listening addresses whose third number is below another."""
    return {ip for ip in here.listening if int(ip.split(".")[2]) < thirds_below}


def engines_running(here: World) -> list[str]:
    listed = run(["ip", "netns", "pids", here.namespace]).stdout.split()
    words = []
    for pid in listed:
        try:
            words.append(Path(f"/proc/{pid}/comm").read_text().strip())
        except OSError:
            continue
    return [word for word in words if word in ("zmap", "masscan")]


def wait_until(condition: Callable[[], object], timeout_s: float) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["zmap", "masscan"])
def test_kill_9_at_random_loses_nothing_and_leaves_no_engine_behind(
    quiet_world: World, engine: str, tmp_path: Path
) -> None:
    chance = random.Random(7)
    study = make_study(tmp_path, via(quiet_world, engine, slice_s=0.7), "10.99.0.0/17")
    for _ in range(5):
        process = subprocess.Popen(quiet_world.mailcensus("discover", str(study), "--quiet"))
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(chance.uniform(2.0, 7.0))
        process.kill()
        process.wait()
        wait_until(lambda: not engines_running(quiet_world), 20)
    assert run(quiet_world.mailcensus("discover", str(study), "--quiet")).returncode == 0
    hits, listening = hits_of(study), first_of(quiet_world, thirds_below=128)
    assert {hit["ip"] for hit in hits} == listening
    assert len(hits) == len(listening)


@pytest.mark.parametrize("engine", ["zmap", "masscan"])
def test_kill_9_ends_an_engine_that_has_a_minute_left(
    quiet_world: World, engine: str, tmp_path: Path
) -> None:
    told = via(quiet_world, engine, slice_s=60.0) | {"politeness": {"connections_per_s": 200.0}}
    study = make_study(tmp_path, told)
    with subprocess.Popen(quiet_world.mailcensus("discover", str(study), "--quiet")) as process:
        wait_until(lambda: engines_running(quiet_world), 60)
        process.kill()
    wait_until(lambda: not engines_running(quiet_world), 20)


def test_an_opt_out_stops_the_engine_at_once_and_the_rest_is_asked(
    quiet_world: World, tmp_path: Path
) -> None:
    """Seen from the wire: no packet to the prefix five seconds after it stood in the file."""
    opt_outs = tmp_path / "opt-outs.txt"
    opt_outs.write_text("")
    told = via(quiet_world, "zmap", slice_s=60.0) | {
        "population": {"exclusions": ["opt-outs.txt"]},
        "politeness": BUSY,
    }
    study = make_study(tmp_path, told)
    process = subprocess.Popen(quiet_world.mailcensus("discover", str(study), "--quiet"))
    try:
        wait_until(lambda: engines_running(quiet_world), 60)
        time.sleep(3)
        opt_outs.write_text("10.99.128.0/17\n")
        time.sleep(5)
        late = run(
            quiet_world.command(
                *("timeout", "4", "tcpdump", "-n", "-c", "1", "-i", quiet_world.interface),
                "tcp[tcpflags] == tcp-syn and dst net 10.99.128.0/17",
            )
        )
        assert "0 packets captured" in late.stderr
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
    found = {hit["ip"] for hit in hits_of(study)}
    assert first_of(quiet_world, thirds_below=128) <= found <= quiet_world.listening
    (run_row,) = Dataset(study / "data").table("runs").to_pyarrow().to_pylist()
    assert run_row["excluded"] == 1 << 15


def test_ctrl_c_ends_the_engine_and_keeps_the_hits(quiet_world: World, tmp_path: Path) -> None:
    study = make_study(tmp_path, via(quiet_world, "masscan", slice_s=60.0) | {"politeness": BUSY})
    process = subprocess.Popen(
        quiet_world.mailcensus("discover", str(study)), stderr=subprocess.PIPE, text=True
    )
    wait_until(lambda: engines_running(quiet_world), 60)
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    _, talk = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "run the same command again" in talk
    assert engines_running(quiet_world) == []
    assert 0 < len(hits_of(study)) < len(quiet_world.listening)


@pytest.mark.parametrize(
    ("discovery", "expected"),
    [
        ({"interface": "nowhere"}, "no interface nowhere; it has ask, lo"),
        ({"interface": "lo"}, "no route to 10.99."),
        ({"source_port": 61_000}, ""),
    ],
)
def test_what_an_engine_lacks_is_said_in_one_line(
    quiet_world: World, discovery: dict[str, object], expected: str, tmp_path: Path
) -> None:
    told = via(quiet_world, "zmap", **discovery)
    if "source_port" not in discovery:
        del told["discovery"]["gateway_mac"]
    ended = run(
        quiet_world.mailcensus("discover", str(make_study(tmp_path, told, "10.99.3.0/24")), "--quiet")
    )
    assert (ended.returncode != 0) == bool(expected), ended.stderr
    assert expected in ended.stderr
    assert ended.stderr.count("\n") == bool(expected)


def test_without_root_an_engine_is_refused_in_one_line(quiet_world: World, tmp_path: Path) -> None:
    study = make_study(tmp_path, via(quiet_world, "masscan"))
    command = quiet_world.command("setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw")
    ended = run([*command, *quiet_world.mailcensus("discover", str(study), "--quiet")[4:]])
    assert ended.returncode == 1
    assert "masscan needs root (raw sockets, CAP_NET_RAW)" in ended.stderr
    assert ended.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_study_by_zmap_and_by_connect_has_the_same_hits_and_grabs(
    quiet_world: World, tmp_path: Path
) -> None:
    results = []
    for engine in ("connect", "zmap"):
        directory = tmp_path / engine
        directory.mkdir()
        study = make_study(directory, via(quiet_world, engine), "10.99.0.0/17")
        for verb in ("discover", "collect"):
            ended = run(quiet_world.mailcensus(verb, str(study), "--quiet"))
            assert ended.returncode == 0, ended.stderr
        grabs = Dataset(directory / "data").table("grabs").to_pyarrow().to_pylist()
        results.append(
            (
                {(hit["ip"], hit["port"]) for hit in hits_of(directory)},
                {(grab["ip"], grab["service"], grab["outcome"]) for grab in grabs},
            )
        )
    assert results[0] == results[1]
    listening = first_of(quiet_world, thirds_below=128)
    assert results[0][0] == {(ip, 25) for ip in listening}
    assert results[0][1] == {(ip, "smtp", "no_starttls") for ip in listening}
