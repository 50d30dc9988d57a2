"""zgrab2's SSH result as our record of SSH."""

from __future__ import annotations

from functools import lru_cache

from mailcensus.dataset.imports.json_fields import Fields, fields, inner, names, octets, text
from mailcensus.model import Ssh, SshHostKey
from mailcensus.wire.errors import WireError
from mailcensus.wire.keys import spki_from_ssh_blob
from mailcensus.wire.remembered import remembered
from mailcensus.wire.ssh.host_keys import host_key_record, verify_host_key
from mailcensus.wire.ssh.kexinit import Names, hassh_server


def ssh_record(result: Fields) -> tuple[Ssh | None, tuple[bytes, ...]]:
    """The record of a result, and the keys of host keys shown; None where the server did not even identify itself.

    The signature is checked over the exchange hash that zgrab2 wrote down.
    """
    server, kexinit = fields(result.get("server_id")), fields(result.get("server_key_exchange"))
    identification = text(server.get("raw"))
    if identification is None and not kexinit:
        return None, ()
    host_key, keys = _host_key(fields(result.get("key_exchange")))
    offered = [names(kexinit.get(theirs)) for theirs in _LISTS]
    kex, host_keys, cipher_out, cipher_in, mac_out, mac_in, compression_out, compression_in = offered
    ssh = Ssh(
        identification=identification,
        protocol_version=text(server.get("version")),
        software=text(server.get("software")),
        kex_used=text(inner(result, "algorithm_selection").get("dh_kex_algorithm")),
        hassh_server=_hassh(kex, cipher_in, mac_in, compression_in),
        host_keys=None if host_key is None else (host_key,),
        kex_algorithms=kex,
        host_key_algorithms=host_keys,
        ciphers_client_to_server=cipher_out,
        ciphers_server_to_client=cipher_in,
        macs_client_to_server=mac_out,
        macs_server_to_client=mac_in,
        compression_client_to_server=compression_out,
        compression_server_to_client=compression_in,
    )
    return ssh, keys


_LISTS = (
    "kex_algorithms",
    "host_key_algorithms",
    "client_to_server_ciphers",
    "server_to_client_ciphers",
    "client_to_server_macs",
    "server_to_client_macs",
    "client_to_server_compression",
    "server_to_client_compression",
)
"""zgrab2's names of the lists of a KEXINIT."""


@lru_cache(10_000)
def _hassh(*lists: Names | None) -> str | None:
    """Servers of one version and configuration offer the same."""
    known = [each for each in lists if each is not None]
    return hassh_server(*known) if len(known) == len(lists) else None


def _host_key(exchange: Fields) -> tuple[SshHostKey | None, tuple[bytes, ...]]:
    blob = octets(inner(exchange, "server_host_key").get("raw"))
    if not blob:
        return None, ()
    try:
        shown, spki = _shown(blob)
        signature = fields(exchange.get("server_signature"))
        raw, digest = octets(signature.get("raw")), octets(signature.get("h"))
        verified = bool(raw and digest and verify_host_key(blob, spki, raw, digest))
    except WireError:
        return None, ()
    record = SshHostKey(  # as dataclasses.replace, in a third of its time
        algorithm=shown.algorithm,
        fingerprint=shown.fingerprint,
        spki_sha256=shown.spki_sha256,
        bits=shown.bits,
        verified=verified,
    )
    return record, () if spki is None else (spki,)


@remembered
def _shown(blob: bytes) -> tuple[SshHostKey, bytes | None]:
    """The record of a host key as shown, and its canonical form.

    Raises:
        ProtocolError: the blob does not even name its algorithm.
    """
    spki = spki_from_ssh_blob(blob)
    return host_key_record(blob, spki), spki
