"""`mailcensus lab serve|truth`: a population of mail hosts on loopback, and its answer sheet."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from mailcensus.lab.plan import Plan
from mailcensus.lab.population import DEFAULT_BLOCK, DEFAULT_PORT_OFFSET, make_plan
from mailcensus.lab.serve import serve as serve_plan
from mailcensus.lab.truth import truth_of
from mailcensus.lab.verdict import study_toml
from mailcensus.study import StudyError

Seed = Annotated[int, typer.Option(metavar="N", help="Draws the population.")]
Size = Annotated[int, typer.Option(metavar="N", help="Number of hosts.")]
Block = Annotated[str, typer.Option(metavar="PREFIX", help="Their addresses are out of this prefix.")]
PortOffset = Annotated[
    int, typer.Option(metavar="N", help="Added to the standard ports, so that no root is needed.")
]


def serve(
    seed: Seed = 2026,
    size: Size = 400,
    block: Block = DEFAULT_BLOCK,
    port_offset: PortOffset = DEFAULT_PORT_OFFSET,
    study: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write a study of this lab there, to run meanwhile.")
    ] = None,
    truth: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the truth there, JSON.")] = None,
    ledger: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write who asked what there, JSON lines.")
    ] = None,
) -> None:
    """Serve a lab until interrupted; prints `ready` once all of it listens."""
    plan = make_plan(seed, size, block=block, port_offset=port_offset)
    if study is not None:
        write_lab_study(plan, study)
    serve_plan(plan, truth_path=truth, ledger_path=ledger)


def truth(
    seed: Seed = 2026,
    size: Size = 400,
    block: Block = DEFAULT_BLOCK,
    port_offset: PortOffset = DEFAULT_PORT_OFFSET,
) -> None:
    """Print what a perfect study of a lab would find, as JSON."""
    plan = make_plan(seed, size, block=block, port_offset=port_offset)
    sys.stdout.write(truth_of(plan).to_json() + "\n")


def write_lab_study(plan: Plan, directory: Path) -> None:
    """Make the study of a lab.

    Raises:
        StudyError: there is a study already, or it cannot be written.
    """
    path = directory / "study.toml"
    if path.exists():
        raise StudyError(f"{path}: there is a study already; take another directory")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        path.write_text(study_toml(plan, directory), encoding="utf-8")
    except OSError as error:
        raise StudyError(f"{path}: cannot be written: {error.strerror or error}") from None
