"""A vantage and an office in one process, without a network between them: a piece from its begin to the dataset."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import uvloop

from known_studies import known_of
from mailcensus.dataset.tables import Dataset
from mailcensus.population import Exclusions, load_population
from mailcensus.study import Settings, Study
from mailcensus.vantages import asking, leases
from mailcensus.vantages.asking import Stopped, ask_piece
from mailcensus.vantages.leases import LeaseLost, Leases, units_of
from mailcensus.vantages.messages import Progress, Renewed, Start, Unreachable
from mailcensus.vantages.mirror import Changes
from mailcensus.vantages.office import StudyOffice
from mailcensus.vantages.opt_outs import OptOuts
from mailcensus.vantages.pieces import pieces_of

pytestmark = pytest.mark.slow

HOSTS = [f"127.82.0.{number}" for number in range(1, 128, 9)]
RATE_PER_S = 60.0


@pytest.fixture(autouse=True)
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "RENEW_S", 0.1)
    monkeypatch.setattr(asking, "_MARGIN_S", 0.5)
    monkeypatch.setattr(asking, "_WAIT_S", 0.1)


@pytest.fixture
def port() -> Iterator[int]:
    """Hosts that take a connection and say nothing of use."""
    with ExitStack() as stack:
        first = stack.enter_context(socket.create_server((HOSTS[0], 0), backlog=20))
        for ip in HOSTS[1:]:
            stack.enter_context(socket.create_server((ip, first.getsockname()[1]), backlog=20))
        yield first.getsockname()[1]


def office_of(
    directory: Path,
    port: int,
    *,
    prefixes: Sequence[str] = ("127.82.0.0/25",),
    service: str = "smtp",
    sections: Mapping[str, object] = {},
    exchanges: Mapping[str, str] = {},
    **collect: object,
) -> StudyOffice:
    """One piece, if nobody says otherwise: 128 addresses of one /24, two seconds of discovery."""
    (directory / "prefixes.txt").write_text("".join(f"{prefix}\n" for prefix in prefixes))
    (directory / "out.txt").write_text("192.0.2.1\n")
    told = {
        "study": {"allow_special": True},
        "population": {"prefixes": "prefixes.txt", "exclusions": ["out.txt"]},
        "politeness": {
            "connections_per_s": RATE_PER_S,
            "prefix_connections_per_s": RATE_PER_S,
            "prefix_connections": 100,
        },
        "discovery": {"ports": [port], "timeout_s": 0.5},
        "collect": {"services": [service], "deadlines": {"greeting_s": 0.05}, "flush_s": 0.1, **collect},
        "ports": {service: port},
        **sections,
    }
    study = Study(directory, Settings.model_validate(told))
    population, known = load_population(study), known_of(study, exchanges)
    return StudyOffice(
        study,
        "r",
        pieces_of(population, 1 if len(prefixes) == 1 else 64, 10, known.owners),
        Leases(units_of(study.settings.politeness), 8),
        OptOuts(Exclusions.of_study(study), population.everyone),
        known,
        8,
        lambda gathered: None,
    )


async def ask(
    here: Any, vantage: str, is_stopping: Callable[[], bool] = lambda: False, *, piece: str = "00001"
) -> None:
    loop = asyncio.get_running_loop()
    await ask_piece(here, piece, vantage, renewing=loop, is_stopping=is_stopping, on_rest=lambda: None)


def rows(directory: Path, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = Dataset(directory / "data").table(table).to_pyarrow().to_pylist()
    return found


def test_a_piece_that_one_vantage_leaves_is_finished_by_another(tmp_path: Path, port: int) -> None:
    here = office_of(tmp_path, port)

    async def both() -> None:
        with pytest.raises(Stopped):
            await ask(here, "first", lambda: here.progress().addresses_done >= 40)
        assert here.left == ["00001"]
        await ask(here, "second")
        await ask(here, "third")  # all is done

    uvloop.run(both())
    assert here.left == []
    assert Counter(row["ip"] for row in rows(tmp_path, "hits")) == Counter(HOSTS)
    assert Counter(row["ip"] for row in rows(tmp_path, "grabs")) == Counter(HOSTS)
    attempts = sum(row["attempts"] for row in rows(tmp_path, "politeness"))
    assert attempts <= 128 + len(HOSTS) + 5, "the second went on where the first had stopped"


async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Whatever it is greeted with, a TLS alert: handshake_failure."""
    await reader.read(1)
    writer.write(bytes.fromhex("15030100020228"))
    writer.close()


def test_who_is_left_in_the_midst_of_follow_ups_is_asked_the_rest_and_nothing_twice(tmp_path: Path) -> None:
    connections: Counter[str] = Counter()

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections[writer.get_extra_info("sockname")[0]] += 1
        await refuse(reader, writer)

    async def both() -> StudyOffice:
        first = await asyncio.start_server(count, HOSTS[0], 0)
        port = first.sockets[0].getsockname()[1]
        others = await asyncio.start_server(count, HOSTS[1:], port)
        told = {"followups": {"legacy": True, "pause_s": 0.3}, "noise": {"ports": [1]}}
        here = office_of(tmp_path, port, service="imaps", sections=told)
        async with first, others:
            with pytest.raises(Stopped):
                await ask(here, "first", lambda: here.progress().again_done >= 3)
            assert here.left == ["00001"]
            await ask(here, "second")
        return here

    here = uvloop.run(both())
    assert here.left == []
    purposes = ("legacy_weak", "legacy_sslv3", "legacy_sslv2")
    again = Counter((row["ip"], row["purpose"]) for row in rows(tmp_path, "followups"))
    assert again == Counter((ip, purpose) for ip in HOSTS for purpose in purposes)
    assert {row["vantage"] for row in rows(tmp_path, "followups")} == {"first", "second"}
    lost = sum(connections.values()) - len(HOSTS) * (1 + 1 + len(purposes))
    assert lost <= len(HOSTS), "at most what was being asked when the first left"
    assert Counter(row["sampled"] for row in rows(tmp_path, "noise")) == {True: 10}


def test_a_system_in_several_networks_is_asked_no_more_often_than_it_may_be(tmp_path: Path) -> None:
    networks, asked_s = ("127.82.0.0/27", "127.83.0.0/27"), list[float]()
    (tmp_path / "systems.csv").write_text("network,asn\n" + "".join(f"{one},64500\n" for one in networks))
    told = {
        "population": {"prefixes": "prefixes.txt", "as_database": "systems.csv"},
        "politeness": {"as_connections_per_s": 20.0, "prefix_connections_per_s": 100.0},
    }

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked_s.append(asking.now_s())
        await refuse(reader, writer)

    async def vantage(here: StudyOffice, number: int) -> None:
        for piece in here.left[number::2]:
            await ask(here, f"v{number}", piece=piece)

    async def both() -> None:
        everybody = [str(ip) for one in networks for ip in ipaddress.ip_network(one)]
        first = await asyncio.start_server(note, everybody[0], 0)
        port = first.sockets[0].getsockname()[1]
        others = await asyncio.start_server(note, everybody[1:], port)
        here = office_of(tmp_path, port, prefixes=networks, service="imaps", sections=told)
        async with first, others:
            await asyncio.gather(vantage(here, 0), vantage(here, 1))
        assert here.left == []

    uvloop.run(both())
    assert len(asked_s) == 2 * 2 * 32
    most = max(sum(began <= at < began + 3.0 for at in asked_s) for began in asked_s)
    assert most <= 20 * (3 + 1), "a busy machine may note them a second late"


def test_the_exchanges_of_domains_are_asked_by_name(tmp_path: Path) -> None:
    names = {HOSTS[0]: "mx.example.org", HOSTS[3]: "mail.example.org"}
    shown: dict[str, set[bytes]] = {ip: set() for ip in HOSTS}

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello = await reader.read(4096)
        said = {name.encode() for name in names.values() if name.encode() in hello}
        shown[writer.get_extra_info("sockname")[0]] |= said
        writer.close()

    async def both() -> None:
        first = await asyncio.start_server(hear, HOSTS[0], 0)
        port = first.sockets[0].getsockname()[1]
        others = await asyncio.start_server(hear, HOSTS[1:], port)
        told = {"domains": {"list": "domains.csv", "collect": False}}
        here = office_of(tmp_path, port, service="imaps", sections=told, exchanges=names)
        async with first, others:
            await ask(here, "first")

    uvloop.run(both())
    assert shown == {ip: {names[ip].encode()} if ip in names else set() for ip in HOSTS}


class Cut:
    """An office that cannot be reached any more once somebody has answered."""

    def __init__(self, office: StudyOffice) -> None:
        self._office = office
        self.is_cut = False

    async def begin(self, piece: str, holder: str, vantage: str) -> Start:
        return await self._office.begin(piece, holder, vantage)

    async def bring(self, holder: str, new: Changes, progress: Progress, *, is_done: bool) -> None:
        if self.is_cut:
            raise Unreachable("no way to the office")
        await self._office.bring(holder, new, progress, is_done=is_done)

    async def end(self, holder: str) -> None:
        raise Unreachable("no way to the office")

    async def renew(
        self, holder: str, kept_to: int, wants: int | None, progress: Progress, version: int
    ) -> Renewed:
        if self.is_cut or progress.answered:
            self.is_cut = True
            raise Unreachable("no way to the office")
        return await self._office.renew(holder, kept_to, wants, progress, version)


def test_a_vantage_that_cannot_reach_the_office_stops_before_another_gets_its_piece(
    tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (leases, asking):
        monkeypatch.setattr(module, "LEASE_S", 4.0)
    here = office_of(tmp_path, port)
    times: dict[str, float] = {}

    async def lost() -> None:
        with pytest.raises(LeaseLost):
            await ask(Cut(here), "cut off")
        times["stopped"] = asking.now_s()

    async def taken_over() -> None:
        while not here.asking:
            await asyncio.sleep(0.05)
        while here.asking:
            await asyncio.sleep(0.05)
        times["free"] = asking.now_s()
        await ask(here, "second")

    async def both() -> None:
        await asyncio.gather(lost(), taken_over())

    uvloop.run(both())
    assert times["stopped"] < times["free"]
    assert Counter(row["ip"] for row in rows(tmp_path, "grabs")) == Counter(HOSTS)


def test_who_opts_out_while_a_piece_is_asked_is_not_asked_any_more(tmp_path: Path, port: int) -> None:
    slow = {"connections_per_s": 12.0, "prefix_connections_per_s": 12.0}  # ten seconds
    here = office_of(tmp_path, port, sections={"politeness": slow})

    async def opt_out() -> None:
        while not here.progress().addresses_done:
            await asyncio.sleep(0.02)
        (tmp_path / "out.txt").write_text("127.82.0.0/25 2026-11-22 all of it\n")

    async def both() -> None:
        await asyncio.gather(ask(here, "first"), opt_out())

    uvloop.run(both())
    assert here.gathered["00001"].excluded > 0
    assert here.gathered["00001"].excluded + here.gathered["00001"].asked == 128


def test_whoever_waits_for_later_makes_room_for_another_piece(tmp_path: Path) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"421 later\r\n")
        writer.close()

    async def both() -> None:
        server = await asyncio.start_server(greet, "127.82.0.1", 0)
        here = office_of(
            tmp_path,
            server.sockets[0].getsockname()[1],
            rate_limited_pauses_s=[2.0],
            deadlines={"greeting_s": 2.0},
        )
        rested: list[str] = []
        async with server:
            await ask_piece(
                here,
                "00001",
                "first",
                renewing=asyncio.get_running_loop(),
                is_stopping=lambda: False,
                on_rest=lambda: rested.append("at rest"),
            )
        assert rested == ["at rest"]

    uvloop.run(both())
    assert [row["attempt"] for row in rows(tmp_path, "grabs")] == [1, 2]
