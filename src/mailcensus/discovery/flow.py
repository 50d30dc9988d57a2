"""Discovery and collection of a run at the same time: a hit is collected soon after it answered.

Both use one dialer, so the rates and the numbers of open connections are those of both together; where many wait,
networks take turns, whoever asks. A hit goes over once it is on disk (`mailcensus.probe.arriving`), at most 5 s after
it answered. Killed at any moment, discovery goes on from its position and collection from what has no grab on disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from mailcensus.dataset.run import CurrentRun, StageState
from mailcensus.dataset.seen import hits_of
from mailcensus.discovery.resumable import STAGE as DISCOVER
from mailcensus.discovery.resumable import discover_in_run
from mailcensus.discovery.stage import Progress
from mailcensus.probe.arriving import Arriving
from mailcensus.probe.collect import collect
from mailcensus.probe.collector import CollectProgress
from mailcensus.probe.dialer import Dialer
from mailcensus.probe.door import open_door
from mailcensus.probe.way import Way
from mailcensus.study import Study


async def discover_and_collect(
    study: Study,
    run: CurrentRun,
    on_discovery: Callable[[Progress], None],
    on_collection: Callable[[CollectProgress], None],
    *,
    dialer: Dialer | None = None,
    server_names: Mapping[str, str] | None = None,
) -> None:
    """Ask who has not been asked yet, and every service of whoever answers; stages that are done stay as they are.

    Args:
        dialer: the door, where others use it at the same time; one of its own where none is given.
        server_names: as of `collect`.

    Raises:
        StudyError: as `discover_in_run` and `collect`; what was recorded is on disk.
        asyncio.CancelledError: interrupted; run again to go on.
    """
    way = Way()
    arriving = Arriving(ip for ip, _, canary in hits_of(run.data, run.run_id) if not canary)

    async def discover(dialer: Dialer) -> None:
        if run.stage(DISCOVER).state is not StageState.DONE:
            await discover_in_run(study, run, on_discovery, dialer=dialer, way=way, on_stored=arriving.put)
        arriving.end()

    try:
        async with open_door(study, run, dialer) as door, asyncio.TaskGroup() as group:
            group.create_task(
                collect(
                    study,
                    run,
                    on_collection,
                    dialer=door,
                    way=way,
                    arriving=arriving,
                    server_names=server_names,
                )
            )
            group.create_task(discover(door))
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
