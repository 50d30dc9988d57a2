"""`records.fresh` of the scripts behind "Clusters of re-used keys" (Farrell, eprint 2018/299), as grabs.

    {"ip": "192.0.2.1", "writer": "FreshGrab.py", "p22": {...}, "p25": {...}, ... "p993": {...}, "duration": 1.2}

A port has what zgrab wrote about it: in the older form of one result, {"data": {"banner", "ehlo", "starttls", "tls"},
"error", "timestamp"}, SSH as `data.xssh`, HTTPS as `data.http.response.request.tls_handshake`; in the newer form of
modules, as zgrab2 has it. Where zgrab failed the port has a text, which says nothing about the host.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import IO, Any

from mailcensus.dataset.imports.json_fields import Fields, fields, inner, text
from mailcensus.dataset.imports.rows import PassedOver, Reject, Row, is_address, port_of, rows_of_objects
from mailcensus.dataset.imports.zgrab2 import GrabReader

_PORT = re.compile(r"p([0-9]{1,5})")
_PROTOCOLS = {
    22: "ssh", 25: "smtp", 110: "pop3", 143: "imap", 443: "http", 465: "smtp", 587: "smtp", 993: "imap", 995: "pop3",
}  # fmt: skip


def read_farrell(stream: IO[bytes], run_id: str, vantage: str, now: datetime) -> Iterator[Row]:
    """The grabs of a file; one line is all ports of an address.

    Args:
        run_id, vantage, now: as `read_zgrab2`.
    """
    return rows_of_objects(stream, partial(_line, GrabReader(run_id, vantage, now)))


def _line(reader: GrabReader, number: int, line: bytes, told: Fields) -> Iterator[Row]:
    ip = told.get("ip")
    ports = {port: told[name] for name in told if (port := _port(name))}
    if not is_address(ip) or not ports:
        yield Reject(number, "no ip, or no port such as p25", line.decode("utf-8", "replace"))
        return
    for port, record in ports.items():
        for name, module in _modules(port, fields(record)):
            yield PassedOver() if module is None else reader.module(number, line, ip, name, module)


def _port(name: str) -> int | None:
    found = _PORT.fullmatch(name)
    return port_of(found[1]) if found else None


def _modules(port: int, record: Fields) -> Iterator[tuple[str, Fields | None]]:
    """The results of a port by name, as zgrab2 writes them; None: it has nothing that a study records."""
    data = fields(record.get("data"))
    newer = {name: fields(module) for name, module in data.items() if "status" in fields(module)}
    for name, module in newer.items():
        yield name, {"port": port, **module}
    protocol = _PROTOCOLS.get(port)
    if not newer:
        known = protocol is not None and ("data" in record or "error" in record)
        yield protocol or "", _older(port, protocol or "", record, data) if known else None


def _older(port: int, protocol: str, record: Fields, data: Fields) -> Fields:
    error = text(record.get("error"))
    module = {
        "status": _status(error),
        "protocol": protocol,
        "port": port,
        "timestamp": record.get("timestamp", record.get("time")),
        "result": _result(protocol, data),
    }
    return module if error is None else {**module, "error": error}


def _status(error: str | None) -> str:
    """zgrab2's word for an error of Go's network library."""
    if error is None:
        return "success"
    if error.startswith("dial"):
        return "connection-timeout" if "timeout" in error else "connection-refused"
    return "io-timeout" if "timeout" in error else "unknown-error"


def _result(protocol: str, data: Fields) -> Fields:
    if protocol == "ssh":
        return fields(data.get("xssh"))
    if protocol == "http":
        response = dict(inner(data, "http", "response"))
        request = dict(fields(response.get("request")))
        log = request.get("tls_handshake", data.get("tls"))
        if log is not None:
            request["tls_log"] = {"handshake_log": log}
        return {"response": {**response, "request": request}}
    result: dict[str, Any] = {name: data[name] for name in ("banner", "ehlo", "starttls") if name in data}
    if "tls" in data:
        result["tls"] = {"handshake_log": data["tls"]}
    return result
