"""The logs of Zeek that are read, and the fields of each; everything else in a log directory is passed over.

Names are those of Zeek's base and policy scripts, 3 to 7; where versions differ, both names are here and a log has
the ones it has: `cert_chain_fuids` (3, with x509's `id`) and `cert_chain_fps` (4 and later, with `fingerprint`),
`host_key` and `host_key_fingerprint`. pop3.log and imap.log are those of packages. Mail addresses, subjects and
paths of smtp.log are no fields of ours, so they are never read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a field holds: how both forms of a log, text and JSON, become one."""

    TEXT = "text"
    BOOL = "bool"
    COUNT = "count"
    TIME = "time"
    """Seconds since the epoch in text; in JSON a number or ISO 8601."""
    LIST = "list"
    """A set or a vector: with commas in text, an array in JSON."""


@dataclass(frozen=True, slots=True)
class LogKind:
    """One log: what it is called, what is read of it."""

    path: str
    """As `#path` and `_path` say."""
    known_by: frozenset[str]
    """Fields that tell it from other logs where nothing says its path."""
    needs: tuple[str, ...]
    """Fields without which a row is a bad one."""
    fields: Mapping[str, Kind]


_T, _B, _C, _L = Kind.TEXT, Kind.BOOL, Kind.COUNT, Kind.LIST
_CONNECTION = {
    "ts": Kind.TIME, "uid": _T, "id.orig_h": _T, "id.orig_p": _C, "id.resp_h": _T, "id.resp_p": _C,
}  # fmt: skip
_NEEDS = ("ts", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p")


def _log(path: str, known_by: str, fields: dict[str, Kind]) -> LogKind:
    return LogKind(path, frozenset(known_by.split()), _NEEDS, _CONNECTION | fields)


# fmt: off
LOGS: Mapping[str, LogKind] = {log.path: log for log in (
    _log("conn", "conn_state history", {
        "proto": _T, "service": _T, "duration": _T, "orig_bytes": _C, "resp_bytes": _C, "conn_state": _T,
        "missed_bytes": _C, "history": _T, "orig_pkts": _C, "resp_pkts": _C,
    }),
    _log("ssl", "cipher established", {
        "version": _T, "cipher": _T, "curve": _T, "server_name": _T, "resumed": _B, "last_alert": _T,
        "next_protocol": _T, "established": _B, "ssl_history": _T, "cert_chain_fps": _L, "cert_chain_fuids": _L,
        "client_cert_chain_fps": _L, "client_cert_chain_fuids": _L, "subject": _T, "issuer": _T,
        "validation_status": _T, "validation_code": _C, "ocsp_status": _T, "ja3": _T, "ja3s": _T, "ja4": _T,
        "ja4s": _T,
    }),
    _log("smtp", "helo trans_depth", {"trans_depth": _C, "last_reply": _T, "tls": _B}),
    _log("pop3", "", {"tls": _B}),
    _log("imap", "", {"tls": _B}),
    _log("ssh", "kex_alg", {
        "version": _C, "client": _T, "server": _T, "cipher_alg": _T, "mac_alg": _T, "compression_alg": _T,
        "kex_alg": _T, "host_key_alg": _T, "host_key": _T, "host_key_fingerprint": _T, "hassh": _T,
        "hasshServer": _T,
    }),
    LogKind("x509", frozenset({"certificate.subject", "certificate.issuer"}), ("ts", "certificate.subject"), {
        "ts": Kind.TIME, "id": _T, "fingerprint": _T, "certificate.version": _C, "certificate.serial": _T,
        "certificate.subject": _T, "certificate.issuer": _T, "certificate.not_valid_before": Kind.TIME,
        "certificate.not_valid_after": Kind.TIME, "certificate.key_alg": _T, "certificate.sig_alg": _T,
        "certificate.key_type": _T, "certificate.key_length": _C, "certificate.curve": _T, "san.dns": _L,
        "san.ip": _L, "basic_constraints.ca": _B, "host_cert": _B, "client_cert": _B, "cert": _T,
    }),
    LogKind("files", frozenset({"fuid", "mime_type"}), ("ts", "fuid"), {
        "ts": Kind.TIME, "fuid": _T, "sha256": _T,
    }),
    LogKind("known_services", frozenset({"port_num", "port_proto"}), ("ts", "host", "port_num"), {
        "ts": Kind.TIME, "host": _T, "port_num": _C, "port_proto": _T, "service": _L,
    }),
    LogKind("known_certs", frozenset({"port_num", "issuer_subject"}), ("ts", "host", "port_num"), {
        "ts": Kind.TIME, "host": _T, "port_num": _C, "subject": _T, "issuer_subject": _T, "serial": _T,
    }),
)}
# fmt: on
