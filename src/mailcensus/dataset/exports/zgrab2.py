"""Grabs as zgrab2 writes them, for programs that read its JSON lines: the modules smtp, pop3, imap, ssh and http.

One line a grab, the module named as our service (`smtps`). Only what we know is written: fields that zgrab2 has and we
do not record are missing, and nothing that a server did not say is put into its mouth. Of the answer to STARTTLS we
keep whether it was yes; the field has the code that yes is. Of outcomes, zgrab2 has fewer: those it has not are
`unknown-error` with the words that its own errors have.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

import pyarrow as pa

from mailcensus.dataset.exports.rows import batches_of
from mailcensus.dataset.exports.zgrab2_ssh import ssh_result
from mailcensus.dataset.exports.zgrab2_tls import handshake_log
from mailcensus.dataset.tables import Dataset, later_attempts

PROTOCOLS = ("smtp", "pop3", "imap", "ssh", "http")
_WANTED = "wanted_by_export"
_Grab = Mapping[str, Any]

_YES = {"smtp": "220", "pop3": "+OK", "imap": "a001 OK"}
_STATUSES = {
    "ok": "success",
    "no_starttls": "success",
    "rate_limited": "success",
    "closed": "connection-closed",
    "protocol_error": "protocol-error",
    "timeout": "io-timeout",
    "refused": "connection-refused",
}
_AT_CONNECT = {"timeout": "connection-timeout", "refused": "connection-refused"}
_WORDS = {
    "reset": "connection reset by peer",
    "tls_alert": "remote error: tls",
    "tls_error": "tls: handshake",
    "limit": "limit of bytes or lines",
}
"""What zgrab2's errors say of outcomes that have no status of their own."""


@dataclass(slots=True)
class Exported:
    """What came of an export."""

    grabs: int = 0
    passed_over: int = 0
    """Grabs of protocols that zgrab2 has no module for, and grabs that were never made (`excluded`)."""


def export_zgrab2(dataset: Dataset, run_id: str, out: TextIO) -> Exported:
    """Write the last attempt of every grab of a run.

    Memory: a batch of grabs with their certificates.
    """
    exported = Exported()
    for grabs in _final_batches(dataset, run_id):
        shown = [grab for grab in grabs if grab["protocol"] in PROTOCOLS and grab["outcome"] != "excluded"]
        certificates, keys = _certificates(dataset, shown), _keys(dataset, shown)
        for grab in shown:
            line = zgrab2_line(grab, certificates, keys)
            out.write(json.dumps(line, separators=(",", ":")) + "\n")
        exported.grabs += len(shown)
        exported.passed_over += len(grabs) - len(shown)
    return exported


def zgrab2_line(grab: _Grab, certificates: Mapping[str, bytes], keys: Mapping[str, bytes]) -> dict[str, Any]:
    """One grab as one line.

    Args:
        grab: a row of `grabs`.
        certificates: DER by SHA-256, of its chain.
        keys: SubjectPublicKeyInfo by SHA-256, of its SSH host keys.
    """
    status, error = _status(grab)
    module = {
        "status": status,
        "protocol": grab["protocol"],
        "port": grab["port"],
        "result": _result(grab, certificates, keys),
        "timestamp": grab["started_at"].isoformat(),
    }
    if error is not None:
        module["error"] = error
    return {"ip": grab["ip"], "data": {grab["service"]: module}}


def _final_batches(dataset: Dataset, run_id: str) -> Iterator[list[dict[str, Any]]]:
    last: dict[tuple[str, str], int] = {}
    for row in later_attempts(dataset.table("grabs"), run_id).to_pyarrow().to_pylist():
        place = row["ip"], row["service"]
        last[place] = max(row["attempt"], last.get(place, 1))
    for batch in batches_of(dataset, "grabs", run_id):
        rows = batch.to_pylist()
        yield [row for row in rows if row["attempt"] >= last.get((row["ip"], row["service"]), 1)]


def _certificates(dataset: Dataset, grabs: Sequence[_Grab]) -> dict[str, bytes]:
    names = {name for grab in grabs if grab["tls"] for name in grab["tls"]["chain"] or ()}
    return _looked_up(dataset, "certificates", "sha256", "der", names)


def _keys(dataset: Dataset, grabs: Sequence[_Grab]) -> dict[str, bytes]:
    shown = (key for grab in grabs if grab["ssh"] for key in grab["ssh"]["host_keys"] or ())
    return _looked_up(
        dataset, "keys", "spki_sha256", "spki_der", {key["spki_sha256"] for key in shown} - {None}
    )


def _looked_up(dataset: Dataset, table: str, name: str, value: str, names: set[str]) -> dict[str, bytes]:
    if not names:
        return {}
    wanted = dataset.put(_WANTED, pa.table({name: sorted(names)}))
    found = dataset.table(table).semi_join(wanted, name).select(name, value).to_pyarrow()
    return dict(zip(found[name].to_pylist(), found[value].to_pylist(), strict=True))


def _status(grab: _Grab) -> tuple[str, str | None]:
    outcome, error = grab["outcome"], grab["error"]
    status = _AT_CONNECT.get(outcome) if grab["stage"] == "connect" else None
    if status is None and outcome == "refused":
        return "unknown-error", _worded("connection refused", error)
    status = status or _STATUSES.get(outcome)
    if status is not None:
        return status, error
    return "unknown-error", _worded(_WORDS[outcome], error)


def _worded(words: str, error: str | None) -> str:
    """An error that has the words; its own where those tell it already."""
    key = words.split(" ")[0] if words.startswith("tls:") else words
    return words if not error else error if key in error else f"{words}: {error}"


def _result(grab: _Grab, certificates: Mapping[str, bytes], keys: Mapping[str, bytes]) -> dict[str, Any]:
    if grab["protocol"] == "ssh":
        return ssh_result(grab["ssh"], keys) if grab["ssh"] else {}
    log = handshake_log(grab["tls"], certificates) if grab["tls"] else None
    if grab["protocol"] == "http":
        return {"response": _response(grab["http"], log)}
    result: dict[str, Any] = {}
    if grab["greeting"] is not None:
        result["banner"] = grab["greeting"] + "\r\n"
    if grab["protocol"] == "smtp" and grab["capabilities_before"] is not None:
        result["ehlo"] = _ehlo(grab["capabilities_before"])
    if grab["starttls_accepted"]:
        result["starttls"] = _YES[grab["protocol"]]
    elif grab["starttls_accepted"] is False and grab["error"]:
        result["starttls"] = grab["error"]
    if log is not None:
        result["tls"] = {"handshake_log": log}
    return result


def _ehlo(capabilities: list[str]) -> str:
    """The reply to EHLO; its first line, which names the server, is not recorded."""
    lines = ["", *capabilities]
    return "".join(f"250{' ' if i == len(lines) - 1 else '-'}{line}\r\n" for i, line in enumerate(lines))


def _response(http: _Grab | None, log: Mapping[str, Any] | None) -> dict[str, Any]:
    request: dict[str, Any] = {"method": "HEAD", "url": {"scheme": "https", "path": "/"}}
    if log is not None:
        request["tls_log"] = {"handshake_log": log}
    response: dict[str, Any] = {"request": request}
    if http is not None:
        response["status_code"] = http["status"]
        headers = {"server": http["server"], "location": http["location"]}
        response["headers"] = {name: [value] for name, value in headers.items() if value is not None}
    return response
