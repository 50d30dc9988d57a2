"""Room for open connections: each takes a file descriptor, and many systems allow 1,024 unless asked."""

from __future__ import annotations

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
