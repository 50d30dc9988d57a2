"""Names for what belongs to others: the same thing has the same name, and nobody can get from the name to the thing.

There are only 2^32 IPv4 addresses and fewer ASes. Whoever has a plain hash of one tries them all in a minute, so the
names are made with HMAC-SHA-256 (RFC 2104) and a secret of the study. Each recipient gets names of its own: two who
lay their notices side by side cannot tell that they were told of the same third party.
"""

from __future__ import annotations

import hmac
import os
import secrets
from base64 import b32encode
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

from mailcensus.study import StageFailed, StudyError

SECRET_BYTES = 32
_NAME_CHARACTERS = 16
"""Of base32: 80 bits. Two of a million hosts get one name with a probability below 10^-12."""
_OTHERS = 0o077


class Kind(StrEnum):
    """What is given a name; also what the name begins with."""

    HOST = "host"
    OPERATOR = "operator"
    KEY = "key"
    CLUSTER = "cluster"


class Pseudonyms:
    """The names that one recipient is told."""

    def __init__(self, secret: bytes, recipient: str) -> None:
        """The names of `recipient`, an unambiguous text that is the same from run to run."""
        self._key = hmac.digest(secret, recipient.encode(errors="surrogatepass"), "sha256")

    def name(self, kind: Kind, thing: str) -> str:
        """The name of a thing, e.g. `host-4dk2c6vyzq7xw3tb`."""
        digest = hmac.digest(self._key, f"{kind}\0{thing}".encode(errors="surrogatepass"), "sha256")
        return f"{kind}-{b32encode(digest).decode().lower()[:_NAME_CHARACTERS]}"


def secret_path(directory: Path) -> Path:
    """Where a study keeps its secret: beside data/ and report/, which are there to be given away."""
    return directory / "secrets" / "pseudonyms.key"


def study_secret(directory: Path) -> bytes:
    """The study's secret, made the first time.

    Raises:
        StudyError: it is not what we wrote, or others may read it.
        StageFailed: it cannot be written.
    """
    path, known = secret_path(directory), known_secret(directory)
    if known is not None:
        return known
    try:
        _make(path)
        return _read(path)
    except OSError as error:
        raise StageFailed(f"{path}: cannot be written: {error}") from error


def known_secret(directory: Path) -> bytes | None:
    """The study's secret; None: it has none (any more).

    Raises:
        StudyError: it is not what we wrote, or others may read it.
    """
    try:
        return _read(secret_path(directory))
    except FileNotFoundError:
        return None


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(4 * SECRET_BYTES)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StudyError(f"{path}: cannot be read: {error.strerror}") from None
    if mode & _OTHERS:
        raise StudyError(f"{path}: others may read it (mode {mode & 0o777:04o}); run: chmod 600 {path}")
    try:
        secret = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        secret = b""
    if len(secret) != SECRET_BYTES:
        raise StudyError(
            f"{path}: not a secret of {SECRET_BYTES} bytes in hex; put it back from a backup, or remove it "
            "(notices will then have new names for others)"
        )
    return secret


def _make(path: Path) -> None:
    """Whole or not at all; of two who make it at once one wins."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(SECRET_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()


def file_part(text: str) -> str:
    """A short name for files, of what need not be kept from anybody."""
    return sha256(text.encode(errors="surrogatepass")).hexdigest()[:8]
