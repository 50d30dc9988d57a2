"""Asks the hosts of a cluster again, with programs of others, for the keys that they shared.

A key is asked for at the address, service and port where it was seen, and compared in its canonical form. What says
nothing (closed, silent, "come back later") is kept apart from what says something: two silent hosts do not agree.
Every question passes the dialer, as every connection does: one at a time per address, rates, exclusions, books.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.run import CurrentRun
from mailcensus.model import Recheck, RecheckVerdict
from mailcensus.probe.dialer import Dialer, Excluded
from mailcensus.probe.door import open_door
from mailcensus.probe.independent_clients import (
    Client,
    Seen,
    ask_ssh,
    ask_tls,
    find_openssl,
    find_ssh_keyscan,
    name_of,
)
from mailcensus.study import Study
from mailcensus.wire.keys import describe_key
from mailcensus.wire.services import SERVICE_BY_NAME

AT_ONCE = 16
"""Clients that run at the same time; each is a process."""
TIMEOUT_S = 60.0
"""For a whole question. Greet delays of 30 s are common."""


@dataclass(frozen=True, slots=True)
class Expected:
    """A shared key where a run saw it."""

    ip: str
    port: int
    service: str
    spki_sha256: str
    algorithm: str | None
    server_name: str | None = None
    """Sent when it was seen; a server may have another key for every name."""


async def recheck(
    study: Study,
    run: CurrentRun,
    run_id: str,
    cluster: int,
    expected: Sequence[Expected],
    on_row: Callable[[Recheck], None],
    *,
    timeout_s: float = TIMEOUT_S,
) -> list[Recheck]:
    """Ask for every expected key once, and write the table `rechecks`.

    Args:
        run: the lock on the dataset, and the run whose books count the connections.
        run_id: the run whose cluster it is.
        on_row: told each result as it comes.
        timeout_s: for one question to one service.
    Returns:
        A row for each key expected, in their order.
    Raises:
        StudyError: an exclusion file is bad, or the rows cannot be written.
    """
    clients = find_ssh_keyscan(), find_openssl()
    slots = asyncio.Semaphore(AT_ONCE)
    async with open_door(study, run) as dialer:
        asker = _Asker(dialer, *clients, study.settings.study.ehlo_name, timeout_s)

        async def one(what: Expected) -> Recheck:
            async with slots:
                row = await asker.row(what, run_id, cluster)
            on_row(row)
            return row

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(what)) for what in expected]
    rows = [task.result() for task in tasks]
    PartWriter(study.data, "rechecks", Recheck).write(rows)
    return rows


@dataclass(frozen=True, slots=True)
class _Asker:
    dialer: Dialer
    ssh_keyscan: Client
    openssl: Client
    name: str
    timeout_s: float

    async def row(self, what: Expected, run_id: str, cluster: int) -> Recheck:
        """Ask for one key."""
        asked_at, began = datetime.now(UTC), time.perf_counter()
        is_ssh = SERVICE_BY_NAME[what.service].protocol == "ssh"
        client = self.ssh_keyscan if is_ssh else self.openssl
        try:
            seen = await (self._ssh(what) if is_ssh else self._tls(what))
        except Excluded as excluded:
            seen = Seen(None, RecheckVerdict.EXCLUDED, str(excluded))
        name = None if seen.spki is None else name_of(seen.spki)
        return Recheck(
            run_id=run_id,
            cluster=cluster,
            asked_at=asked_at,
            duration_ms=(time.perf_counter() - began) * 1000,
            ip=what.ip,
            port=what.port,
            service=what.service,
            spki_sha256=what.spki_sha256,
            algorithm=what.algorithm,
            server_name=what.server_name,
            verdict=seen.verdict or _compared(name, what),
            spki_seen=name,
            client=client.name,
            client_version=client.version,
            detail=seen.detail,
        )

    async def _ssh(self, what: Expected) -> Seen:
        async with self.dialer.admit(what.ip) as turn:
            turn.lend()
            return await ask_ssh(self.ssh_keyscan, what.ip, what.port, what.algorithm, self.timeout_s)

    async def _tls(self, what: Expected) -> Seen:
        """What the server likes to show; of another kind than expected, that kind is asked for alone."""
        seen = await self._tls_once(what, None)
        if seen.spki is None or describe_key(seen.spki).algorithm == what.algorithm:
            return seen
        return await self._tls_once(what, what.algorithm)

    async def _tls_once(self, what: Expected, kind: str | None) -> Seen:
        service = SERVICE_BY_NAME[what.service]
        async with self.dialer.admit(what.ip) as turn:
            turn.lend()
            return await ask_tls(
                self.openssl,
                what.ip,
                what.port,
                service,
                self.timeout_s,
                kind=kind,
                name=self.name,
                server_name=what.server_name,
            )


def _compared(seen: str | None, what: Expected) -> RecheckVerdict:
    return RecheckVerdict.AGREES if seen == what.spki_sha256 else RecheckVerdict.DIFFERS
