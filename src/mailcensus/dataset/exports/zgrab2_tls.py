"""Our record of TLS as zcrypto's handshake log."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

_TLS13 = 0x0304
_TLS12 = 0x0303


def handshake_log(tls: Mapping[str, Any], certificates: Mapping[str, bytes]) -> dict[str, Any]:
    """The handshake log of a row's `tls`.

    As in zgrab2, `server_hello.version` is 1.2 for 1.3 too, which stands in `supported_versions`. There is no
    `server_hello` where the server sent none.

    Args:
        certificates: DER by SHA-256; a certificate that is missing there is left out, and what follows it.
    """
    log: dict[str, Any] = {}
    if tls["sni"] is not None:
        log["client_hello"] = {"server_name": tls["sni"]}
    if tls["version"] is not None:
        log["server_hello"] = _server_hello(tls)
    chain = _sent(tls["chain"] or (), certificates)
    if chain:
        log["server_certificates"] = {"certificate": chain[0], "chain": chain[1:]}
    exchange = _key_exchange(tls)
    if exchange:
        log["server_key_exchange"] = exchange
    if tls["finished"]:
        log["server_finished"] = {}
    return log


def _server_hello(tls: Mapping[str, Any]) -> dict[str, Any]:
    version = {"name": tls["version_name"], "value": tls["version"]}
    hello: dict[str, Any] = {"version": version}
    if tls["version"] >= _TLS13:
        hello = {
            "version": {"name": "TLSv1.2", "value": _TLS12},
            "supported_versions": {"selected_version": version},
        }
    if tls["cipher_suite"] is not None:
        code = tls["cipher_suite"]
        hello["cipher_suite"] = {"hex": f"0x{code:04X}", "name": tls["cipher_suite_name"], "value": code}
    plain = {
        "compression_method": tls["compression"],
        "ocsp_stapling": tls["ocsp_stapled"],
        "ticket": tls["session_ticket"],
        "secure_renegotiation": tls["secure_renegotiation"],
        "heartbeat": tls["heartbeat"],
        "extended_master_secret": tls["extended_master_secret"],
    }
    return {**hello, **{name: value for name, value in plain.items() if value is not None}}


def _sent(chain: tuple[str, ...] | list[str], certificates: Mapping[str, bytes]) -> list[dict[str, str]]:
    sent = []
    for name in chain:
        if name not in certificates:
            break
        sent.append({"raw": base64.b64encode(certificates[name]).decode()})
    return sent


def _key_exchange(tls: Mapping[str, Any]) -> dict[str, Any]:
    exchange: dict[str, Any] = {}
    if tls["group"] is not None:
        exchange["ecdh_params"] = {"curve_id": {"name": tls["group_name"], "id": tls["group"]}}
    if tls["signature_verified"] is not None:
        exchange["signature"] = {"valid": tls["signature_verified"]}
    return exchange
