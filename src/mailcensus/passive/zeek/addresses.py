"""Addresses of servers, and what clients are called: each worked out once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from mailcensus.population.address import format_address, parse_address

_BATCH = 50_000
_TABLES = ("conn", "ssl", "smtp", "pop3", "imap", "ssh")


@dataclass(frozen=True, slots=True)
class ClientNames:
    """What becomes of clients."""

    name: Callable[[str], str | None] | None
    """What a client with this address is called; None: clients are dropped, and nobody is asked."""
    ports: bool
    """Their ports are kept."""


def name_addresses(connection: Any, clients: ClientNames) -> int:
    """Make the tables `addresses` (name, address: as every table writes them) and `clients` (name, client).

    Returns:
        How many connections have a server whose address is none.
    """
    connection.execute("CREATE OR REPLACE TEMP TABLE addresses (name VARCHAR, address VARCHAR)")
    connection.execute("CREATE OR REPLACE TEMP TABLE clients (name VARCHAR, client VARCHAR)")
    connection.execute("CREATE OR REPLACE TEMP TABLE kept AS SELECT $1 AS keep", [clients.ports])
    _fill(connection, "addresses", "id.resp_h", _written)
    if clients.name is not None:
        _fill(connection, "clients", "id.orig_h", clients.name)
    each = " UNION ".join(f'SELECT key, "id.resp_h" AS name FROM {table}' for table in _TABLES)
    found = connection.execute(f"SELECT count(DISTINCT key) FROM ({each}) ANTI JOIN addresses USING (name)")
    return int(found.fetchall()[0][0])


def _fill(connection: Any, table: str, column: str, name: Callable[[str], str | None]) -> None:
    each = " UNION ".join(f'SELECT "{column}" AS name FROM {log}' for log in _TABLES)
    connection.execute(f"CREATE OR REPLACE TABLE named AS {each}")
    reader = connection.cursor().sql("SELECT name FROM named").to_arrow_reader(_BATCH)
    for batch in reader:
        texts = batch.column(0).to_pylist()
        called = [name(text) for text in texts]
        known = pa.table({"name": texts, "called": pa.array(called, pa.string())})
        connection.register("known", known)
        connection.execute(f"INSERT INTO {table} SELECT name, called FROM known WHERE called IS NOT NULL")
        connection.unregister("known")


def _written(text: str) -> str | None:
    try:
        return format_address(*parse_address(text))
    except ValueError:
        return None
