"""What `--backend` says where it cannot do what it is told."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mailcensus.analysis.engines.choice import on_engine
from mailcensus.analysis.engines.java import check_java
from mailcensus.dataset.tables import Dataset
from mailcensus.study import StudyError


def begin(folder: Path, backend: str) -> None:
    with on_engine(Dataset(folder), backend):
        raise AssertionError(backend)


def java_home(folder: Path, version: str) -> str:
    """A directory whose Java says that it is this version."""
    java = folder / "bin" / "java"
    java.parent.mkdir()
    java.write_text(f"#!/bin/sh\necho '{version}' >&2\n")
    java.chmod(0o755)
    return str(folder)


def test_an_engine_that_there_is_not_is_named_beside_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(
        StudyError,
        match=r"--backend oracle://x: no such engine; there are: duckdb, postgres.*, clickhouse.*, spark",
    ):
        begin(tmp_path, "oracle://x")


def test_spark_without_pyspark_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "mailcensus.analysis.engines.spark", raising=False)
    monkeypatch.delitem(sys.modules, "mailcensus.analysis.engines.spark_session", raising=False)
    for name in ("pyspark", "py4j"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(StudyError, match=r"py\w+ is missing; run: pip install 'mailcensus\[spark\]'"):
        begin(tmp_path, "spark")


def test_clickhouse_without_its_client_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "mailcensus.analysis.engines.clickhouse", raising=False)
    monkeypatch.setitem(sys.modules, "clickhouse_connect", None)
    with pytest.raises(
        StudyError, match=r"clickhouse_connect is missing; run: pip install 'mailcensus\[clickhouse\]'"
    ):
        begin(tmp_path, "clickhouse://127.0.0.1")


def test_no_java_on_path_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        StudyError, match=r"^--backend spark: it needs Java 17 or newer, and none is on PATH; .*install"
    ):
        check_java()


def test_java_home_without_java_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(StudyError, match=f"JAVA_HOME is {tmp_path}, where there is none"):
        check_java()


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ('openjdk version "11.0.20" 2023-07-18', "is version 11"),
        ('java version "1.8.0_391"', "is version 1;"),
        ("Segmentation fault", "does not say its version"),
    ],
)
def test_an_old_java_is_named_with_its_version(
    said: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", java_home(tmp_path, said))
    with pytest.raises(StudyError, match=why):
        check_java()


@pytest.mark.parametrize("version", ["17.0.15", "21.0.7", "25"])
def test_the_javas_of_debian_will_do(version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", java_home(tmp_path, f'openjdk version "{version}" 2025-04-15'))
    check_java()
