"""Nothing that a study writes holds what was secret around it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

PLANTED = "Zaunkoenig-7f3a91"
VARIABLES = (
    "AWS_SECRET_ACCESS_KEY",
    "PGPASSWORD",
    "HTTPS_PROXY_PASSWORD",
    "MAILCENSUS_TOKEN",
    "MAILCENSUS_SECRET",
)
HOME_FILES = (".netrc", ".pgpass", ".ssh/id_ed25519", ".aws/credentials")


def holding(directory: Path, word: str) -> Iterator[Path]:
    """Files that hold a word, the columns of Parquet files unpacked."""
    for path in directory.rglob("*"):
        if not path.is_file():
            continue
        content = path.read_bytes()
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            content += repr((table.schema.metadata, table.to_pylist())).encode()
        if word.encode() in content or word in path.name:
            yield path


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_is_secret_in_the_environment_is_in_no_output_of_a_study(
    mailcensus: Any, study: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path_factory.mktemp("home")
    for name in HOME_FILES:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(f"password {PLANTED}\n")
    monkeypatch.setenv("HOME", str(home))
    for name in VARIABLES:
        monkeypatch.setenv(name, PLANTED)
    ended = mailcensus("--log-format", "json", "run", study)
    assert ended.status == 0
    printed = mailcensus("metrics", study, "--once").out + mailcensus("doctor", study, "--json").out
    assert PLANTED not in ended.out + ended.err + printed
    assert list(holding(study, "127.")) != [], "the search finds nothing at all"
    assert list(holding(study, PLANTED)) == []


def test_a_password_in_the_settings_is_refused_before_anything_is_written(
    mailcensus: Any, tmp_path: Path
) -> None:
    url = f"postgresql://u:{PLANTED}@127.0.0.1/db"
    (tmp_path / "study.toml").write_text(f'[study]\nallow_special = true\n[site]\ndatabase = "{url}"\n')
    ended = mailcensus("discover", tmp_path)
    assert ended.status == 2
    assert "password" in ended.err
    assert PLANTED not in ended.err
    assert list(holding(tmp_path / "data", PLANTED)) == []
