"""badkeys' list of compromised keys, read as the files that its own command leaves. Nothing here fetches it.

`blocklist.dat` is records of 16 octets, ascending: the first 15 of the SHA-256 over the key's number (RSA: the
modulus, DSA: y, elliptic curves: x, others: the key's octets; big-endian, without leading zeros), and the number of
the list that the key is from. `badkeysdata.json` names the lists. (badkeys 0.0.21, `badkeys/allkeys/block.py`.)
"""

from __future__ import annotations

import hashlib
import json
import mmap
from pathlib import Path
from typing import Any

from mailcensus.facts.key_numbers import CurvePoint, DsaNumbers, KeyNumbers, OctetKey, RsaNumbers
from mailcensus.study import StudyError

_RECORD = 16
_LISTS, _DATA = "badkeysdata.json", "blocklist.dat"


class Blocklist:
    """Looks keys up; the file is mapped into memory, not read.

    Attributes:
        identity: names the version, in words.
        as_of: date of the list, as it gives it; None where it gives none.
    """

    def __init__(self, folder: Path) -> None:
        """Open both files.

        Raises:
            StudyError: they are not there or not in this form.
        """
        lists = _read_lists(folder / _LISTS)
        self._names = {int(row["id"]): str(row["name"]) for row in lists["blocklists"]}
        self.as_of: str | None = str(lists["date"]) if "date" in lists else None
        self._data = _open(folder / _DATA)
        digest = str(lists.get("blocklist_sha256", ""))[:16]
        self.identity = f"badkeys blocklist {digest or self.as_of or 'of unknown date'}, {self.keys:,} keys"

    @property
    def keys(self) -> int:
        """How many keys it has."""
        return len(self._data) // _RECORD

    def find(self, key: KeyNumbers) -> str | None:
        """The list that a key is on; None where it is on none."""
        wanted = hashlib.sha256(_octets(key)).digest()[: _RECORD - 1]
        low, high = 0, self.keys
        while low < high:
            middle = (low + high) // 2
            record = self._data[middle * _RECORD : (middle + 1) * _RECORD]
            if record[:-1] == wanted:
                return self._names.get(record[-1], f"list {record[-1]}")
            if record[:-1] < wanted:
                low = middle + 1
            else:
                high = middle
        return None


def _octets(key: KeyNumbers) -> bytes:
    match key:
        case RsaNumbers(modulus=number) | DsaNumbers(y=number) | CurvePoint(x=number):
            pass
        case OctetKey(octets=octets):
            if len(octets) > 64:  # post-quantum keys are taken as they are
                return octets
            number = int.from_bytes(octets)
    return number.to_bytes((number.bit_length() + 7) // 8)


def _read_lists(path: Path) -> dict[str, Any]:
    try:
        lists: dict[str, Any] = json.loads(path.read_bytes())
        for row in lists["blocklists"]:
            int(row["id"]), str(row["name"])
    except OSError as error:
        raise StudyError(f"{path}: cannot be read: {error.strerror}; mend facts.key_blocklist") from None
    except (ValueError, KeyError, TypeError) as error:
        raise StudyError(
            f"{path}: not badkeys' description of its lists ({error!r}); mend facts.key_blocklist"
        ) from None
    return lists


def _open(path: Path) -> mmap.mmap:
    try:
        with path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise StudyError(f"{path}: cannot be read: {error}; mend facts.key_blocklist") from None
    if len(data) % _RECORD:
        raise StudyError(
            f"{path}: {len(data):,} octets are no whole number of records of {_RECORD}: cut short? Get it again"
        )
    return data
