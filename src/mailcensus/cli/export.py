"""`mailcensus export`: what was recorded, for other programs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TextIO

import typer

from mailcensus.cli.options import StudyDirectory
from mailcensus.cli.talk import say
from mailcensus.dataset.exports import export_csv, export_json_lines, export_zgrab2, run_to_export
from mailcensus.dataset.left_out import dataset_of
from mailcensus.dataset.tables import Dataset
from mailcensus.study import StageFailed, Study, StudyError


class Format(StrEnum):
    """What --to takes."""

    ZGRAB2 = "zgrab2"
    JSONL = "jsonl"
    CSV = "csv"
    GRAPHML = "graphml"


def export(
    directory: StudyDirectory,
    target: Annotated[Format, typer.Option("--to", metavar="zgrab2|jsonl|csv|graphml", help="The form.")],
    table: Annotated[
        str, typer.Option(metavar="NAME", help="The table of the dataset, of jsonl and csv.")
    ] = "grabs",
    run: Annotated[str | None, typer.Option(metavar="RUN", help="The run. [default: the newest]")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write there. [default: stdout]")
    ] = None,
) -> None:
    """Write what was recorded in a form that other programs read.

    jsonl and csv are of any table of the dataset: nested records stay nested in JSON and become columns with dots in
    their names in CSV. zgrab2 has one line a grab, with certificates. graphml has the clusters of the newest run, hosts
    and the keys they share. Whom exclusion files name by now is in none.
    """
    if target is Format.CSV and out is None and sys.stdout.isatty():
        raise StudyError(
            "--to csv: a terminal may obey what strangers wrote; name a file with --out, or a pipe"
        )
    study = Study.open(directory)
    if table != "grabs" and target not in (Format.JSONL, Format.CSV):
        raise StudyError(f"--table {table}: {target} is not made of a table; leave --table out")
    dataset = dataset_of(study)
    run_id = run_to_export(dataset, run)
    if target is Format.GRAPHML and run_id != run_to_export(dataset, None):
        raise StudyError(f"--run {run}: analyses are of the newest run; leave --run out")
    with _opened(out) as file:
        say(
            _graph(dataset, file)
            if target is Format.GRAPHML
            else _write(dataset, target, table, run_id, file)
        )


def _graph(dataset: Dataset, file: TextIO) -> str:
    from mailcensus.analysis.catalogue import TABLES  # here, for what they import: see stages
    from mailcensus.analysis.evidence import gather
    from mailcensus.analysis.table_spec import rows_of
    from mailcensus.report.build import newest_run
    from mailcensus.report.cluster_data import NEEDED, clusters_of
    from mailcensus.report.cluster_files import graphml_of

    evidence = gather(dataset)
    tables = {spec.name: rows_of(spec, evidence) for spec in TABLES if spec.name in (*NEEDED, "clusters")}
    count = tables["clusters"].num_rows
    file.writelines(graphml_of(clusters_of(tables, dataset, newest_run(dataset), count)))
    return f"{count:,} clusters"


def _write(dataset: Dataset, target: Format, table: str, run_id: str, file: TextIO) -> str:
    """Write it, and what there is to say about it."""
    if target is Format.ZGRAB2:
        exported = export_zgrab2(dataset, run_id, file)
        beside = (
            f", {exported.passed_over:,} passed over that zgrab2 has no module for"
            if exported.passed_over
            else ""
        )
        return f"run {run_id}: {exported.grabs:,} grabs{beside}"
    write = export_csv if target is Format.CSV else export_json_lines
    return f"run {run_id}: {write(dataset, table, run_id, file):,} rows of {table}"


@contextmanager
def _opened(out: Path | None) -> Iterator[TextIO]:
    if out is None:
        yield sys.stdout
        return
    try:
        with out.open("w", encoding="utf-8", newline="") as file:
            yield file
    except OSError as error:
        raise StageFailed(f"{out}: cannot be written: {error.strerror or error}") from error
