"""`mailcensus population`: whom a study asks, and whom not."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from mailcensus.cli.json_lines import print_json
from mailcensus.cli.options import AsJson, StudyDirectory
from mailcensus.cli.tables import print_table
from mailcensus.population import Part, load_population
from mailcensus.study import Study, StudyError


def population(
    directory: StudyDirectory,
    list_addresses: Annotated[
        bool, typer.Option("--list", help="Print the addresses themselves, in the order of asking.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Count whom the study would ask; asks nobody.

    Addresses by source, then what is left out by reason. An address may be in several sources.
    """
    if list_addresses and as_json:
        raise StudyError("--list and --json do not go together; --list prints one address a line")
    found = load_population(Study.open(directory))
    if list_addresses:
        for address in found.addresses():
            sys.stdout.write(f"{address}\n")
    elif as_json:
        print_json(
            {
                "addresses": found.prefixes.count,
                "sources": _rows(found.sources),
                "left_out": _rows(found.left_out),
            }
        )
    else:
        left_out = [(f"left out: {part.name}", part.count) for part in found.left_out]
        rows = [*((part.name, part.count) for part in found.sources), *left_out]
        print_table(("source", "addresses"), [*rows, ("addresses to ask", found.prefixes.count)])


def _rows(parts: tuple[Part, ...]) -> list[dict[str, object]]:
    return [{"name": part.name, "addresses": part.count} for part in parts]
