"""A study on disk: `study.toml`, `data/` and `report/` under one directory."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from mailcensus.study.settings import Settings


class StudyError(Exception):
    """Bad input to the tool: one line that says what is wrong, where, and how to mend it."""


class StageFailed(StudyError):
    """The input was good and the job failed all the same: the disk is full, this machine is out of sockets."""


@dataclass(frozen=True, slots=True)
class Study:
    """A study's directory and what its study.toml says."""

    directory: Path
    settings: Settings

    @classmethod
    def open(cls, directory: Path) -> Study:
        """Read a study.

        Raises:
            StudyError: there is no readable, valid study.toml.
        """
        path = directory / "study.toml"
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise StudyError(f"{path}: not found; make a study with: mailcensus init {directory}") from None
        except (OSError, UnicodeDecodeError) as error:
            raise StudyError(f"{path}: cannot be read: {error}") from None
        try:
            return cls(directory, Settings.model_validate(tomllib.loads(text)))
        except tomllib.TOMLDecodeError as error:
            raise StudyError(f"{path}: not valid TOML: {error}") from None
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "study.toml"
            more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
            raise StudyError(f"{path}: {where}: {_mend(first['type'], first['msg'])}{more}") from None

    @property
    def data(self) -> Path:
        """Where the tables are: `data/<table>/*.parquet`."""
        return self.directory / "data"

    @property
    def analysis(self) -> Path:
        """Where the analysis tables are, `<name>.parquet` and `<name>.csv` each."""
        return self.data / "analysis"

    @property
    def report(self) -> Path:
        """Where the report is written."""
        return self.directory / "report"

    def path(self, relative: Path) -> Path:
        """A path of study.toml, which is relative to the study's directory."""
        return self.directory / relative


def _mend(kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return "no such setting; `mailcensus init` writes all there are"
    return message.removeprefix("Value error, ")
