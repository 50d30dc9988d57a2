"""Room for open connections: each takes a file descriptor, and many systems allow 1,024 unless asked."""

from __future__ import annotations

import errno
import resource

from mailcensus.study import StudyError

OTHERS = 128
"""Descriptors for everything that is not a connection: files, the event loop, libraries."""


def make_room_for(connections: int) -> None:
    """Raise this process's own limit of open files as far as so many connections need.

    Raises:
        StudyError: the system does not allow so many.
    """
    needed = connections + OTHERS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise StudyError(
            f"study.toml: politeness.in_flight: {connections} connections need {needed} open files and the system "
            f"allows {hard}; set it to {hard - OTHERS} or raise the limit (ulimit -Hn)"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def ran_out(error: BaseException | None) -> bool:
    """Whether an error comes of having no descriptor left: without one an event loop cannot even be closed in order."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
            return True
        if isinstance(error, BaseExceptionGroup) and any(map(ran_out, error.exceptions)):
            return True
        error = error.__cause__ or error.__context__
    return False
