"""`run` and `enrich` look over keys, and say early what is not there."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.run import CurrentRun
from mailcensus.model import Key
from mailcensus.wire.keys import describe_key
from probe_studies import put_hits
from rsa_material import P, Q, prime, rsa_spki


def findings(study: Path) -> list[str]:
    parts = sorted((study / "data" / "key_findings").glob("*.parquet"))
    return sorted(row for part in parts for row in pyarrow.parquet.read_table(part)["finding"].to_pylist())


def test_enrich_looks_over_keys_unless_the_study_wants_none(mailcensus: Any, tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text("[facts]\nroot_stores = []\n")
    with CurrentRun(tmp_path / "data", datetime.now(UTC)) as run:
        put_hits(run, ["192.0.2.1"])
    keys = [describe_key(rsa_spki(P * other)) for other in (Q, prime(1024, 3))]
    PartWriter(tmp_path / "data", "keys", Key).write(keys)
    ended = mailcensus("enrich", tmp_path)
    assert (ended.status, ended.out) == (0, "")
    assert "check keys: 2/2 keys" in ended.err
    assert "batch GCD: 4/4 steps" in ended.err
    assert findings(tmp_path) == ["shared_prime", "shared_prime"]
    assert "nothing to do" in mailcensus("enrich", tmp_path).err


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ('key_blocklist = "none"', "badkeysdata.json: cannot be read"),
        ('default_certificates = "none.toml"', "none.toml: not found; mend facts.default_certificates"),
    ],
)
def test_a_list_that_is_not_there_is_said_before_anybody_is_asked(
    mailcensus: Any, tmp_path: Path, facts: str, said: str
) -> None:
    (tmp_path / "hosts.txt").write_text("127.0.0.1\n")
    (tmp_path / "study.toml").write_text(
        f'[study]\nallow_special = true\n[population]\nhosts = "hosts.txt"\n[facts]\n{facts}\n'
    )
    ended = mailcensus("run", tmp_path)
    assert (ended.status, ended.out) == (2, "")
    assert said in ended.err
    assert not (tmp_path / "data" / "hits").exists()
