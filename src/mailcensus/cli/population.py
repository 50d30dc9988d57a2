"""`mailcensus population`: whom a study asks, and whom not."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

from mailcensus.cli.json_lines import print_json
from mailcensus.cli.options import AsJson, StudyDirectory
from mailcensus.cli.tables import print_table
from mailcensus.cli.talk import say
from mailcensus.population import Part, Population, load_population
from mailcensus.population.breakdown import Group, by_as, by_country, by_prefix
from mailcensus.population.sources import Databases
from mailcensus.study import Study, StudyError


class By(StrEnum):
    """What to count addresses by."""

    COUNTRY = "country"
    PREFIX = "prefix"
    AS = "as"


def population(
    directory: StudyDirectory,
    by: Annotated[
        By | None,
        typer.Option(
            metavar="WHAT",
            help="Count by country, prefix or as; country and as need the study's database of these.",
        ),
    ] = None,
    top: Annotated[int, typer.Option(min=1, metavar="N", help="How many rows of --by to print.")] = 20,
    list_addresses: Annotated[
        bool, typer.Option("--list", help="Print the addresses themselves, in the order of asking.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Count whom the study would ask; asks nobody.

    Addresses by source, then what is left out by reason. An address may be in several sources.
    """
    if list_addresses and (as_json or by is not None):
        other = "--json" if as_json else "--by"
        raise StudyError(f"--list and {other} do not go together; --list prints one address a line")
    study = Study.open(directory)
    databases = Databases(study)
    found = load_population(study, databases)
    if list_addresses:
        for address in found.addresses():
            sys.stdout.write(f"{address}\n")
    elif by is not None:
        _print_groups(by, _groups(by, found, databases), found, top, as_json=as_json)
    elif as_json:
        print_json(_account(found))
    else:
        print_table(("source", "addresses"), _rows(found))


def _account(found: Population) -> dict[str, object]:
    account: dict[str, object] = {
        "addresses": len(found),
        "sources": _named(found.sources),
        "left_out": _named(found.left_out),
    }
    return {**account, "sample_of": found.prefixes.count} if found.order.is_sample else account


def _named(parts: tuple[Part, ...]) -> list[dict[str, object]]:
    return [{"name": part.name, "addresses": part.count} for part in parts]


def _rows(found: Population) -> list[tuple[str, int]]:
    rows = [(part.name, part.count) for part in found.sources]
    rows += [(f"left out: {part.name}", part.count) for part in found.left_out]
    if found.order.is_sample:
        rows += [("not in the sample", found.prefixes.count - len(found))]
    return [*rows, ("addresses to ask", len(found))]


def _groups(by: By, found: Population, databases: Databases) -> list[Group]:
    match by:
        case By.COUNTRY:
            return by_country(found.prefixes, databases.countries().table)
        case By.AS:
            return by_as(found.prefixes, databases.autonomous_systems().table)
        case By.PREFIX:
            return by_prefix(found.prefixes)


def _print_groups(by: By, groups: list[Group], found: Population, top: int, *, as_json: bool) -> None:
    total = found.prefixes.count
    if found.order.is_sample:
        say(f"counted over the {total:,} addresses that the sample of {len(found):,} is drawn from")
    if as_json:
        for group in groups[:top]:
            print_json({str(by): group.name, "addresses": group.count, "note": group.note})
        return
    shares = ((group, group.count / total) for group in groups[:top])
    rows = [(group.name or "unknown", group.count, f"{share:.2%}", group.note) for group, share in shares]
    print_table((str(by), "addresses", "share of all", "name"), rows)
    if len(groups) > top:
        say(f"and {len(groups) - top:,} more; --top {len(groups)} prints all")
