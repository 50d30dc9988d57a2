"""`mailcensus init`: a new study."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from mailcensus.cli.talk import say
from mailcensus.population.sample import Sample
from mailcensus.population.shard import Shard
from mailcensus.study import Settings, StudyError
from mailcensus.study.template import study_toml

_FILES = ("prefixes", "hosts", "domains")
"""The others may be folders."""


def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Directory to make.")],
    prefixes: Annotated[Path | None, typer.Option(metavar="FILE", help="File of prefixes to ask.")] = None,
    hosts: Annotated[Path | None, typer.Option(metavar="FILE", help="File of addresses to ask.")] = None,
    domains: Annotated[
        Path | None, typer.Option(metavar="FILE", help="List of domains: CSV, one a line, or a zone file.")
    ] = None,
    country: Annotated[
        list[str] | None,
        typer.Option(metavar="CC", help="Country to ask, by ISO 3166-1 alpha-2 code; may be repeated."),
    ] = None,
    country_database: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Country database for --country: MMDB, CSV, delegated statistics."),
    ] = None,
    as_number: Annotated[
        list[int] | None,
        typer.Option(metavar="N", min=1, max=4_294_967_294, help="AS to ask; may be repeated."),
    ] = None,
    as_database: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="AS database for --as-number: MMDB, CSV, pfx2as."),
    ] = None,
    hits_of: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Former study whose hits are asked.")
    ] = None,
    routed: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="AS database or pfx2as file; what it has not announced is left out."
        ),
    ] = None,
    sample: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Ask a random sample only, such as 1% or 50000.")
    ] = None,
    shard: Annotated[
        str | None, typer.Option(metavar="I/N", help="Ask one shard of several only, such as 2/8.")
    ] = None,
) -> None:
    """Make a study: a directory with a commented study.toml.

    It has every setting there is. Read it, say who you are in its [study] table, then see whom it would ask with
    `mailcensus population`.
    """
    _check_together("--country", country, "--country-database", country_database)
    _check_together("--as-number", as_number, "--as-database", as_database)
    _check("--sample", sample, Sample.parse)
    _check("--shard", shard, Shard.parse)
    paths = {
        "prefixes": prefixes,
        "hosts": hosts,
        "country_database": country_database,
        "as_database": as_database,
        "hits_of": hits_of,
        "routed": routed,
    }
    population: dict[str, object] = {
        name: _from_study(name, path, directory) for name, path in paths.items() if path is not None
    }
    population["country"] = country[0] if country and len(country) == 1 else country
    population |= {"as_numbers": as_number or (), "sample": sample, "shard": shard}
    settings = Settings.model_validate(
        {
            "study": {"name": directory.resolve().name},
            "population": population,
            "domains": {"list": None if domains is None else _from_study("domains", domains, directory)},
        }
    )
    path = directory / "study.toml"
    _write_new(path, study_toml(settings))
    say(f"wrote {path}; set study.contact and study.opt_out in it, then: mailcensus population {directory}")


def _check_together(option: str, value: object, database: str, path: Path | None) -> None:
    if value and path is None:
        raise StudyError(f"{option} needs {database}")


def _check(option: str, value: str | None, parse: Callable[[str], object]) -> None:
    try:
        if value is not None:
            parse(value)
    except ValueError as error:
        raise StudyError(f"{option}: {error}") from None


def _from_study(option: str, path: Path, directory: Path) -> Path:
    """A path as study.toml shall name it: relative where it lies inside the study."""
    if option in _FILES and not path.is_file():
        raise StudyError(f"--{option.replace('_', '-')} {path}: no such file")
    if not path.exists():
        raise StudyError(f"--{option.replace('_', '-')} {path}: no such file or directory")
    path, inside = path.resolve(), directory.resolve()
    return path.relative_to(inside) if path.is_relative_to(inside) else path


def _write_new(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise StudyError(f"{path}: there is a study already; take another directory or edit it") from None
    except OSError as error:
        raise StudyError(f"{path}: cannot be written: {error.strerror or error}") from None
