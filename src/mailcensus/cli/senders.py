"""`mailcensus senders plan|serve|report`: badly secured receivers, and what senders do about them."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mailcensus.cli.options import AsJson, Quiet, StudyDirectory
from mailcensus.cli.tables import print_table
from mailcensus.cli.talk import say, waiting
from mailcensus.study import Study, StudyError

if TYPE_CHECKING:
    from mailcensus.senders.house import House


def plan(
    directory: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="The study's directory.")] = None,
    list_conditions: Annotated[
        bool, typer.Option("--list", help="Print the conditions there are, and do nothing else.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Plan an experiment: DNS records, certificates, policies, and a message for each sender and condition.

    Everything is written below DIR/senders; INSTRUCTIONS.md there says what to do with it. After a change of
    study.toml plan again: what is there stays, what is new is added.
    """
    from mailcensus.senders.conditions import CONDITIONS
    from mailcensus.senders.planning import plan_experiment

    if list_conditions:
        print_table(
            ("condition", "group", "what is wrong", "should"),
            ((each.name, each.group, each.title, each.should.value) for each in CONDITIONS),
        )
        return
    if directory is None:
        raise StudyError("DIR: name the study's directory")
    study = Study.open(directory)
    with waiting("make certificates", quiet=quiet):
        made = plan_experiment(study, datetime.now(UTC))
    say(
        f"{len(made.conditions)} conditions, {len(made.posts)} receivers, {len(made.tokens)} messages; "
        f"read {directory / 'senders' / 'INSTRUCTIONS.md'}"
    )


def serve(directory: StudyDirectory) -> None:
    """Serve the receivers of an experiment until interrupted; prints `ready` once all of them listen.

    Nothing is ever forwarded, no credentials are taken, and of messages only the token is kept. It needs no root:
    forward the well-known ports to those of study.toml.
    """
    from mailcensus.senders.serving import serve as serve_experiment

    study = Study.open(directory)

    def ready(house: House) -> None:
        if house.keeper.recovered:
            say(
                f"{house.keeper.recovered} attempts were open when the receivers last ended; recorded as interrupted"
            )
        sys.stdout.write("ready\n")
        sys.stdout.flush()

    recorded = serve_experiment(study, on_ready=ready)
    say(f"{recorded} attempts recorded")


def report(
    directory: StudyDirectory,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FOLDER", help="Write the page and its tables there; else DIR/report/senders."
        ),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """What became of each message, so far: may be asked while the receivers run.

    Prints the matrix of senders and conditions, and writes it with all tables about senders as a page. With --json the
    rows of all tables are printed, each as {"table": ..., "row": ...}.
    """
    from mailcensus.analysis.senders.pivot import pivot
    from mailcensus.analysis.senders.tables import all_tables, pivot_spec, sender_tables
    from mailcensus.cli.json_lines import print_json
    from mailcensus.dataset.tables import Dataset
    from mailcensus.report.comparison_page import write_comparison

    study = Study.open(directory)
    with waiting("read the attempts", quiet=quiet):
        tables = sender_tables(Dataset(study.data))
    if not tables.conditions:
        raise StudyError(f"{directory}: no experiment is planned; run: mailcensus senders plan {directory}")
    named = all_tables(tables)
    if as_json:
        for spec, table in named:
            for row in table.to_pylist():
                print_json({"table": spec.name, "row": row})
        return
    row, matrix = pivot(tables.matrix)
    print_table(matrix.column_names, (each.values() for each in matrix.to_pylist()))
    named.insert(0, (pivot_spec(row), matrix))
    folder = out or study.report / "senders"
    known = sum(each.senders for each in tables.conditions)
    sentences = [f"Of {len(tables.matrix)} messages it is known of {known} what became of them."]
    page = write_comparison(
        folder,
        study.settings.study.name,
        sentences,
        [spec for spec, _ in named],
        {spec.name: table for spec, table in named},
    )
    say(str(page))
