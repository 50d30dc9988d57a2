"""Hosts of Censys' Universal Internet Dataset (version 2), JSON lines, as grabs.

    {"ip": "192.0.2.1", "services": [{"port": 25, "service_name": "SMTP", "transport_protocol": "TCP",
     "observed_at": "...", "smtp": {"banner", "ehlo", "start_tls"}, "tls": {"version_selected", "cipher_selected",
     "certificates": {"leaf_fp_sha_256", "chain_fps_sha_256", "leaf_data": {"public_key"}}}, "ssh": {...}}]}

A line may be a host, or an answer of the API with the host in `result`. Read are services over TCP that are SMTP, POP3,
IMAP, SSH, and HTTP with TLS. Censys writes services that answered; a port that is not there was not asked or did not
answer. It has no certificates' bytes, only their fingerprints: there is a key, made anew from its numbers, and no row
in `certificates`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import IO

from mailcensus.dataset.imports.censys_keys import leaf_spki, ssh_key
from mailcensus.dataset.imports.json_fields import Fields, fields, inner, text
from mailcensus.dataset.imports.rows import PassedOver, Reject, Row, is_address, port_of, rows_of_objects
from mailcensus.dataset.imports.zgrab2 import GrabReader
from mailcensus.model import Observation, Tls
from mailcensus.wire.keys import spki_sha256
from mailcensus.wire.tls.cipher_suites import CIPHER_SUITES

_PROTOCOLS = {"SMTP": "smtp", "POP3": "pop3", "IMAP": "imap", "SSH": "ssh", "HTTP": "http"}
_VERSIONS = {"SSLv2": 0x0002, "SSLv3": 0x0300, "TLSv1_0": 0x0301, "TLSv1_1": 0x0302, "TLSv1_2": 0x0303,
             "TLSv1_3": 0x0304}  # fmt: skip
_SUITES = {name: code for code, name in CIPHER_SUITES.items()}
_HEX_DIGITS = frozenset("0123456789abcdef")
_MOST_CERTIFICATES = 32


def read_censys(stream: IO[bytes], run_id: str, vantage: str, now: datetime) -> Iterator[Row]:
    """The grabs of a file; one line is all services of an address.

    Args:
        run_id, vantage, now: as `read_zgrab2`.
    """
    return rows_of_objects(stream, partial(_line, GrabReader(run_id, vantage, now)))


def _line(reader: GrabReader, number: int, line: bytes, told: Fields) -> Iterator[Row]:
    host = fields(told.get("result", told))
    identifier = fields(host.get("host_identifier"))
    ip = host.get("ip") or identifier.get("ipv4") or identifier.get("ipv6")
    services = host.get("services")
    if not is_address(ip) or not isinstance(services, list):
        yield Reject(number, "no ip, or no services", line.decode("utf-8", "replace"))
        return
    for service in services:
        yield _service(reader, number, line, ip, fields(service))


def _service(reader: GrabReader, number: int, line: bytes, ip: str, service: Fields) -> Row:
    protocol = _PROTOCOLS.get(str(service.get("service_name")))
    port = port_of(service.get("port"))
    if protocol is None or port is None or service.get("transport_protocol", "TCP") != "TCP":
        return PassedOver()
    tls = fields(service.get("tls"))
    module = {
        "status": "success",
        "protocol": protocol,
        "port": port,
        "timestamp": service.get("observed_at"),
        "result": _result(protocol, service, tls),
    }
    row = reader.module(number, line, ip, protocol, module)
    if not isinstance(row, Observation):
        return row
    if protocol == "ssh" and row.grab.ssh is not None:
        host_key, spki = ssh_key(inner(service, "ssh", "server_host_key"))
        if host_key is not None:
            ssh = replace(row.grab.ssh, host_keys=(host_key,))
            row = replace(row, grab=replace(row.grab, ssh=ssh), keys=() if spki is None else (spki,))
    elif row.grab.tls is not None:
        row = _with_certificates(row, row.grab.tls, fields(tls.get("certificates")))
    return row


def _result(protocol: str, service: Fields, tls: Fields) -> Fields:
    """What zgrab2 would have written."""
    if protocol == "ssh":
        ssh = fields(service.get("ssh"))
        identity = fields(ssh.get("endpoint_id"))
        return {
            "server_id": {
                "raw": identity.get("raw"),
                "version": identity.get("protocol_version"),
                "software": identity.get("software_version"),
            },
            "server_key_exchange": ssh.get("kex_init_message"),
            "algorithm_selection": {
                "dh_kex_algorithm": inner(ssh, "algorithm_selection").get("kex_algorithm")
            },
        }
    log = _handshake_log(tls)
    if protocol == "http":
        return {"response": _response(inner(service, "http", "response"), log)}
    said = fields(service.get(protocol))
    result = {"banner": said.get("banner", service.get("banner"))}
    for theirs, ours in (("ehlo", "ehlo"), ("start_tls", "starttls")):
        if text(said.get(theirs)):
            result[ours] = said[theirs]
    return {**result, "tls": {"handshake_log": log}} if log else result


def _response(response: Fields, log: Fields) -> Fields:
    headers = {name.lower(): value for name, value in fields(response.get("headers")).items()}
    named = {name: value if isinstance(value, list) else [value] for name, value in headers.items()}
    request = {"tls_log": {"handshake_log": log}} if log else {}
    return {"status_code": response.get("status_code"), "headers": named, "request": request}


def _handshake_log(tls: Fields) -> Fields:
    version = _VERSIONS.get(str(tls.get("version_selected")))
    if version is None:
        return {}
    suite = _SUITES.get(str(tls.get("cipher_selected")))
    exchange = inner(tls, "server_key_exchange", "ec_params").get("named_curve")
    return {
        "server_hello": {"version": {"value": version}, "cipher_suite": {"value": suite}},
        "server_key_exchange": {"ecdh_params": {"curve_id": {"id": exchange}}},
    }


def _with_certificates(row: Observation, tls: Tls, certificates: Fields) -> Observation:
    rest = certificates.get("chain_fps_sha_256")
    listed = [certificates.get("leaf_fp_sha_256"), *(rest if isinstance(rest, list) else ())]
    chain = tuple(one for one in listed[:_MOST_CERTIFICATES] if _is_sha256(one))
    spki = leaf_spki(inner(certificates, "leaf_data", "public_key"))
    shown = replace(
        tls,
        chain=chain or None,
        leaf_sha256=chain[0] if chain and chain[0] == listed[0] else None,
        spki_sha256=None if spki is None else spki_sha256(spki),
        unfinished_reason="the file does not say",
    )
    return replace(row, grab=replace(row.grab, tls=shown), keys=() if spki is None else (spki,))


def _is_sha256(value: object) -> bool:
    return isinstance(value, str) and len(value) == 64 and _HEX_DIGITS.issuperset(value)
