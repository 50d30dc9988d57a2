"""Zeek's logs read in the plainest way, for tests: line by line, by Python's own json, sharing nothing with ours."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

_VERSIONS = {"SSLv2": 2, "SSLv3": 0x300, "TLSv10": 0x301, "TLSv11": 0x302, "TLSv12": 0x303, "TLSv13": 0x304}
_VERSIONS["TLSv13-draft23"] = 0x7F17
_LISTS = ("cert_chain_fps", "client_cert_chain_fps", "cert_chain_fuids", "san.dns")
_BOOLEANS = ("established", "resumed", "tls")


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The rows of a log; fields that are not set are None."""
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    lines = data.decode().splitlines()
    if ".json" in path.name:
        return [_of_json(json.loads(line)) for line in lines]
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    named = next((line.split("\t")[1:] for line in lines if line.startswith("#fields")), None)
    fields = named or rows.pop(0)
    return [{name: _of_text(name, text) for name, text in zip(fields, row, strict=True)} for row in rows]


def version_code(name: str | None) -> int | None:
    """A version on the wire."""
    return None if name is None else _VERSIONS[name]


def _of_json(row: dict[str, Any]) -> dict[str, Any]:
    return row


def _of_text(name: str, text: str) -> Any:
    if text == "-":
        return None
    if name in _LISTS:
        return [] if text == "(empty)" else [_undone(one) for one in text.split(",")]
    if name in _BOOLEANS:
        return {"T": True, "F": False}[text]
    return "" if text == "(empty)" else _undone(text)


def _undone(text: str) -> str:
    raw = re.sub(
        rb"\\(\\|x..)", lambda m: b"\\" if m[1] == b"\\" else bytes([int(m[1][1:], 16)]), text.encode()
    )
    return raw.decode()
