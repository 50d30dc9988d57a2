"""Our record of SSH as zgrab2's result of its ssh module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

_LISTS = {
    "kex_algorithms": "kex_algorithms",
    "host_key_algorithms": "host_key_algorithms",
    "client_to_server_ciphers": "ciphers_client_to_server",
    "server_to_client_ciphers": "ciphers_server_to_client",
    "client_to_server_macs": "macs_client_to_server",
    "server_to_client_macs": "macs_server_to_client",
    "client_to_server_compression": "compression_client_to_server",
    "server_to_client_compression": "compression_server_to_client",
}
"""zgrab2's names of the lists of a KEXINIT, and ours."""


def ssh_result(ssh: Mapping[str, Any], keys: Mapping[str, bytes]) -> dict[str, Any]:
    """The result for a row's `ssh`. zgrab2 asks for one host key; of several the first is written.

    The signature is not: it is checked when it is made, and not kept.

    Args:
        keys: SubjectPublicKeyInfo by SHA-256.
    """
    result: dict[str, Any] = {}
    if ssh["identification"] is not None:
        identity = {
            "raw": ssh["identification"],
            "version": ssh["protocol_version"],
            "software": ssh["software"],
        }
        result["server_id"] = {name: value for name, value in identity.items() if value is not None}
    offered = {theirs: ssh[ours] for theirs, ours in _LISTS.items() if ssh[ours] is not None}
    if offered:
        result["server_key_exchange"] = offered
    if ssh["kex_used"] is not None:
        result["algorithm_selection"] = {"dh_kex_algorithm": ssh["kex_used"]}
    blobs = [_blob(keys[key["spki_sha256"]]) for key in ssh["host_keys"] or () if key["spki_sha256"] in keys]
    blob = next((blob for blob in blobs if blob is not None), None)
    if blob is not None:
        result["key_exchange"] = {"server_host_key": {"raw": blob}}
    return result


def _blob(spki: bytes) -> str | None:
    """The key as SSH writes it (RFC 4253 section 6.6), base64; None where the library cannot."""
    try:
        line = load_der_public_key(spki).public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return line.split()[1].decode()
