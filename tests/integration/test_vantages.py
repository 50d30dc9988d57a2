"""One study asked from three machines, some of which are killed: the dataset of one machine that is left in peace.

Office, vantages and hosts are in network namespaces of their own; between office and vantages there is TLS. What the
hosts were asked is read from the lab's own log.
"""

from __future__ import annotations

import random
import signal
import socket
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from asking import asking
from mailcensus.lab.ledger import Visit
from mailcensus.lab.plan import Plan
from mailcensus.lab.population import make_plan
from namespaces import need
from namespaces.crew import Hosts, Row, hosts, join, office_and_crew, peer_of, rows, study, tls_options
from namespaces.star import BLOCK, Star, star
from torture.invariants import DISCOVERY_WINDOW_S, WINDOW_S, final

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

VANTAGES, PIECES = 3, 16
HOSTS = 40
RATE_PER_S = 60
PREFIX_RATE_PER_S = 30
AS_RATE_PER_S = 20
SYSTEMS = {"10.77.0": "AS64500", "10.77.2": "AS64500", "10.77.1": "AS64501"}
"""By /24; the fourth is nobody's."""
OPT_OUT_S = 10.0
"""From the line in the office's file to the last vantage that keeps to it; three seconds on a calm machine."""
NOISE_PORT, NOISE_SAMPLE = 1337, 100
OVER_S, LATE_S = 5.0, 1.0
"""Rates are counted over so long; a lab that is late accepts connections closer together than they were made. What is
sent within a second is counted on the wire, in test_vantages_packets.py."""
LONG_S = max(WINDOW_S, DISCOVERY_WINDOW_S) + 1.0
PATIENCE_S = 250.0


@dataclass
class Killed:
    """Who was killed when, by the lab's clock."""

    times_s: list[tuple[str, float]] = field(default_factory=list)


def seen(directory: Path, left_out: str) -> set[tuple[object, ...]]:
    """Who showed what, in the end, and who showed what when it was asked again."""
    again = {(row["ip"], row["service"], row["purpose"]): row for row in rows(directory, "followups")}
    shown = set()
    for (ip, *asked), row in [*final(rows(directory, "grabs")).items(), *again.items()]:
        tls, ssh = row["tls"] or {}, row["ssh"] or {}
        keys = (tls.get("spki_sha256"), *(key["spki_sha256"] for key in ssh.get("host_keys") or ()))
        if ip != left_out:
            shown.add((ip, *asked, row["outcome"], *keys))
    return shown


def busy_for_long(here: Star, lab: Hosts) -> list[int]:
    """Vantages that ask somebody, and began to so long ago that not all they have seen can be lost with them."""
    now_s = time.monotonic() - lab.began_s
    asked_s: dict[str, list[float]] = defaultdict(list)
    for visit in lab.visits(here):
        asked_s[peer_of(visit)].append(visit.opened_s)
    busy = {
        peer
        for peer, times_s in asked_s.items()
        if min(times_s) < now_s - LONG_S and max(times_s) > now_s - 2
    }
    return [number for number in range(1, VANTAGES + 1) if here.address(number) in busy]


def listens_at(here: Star, number: int) -> set[str]:
    """IPv4 addresses at which anybody listens on a machine; of IPv6 all, as the kernel writes them."""
    words = ("cat", "/proc/net/tcp", "/proc/net/tcp6")
    said = subprocess.run(here.command(number, *words), capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in said.splitlines()]
    found = {row[1].partition(":")[0] for row in rows if row[3] == "0A"}  # TCP_LISTEN
    return {socket.inet_ntoa(bytes.fromhex(one)[::-1]) if len(one) == 8 else one for one in found}


def strike(
    here: Star, lab: Hosts, crew: dict[int, subprocess.Popen[bytes]], tls: Sequence[str], log: Path
) -> Killed:
    """kill -9 of two vantages in the midst of their pieces; other processes take their names."""
    chance, killed = random.Random(11), Killed()
    while len(busy := busy_for_long(here, lab)) < 2:
        time.sleep(0.2)
    for number in range(VANTAGES + 1):
        assert listens_at(here, number) <= {"127.0.0.1", here.address(number)}
    for number in chance.sample(busy, 2):
        time.sleep(chance.uniform(0.0, 2.0))
        crew[number].send_signal(signal.SIGKILL)
        killed.times_s.append((here.address(number), time.monotonic() - lab.began_s))
        crew[number].wait()
        crew[number] = join(here, number, tls, log)
    return killed


def slow_or_quick(
    directory: Path,
    plan: Plan,
    opt_outs: Sequence[str],
    *,
    rate_per_s: int = 5_000,
    prefix_rate_per_s: int = 5_000,
    as_rate_per_s: int = 5_000,
) -> Path:
    """A study with opt-outs, systems, follow-ups and noise."""
    rates = f"connections_per_s = {rate_per_s}\nas_connections_per_s = {as_rate_per_s}"
    again = '[followups]\nlegacy = true\nserver_names = ["greeting"]\npause_s = 1.0\n'
    noise = f"[noise]\nports = [{NOISE_PORT}]\nsample = {NOISE_SAMPLE}\n"
    changes = (
        ("prefix_connections_per_s = 5000.0", f"prefix_connections_per_s = {prefix_rate_per_s}"),
        ("\nconnections_per_s = 5000.0", f"\n{rates}"),
        ("timeout_s = 2.0", "timeout_s = 4.0"),
        ("connect_s = 2.0", "connect_s = 4.0"),
        (
            "[population]\n",
            '[population]\nas_database = "systems.csv"\nexclusions = ["opt-outs.txt"]\n',
        ),
        ("[ports]\n", f"{again}{noise}[ports]\n"),
    )
    made = study(directory, plan, changes)
    systems = "".join(f"{network}.0/24,{name[2:]}\n" for network, name in SYSTEMS.items())
    (made / "systems.csv").write_text(f"network,asn\n{systems}")
    (made / "opt-outs.txt").write_text("".join(f"{ip}\n" for ip in opt_outs))
    return made


@pytest.fixture(scope="module")
def here() -> Iterator[Star]:
    need("ip")
    with star(VANTAGES) as made:
        yield made


def test_three_vantages_of_which_two_are_killed_find_what_one_machine_finds(
    here: Star, tmp_path: Path
) -> None:
    tls = tls_options(tmp_path)
    plan = make_plan(seed=11, size=HOSTS, block=BLOCK)
    smtp = sorted(
        {host.ip for host in plan.hosts if any(s.name == "smtp" and not s.mute for s in host.services)}
    )
    excluded, late = smtp[0], smtp[-1]
    alone = slow_or_quick(tmp_path / "alone", plan, [excluded])
    with hosts(here, tmp_path / "first", plan):
        subprocess.run(here.command(1, *asking(alone)), check=True, timeout=PATIENCE_S)

    slow = {"rate_per_s": RATE_PER_S, "prefix_rate_per_s": PREFIX_RATE_PER_S, "as_rate_per_s": AS_RATE_PER_S}
    together = slow_or_quick(tmp_path / "together", plan, [excluded], **slow)
    log = tmp_path / "crew.log"
    with hosts(here, tmp_path / "second", plan) as lab:
        with office_and_crew(here, together, PIECES, tls, log) as (office, crew):
            with (together / "opt-outs.txt").open("a") as file:
                file.write(f"{late}\n")
            opted_out_s = time.monotonic() - lab.began_s
            killed = strike(here, lab, crew, tls, log)
            assert office.wait(PATIENCE_S) == 0, log.read_text()
            assert {member.wait(PATIENCE_S) for member in crew.values()} == {0}, log.read_text()
        visits = lab.visits(here)

    assert seen(together, late) == seen(alone, late)
    hits = Counter((row["ip"], row["port"]) for row in rows(together, "hits"))
    assert {*hits.values()} == {1}
    assert {ip for ip, _ in hits} - {late} == {row["ip"] for row in rows(alone, "hits")} - {late}
    assert not twice(rows(together, "certificates"), "sha256") | twice(rows(together, "keys"), "spki_sha256")
    assert {row["vantage"] for row in rows(together, "grabs")} <= {f"v{n}" for n in range(1, VANTAGES + 1)}
    assert not list(caps_exceeded(visits))
    assert excluded not in {visit.ip for visit in visits}
    assert not [one for one in visits if one.ip == late and one.opened_s > opted_out_s + OPT_OUT_S]
    assert not list(asked_twice(visits, [*rows(together, "grabs"), *rows(together, "followups")], killed))
    assert rows(together, "followups")
    assert {row["stage"] for row in rows(together, "runs")} == {"discover", "collect", "follow_up", "noise"}
    noise = Counter(row["ip"] for row in rows(together, "noise"))
    assert {*noise.values()} == {1}
    assert abs(len(noise) - NOISE_SAMPLE) <= PIECES


def twice(found: Sequence[Row], column: str) -> set[str]:
    return {name for name, count in Counter(row[column] for row in found).items() if count > 1}


def caps_exceeded(visits: Sequence[Visit]) -> Iterator[str]:
    """Times with more than the study allows to all, a system or a /24; and addresses with two connections."""
    by_network: dict[str, list[float]] = defaultdict(list)
    for visit in visits:
        network = visit.ip.rpartition(".")[0]
        by_network[network].append(visit.opened_s)
        if network in SYSTEMS:
            by_network[SYSTEMS[network]].append(visit.opened_s)
        by_network["everybody"].append(visit.opened_s)
        if visit.open_on_address > 1:
            yield f"{visit.ip}: {visit.open_on_address} open at {visit.opened_s}"
    for network, opened in by_network.items():
        limit = {"everybody": RATE_PER_S, "AS64500": AS_RATE_PER_S, "AS64501": AS_RATE_PER_S}.get(
            network, PREFIX_RATE_PER_S
        )
        opened.sort()
        most = max(
            sum(1 for at in opened[place:] if at < began + OVER_S) for place, began in enumerate(opened)
        )
        if most > limit * (OVER_S + LATE_S):
            yield f"{network}: {most} within {OVER_S:g} s"


def asked_twice(visits: Sequence[Visit], grabs: Sequence[Row], killed: Killed) -> Iterator[str]:
    """Services with more connections than grabs and discovery account for, and than a killed vantage explains."""
    recorded = Counter((row["ip"], row["service"]) for row in grabs if row["outcome"] != "excluded")
    asked: dict[tuple[str, str], list[Visit]] = defaultdict(list)
    for visit in visits:
        asked[visit.ip, visit.service].append(visit)
    for name, connections in asked.items():
        excess = len(connections) - recorded[name] - (name[1] == "smtp")
        if excess > sum(is_excused(visit, killed) for visit in connections):
            yield f"{name}: {len(connections)} connections, {recorded[name]} grabs"


def is_excused(visit: Visit, killed: Killed) -> bool:
    """Whether its vantage was killed before what it showed can have been at the office: written, then copied."""
    ended_s = visit.opened_s if visit.closed_s is None else visit.closed_s
    window_s = WINDOW_S if visit.heard else DISCOVERY_WINDOW_S
    return any(
        vantage == peer_of(visit) and visit.opened_s <= at_s + 0.5 and at_s <= ended_s + window_s
        for vantage, at_s in killed.times_s
    )
