"""A file that several processes read is the file that one reads."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailcensus.dataset.imports import import_file, pieces
from mailcensus.dataset.imports.pieces import Telling, batch_of, pieces_of, read_pieces, spans_of
from mailcensus.dataset.imports.rows import LONGEST_LINE
from mailcensus.dataset.imports.zgrab2 import read_zgrab2
from mailcensus.dataset.tables import Dataset
from mailcensus.study import Settings, Study

AT = datetime(2025, 11, 16, tzinfo=UTC)
TELLING = Telling("r", "here", AT)


def line(number: int) -> bytes:
    if number % 10 == 7:
        return b"not one of them\n"
    result = {"banner": f"220 mx{number} ESMTP"}
    smtp = {"status": "success", "protocol": "smtp", "result": result}
    return json.dumps({"ip": f"192.0.2.{number % 250}", "data": {"smtp": smtp}}).encode() + b"\n"


@settings(max_examples=60)
@given(st.binary(max_size=120), st.integers(1, 40))
def test_pieces_put_together_are_the_file_and_end_where_lines_end(content: bytes, size: int) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pieces, "PIECE_BYTES", size)
        found = list(pieces_of(io.BytesIO(content)))
    assert b"".join(found) == content
    assert all(piece.endswith(b"\n") for piece in found[:-1])


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from([b"\n", b"x", b"xyz" * 9]), max_size=30).map(b"".join),
    st.integers(1, 40),
    st.integers(1, 40),
)
def test_places_in_a_file_are_its_pieces(content: bytes, size: int, longest_line: int) -> None:
    with pytest.MonkeyPatch.context() as patched, NamedTemporaryFile() as file:
        patched.setattr(pieces, "PIECE_BYTES", size)
        patched.setattr(pieces, "LONGEST_LINE", longest_line)
        file.write(content)
        file.flush()
        spans = list(spans_of(file.file, Path(file.name)))
        assert sum(span.size for span in spans) == len(content)
        assert list(map(pieces._bytes_of, spans)) == list(pieces_of(io.BytesIO(content)))


def test_rows_of_pieces_are_the_rows_of_the_file_with_its_line_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = b"".join(map(line, range(100)))
    whole = batch_of(read_zgrab2(io.BytesIO(content), "r", "here", AT))
    monkeypatch.setattr(pieces, "PIECE_BYTES", 500)
    batches = list(read_pieces("zgrab2", pieces_of(io.BytesIO(content)), TELLING, 1))
    assert len(batches) > 10
    assert [row for batch in batches for row in batch.grabs.to_pylist()] == whole.grabs.to_pylist()
    assert [reject for batch in batches for reject in batch.rejects] == whole.rejects != []
    assert whole.rejects[1].line == 18


def test_a_line_that_is_too_long_costs_itself_alone() -> None:
    content = line(1) + b"x" * (LONGEST_LINE + pieces.PIECE_BYTES + 10) + b"\n" + line(2)
    (first, second) = read_pieces("zgrab2", pieces_of(io.BytesIO(content)), TELLING, 1)
    assert [reject.reason for reject in first.rejects] == ["line too long"]
    assert (first.grabs.num_rows, second.grabs.num_rows) == (1, 1)


@pytest.mark.slow
def test_two_processes_import_what_one_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE_BYTES", 20_000)
    file = tmp_path / "grabs.jsonl"
    file.write_bytes(b"".join(map(line, range(2_000))))
    found = []
    for workers in (1, 2):
        study = Study(tmp_path / str(workers), Settings.model_validate({}))
        imported = import_file(study, "zgrab2", file, workers=workers)
        assert (imported.grabs, imported.rejected) == (1_800, 200)
        found.append(Dataset(study.data).table("grabs").drop("run_id").to_pyarrow().to_pylist())
    assert found[0] == found[1]
