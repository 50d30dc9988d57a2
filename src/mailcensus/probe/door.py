"""The one dialer of a run, with its books: what it sends, and whom exclusions stop, is written down every few seconds.

    async with open_door(study, run) as dialer:
        ...

Stages that go on at the same time share one: whoever opened it hands it to the others, who open it in turn and get it
as it is. A kill loses what was counted since the last writing, not what was done.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mailcensus.dataset.run import CurrentRun
from mailcensus.population import Exclusions
from mailcensus.population.sources import Databases
from mailcensus.population.systems import needs_systems, system_of_networks
from mailcensus.probe.books import Books
from mailcensus.probe.dialer import Dialer
from mailcensus.probe.ledger import Ledger
from mailcensus.probe.politeness import AsOf
from mailcensus.study import Study


@asynccontextmanager
async def open_door(study: Study, run: CurrentRun, dialer: Dialer | None = None) -> AsyncIterator[Dialer]:
    """The dialer for what a run does in the block: the one given, or a new one whose books are kept.

    Args:
        dialer: one that somebody else has opened and keeps the books of.

    Raises:
        StudyError: an exclusion file is bad, a database is missing, the books cannot be written.
    """
    if dialer is not None:
        yield dialer
        return
    as_of = _as_of(study)
    exclusions, ledger = Exclusions.of_study(study), Ledger(as_of=as_of)
    books = Books(run, exclusions, ledger)
    await books.look_for_names()
    settings = study.settings
    door = Dialer(settings.politeness, exclusions, settings.study.allow_special, as_of=as_of, ledger=ledger)
    try:
        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(books.keep())
            yield door
            keeping.cancel()
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    finally:
        books.close()


def _as_of(study: Study) -> AsOf | None:
    """What tells the systems of networks, where the study has a database or cannot do without."""
    if not needs_systems(study):
        return None
    return system_of_networks(Databases(study).autonomous_systems().table)
