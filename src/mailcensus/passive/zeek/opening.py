"""The bytes of a log, decompressed, in blocks of whole lines."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import pyarrow as pa

BLOCK_BYTES = 8 << 20
"""Read at once; lines of that length are the longest that are read."""
_GZIP, _ZSTD, _BZIP2, _XZ = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ\x00"
CANNOT_READ = (OSError, EOFError, zlib.error, lzma.LZMAError, pa.ArrowInvalid)
"""What decompressors raise of files that are cut off or none of theirs."""


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines of a file, valid UTF-8."""

    first_line: int
    """Number of the first one in the file, from 1."""
    data: bytes
    """Ends in a line feed."""

    @property
    def lines(self) -> int:
        """How many there are."""
        return self.data.count(b"\n")


def open_log(path: Path) -> IO[bytes]:
    """What a log says, decompressed where it is gzip's, zstd's, bzip2's or xz's.

    Raises:
        OSError: it cannot be opened.
    """
    raw = path.open("rb")
    magic = raw.read(6)
    raw.seek(0)
    if magic.startswith(_GZIP):
        return cast(IO[bytes], gzip.GzipFile(fileobj=raw))
    if magic.startswith(_ZSTD):
        return io.BufferedReader(_Zstd(raw))
    if magic.startswith(_BZIP2):
        return bz2.BZ2File(raw)
    if magic.startswith(_XZ):
        return lzma.LZMAFile(raw)
    return raw


def blocks_of(stream: IO[bytes], block_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
    """Everything a stream says. A line that is longer than a block comes as an empty one: nobody holds it.

    Raises:
        one of CANNOT_READ: it ends within a compressed block, or is damaged.
    """
    number, rest, dropping = 1, b"", False
    while piece := stream.read(block_bytes):
        if dropping:
            dropping, piece = _behind_line(piece)
        data = rest + piece
        end = data.rfind(b"\n") + 1
        whole, rest = data[:end], data[end:]
        if len(rest) > block_bytes:
            whole, rest, dropping = whole + b"\n", b"", True
        if whole:
            block = Block(number, _readable(whole))
            yield block
            number += block.lines
    if rest:
        yield Block(number, _readable(rest + b"\n"))


def _behind_line(piece: bytes) -> tuple[bool, bytes]:
    """Whether the long line goes on behind a piece, and what follows it."""
    end = piece.find(b"\n") + 1
    return not end, piece[end:] if end else b""


def _readable(data: bytes) -> bytes:
    """Bytes that are not UTF-8 as \\xNN: as Zeek writes them itself unless it was told not to."""
    if data.isascii():
        return data
    try:
        data.decode()
    except UnicodeDecodeError:
        return data.decode(errors="backslashreplace").encode()
    return data


class _Zstd(io.RawIOBase):
    """A zstd stream as a file of Python's."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._stream = pa.CompressedInputStream(raw, "zstd")

    def readable(self) -> bool:
        return True

    def readinto(self, into: object) -> int:
        view = memoryview(cast(bytearray, into))
        data = self._stream.read(len(view))
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._raw.close()
        super().close()
