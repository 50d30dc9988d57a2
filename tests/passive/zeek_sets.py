"""Small sets of Zeek's logs, read into flows."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb

from mailcensus.dataset.parts import PartWriter
from mailcensus.model import Flow
from mailcensus.passive.zeek.addresses import ClientNames
from mailcensus.passive.zeek.beside import write_beside
from mailcensus.passive.zeek.reading import SetRead, ZeekLogs
from mailcensus.passive.zeek.sniffing import zeek_file
from mailcensus.passive.zeek.store import Store
from mailcensus.wire.services import SERVICES

RUN = "2026-11-22T01-02-03Z-0000"
KEEP = ClientNames(lambda text: text, ports=True)
DROP = ClientNames(None, ports=False)

CONNECTION = {"ts": "1521911720.5", "uid": "C1", "id.orig_h": "10.0.0.9", "id.orig_p": "40000",
              "id.resp_h": "192.0.2.1", "id.resp_p": "25"}  # fmt: skip


def text_log(
    path: str, rows: Iterable[dict[str, str]], fields: list[str] | None = None, **header: str
) -> bytes:
    """A log as text; fields that a row has not are unset."""
    said = list(rows)
    names = fields or list(dict.fromkeys(name for row in said for name in CONNECTION | row))
    lines = [
        "#separator \\x09",
        "#set_separator\t,",
        "#empty_field\t(empty)",
        "#unset_field\t-",
        f"#path\t{path}",
    ]
    lines += ["#fields\t" + "\t".join(names), "#types\t" + "\t".join("string" for _ in names)]
    lines += ["\t".join((CONNECTION | row).get(name, "-") for name in names) for row in said]
    return ("\n".join(lines) + "\n").encode()


def take(
    directory: Path, files: dict[str, bytes], clients: ClientNames = KEEP
) -> tuple[SetRead, list[dict[str, Any]]]:
    """Read files of these names and contents; gives what was read, and the flows by uid."""
    logs = directory / "logs"
    logs.mkdir()
    for name, content in files.items():
        (logs / name).parent.mkdir(parents=True, exist_ok=True)
        (logs / name).write_bytes(content)
    return take_paths(directory, sorted(path for path in logs.rglob("*") if path.is_file()), clients)


def take_paths(
    directory: Path, paths: list[Path], clients: ClientNames = KEEP
) -> tuple[SetRead, list[dict[str, Any]]]:
    """Read these files, those that are logs."""
    data = directory / "data"
    with Store(data, {service.port: service for service in SERVICES}) as store:
        logs = ZeekLogs(store, data / "rejects", lambda _: None)
        for path in paths:
            if (file := zeek_file(path)) is not None:
                logs.take(
                    file, f"{path.parent.name}/{path.name}" if path.parent.name != "logs" else path.name
                )
        writer = PartWriter(data, "flows", Flow)
        for table in logs.flows(RUN, clients):
            writer.write_table(table)
        write_beside(store.connection, data, RUN)
    return logs.read, records(directory, "flows", "uid, port")


def records(directory: Path, table: str, order: str) -> list[dict[str, Any]]:
    """The rows of a table."""
    if not list((directory / "data" / table).glob("*.parquet")):
        return []
    connection = duckdb.connect()
    found = connection.sql(f"FROM '{directory}/data/{table}/*.parquet' ORDER BY {order}")
    rows: list[dict[str, Any]] = found.to_arrow_table().to_pylist()
    return rows
