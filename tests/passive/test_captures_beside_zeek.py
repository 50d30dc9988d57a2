"""Every capture of Zeek's own tests that has a baseline: what Zeek made of it, and what we do.

Differences are listed here, each with its reason; docs/how-to/listen-to-captures.md tells readers of them.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from heard_captures import Heard, hear
from mailcensus.model import Flow
from mailcensus.wire.certificates import parse_certificate
from mailcensus.wire.tls.cipher_suites import CIPHER_SUITES

pytestmark = [pytest.mark.shared_data, pytest.mark.slow]

Name = tuple[str, str, str, str]
Row = dict[str, str]

VERSIONS = {"SSLv2": "SSLv2", "SSLv3": "SSLv3", "TLSv10": "TLSv1.0", "TLSv11": "TLSv1.1", "TLSv12": "TLSv1.2",
            "TLSv13": "TLSv1.3"}  # fmt: skip
ZEEK_FINGERPRINT_CHARACTERS = len("SHA256:") + 32
"""Zeek prints the first 24 bytes of a SHA-256."""
CERTIFIED = "SHA256:trtjp/Gp6neQFvx/rk16+fmc3q8dWs/0"
"""Zeek hashes a host certificate; we print the key that it certifies, as ssh-keygen -l does."""


@pytest.fixture
def zeek(shared_data: Path) -> Path:
    return shared_data / "zeek"


@cache
def all_traces(zeek: Path) -> Heard:
    heard = Heard()
    for capture in sorted((zeek / "Traces").rglob("*.pcap")):
        one = hear(capture, any_port=True)
        heard.flows += one.flows
        heard.certificates += one.certificates
        heard.keys += one.keys
    return heard


def flows_by_name(heard: Heard) -> dict[Name, Flow]:
    return {(str(flow.client), str(flow.client_port), flow.ip, str(flow.port)): flow for flow in heard.flows}


def rows(zeek: Path, log: str) -> Iterator[tuple[str, Row]]:
    for path in sorted((zeek / "Baseline").glob(f"*/{log}")):
        lines = path.read_text(errors="backslashreplace").splitlines()
        head = next(
            line for line in lines if line.startswith(("#fields", "ts\t"))
        )  # one has lost its #fields
        fields = head.removeprefix("#fields\t").split("\t")
        for line in lines:
            if not line.startswith("#") and line != head:
                yield path.parent.name, dict(zip(fields, line.split("\t"), strict=True))


def name_of(row: Row) -> Name:
    return row["id.orig_h"], row["id.orig_p"], row["id.resp_h"], row["id.resp_p"]


def maybe(text: str) -> str | None:
    return None if text == "-" else text


def test_every_handshake_is_as_zeek_read_it(zeek: Path) -> None:
    flows = flows_by_name(all_traces(zeek))
    compared = 0
    for test, row in rows(zeek, "ssl.log"):
        flow = flows[name_of(row)]
        assert flow.tls is not None
        ours = {
            "version": flow.tls.version_name,
            "cipher": flow.tls.cipher_suite_name,
            "curve": flow.tls.group_name,
            "server_name": flow.client_hello.sni if flow.client_hello else None,
            "resumed": flow.resumed or False,
            "next_protocol": flow.tls.alpn,
            "established": flow.established,
            "last_alert": flow.last_alert,
        }
        theirs = {
            "version": VERSIONS.get(row["version"]),
            "cipher": maybe(row["cipher"]),
            "curve": maybe(row["curve"]),
            "server_name": maybe(row["server_name"]),
            "resumed": row["resumed"] == "T",
            "next_protocol": maybe(row["next_protocol"]),
            "established": row["established"] == "T",
            "last_alert": maybe(row["last_alert"]),
        }
        assert ours == theirs, test
        if "cert_chain_fps" in row and row["cert_chain_fps"] != "-":
            assert list(flow.tls.chain or ()) == row["cert_chain_fps"].split(","), test
        compared += 1
    assert compared >= 15


def test_every_certificate_is_as_zeek_read_it(zeek: Path) -> None:
    parsed = {
        hashlib.sha256(der).hexdigest(): parse_certificate(der) for der in all_traces(zeek).certificates
    }
    compared = 0
    for test, row in rows(zeek, "x509.log"):
        if "fingerprint" not in row or row.get("client_cert") == "T":
            continue
        ours = parsed[row["fingerprint"]]
        assert names(ours.subject) == names(row["certificate.subject"]), test
        assert names(ours.issuer) == names(row["certificate.issuer"]), test
        assert int(ours.serial or "", 16) == int(row["certificate.serial"], 16), test
        assert ours.key_bits == int(row["certificate.key_length"]), test
        compared += 1
    assert compared >= 30


OIDS = {"1.2.840.113549.1.9.1": "emailAddress", "2.5.4.17": "postalCode", "STREET": "street",
        "2.5.4.5": "serialNumber", "2.5.4.15": "businessCategory", "1.3.6.1.4.1.311.60.2.1.3": "jurisdictionC",
        "1.3.6.1.4.1.311.60.2.1.2": "jurisdictionST"}  # fmt: skip
"""Types that RFC 4514 has no name for: we print numbers, OpenSSL, by which Zeek prints, its own names."""


def names(text: str | None) -> list[tuple[str, str]]:
    """Parts of a distinguished name, without the escapes that differ."""
    parts = re.split(r"(?<!\\),", text or "")
    pairs = (part.partition("=")[::2] for part in parts)
    return [(OIDS.get(kind, kind), value.replace("\\", "")) for kind, value in pairs]


def test_every_ssh_connection_is_as_zeek_read_it(zeek: Path) -> None:
    flows = flows_by_name(all_traces(zeek))
    compared = 0
    for test, row in rows(zeek, "ssh.log"):
        if "kex_alg" not in row:
            continue
        flow = flows[name_of(row)]
        assert flow.ssh is not None
        assert flow.ssh_client is not None
        assert flow.ssh_agreed is not None
        assert flow.ssh.host_keys is not None
        agreed = flow.ssh_agreed
        ours = {
            "client": flow.ssh_client.identification,
            "server": flow.ssh.identification,
            "cipher_alg": agreed.cipher_server_to_client,
            "mac_alg": agreed.mac_server_to_client,
            "compression_alg": agreed.compression_server_to_client,
            "kex_alg": agreed.kex,
            "host_key_alg": agreed.host_key,
        }
        assert ours == {name: row[name] for name in ours}, test
        assert row["version"] == "2", test
        theirs = row["host_key_fingerprint"]
        if theirs != CERTIFIED:
            assert flow.ssh.host_keys[0].fingerprint[:ZEEK_FINGERPRINT_CHARACTERS] == theirs, test
        compared += 1
    assert compared == 4


def test_host_keys_have_the_fingerprints_that_zeek_prints(zeek: Path) -> None:
    """SSH 1 has a key of its own form, which we do not read: no census meets it in a key of today."""
    printed = (zeek / "Baseline" / "scripts.base.protocols.ssh.fingerprints" / "out").read_text()
    md5 = re.findall(r"ssh2 server host key, ([0-9a-f]{32})", printed)
    keys = [load_der_public_key(key) for key in all_traces(zeek).keys]
    blobs = [key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).split()[1] for key in keys]
    ours = {hashlib.md5(base64.b64decode(blob)).hexdigest() for blob in blobs}
    assert md5
    assert set(md5) <= ours


def test_smtp_is_encrypted_where_zeek_says_so(zeek: Path) -> None:
    flows = flows_by_name(all_traces(zeek))
    compared = 0
    for test, row in rows(zeek, "smtp.log"):
        flow = flows[name_of(row)]
        assert flow.protocol == "smtp", test
        if "tls" in row:
            assert (flow.upgraded is True) == (row["tls"] == "T"), test
        compared += 1
    assert compared >= 7


def test_imap_capabilities_are_those_that_zeek_prints(zeek: Path) -> None:
    printed = (zeek / "Baseline" / "scripts.base.protocols.imap.capabilities" / ".stdout").read_text()
    theirs = printed.splitlines()[-1].strip("[]").split(", ")
    flow = next(flow for flow in all_traces(zeek).flows if flow.port == 143)
    assert list(flow.capabilities_before or ()) == theirs


def test_what_clients_offer_is_what_zeek_prints(zeek: Path) -> None:
    printed = (zeek / "Baseline" / "scripts.base.protocols.ssl.tls-1.2-ciphers" / ".stdout").read_text()
    theirs = [line for line in printed.splitlines() if line.startswith("TLS_")]
    flow = next(flow for flow in all_traces(zeek).flows if flow.source == "tls1.2.pcap")
    assert flow.client_hello is not None
    assert [CIPHER_SUITES.get(code) for code in flow.client_hello.cipher_suites] == theirs


def test_diffie_hellman_and_stapling_are_as_zeek_prints_them(zeek: Path) -> None:
    flows = {flow.source: flow for flow in all_traces(zeek).flows}
    dhe, stapled = flows["dhe.pcap"].tls, flows["ocsp-stapling.pcap"].tls
    assert dhe is not None
    assert stapled is not None
    assert dhe.dh_bits == 1024
    assert (stapled.ocsp_stapled, stapled.ocsp_status) == (True, "good")


def test_captures_without_a_baseline_are_read_too(zeek: Path) -> None:
    """Facts that the names of these captures promise."""
    flows = {flow.source: flow for flow in all_traces(zeek).flows}
    retried, resumed, refused = (
        flows[f"{name}.pcap"].tls for name in ("hrr", "tls13_psk_succesfull", "tls-1.2-handshake-failure")
    )
    assert retried is not None
    assert retried.hello_retry is True
    assert resumed is not None
    assert flows["tls13_psk_succesfull.pcap"].resumed is True
    assert refused is not None
    assert refused.alert == "handshake_failure"
    assert flows["client-certificate.pcap"].client_cert_sent is True
    assert (flows["smtp-one-side-only.pcap"].sides, flows["smtp-one-side-only.pcap"].upgraded) == (
        "client",
        False,
    )
    assert flows["https-to-http.pcap"].error == "server: TlsError: not a TLS record"
    assert flows["ssl-v2.pcap"].tls is not None


def test_passwords_of_these_captures_are_nowhere(zeek: Path) -> None:
    text = repr(all_traces(zeek).flows)
    assert "Z3VycGFydGFw" not in text  # the user's name of smtp.pcap, as AUTH LOGIN sends it
    assert "gurpartap" not in text
