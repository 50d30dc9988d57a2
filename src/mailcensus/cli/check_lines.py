"""Lines of `preflight` and `doctor`, as JSON or as a table."""

from __future__ import annotations

from collections.abc import Sequence

from mailcensus.cli.json_lines import print_json
from mailcensus.cli.tables import print_table
from mailcensus.discovery.preflight_line import Line

_SHOWN = ("check", "subject", "verdict", "found", "mend")


def print_checks(lines: Sequence[Line], *, as_json: bool, also: tuple[str, ...] = ()) -> None:
    """Print what was found, a line each.

    Args:
        also: further fields of a line for JSON.
    """
    if as_json:
        for line in lines:
            print_json({name: getattr(line, name) for name in (*_SHOWN, *also)})
    else:
        rows = [(line.verdict, line.check, line.subject, line.found, line.mend) for line in lines]
        print_table(("verdict", "check", "of", "found", "mend"), rows)
