"""Peers that misbehave in every way the lab knows, while the one who asks them is killed."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path

from mailcensus.dataset.tables import Dataset
from mailcensus.lab.hostile import WITHOUT_ARGUMENTS, DelayedGreeting, HostilePeer
from mailcensus.wire.services import SERVICE_BY_NAME
from places import own_block
from served_peers import PORT_OFFSET, all_listening
from torture.kills import killed_until_done
from torture.scene import Fault, StudyAt

_STUDY = """\
[study]
allow_special = true
[population]
hosts = "hosts.txt"
[politeness]
connections_per_s = 200.0
prefix_connections_per_s = 200.0
prefix_connections = 100
[discovery]
ports = {ports}
timeout_s = 1.0
[collect]
services = {services}
rate_limited_pauses_s = []
flush_s = 0.1
[collect.deadlines]
greeting_s = 3.0
reply_s = 3.0
tls_s = 3.0
grab_s = 8.0
[ports]
"""


def hostile_peers(directory: Path, chance: random.Random, *, kills: int = 2, of_each: int = 2) -> str:
    """One grab with a deserved outcome of each, and few connections more than kills explain."""
    kinds = list(WITHOUT_ARGUMENTS * of_each)
    chance.shuffle(kinds)
    network = own_block(2).rsplit(".", 1)[0]
    peers = {f"{network}.{number}": _made(kind) for number, kind in enumerate(kinds, start=1)}
    services = _write_study(directory, peers)
    here = StudyAt(directory=directory)
    with all_listening(peers):
        killed_until_done(here, chance, "discover", kills=kills, between_s=(1.0, 4.0))
        done = killed_until_done(here, chance, "collect", kills=kills, between_s=(2.0, 8.0))
    grabs = Dataset(directory / "data").table("grabs").to_pyarrow().to_pylist()
    found = {(row["ip"], row["service"]): row["outcome"] for row in grabs}
    if len(grabs) != len(found) or len(grabs) != len(peers) * len(services):
        raise Fault(f"{len(grabs)} grabs, {len(found)} different, of {len(peers)} times {len(services)}")
    for ip, peer in peers.items():
        if found[ip, peer.service] not in peer.outcomes:
            raise Fault(f"{type(peer).__name__}: {found[ip, peer.service]}, not one of {peer.outcomes}")
        if peer.visitors > 2 + 2 * kills:
            raise Fault(f"{type(peer).__name__} was asked {peer.visitors} times")
    return f"{len(peers)} peers of {len(WITHOUT_ARGUMENTS)} kinds, {len(grabs)} grabs, {done} kills while collecting"


def _write_study(directory: Path, peers: Mapping[str, HostilePeer]) -> list[str]:
    """The study, and the services it asks."""
    services = sorted({peer.service for peer in peers.values()})
    ports = {name: SERVICE_BY_NAME[name].port + PORT_OFFSET for name in services}
    (directory / "hosts.txt").write_text("".join(f"{ip}\n" for ip in peers))
    text = _STUDY.format(ports=sorted(ports.values()), services=json.dumps(services))
    (directory / "study.toml").write_text(
        text + "".join(f"{name} = {port}\n" for name, port in ports.items())
    )
    return services


def _made(kind: type[HostilePeer]) -> HostilePeer:
    return DelayedGreeting(0.5) if kind is DelayedGreeting else kind()
