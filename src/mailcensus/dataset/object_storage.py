"""Studies on object storage: any that fsspec knows, `s3://bucket/study` by s3fs.

What the analyses read of a study is copied to a directory here, and what they write is put back. Copied, not read in
place: every part is checked against the checksum in its name, which takes all its bytes anyway.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mailcensus.study import StageFailed, StudyError

_URL = re.compile(r"([a-z][a-z0-9+.-]+):/+(.+)")
"""Also with one slash: paths lose the other."""
_RESULTS = ("data/analysis", "report")
"""Directories of a study that are written anew: not fetched, and put back."""


def is_remote(directory: Path) -> bool:
    """Whether a study's directory is the URL of one on object storage."""
    return _URL.fullmatch(str(directory)) is not None


@contextmanager
def fetched(directory: Path) -> Iterator[Path]:
    """A study in a directory here; results are put back when all went well.

    Args:
        directory: a directory, which is given back as it is, or the URL of one: s3://bucket/study.
    Raises:
        StudyError: there is nothing, or the client of that storage is not installed.
        StageFailed: the storage failed.
    """
    if not is_remote(directory):
        yield directory
        return
    storage, root = _opened(directory)
    with TemporaryDirectory(prefix="mailcensus-") as here:
        _fetch(storage, root, Path(here))
        yield Path(here)
        _put_back(storage, root, Path(here))


def shown_at(directory: Path, here: Path, path: Path) -> str:
    """What to call a path of the study that was `fetched`: its URL, where it has one."""
    if not is_remote(directory):
        return str(path)
    storage, root = _opened(directory)
    return str(storage.unstrip_protocol(f"{root}/{path.relative_to(here).as_posix()}"))


def name_of(directory: Path) -> str:
    """What its user called it."""
    found = _URL.fullmatch(str(directory))
    return f"{found[1]}://{found[2]}" if found else str(directory)


def _opened(directory: Path) -> tuple[Any, str]:
    """The storage, and the study's place in it."""
    url = name_of(directory)
    try:
        import fsspec  # type: ignore[import-untyped]

        storage, root = fsspec.core.url_to_fs(url)
    except ImportError as error:
        raise StudyError(f"{url}: {error}; run: pip install 'mailcensus[s3]'") from None
    except ValueError as error:
        raise StudyError(f"{url}: {error}") from None
    return storage, str(root).rstrip("/")


def _fetch(storage: Any, root: str, here: Path) -> None:
    try:
        names = [name[len(root) + 1 :] for name in map(str, storage.find(root))]
        wanted = [name for name in names if name and not name.startswith(tuple(f"{r}/" for r in _RESULTS))]
        if not wanted:
            raise StudyError(f"{root}: nothing is there")
        for name in wanted:
            place = here / name
            if not place.resolve().is_relative_to(here.resolve()):
                raise StudyError(f"{root}: {name}: not a name of a file in a study")
            place.parent.mkdir(parents=True, exist_ok=True)
            storage.get_file(f"{root}/{name}", str(place))
    except OSError as error:
        raise StageFailed(f"{root}: cannot be fetched: {error}") from error


def _put_back(storage: Any, root: str, here: Path) -> None:
    try:
        for result in _RESULTS:
            for path in sorted((here / result).rglob("*")):
                if path.is_file():
                    storage.put_file(str(path), f"{root}/{path.relative_to(here).as_posix()}")
    except OSError as error:
        raise StageFailed(f"{root}: results cannot be written: {error}") from error
