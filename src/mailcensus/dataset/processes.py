"""Processes that work beside this one, and end with it, however it ends."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context, parent_process


def pool_of(count: int, begin: Callable[..., None], *arguments: object) -> ProcessPoolExecutor:
    """A pool of processes. They are not forked: this one has threads.

    Args:
        begin: called in each with the arguments, before its first work.
    """
    return ProcessPoolExecutor(count, get_context("spawn"), partial(_begin, begin, *arguments))


def _begin(begin: Callable[..., None], *arguments: object) -> None:
    # Ctrl-C goes to all processes of a terminal; what it means is the parent's to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    begin(*arguments)


def _end_with_the_parent() -> None:
    """A parent that is killed closes nothing: each process holds both ends of the queue that it waits for."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
