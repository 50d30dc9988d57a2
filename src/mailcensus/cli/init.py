"""`mailcensus init`: a new study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mailcensus.cli.talk import say
from mailcensus.study import Settings, StudyError
from mailcensus.study.template import study_toml


def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Directory to make.")],
    prefixes: Annotated[Path | None, typer.Option(metavar="FILE", help="File of prefixes to ask.")] = None,
    hosts: Annotated[Path | None, typer.Option(metavar="FILE", help="File of addresses to ask.")] = None,
    country: Annotated[
        str | None, typer.Option(metavar="CC", help="Country to ask, by ISO 3166-1 alpha-2 code.")
    ] = None,
    country_database: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="MaxMind-format country database (MMDB) for --country."),
    ] = None,
) -> None:
    """Make a study: a directory with a commented study.toml.

    It has every setting there is. Read it, say who you are in its [study] table, then see whom it would ask with
    `mailcensus population`.
    """
    if country is not None and country_database is None:
        raise StudyError("--country needs --country-database, a MaxMind-format country MMDB")
    paths = {"prefixes": prefixes, "hosts": hosts, "country_database": country_database}
    population: dict[str, object] = {
        name: _from_study(name, path, directory) for name, path in paths.items() if path is not None
    }
    settings = Settings.model_validate(
        {"study": {"name": directory.resolve().name}, "population": {**population, "country": country}}
    )
    path = directory / "study.toml"
    _write_new(path, study_toml(settings))
    say(f"wrote {path}; set study.contact and study.opt_out in it, then: mailcensus population {directory}")


def _from_study(option: str, path: Path, directory: Path) -> Path:
    """A path as study.toml shall name it: relative where the file lies inside the study."""
    if not path.is_file():
        raise StudyError(f"--{option.replace('_', '-')} {path}: no such file")
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
