"""Our own observer, driven over a plain blocking socket, in the vocabulary of the oracles."""

from __future__ import annotations

import socket

from mailcensus.model import Outcome, Ssh, Tls
from mailcensus.wire.errors import WireError
from mailcensus.wire.exchange import Exchange, ExchangeSettings, Findings, Limits
from mailcensus.wire.exchanges import exchange_for
from mailcensus.wire.services import SERVICE_BY_NAME
from mailcensus.wire.ssh.exchange import SshExchange
from mailcensus.wire.tls.hello import HelloProfile
from mailcensus.wire.tls.phase import Phase
from mailcensus.wire.tls.session import Session
from mailcensus.wire.tls.shares import KeyPairs
from oracles.facts import Fact, Facts, NoAnswer
from oracles.tls_clients import Target

EHLO_NAME = "scanner.example"
_TIMEOUT_S = 20
_KEY_PAIRS = KeyPairs()


def observe_tls(target: Target, profile: HelloProfile) -> tuple[Facts, Tls]:
    """One handshake with a TLS server that speaks nothing else."""
    session = Session(
        profile,
        _KEY_PAIRS,
        server_name=target.server_name,
        alpn=(target.alpn,) if target.alpn else (),
        limits=Limits(),
    )
    with socket.create_connection((target.address, target.port), _TIMEOUT_S) as end:
        end.sendall(session.start())
        try:
            while session.phase in (Phase.FLIGHT, Phase.FINISHING):
                data = end.recv(65_536)
                if not data:
                    raise NoAnswer(f"the server closed in phase {session.phase.name}")
                end.sendall(session.receive(data))
            if session.phase is Phase.OPEN:
                end.sendall(session.close())
        except WireError as error:
            record = session.record()
            if record.version is None:
                raise NoAnswer(f"observer: {error}") from None
    record = session.record()
    return tls_facts(record), record


def observe_service(
    service: str, target: Target, host_key_algorithms: tuple[str, ...] = ()
) -> tuple[Facts, Findings]:
    """The whole conversation with a service that speaks a protocol of ours.

    Args:
        host_key_algorithms: SSH: those to offer; none are the usual ones.
    """
    settings = ExchangeSettings(ehlo_name=EHLO_NAME, server_name=target.server_name)
    exchange = (
        SshExchange(settings, host_key_algorithms=host_key_algorithms)
        if host_key_algorithms
        else exchange_for(SERVICE_BY_NAME[service], settings, _KEY_PAIRS)
    )
    _converse(exchange, target)
    if exchange.outcome not in (Outcome.OK, Outcome.NO_STARTTLS):
        raise NoAnswer(f"observer: {exchange.outcome} in stage {exchange.stage}: {exchange.error}")
    findings = exchange.findings()
    facts: dict[str, Fact] = {
        "greeting": findings.greeting,
        "starttls": bool(findings.starttls_accepted),
        "capabilities_before": findings.capabilities_before,
        "auth_before": findings.auth_before,
        "capabilities_after": findings.capabilities_after,
        "auth_after": findings.auth_after,
    }
    if findings.tls is not None:
        facts |= tls_facts(findings.tls)
    if findings.ssh is not None:
        facts |= ssh_facts(findings.ssh)
    return facts, findings


def _converse(exchange: Exchange, target: Target) -> None:
    with socket.create_connection((target.address, target.port), _TIMEOUT_S) as end:
        end.sendall(exchange.start())
        while exchange.outcome is None:
            data = end.recv(65_536)
            if data:
                end.sendall(exchange.receive(data))
            else:
                exchange.eof()


def tls_facts(tls: Tls) -> dict[str, Fact]:
    """A record in the oracles' words."""
    return {
        "version": tls.version_name,
        "suite": tls.cipher_suite_name,
        "group": tls.group_name,
        "dh_bits": tls.dh_bits,
        "signature": _signature(tls.signature_scheme_name),
        "chain": tls.chain,
        "key": tls.spki_sha256,
        "alpn": tls.alpn,
        "ocsp": tls.ocsp_status,
        "client_certificate": tls.client_cert_requested,
        "extended_master_secret": tls.extended_master_secret,
        "secure_renegotiation": tls.secure_renegotiation,
        "session_ticket": tls.session_ticket,
        "unfinished": tls.unfinished_reason,
    }


def ssh_facts(ssh: Ssh) -> dict[str, Fact]:
    """A record in the oracles' words."""
    (key,) = ssh.host_keys or (None,)
    return {
        "identification": ssh.identification,
        "kex": ssh.kex_used,
        "host_key": key.fingerprint if key and key.verified else None,
        "host_key_algorithm": key.algorithm if key else None,
        "host_key_bits": key.bits if key else None,
        "kex_algorithms": ssh.kex_algorithms,
        "host_key_algorithms": ssh.host_key_algorithms,
        "ciphers": ssh.ciphers_server_to_client,
        "macs": ssh.macs_server_to_client,
    }


def _signature(scheme: str | None) -> str | None:
    """`rsa_pss_rsae_sha256` as `rsa_pss sha256`: what s_client tells of it."""
    if scheme is None or scheme in ("ed25519", "ed448"):
        return scheme
    kind, _, digest = scheme.rpartition("_")
    kind = {"rsa_pss_rsae": "rsa_pss", "rsa_pss_pss": "rsa_pss"}.get(kind, kind)
    return f"{'ecdsa' if kind.startswith('ecdsa') else kind} {digest}"
