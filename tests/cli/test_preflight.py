"""`mailcensus preflight`, and a run that begins with one."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from closed_way import close_way
from mailcensus.dataset.tables import Dataset

STUDY = """\
[study]
ehlo_name = "{name}"
opt_out = "https://127.0.0.1:1/opt-out"
allow_special = true
[population]
prefixes = "prefixes.txt"
[discovery]
ports = [{port}]
timeout_s = 0.2
[canaries]
hosts = [{canaries}]
rest_s = 0.01
retry_s = 0.05
[preflight]
{preflight}
"""


@contextmanager
def canary(*, closed: bool = False) -> Iterator[int]:
    with socket.create_server(("127.66.1.1", 0), backlog=100) as listener:
        if closed:
            close_way([listener])
        yield listener.getsockname()[1]


def study(
    directory: Path, port: int, *canaries: str, preflight: str = "", name: str = "scanner.invalid"
) -> Path:
    hosts = ", ".join(f'"{canary}"' for canary in canaries)
    (directory / "prefixes.txt").write_text("127.66.0.0/30\n")
    (directory / "study.toml").write_text(
        STUDY.format(port=port, canaries=hosts, preflight=preflight, name=name)
    )
    return directory


def lines(ended: Any) -> dict[tuple[str, str], dict[str, Any]]:
    return {(line["check"], line["subject"]): line for line in ended.json}


def test_without_responders_the_way_out_is_unknown_and_nothing_stops(mailcensus: Any, tmp_path: Path) -> None:
    ended = mailcensus("preflight", study(tmp_path, 25), "--json")
    assert ended.status == 0
    egress = lines(ended)["egress", "port 25"]
    assert (egress["verdict"], egress["found"]) == ("unknown", "no responder configured")
    assert lines(ended)["engine", "connect"]["verdict"] == "ok"
    assert lines(ended)["open files", "in_flight"]["verdict"] == "ok"
    assert lines(ended)["names", "scanner.invalid"]["verdict"] == "unknown"
    assert not (tmp_path / "data").exists()


def test_a_responder_that_answers_is_a_way_that_is_open(mailcensus: Any, tmp_path: Path) -> None:
    with canary() as port:
        ended = mailcensus("preflight", study(tmp_path, port, "127.66.1.1"))
    assert ended.status == 0
    assert "1 of 1 known responders answered" in ended.out


def test_a_run_does_not_begin_where_no_responder_answers(mailcensus: Any, tmp_path: Path) -> None:
    with canary(closed=True) as port:
        directory = study(tmp_path, port, "127.66.1.1")
        looked = mailcensus("preflight", directory)
        ended = mailcensus("run", directory)
    assert looked.status == ended.status == 1
    assert "egress" in looked.out
    assert f"preflight: egress, port {port}: failed: 0 of 1 known responders answered" in ended.err
    assert "--without-preflight" in ended.err
    assert "Traceback" not in ended.err
    checks = Dataset(directory / "data").table("preflights").to_pyarrow().to_pylist()
    assert [row["stops"] for row in checks if row["check"] == "egress"] == [True]
    assert Dataset(directory / "data").table("hits").count().to_pyarrow().as_py() == 0


@pytest.mark.parametrize(
    ("preflight", "said"),
    [
        ('responders = ["mx.example"]', "preflight.responders: 'mx.example': no address and port"),
        ('addresses = ["me"]', "preflight.addresses: 'me' is no address"),
    ],
)
def test_what_it_is_told_wrongly_is_one_clear_line(
    mailcensus: Any, tmp_path: Path, preflight: str, said: str
) -> None:
    ended = mailcensus("preflight", study(tmp_path, 25, preflight=preflight))
    assert (ended.status, ended.err.count("\n")) == (2, 1)
    assert said in ended.err
