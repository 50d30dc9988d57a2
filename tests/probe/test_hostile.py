"""Every hostile peer in one run: one record each, with an outcome it deserves, and memory that stays flat."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from mailcensus.lab.hostile import (
    WITHOUT_ARGUMENTS,
    DelayedGreeting,
    HostilePeer,
    TlsByteByByte,
    TlsTinyRecords,
)
from mailcensus.wire.services import SERVICE_BY_NAME
from places import own_block
from probe_studies import collected, study_of
from served_peers import PORT_OFFSET, all_listening
from tlspeer.openssl import identity

DEADLINES = {"greeting_s": 3.0, "reply_s": 3.0, "tls_s": 3.0, "grab_s": 8.0}
FLAT_BYTES = 64 << 20


def resident_bytes(directory: Path) -> int:
    """Memory of this process right now, all that a collection loads once already loaded."""
    collected(study_of(directory / "warm", {"smtp": 1}), ["127.0.0.1"])
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def hostile_peers(directory: Path) -> list[HostilePeer]:
    """One of each."""
    pem = directory / "identity.pem"
    pem.write_bytes(identity("ec")[0])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    kinds = [kind() for kind in WITHOUT_ARGUMENTS if kind is not DelayedGreeting]
    return [*kinds, DelayedGreeting(0.5), TlsByteByByte(context), TlsTinyRecords(context)]


def test_every_hostile_peer_costs_one_record_and_no_memory(tmp_path: Path) -> None:
    network = own_block(1).rsplit(".", 1)[0]
    peers = {f"{network}.{n}": peer for n, peer in enumerate(hostile_peers(tmp_path), start=1)}
    services = sorted({peer.service for peer in peers.values()})
    ports = {name: SERVICE_BY_NAME[name].port + PORT_OFFSET for name in services}
    study = study_of(tmp_path / "study", ports, deadlines=DEADLINES, rate_limited_pauses_s=())
    with all_listening(peers):
        before = resident_bytes(tmp_path)
        grabs = collected(study, peers)
        grown = resident_bytes(tmp_path) - before
    assert len(grabs) == len(peers) * len(services)
    wrong = []
    for grab in grabs:
        peer = peers[grab["ip"]]
        expected = peer.outcomes if grab["service"] == peer.service else ("refused",)
        if grab["outcome"] not in expected:
            wrong.append(
                (type(peer).__name__, grab["service"], grab["outcome"], grab["stage"], grab["error"])
            )
    assert wrong == []
    assert grown < FLAT_BYTES


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_hostile_peers(tmp_path: Path) -> None:
    kinds = WITHOUT_ARGUMENTS * 20
    networks = [own_block(number).rsplit(".", 1)[0] for number in range(4, 12)]
    peers = {f"{networks[n // 250]}.{n % 250 + 1}": kind() for n, kind in enumerate(kinds)}
    ports = {name: SERVICE_BY_NAME[name].port + PORT_OFFSET for name in {kind.service for kind in kinds}}
    study = study_of(tmp_path / "study", ports, deadlines=DEADLINES, rate_limited_pauses_s=())
    with all_listening(peers):
        before = resident_bytes(tmp_path)
        grabs = collected(study, peers)
        grown = resident_bytes(tmp_path) - before
    assert len(grabs) == len(peers) * len(ports)
    assert grown < 2 * FLAT_BYTES
