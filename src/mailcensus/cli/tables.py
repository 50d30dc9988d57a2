"""Tables on stdout for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mailcensus.wire.visible import visible

_NAMES = frozenset({"port", "port_a", "port_b", "cluster"})
"""Columns whose numbers are names and get no digit groups."""
_PIPE_COLUMNS = 500
"""Width where there is no terminal: nothing is cut or folded for a file."""


def print_table(header: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    """Print rows under their header; numbers get digit groups and stand to the right, None is empty."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in header:
        table.add_column(Text(visible(name)))
    for row in rows:
        table.add_row(*(_cell(name, value) for name, value in zip(header, row, strict=True)))
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_PIPE_COLUMNS)
    console.print(table)


def _cell(name: str, value: object) -> Text:
    match value:
        case None:
            return Text("")
        case bool():
            return Text(str(value).lower())
        case int():
            return Text(str(value) if name in _NAMES else f"{value:,}", justify="right")
        case float():
            return Text(f"{value:.4g}", justify="right")
        case list() | tuple():
            return Text(visible(" ".join(map(str, value))))
    return Text(visible(str(value)))
