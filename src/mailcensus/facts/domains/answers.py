"""Every question of a run once: out of memory, from disk where an earlier session asked it, else from DNS."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Protocol

from mailcensus.model import AnswerState, DnsAnswer


class Asks(Protocol):
    """Who asks DNS; `probe.dns_client.DnsClient` is one."""

    async def ask(self, name: str, kind: str) -> DnsAnswer:
        """One question, with all its tries."""

    def stop(self) -> None:
        """Send nothing more."""


class Answers:
    """The answers of a run.

    Questions that several domains may have (addresses of exchanges, policies of a parent) stay in memory; the others
    are asked by one domain alone, once.

    Attributes:
        asked: questions that went to DNS in this session.
    """

    def __init__(self, run_id: str, client: Asks | None, known: Iterable[DnsAnswer] = ()) -> None:
        """Begin with what is known.

        Args:
            run_id: the run.
            client: who asks; None: nobody is asked, and what is not known stays so.
            known: answers of earlier sessions.
        """
        self._run_id = run_id
        self._client = client
        self._known = {(answer.name, answer.type): answer for answer in known}
        self._open: dict[tuple[str, str], asyncio.Task[DnsAnswer]] = {}
        self._new: list[DnsAnswer] = []
        self.asked = 0

    async def ask(self, name: str, kind: str, *, is_shared: bool = False) -> DnsAnswer | None:
        """The answer to a question; None where it is not known and nobody may be asked.

        Args:
            name: lower case, without its last dot.
            kind: MX, A, TXT, ...
            is_shared: whether other domains may have the same question.
        """
        key = (name, kind)
        if (known := self._known.get(key)) is not None:
            return known
        if self._client is None:
            return None
        asking = self._open.get(key)
        if asking is None:
            asking = self._open[key] = asyncio.create_task(self._ask(self._client, key, is_shared))
        return await asyncio.shield(asking)

    async def _ask(self, client: Asks, key: tuple[str, str], is_shared: bool) -> DnsAnswer:
        """A task of its own: it outlives the domain that asked, where the run is interrupted."""
        try:
            answer = await client.ask(*key)
        finally:
            del self._open[key]
        self.asked += 1
        self._new.append(answer)
        if is_shared:
            self._known[key] = answer
        return answer

    async def finish(self, wait_s: float) -> None:
        """Take the answers that are on their way, and ask no more: what was asked shall not be asked again.

        Args:
            wait_s: how long they may take.
        """
        if self._client is not None:
            self._client.stop()
        if self._open:
            await asyncio.wait(self._open.values(), timeout=wait_s)
        left = list(self._open.values())
        for asking in left:
            asking.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def take(self) -> Sequence[DnsAnswer]:
        """The answers that came since the last time."""
        new, self._new = self._new, []
        return new


class Inquiry:
    """The questions about one domain; it knows when the last answer came.

    Attributes:
        last_at: when the last question was asked, whichever domain asked it.
    """

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self.last_at = datetime.fromtimestamp(0, UTC)

    async def ask(self, name: str, kind: str, *, is_shared: bool = False) -> DnsAnswer | None:
        """As `Answers.ask`."""
        answer = await self._answers.ask(name, kind, is_shared=is_shared)
        if answer is not None:
            self.last_at = max(self.last_at, answer.asked_at)
        return answer


def state_of(answer: DnsAnswer | None) -> AnswerState | None:
    """How a question ended; None where it was not asked."""
    return None if answer is None else answer.state
