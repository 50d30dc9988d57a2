"""The one door: real sockets on loopback, under both event loops."""

from __future__ import annotations

import ast
import asyncio
import random
import socket
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop

import mailcensus
from mailcensus.population import Exclusions
from mailcensus.probe.deadlines import Deadlines
from mailcensus.probe.dialer import Dialer, Excluded
from mailcensus.study.sections import PolitenessSection

Run = Callable[[Coroutine[Any, Any, None]], None]
FREE = PolitenessSection(connections_per_s=1e6, prefix_connections_per_s=1e6, prefix_connections=1000)


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    factory = asyncio.new_event_loop if request.param == "asyncio" else uvloop.new_event_loop

    def run(scenario: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(asyncio.wait_for(scenario, 20))

    return run


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("0.0.0.0", 0), backlog=1000) as server:
        server.setblocking(False)
        yield server


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port whose queue of connections is full: further SYNs are dropped, as behind a firewall."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, socket.socket() as filler:
        filler.connect(server.getsockname())
        yield server.getsockname()[1]


class Peer(asyncio.Protocol):
    """Keeps its transport, and tells when it is gone."""

    def __init__(self) -> None:
        self.lost = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert hasattr(transport, "write")
        self.transport: Any = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(exc)


def dialer(settings: PolitenessSection = FREE, exclusions: Exclusions | None = None) -> Dialer:
    deadlines = Deadlines(asyncio.get_running_loop(), resolution_s=0.01)
    return Dialer(settings, exclusions or Exclusions(), allow_special=True, deadlines=deadlines)


def accepted(listener: socket.socket) -> list[socket.socket]:
    connections = []
    while True:
        try:
            connections.append(listener.accept()[0])
        except BlockingIOError:
            return connections


def test_a_dialled_protocol_is_connected_and_closed_when_the_turn_ends(
    run: Run, listener: socket.socket
) -> None:
    async def scenario() -> None:
        door = dialer()
        async with door.admit("127.0.0.2") as turn:
            peer = await turn.dial(listener.getsockname()[1], 5.0, Peer)
            assert peer.transport.get_extra_info("peername")[0] == "127.0.0.2"
            assert turn.connect_ms is not None
            assert 0 < turn.connect_ms < 5000
            assert door.open == 1
        assert door.open == 0
        await peer.lost
        (server_side,) = accepted(listener)
        assert server_side.recv(1) == b"", "a FIN, not a reset"
        assert len(door.deadlines) == 0

    run(scenario())


def test_a_refusal_a_timeout_and_a_wrong_address_are_told_apart_and_leak_nothing(
    run: Run, silent_port: int
) -> None:
    async def scenario() -> None:
        door = dialer()
        with pytest.raises(ConnectionRefusedError):
            async with door.admit("127.0.0.2") as turn:
                await turn.dial(silent_port, 5.0, Peer)
        with pytest.raises(TimeoutError, match=r"no answer within 0\.05 s"):
            async with door.admit("127.0.0.1") as turn:
                await turn.dial(silent_port, 0.05, Peer)
        with pytest.raises(ValueError, match="not an IPv4 or IPv6 address"):
            async with door.admit("mail.example.org"):
                pass
        assert (door.open, door.waiting, len(door.deadlines)) == (0, 0, 0)

    run(scenario())


class _Blocking(Peer):
    """Holds the loop up in the moment of the connect, as a busy machine does."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        time.sleep(0.4)


def test_a_connect_that_is_made_has_no_deadline_any_more(run: Run, listener: socket.socket) -> None:
    async def scenario() -> None:
        door = dialer()
        async with door.admit("127.0.0.2") as turn:
            peer = await turn.dial(listener.getsockname()[1], 0.2, _Blocking)
            assert not peer.lost.done()

    run(scenario())


def test_a_cancel_from_outside_is_no_timeout(run: Run, silent_port: int) -> None:
    async def scenario() -> None:
        door = dialer()

        async def dial() -> None:
            async with door.admit("127.0.0.1") as turn:
                await turn.dial(silent_port, 60.0, Peer)

        task = asyncio.create_task(dial())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await dial()
        assert (door.open, len(door.deadlines)) == (0, 0)

    run(scenario())


def test_an_address_has_one_connection_at_a_time(run: Run, listener: socket.socket) -> None:
    async def scenario() -> None:
        door = dialer()
        now_open = most_open = 0

        async def visit(ip: str) -> None:
            nonlocal now_open, most_open
            async with door.admit(ip) as turn:
                now_open += 1
                most_open = max(most_open, now_open)
                await turn.dial(listener.getsockname()[1], 5.0, Peer)
                now_open -= 1

        await asyncio.gather(*[visit(ip) for ip in ["127.0.0.9", "::ffff:127.0.0.9"] * 10])
        assert most_open == 1

    run(scenario())


def test_rates_hold_on_a_real_clock(run: Run) -> None:
    async def scenario() -> None:
        door = dialer(
            PolitenessSection(connections_per_s=200, prefix_connections_per_s=1e6, prefix_connections=99)
        )
        loop = asyncio.get_running_loop()
        began = loop.time()

        async def visit(number: int) -> None:
            async with door.admit(f"127.0.{number}.1") as turn:
                turn.lend()

        await asyncio.gather(*[visit(number) for number in range(61)])
        assert loop.time() - began >= 0.28

    run(scenario())


def test_an_exclusion_that_comes_while_an_address_waits_stops_the_connect(
    run: Run, listener: socket.socket, tmp_path: Path
) -> None:
    opt_outs = tmp_path / "opt-outs.txt"
    opt_outs.write_text("# nobody yet\n")
    now = 0.0

    async def scenario() -> None:
        nonlocal now
        door = dialer(exclusions=Exclusions([opt_outs], clock=lambda: now))
        async with door.admit("127.0.0.2") as turn:
            opt_outs.write_text("127.0.0.2\n")
            now += 1
            with pytest.raises(Excluded, match=r"127\.0\.0\.2: in the exclusions"):
                await turn.dial(listener.getsockname()[1], 5.0, Peer)
        with pytest.raises(Excluded):
            async with door.admit("127.0.0.2"):
                pass
        assert accepted(listener) == []
        assert door.open == 0

    run(scenario())


@pytest.mark.parametrize("ip", ["127.0.0.1", "10.0.0.1", "::1", "::ffff:127.0.0.1", "224.0.0.1"])
def test_special_addresses_are_refused_unless_the_study_allows_them(run: Run, ip: str) -> None:
    async def scenario() -> None:
        door = Dialer(FREE, Exclusions(), False)
        with pytest.raises(Excluded, match="special-purpose"):
            async with door.admit(ip):
                pass

    run(scenario())


def test_unsent_bytes_do_not_keep_a_connection_open_after_its_turn(run: Run, listener: socket.socket) -> None:
    async def scenario() -> None:
        door = dialer()
        async with door.admit("127.0.0.2") as turn:
            peer = await turn.dial(listener.getsockname()[1], 5.0, Peer)
            peer.transport.write(bytes(1 << 24))
            peer.transport.close()
        await asyncio.wait_for(peer.lost, 5)

    run(scenario())


def test_a_turn_is_for_one_connection(run: Run, listener: socket.socket) -> None:
    async def scenario() -> None:
        door = dialer()
        async with door.admit("127.0.0.2") as turn:
            await turn.dial(listener.getsockname()[1], 5.0, Peer)
            with pytest.raises(RuntimeError):
                await turn.dial(listener.getsockname()[1], 5.0, Peer)
        with pytest.raises(RuntimeError):
            await door.admit("127.0.0.3").dial(25, 5.0, Peer)

    run(scenario())


def test_no_place_leaks_whenever_tasks_are_cancelled(run: Run, listener: socket.socket) -> None:
    async def scenario() -> None:
        chance = random.Random(3)
        door = dialer(PolitenessSection(connections_per_s=5000, prefix_connections_per_s=1e4, in_flight=5))

        async def visit(ip: str) -> None:
            async with door.admit(ip) as turn:
                await turn.dial(listener.getsockname()[1], 5.0, Peer)
                await asyncio.sleep(chance.random() / 200)

        tasks = [asyncio.create_task(visit(f"127.0.{n % 3}.{n % 7}")) for n in range(300)]
        for task in chance.sample(tasks, 150):
            await asyncio.sleep(0)
            task.cancel()
            for connection in accepted(listener):
                connection.close()
        await asyncio.wait(tasks)
        assert {type(task.exception()) for task in tasks if not task.cancelled()} == {type(None)}
        assert (door.open, door.waiting, len(door.deadlines)) == (0, 0, 0)

    run(scenario())


def test_thousands_may_wait_for_one_network_cheaply(run: Run) -> None:
    async def scenario() -> None:
        door = dialer(
            PolitenessSection(connections_per_s=1e6, prefix_connections_per_s=1e6, prefix_connections=1)
        )

        async def visit(ip: str) -> None:
            async with door.admit(ip):
                await asyncio.sleep(0)

        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.gather(*[visit(f"127.0.0.{n % 250}") for n in range(10_000)])
        assert loop.time() - began < 10

    run(scenario())


_OPENS_CONNECTIONS = {
    "create_connection",
    "open_connection",
    "sock_connect",
    "connect_ex",
    "create_datagram_endpoint",
    "create_unix_connection",
    "sendto",
}


_TO_RESOLVERS = {"probe/dns_channel.py", "probe/dns_client.py", "probe/dns_tcp.py"}
"""Resolvers that the study names are no targets; they have rates of their own."""


def test_nothing_but_the_dialer_opens_connections() -> None:
    """The lab listens and its checks are its own; every other room reaches targets through the dialer."""
    root = Path(mailcensus.__file__).parent
    opening = {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in _OPENS_CONNECTIONS
    }
    assert {path for path in opening if not path.startswith("lab/")} == {"probe/dialer.py", *_TO_RESOLVERS}


def test_studies_get_their_dialer_from_the_door_that_keeps_its_books() -> None:
    root = Path(mailcensus.__file__).parent
    making = {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Dialer"
    }
    assert making == {"probe/door.py", "cli/grab.py", "discovery/preflight.py"}, (
        "the last asks before a run begins"
    )
