"""Patterns of names that tell causes apart: the data file `cause_patterns.toml`, read and applied."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True, slots=True)
class Pattern:
    """One row of the data file."""

    label: str
    """Product, network or owner."""
    matches: Mapping[str, str]
    """`subject`, `names`, `as_org`: regular expressions for what the row may be matched with."""


LABELS = {"default_certificate": "product", "cdn": "network", "hoster": "network", "well_known": "owner"}


@cache
def patterns(kind: str) -> tuple[Pattern, ...]:
    """The rows of one kind, as LABELS has them, in the order of the file."""
    return tuple(
        Pattern(
            row[LABELS[kind]], {name: row[name] for name in ("subject", "names", "as_org") if name in row}
        )
        for row in _data()[kind]
    )


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads((files("mailcensus.analysis") / "cause_patterns.toml").read_text("utf-8"))


def first_matching(kind: str, what: str, texts: Sequence[str]) -> npt.NDArray[np.int64]:
    """For each text the place of the first row of this kind that matches it; -1 where none does.

    Linear in the length of the texts: matched by RE2, whatever they hold.
    """
    found = np.full(len(texts), -1)
    if not texts:
        return found
    array = pa.array(texts, pa.string())
    for place, pattern in reversed(list(enumerate(patterns(kind)))):
        if what in pattern.matches:
            hits = pc.match_substring_regex(array, pattern.matches[what], ignore_case=True)
            found[np.asarray(hits.to_numpy(zero_copy_only=False))] = place
    return found
