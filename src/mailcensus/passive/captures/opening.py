"""Where packets come from: files, streams, and what of it is compressed."""

from __future__ import annotations

import fcntl
import gzip
import os
import select
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa

from mailcensus.passive.zeek.opening import CANNOT_READ, open_log

__all__ = ["CANNOT_READ", "Arriving", "decompressed", "is_capture", "open_capture"]

_MAGICS = tuple(map(bytes.fromhex, ("a1b2c3d4", "d4c3b2a1", "a1b23c4d", "4d3cb2a1", "0a0d0d0a")))
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_SET_PIPE_SIZE = 1031
"""F_SETPIPE_SZ of Linux; Python's `fcntl` does not name it everywhere."""
_PIPE_BYTES = 1 << 20
_LOOK_UP_S = 0.2


def open_capture(path: Path) -> BinaryIO:
    """A capture's bytes, decompressed where it is gzip's, zstd's, bzip2's or xz's.

    Raises:
        OSError: it cannot be opened.
    """
    return cast(BinaryIO, open_log(path))


def is_capture(path: Path) -> bool:
    """A file that begins as pcap or pcapng does, decompressed."""
    try:
        with open_capture(path) as stream:
            return stream.read(4) in _MAGICS
    except CANNOT_READ:
        return False


class Arriving:
    """A descriptor as a stream whose reads give what is there, and that can be told to end.

    Args:
        descriptor: of a pipe or file; it stays open.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._head = b""
        self._stopped = False
        self.closed = False
        """For who wants a file; it never is."""
        with suppress(OSError):  # not a pipe
            fcntl.fcntl(descriptor, _SET_PIPE_SIZE, _PIPE_BYTES)

    def read(self, count: int = -1) -> bytes:
        """At most so many bytes, as soon as there are any; empty at the end."""
        wanted = _PIPE_BYTES if count < 0 else count
        if self._head:
            taken, self._head = self._head[:wanted], self._head[wanted:]
            return taken
        while not self._stopped:
            if select.select([self._descriptor], [], [], _LOOK_UP_S)[0]:
                return os.read(self._descriptor, wanted)
        return b""

    def peek(self, count: int) -> bytes:
        """The next bytes, which `read` gives again; fewer at the end."""
        while len(self._head) < count and not self._stopped:
            more = os.read(self._descriptor, _PIPE_BYTES)
            if not more:
                break
            self._head += more
        return self._head[:count]

    def stop(self) -> None:
        """What has not been read is not wanted any more; safe in a signal handler."""
        self._stopped = True

    def close(self) -> None:
        """Nothing: the descriptor is not ours."""

    def readable(self) -> bool:
        """It is."""
        return True


def decompressed(stream: Arriving) -> BinaryIO:
    """What arrives, decompressed where it is gzip's or zstd's."""
    magic = stream.peek(4)
    if magic.startswith(_GZIP):
        return cast(BinaryIO, gzip.GzipFile(fileobj=cast(BinaryIO, stream)))
    if magic == _ZSTD:
        return cast(BinaryIO, pa.CompressedInputStream(stream, "zstd"))
    return cast(BinaryIO, stream)
