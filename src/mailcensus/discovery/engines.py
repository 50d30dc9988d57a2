"""Packet engines: programs of the system that send SYNs by themselves and hear who answers.

Each is a table of differences, `Engine`: what its command line is, what its lines mean, what its failures mean.
How they are all run is here. A packet engine is a child process of ours and must never outlive us, whatever ends us:
it would go on sending packets in our name. The kernel's own means (PR_SET_PDEATHSIG) does not do, since the kernel
forgets it when a process gives up root, as zmap does. So a shell stands between: it starts the engine and a guard
that reads from a pipe whose other end is ours alone. When we are gone, however, the pipe ends and the guard kills
the engine.

One of several vantages sends under a lease (`vantages.leases`), which others get when it has run out. It may run out
while we stand still and can kill nobody: a second guard looks at it twice a second. The lease is a file that holds
until when it is ours, by the clock of /proc/uptime.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from mailcensus.discovery.route import Route
from mailcensus.study import StageFailed
from mailcensus.study.sections import DiscoverySection

_SHELL = "/bin/sh"
_GUARDED = """\
exec 3<&0
"$@" </dev/null 3<&- & engine=$!
{ read -r line <&3; kill -s KILL $engine; } >/dev/null 2>&1 & guard=$!
exec 3<&-
if [ -n "$LEASE" ]; then
    {
        while read -r now _ </proc/uptime && read -r until <"$LEASE" && [ "${now%.*}" -lt "$until" ]
        do sleep 0.5; done
        kill -s KILL $engine
    } >/dev/null 2>&1 & guard="$guard $!"
fi
wait $engine; status=$?
kill $guard 2>/dev/null
exit $status
"""
_SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")
"""Where Debian puts programs that need root; not on everybody's PATH."""
_LAST_WORDS = 20
_READ_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Answer:
    """A port that a SYN-ACK came from."""

    ip: str
    port: int
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Job:
    """One call of an engine: so many addresses, one port."""

    targets: Path
    """File of addresses, one a line."""
    exclusions: Path
    """File of prefixes, one a line, that are not asked whatever the targets say."""
    port: int
    rate_per_s: float
    """Packets a second."""
    seed: int
    """Of the engine's own order; below 2**31."""
    route: Route
    settings: DiscoverySection


@dataclass(frozen=True, slots=True)
class Heard:
    """What an engine says of itself."""

    sent: float | None = None
    """Share of the packets that are sent, 0 to 1; None: nothing said of it."""
    over: bool = False
    """All is sent and the cool-down has passed, whether the process ends or not."""
    complete: bool = False
    """It ends, and has done all it was told."""


class Engine(Protocol):
    """What tells one engine from another."""

    name: str

    def command(self, job: Job) -> list[str]:
        """Its command line; it will run in the directory of `job.targets`, which it may write to."""

    def answer(self, line: str) -> Answer | None:
        """What a line of its output says; None: no answer."""

    def heard(self, line: str) -> Heard:
        """What a line says that is no answer, of its talk or its output."""

    def explain(self, talk: str) -> str | None:
        """What to do about a failure, from its last words; None: they mean nothing to us."""


async def run_engine(
    engine: Engine,
    job: Job,
    on_answer: Callable[[Answer], None],
    on_sent: Callable[[float], None],
    lease: Path | None = None,
) -> None:
    """Run an engine to its end. Cancelled, or when anything fails, it is killed before this returns.

    Args:
        on_answer: told each answer as it comes; an answer may come twice.
        on_sent: told the share of packets that are sent, now and then.
        lease: the file that says until when it may send; None: for as long as it likes.

    Raises:
        StageFailed: it could not do its work; the message says why and how to mend it.
    """
    process = await asyncio.create_subprocess_exec(
        *(_SHELL, "-c", _GUARDED, "mailcensus", *engine.command(job)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=job.targets.parent,
        env={**os.environ, "LEASE": "" if lease is None else str(lease)},
        start_new_session=True,
    )
    last_words: deque[str] = deque(maxlen=_LAST_WORDS)
    over = complete = False
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        hearing = asyncio.create_task(_hear(engine, process.stderr, last_words, on_sent))
        answers = asyncio.create_task(_answers(engine, process.stdout, on_answer))
        ended = asyncio.create_task(process.wait())
        try:
            await asyncio.wait([hearing, ended], return_when=asyncio.FIRST_COMPLETED)
            over = hearing.done() and hearing.result().over
            if over:
                _kill(process)
            await asyncio.gather(ended, answers, hearing)
            complete = over or answers.result() or hearing.result().complete
        finally:
            _kill(process)
            for task in (hearing, answers, ended):
                task.cancel()
    finally:
        _kill(process)
        await process.wait()
    if not complete or (process.returncode and not over):
        raise StageFailed(_failure(engine, process.returncode or 0, last_words))


async def _answers(engine: Engine, stream: asyncio.StreamReader, on_answer: Callable[[Answer], None]) -> bool:
    """Hand on answers to their end; whether the engine said there that it is complete."""
    complete = False
    async for line in _lines(stream):
        answer = engine.answer(line)
        if answer is not None:
            on_answer(answer)
        elif engine.heard(line).complete:
            complete = True
    return complete


async def _hear(
    engine: Engine, stream: asyncio.StreamReader, last_words: deque[str], on_sent: Callable[[float], None]
) -> Heard:
    """Listen to an engine's talk, until it says that it is over or its talk ends; what it said at last."""
    complete = False
    async for line in _lines(stream):
        heard = engine.heard(line)
        complete = complete or heard.complete
        if heard.over:
            return heard
        if heard.sent is not None:
            on_sent(heard.sent)
        elif line.strip():
            last_words.append(line.strip())
    return Heard(complete=complete)


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    """Lines, ended by \\n or, as progress is, by \\r."""
    rest = ""
    while data := await stream.read(_READ_BYTES):
        *lines, rest = re.split(r"[\r\n]", rest + data.decode("utf-8", "replace"))
        for line in lines:
            yield line
    if rest:
        yield rest


def _kill(process: asyncio.subprocess.Process) -> None:
    """Kill the shell, the guard and the engine, which are one process group."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _failure(engine: Engine, status: int, last_words: Sequence[str]) -> str:
    killed_by = status - 128 if status > 128 else -status if status < 0 else 0
    if killed_by:
        number = signal.Signals(killed_by).name if killed_by in signal.valid_signals() else str(killed_by)
        return f"{engine.name} was killed from outside ({number}); run the same command again to go on"
    mend = engine.explain("\n".join(last_words))
    if mend is not None:
        return f"{engine.name}: {mend}"
    words = last_words[-1] if last_words else "it said nothing"
    what = f"failed with status {status}" if status else "ended before it had asked everybody"
    return f"{engine.name} {what}: {words}; run the same command again to go on"


def find_program(name: str, package: str) -> str:
    """The path of an engine.

    Raises:
        StageFailed: it is not installed.
    """
    path = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", os.defpath), *_SBIN]))
    if path is None:
        raise StageFailed(
            f"{name} is not installed; install it (Debian: apt-get install {package}) "
            'or set discovery.engine = "connect"'
        )
    return path


def output_of(*command: str) -> str:
    """What a program says, on either stream; empty where it says nothing within some seconds."""
    try:
        ended = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ended.stdout.decode("utf-8", "replace")


def check_version(name: str, said: str, least: tuple[int, int]) -> None:
    """Refuse versions whose options and output nobody has tried.

    Raises:
        StageFailed: it is older, or does not say.
    """
    found = re.search(r"(\d+)\.(\d+)", said)
    if found is None or (int(found[1]), int(found[2])) < least:
        version = found[0] if found else "of an unknown version"
        raise StageFailed(
            f"{name} here is {version}, and {least[0]}.{least[1]} or newer is needed; install a newer one or set "
            'discovery.engine = "connect"'
        )
