"""Many hosts at once: so many in flight, everything in one task group, records flushed on the way."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")

_OBJECTS_BETWEEN_COLLECTIONS = 50_000


async def many_at_once(
    items: Iterable[Item] | AsyncIterable[Item],
    work: Callable[[Item, asyncio.TaskGroup], Awaitable[None]],
    *,
    slots: asyncio.Semaphore,
    flush: Callable[[], None],
    flush_s: float,
) -> None:
    """Work on items as slots come free; returns when all is done, late tasks that the work began included.

    Args:
        items: what there is, or what comes in as time goes by.
        work: gets an item and the group, where it may begin tasks that outlive its slot.
        flush: called every `flush_s` seconds.
    Raises:
        ExceptionGroup: what went wrong on our side; everything else is cancelled then.
    """
    with _rare_collections():
        async with asyncio.TaskGroup() as around:
            flusher = around.create_task(_flush_regularly(flush, flush_s))
            async with asyncio.TaskGroup() as group:
                async for item in _each(items):
                    await slots.acquire()
                    group.create_task(_in_a_slot(work(item, group), slots))
            flusher.cancel()


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Let the cyclic garbage collector run seldom, and leave what was loaded before alone.

    A grab makes hundreds of objects and hardly a cycle; at the default of 700 the collector walks over the records
    that wait for their flush again and again, a tenth of the CPU of a grab.
    """
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


async def _each(items: Iterable[Item] | AsyncIterable[Item]) -> AsyncIterator[Item]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item


async def _in_a_slot(work: Awaitable[None], slots: asyncio.Semaphore) -> None:
    try:
        await work
    finally:
        slots.release()


async def _flush_regularly(flush: Callable[[], None], flush_s: float) -> None:
    while True:
        await asyncio.sleep(flush_s)
        flush()
