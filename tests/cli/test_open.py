"""`mailcensus open`."""

from pathlib import Path
from typing import Any

import duckdb


def test_a_study_without_rows_opens(mailcensus: Any, tmp_path: Path) -> None:
    (tmp_path / "prefixes.txt").write_text("127.0.0.0/30\n")
    mailcensus("init", str(tmp_path / "study"), "--prefixes", str(tmp_path / "prefixes.txt"))
    ended = mailcensus("open", str(tmp_path / "study"))
    assert (ended.status, ended.err) == (0, "")
    connection = duckdb.connect()
    connection.execute(ended.out)
    assert connection.execute("SELECT count(*) FROM last_grabs").fetchone() == (0,)
    cell = mailcensus("open", str(tmp_path / "study"), "--notebook").out
    exec(cell, {})
