"""The readers of Zeek's logs: any bytes."""

import io

from hypothesis import given, settings
from hypothesis import strategies as st

from mailcensus.passive.zeek.json_log import JsonReader
from mailcensus.passive.zeek.opening import blocks_of
from mailcensus.passive.zeek.text_log import TextReader


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400), st.integers(1, 60))
def test_any_bytes_are_rows_or_bad_rows(data: bytes, block_bytes: int) -> None:
    head = b"#separator \\x09\n#path\tssl\n#fields\tts\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\n"
    for whole in (head + data, data):
        for reader in (TextReader("ssl"), JsonReader(None)):
            for block in blocks_of(io.BytesIO(whole), block_bytes):
                assert block.data.endswith(b"\n")
                for piece in reader.read(block):
                    assert piece.rows.num_rows + len(piece.bad) <= block.lines


def test_blocks_of_any_size_give_the_same_lines() -> None:
    data = b"".join(b"line %d\n" % number for number in range(50))
    for size in (8, 9, 64, 1000):
        assert b"".join(block.data for block in blocks_of(io.BytesIO(data), size)) == data
    blocks = list(blocks_of(io.BytesIO(b"a\n" + b"x" * 100 + b"\nb\n"), 10))
    assert b"".join(block.data for block in blocks) == b"a\n\nb\n"
