"""Functions that DuckDB has and Ibis does not name: what another engine must have, or be given, to run our tables."""

from __future__ import annotations

import ibis
import ibis.expr.datatypes as dt


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]
def sha256(text: str) -> str:  # type: ignore[empty-body]
    """SHA-256 of a text in UTF-8: 64 hex digits in lower case."""


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]
def bit_count(mask: int) -> int:  # type: ignore[empty-body]
    """How many bits are one."""


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]
def to_hex(number: int) -> str:  # type: ignore[empty-body]
    """Hex digits in upper case, without leading zeros."""


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]
def list_intersect(ours: list[str], theirs: list[str]) -> list[str]:  # type: ignore[empty-body]
    """What two lists have in common, each once."""


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]
def list_distinct(names: list[str]) -> list[str]:  # type: ignore[empty-body]
    """A list without repetitions, in any order."""


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]
def list_has_any(suites: list[int], wanted: list[int]) -> bool:  # type: ignore[empty-body]
    """Whether two lists have anything in common."""


@ibis.udf.scalar.builtin(name="hash")  # type: ignore[untyped-decorator]
def name_hash(text: str) -> dt.uint64:
    """The database's own hash of a text; Ibis's goes by way of a text of bits, which takes longer than all the rest.

    Engines without unsigned numbers give one below 2**63. Whoever joins by it looks for collisions first.
    """
