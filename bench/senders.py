"""Fifty senders at once at the receivers, slow and broken ones among them: no record lost, memory flat.

PYTHONPATH=tests python -m bench.senders --seconds 600
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import ssl
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from mailcensus.dataset.tables import Dataset
from mailcensus.senders.plan import Plan, Post
from mailcensus.senders.planning import plan_experiment
from mailcensus.study import Settings, Study
from mailcensus.study.sections import SendersSection
from mailcensus.study.template import study_toml
from places import fresh_network

CONDITIONS = ("valid", "no_starttls", "starttls_garbage", "self_signed", "dhe768", "clear_then_tls")
SENDERS = 50
_SAMPLE_S = 5.0


@dataclass(slots=True)
class Tally:
    """What the senders' side counted."""

    connections: int = 0
    delivered: int = 0
    """Messages that the receiver said it took."""
    kinds: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Line:
    """One connection of a sender that talks."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def say(self, text: bytes) -> bytes:
        """Say something, give the last line of the answer."""
        self.writer.write(text)
        return await self.hear()

    async def hear(self) -> bytes:
        """The last line of a reply."""
        while True:
            line = await asyncio.wait_for(self.reader.readuntil(b"\n"), 20.0)
            if line[3:4] != b"-":
                return line


Sender = Callable[[Line, Plan, Post, Tally], Awaitable[None]]


async def good(line: Line, plan: Plan, post: Post, tally: Tally) -> None:
    """Delivers, behind TLS where it can."""
    await line.hear()
    await line.say(b"EHLO mx.good.test\r\n")
    if post.condition in ("valid", "self_signed"):
        await line.say(b"STARTTLS\r\n")
        context = ssl._create_unverified_context()
        await line.writer.start_tls(context)
        await line.say(b"EHLO mx.good.test\r\n")
    await deliver(line, plan, post, tally, b"hello " * 200)


async def deliver(line: Line, plan: Plan, post: Post, tally: Tally, body: bytes) -> None:
    """One message."""
    token = next(token for token in plan.tokens if token.condition == post.condition)
    await line.say(b"MAIL FROM:<a@good.test>\r\n")
    if (await line.say(f"RCPT TO:<{plan.recipient(token)}>\r\n".encode()))[:3] == b"250":
        await line.say(b"DATA\r\n")
        taken = (await line.say(body + b"\r\n.\r\n"))[:3] == b"250"
        tally.delivered += taken
    await line.say(b"QUIT\r\n")


async def slow(line: Line, plan: Plan, post: Post, tally: Tally) -> None:
    """A few bytes at a time."""
    await line.hear()
    for byte in b"EHLO mx.slow.test\r\nMAIL FROM:<a@slow.test>\r\n":
        line.writer.write(bytes([byte]))
        await asyncio.sleep(0.02)


async def vanishes(line: Line, plan: Plan, post: Post, tally: Tally) -> None:
    """Is gone in the middle of a message."""
    token = next(token for token in plan.tokens if token.condition == post.condition)
    await line.hear()
    await line.say(b"EHLO mx.gone.test\r\n")
    await line.say(b"MAIL FROM:<a@gone.test>\r\n")
    await line.say(f"RCPT TO:<{plan.recipient(token)}>\r\n".encode())
    await line.say(b"DATA\r\n")
    line.writer.write(b"half a mess")


async def half_a_handshake(line: Line, plan: Plan, post: Post, tally: Tally) -> None:
    """Half a ClientHello."""
    await line.hear()
    await line.say(b"EHLO mx.half.test\r\n")
    await line.say(b"STARTTLS\r\n")
    line.writer.write(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    await asyncio.sleep(0.2)


async def garbage(line: Line, plan: Plan, post: Post, tally: Tally) -> None:
    """Bytes."""
    await line.hear()
    line.writer.write(random.randbytes(3_000))
    await asyncio.sleep(0.1)


async def endless(line: Line, plan: Plan, post: Post, tally: Tally) -> None:
    """A line, and a message, that do not end."""
    await line.hear()
    await line.say(b"EHLO mx.endless.test\r\n")
    for _ in range(50):
        line.writer.write(b"x" * 4_096)
        await line.writer.drain()


KINDS: tuple[Sender, ...] = (good, good, good, slow, vanishes, half_a_handshake, garbage, endless)


async def sender(number: int, plan: Plan, tally: Tally, until_s: float) -> None:
    """One sender after another, as long as it takes."""
    chance = random.Random(number)
    posts = [post for post in plan.posts if post.condition in CONDITIONS]
    source = f"127.{200 + number % 50}.{number}.1"
    while time.monotonic() < until_s:
        kind, post = chance.choice(KINDS), chance.choice(posts)
        reader, writer = await asyncio.open_connection(post.ip, post.port, local_addr=(source, 0))
        tally.connections += 1
        tally.kinds[kind.__name__] += 1
        with contextlib.suppress(
            OSError, ssl.SSLError, TimeoutError, asyncio.IncompleteReadError, ValueError
        ):
            await kind(Line(reader, writer), plan, post, tally)
        writer.transport.abort() if chance.random() < 0.3 else writer.close()
        await asyncio.sleep(chance.random() * 0.2)


def resident_kb(pid: int) -> int:
    """Memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def main() -> None:
    """Run, and print what came of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60.0)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory(prefix="mailcensus-bench-") as directory:
        measured = measure(Path(directory), seconds)
    for name, value in measured.items():
        print(f"{name:28} {value}")


def measure(directory: Path, seconds: float, idle_s: float = 10.0) -> dict[str, object]:
    """One run.

    Args:
        idle_s: when the receivers let go of who fell silent.

    Returns:
        connections the senders made, attempts recorded, and memory of the receivers over time.
    """
    settings = Settings(
        senders=SendersSection(
            domain="bench.example",
            addresses=(f"{fresh_network()}.64/26",),
            who=("bench",),
            conditions=CONDITIONS,
            idle_s=idle_s,
            connections_per_s=2_000.0,
            reverse_names=False,
        )
    )
    (directory / "study.toml").write_text(study_toml(settings))
    study = Study.open(directory)
    plan = plan_experiment(study, datetime.now(UTC))
    process = subprocess.Popen(
        [sys.executable, "-m", "mailcensus", "senders", "serve", str(directory)],
        stdout=subprocess.PIPE,
        text=True,
    )
    tally = Tally()
    try:
        assert process.stdout is not None
        process.stdout.readline()
        memory = asyncio.run(_run(process.pid, plan, tally, seconds))
        time.sleep(idle_s + 2.0)  # who fell silent is let go
    finally:
        process.terminate()
        process.wait(30)
    attempts = Dataset(study.data).table("attempts").to_pyarrow().to_pylist()
    outcomes = Counter(str(row["outcome"]) for row in attempts)
    fifth = max(len(memory) // 5, 1)
    return {
        "seconds": seconds,
        "connections made": tally.connections,
        "attempts recorded": len(attempts),
        "lost": tally.connections - len(attempts),
        "messages taken, as told": tally.delivered,
        "messages taken, recorded": outcomes["delivered_encrypted"] + outcomes["delivered_clear"],
        "memory by fifths, kB": [
            max(memory[at : at + fifth]) for at in range(0, 5 * fifth, fifth) if memory[at:]
        ],
        "senders": dict(tally.kinds),
        "outcomes": dict(outcomes),
    }


async def _run(pid: int, plan: Plan, tally: Tally, seconds: float) -> list[int]:
    until_s = time.monotonic() + seconds
    memory = []
    async with asyncio.TaskGroup() as group:
        for number in range(SENDERS):
            group.create_task(sender(number, plan, tally, until_s))
        while time.monotonic() < until_s:
            await asyncio.sleep(min(_SAMPLE_S, seconds / 10))
            memory.append(resident_kb(pid))
    return memory


if __name__ == "__main__":
    main()
