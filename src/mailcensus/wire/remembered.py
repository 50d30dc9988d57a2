"""Remembering what was worked out from bytes of peers, within bounds of count and size."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

Result = TypeVar("Result")

ENTRIES = 4_096
LARGEST_BYTES = 8_192
"""Peers choose how long their bytes are: 4,096 certificates at our cap would hold 270 MB."""


def remembered(work_out: Callable[[bytes], Result]) -> Callable[[bytes], Result]:
    """A pure function of bytes that remembers its results for inputs that are not too long.

    The services of one host, and of its neighbours, mostly show the same certificate and key.
    """
    cached = lru_cache(maxsize=ENTRIES)(work_out)

    def remember(data: bytes) -> Result:
        return cached(data) if len(data) <= LARGEST_BYTES else work_out(data)

    remember.__doc__ = work_out.__doc__
    return remember
