"""Two vantages sweep by zmap, one of which stands still for a while: every packet is under a lease."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mailcensus.lab.plan import Plan
from mailcensus.lab.population import make_plan
from mailcensus.vantages.leases import LEASE_S
from namespaces import need
from namespaces.crew import hosts, office_and_crew, rows, study, tls_options
from namespaces.star import BLOCK, Star, star

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

RATE_PER_S, PREFIX_RATE_PER_S = 16, 16
PREFIXES = tuple(f"10.77.{number}.0/25" for number in range(4))
"""A piece each: at half of the rate zmap needs 21 s for it, twice as long as a lease lasts."""
LATE = 1.15
"""Some packets are sent, or noted, a little late, and then closer together."""
PATIENCE_S = 250.0


@contextmanager
def packets(here: Star, to: Path) -> Iterator[None]:
    """Note every SYN to the hosts: when, from whom, to whom."""
    wanted = f"tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn and dst net {BLOCK}"
    command = here.command_in_the_middle("tcpdump", "-n", "-tt", "-U", "-i", "any", "-w", str(to), wanted)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as capture:
        assert capture.stderr is not None
        while "listening on" not in capture.stderr.readline():
            assert capture.poll() is None
        try:
            yield
        finally:
            capture.terminate()


def syns(capture: Path) -> list[tuple[float, str, str]]:
    said = subprocess.run(
        ["tcpdump", "-n", "-tt", "-r", str(capture)], capture_output=True, text=True, check=True
    ).stdout
    found = []
    for line in said.splitlines():
        at, words = line.split()[0], line.split()
        place = words.index(">")
        found.append((float(at), *(words[n].rstrip(":").rpartition(".")[0] for n in (place - 1, place + 1))))
    return found


def most_in_a_second(times: list[float]) -> int:
    return max(sum(began <= at < began + 1.0 for at in times) for began in times)


def listening(here: Star, plan: Plan) -> set[str]:
    """Who answers on the discovery port, asked from where they are."""
    ask = f"""
import ipaddress, socket
for ip in (ip for prefix in {PREFIXES!r} for ip in ipaddress.ip_network(prefix)):
    with socket.socket() as one:
        if one.connect_ex((str(ip), {plan.discovery_port})) == 0:
            print(ip)
"""
    said = subprocess.run(here.in_the_middle("-c", ask), capture_output=True, text=True, check=True).stdout
    return set(said.split())


def sends(here: Star, number: int) -> bool:
    """Whether zmap runs on a machine."""
    pids = subprocess.run(
        ["ip", "netns", "pids", f"{here.name}{number}"], capture_output=True, text=True, check=True
    )
    names = (Path(f"/proc/{pid}/comm") for pid in pids.stdout.split())
    return any(name.read_text() == "zmap\n" for name in names if name.exists())


@pytest.fixture(scope="module")
def here() -> Iterator[Star]:
    need("ip", "zmap", "tcpdump")
    with star(2) as made:
        yield made


def test_two_vantages_that_send_packets_keep_the_rate_though_one_stands_still(
    here: Star, tmp_path: Path
) -> None:
    plan = make_plan(seed=12, size=30, block=BLOCK)
    rates = f"connections_per_s = {RATE_PER_S}\nprefix_connections_per_s = {PREFIX_RATE_PER_S}"
    directory = study(
        tmp_path / "study",
        plan,
        (
            ("connections_per_s = 5000.0\nprefix_connections_per_s = 5000.0", rates),
            ("[discovery]\n", '[discovery]\nengine = "zmap"\nslice_s = 20.0\ncooldown_s = 1\n'),
            ('services = ["', 'services = ["smtp"] # ["'),
        ),
    )
    (directory / "prefixes.txt").write_text("".join(f"{prefix}\n" for prefix in PREFIXES))
    tls = tls_options(tmp_path)
    log, capture = tmp_path / "crew.log", tmp_path / "asked.pcap"
    with hosts(here, tmp_path / "hosts", plan):
        truth = listening(here, plan)
        with packets(here, capture), office_and_crew(here, directory, 16, tls, log) as (office, crew):
            while not all(sends(here, number) for number in (1, 2)):
                assert office.poll() is None, log.read_text()
                time.sleep(0.1)
            time.sleep(3.0)
            crew[1].send_signal(signal.SIGSTOP)
            stopped_at = time.time()
            give_up_at = stopped_at + LEASE_S + PATIENCE_S
            while sends(here, 1):
                assert time.time() < give_up_at, "its engine goes on"
                time.sleep(0.1)
            time.sleep(max(0.0, stopped_at + LEASE_S + 5.0 - time.time()))
            goes_on_at = time.time()
            crew[1].send_signal(signal.SIGCONT)
            assert office.wait(PATIENCE_S) == 0, log.read_text()
            assert {member.wait(PATIENCE_S) for member in crew.values()} == {0}, log.read_text()
    asked = syns(capture)
    assert {row["ip"] for row in rows(directory, "hits")} == truth
    assert {row["engine"] for row in rows(directory, "hits")} == {"zmap"}
    assert {row["vantage"] for row in rows(directory, "grabs")} == {"v1", "v2"}
    assert {who for _, who, _ in asked} == {here.address(1), here.address(2)}
    after_its_lease = [
        at for at, who, _ in asked if who == here.address(1) and stopped_at + LEASE_S < at < goes_on_at
    ]
    assert after_its_lease == []
    assert most_in_a_second([at for at, _, _ in asked]) <= RATE_PER_S * LATE
