"""goscanner's `certs.csv`: each certificate once, as PEM in a cell of several lines, under a number.

Only where each stands is held; its bytes are read when asked for.
"""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path
from types import TracebackType
from typing import IO

from mailcensus.study import StudyError

_FIRST = re.compile(rb'([0-9]{1,18}),"?-----BEGIN CERTIFICATE-----')
_PEM = re.compile(rb"[0-9]+,\"?-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)
_USUAL_BYTES = 8_192
_MOST_BYTES = 1 << 20
"""Of one certificate as PEM."""


class Certificates:
    """The certificates of a file by their numbers; none where there is no such file. Use as a context manager.

    Raises:
        StudyError: the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None
        self._places: dict[int, int] = {}

    def __enter__(self) -> Certificates:
        if self._path.is_file():
            try:
                self._file = self._path.open("rb")
                self._find()
            except OSError as error:
                raise StudyError(f"{self._path}: cannot be read: {error.strerror or error}") from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def get(self, number: int) -> bytes | None:
        """A certificate as DER; None where there is none of that number, or it is no PEM."""
        place = self._places.get(number)
        if place is None or self._file is None:
            return None
        found = self._pem(place, _USUAL_BYTES) or self._pem(place, _MOST_BYTES)
        if found is None:
            return None
        try:
            return base64.b64decode(b"".join(found[1].split()), validate=True)
        except (binascii.Error, ValueError):
            return None

    def _pem(self, place: int, most: int) -> re.Match[bytes] | None:
        assert self._file is not None
        self._file.seek(place)
        return _PEM.match(self._file.read(most))

    def _find(self) -> None:
        assert self._file is not None
        place = 0
        while line := self._file.readline(_MOST_BYTES):
            if first := _FIRST.match(line):
                self._places.setdefault(int(first[1]), place)
            place += len(line)
