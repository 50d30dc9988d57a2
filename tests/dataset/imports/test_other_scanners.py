"""Files of Censys, goscanner and the scripts behind "Clusters of re-used keys" become grabs."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from hypothesis import given, settings
from hypothesis import strategies as st

from mailcensus.dataset.imports import import_file
from mailcensus.dataset.imports.censys import read_censys
from mailcensus.dataset.imports.farrell import read_farrell
from mailcensus.dataset.imports.goscanner import read_goscanner
from mailcensus.dataset.imports.rows import PassedOver, Reject, Row, values_of_csv
from mailcensus.dataset.tables import Dataset
from mailcensus.model import Grab, Observation, Outcome, Stage
from mailcensus.study import Settings, Study, StudyError
from mailcensus.wire.keys import canonical_spki
from observations import certificate, spki

AT = datetime(2025, 11, 16, tzinfo=UTC)
DER = certificate(1)
SHA256 = hashlib.sha256(DER).hexdigest()
SPKI_SHA256 = hashlib.sha256(spki(1)).hexdigest()
RAW = base64.b64encode(DER).decode()
HANDSHAKE = {
    "server_hello": {"version": {"value": 771}, "cipher_suite": {"value": 49199}},
    "server_certificates": {"certificate": {"raw": RAW}},
}
Read = Callable[[io.BytesIO], list[Row]]


def farrell(stream: io.BytesIO) -> list[Row]:
    return list(read_farrell(stream, "r", "here", AT))


def censys(stream: io.BytesIO) -> list[Row]:
    return list(read_censys(stream, "r", "here", AT))


def lines(*told: dict[str, Any]) -> io.BytesIO:
    return io.BytesIO("".join(json.dumps(one) + "\n" for one in told).encode())


def grabs_of(rows: list[Row]) -> dict[str, Grab]:
    return {row.grab.service: row.grab for row in rows if isinstance(row, Observation)}


FRESH = {
    "ip": "192.0.2.1",
    "writer": "FreshGrab.py",
    "duration": 1.5,
    "p22": {"data": {"xssh": {"server_id": {"raw": "SSH-2.0-OpenSSH_7.4", "version": "2.0"}}}},
    "p25": {
        "timestamp": "2018-03-16T18:11:41Z",
        "data": {
            "banner": "220 mx",
            "ehlo": "250-mx\r\n250 STARTTLS\r\n",
            "starttls": "220 go",
            "tls": HANDSHAKE,
        },
    },
    "p110": {"error": "dial tcp 192.0.2.1:110: getsockopt: connection refused", "data": {}},
    "p143": "No JSON object could be decoded",
    "p443": {"data": {"http": {"response": {"status_code": 200, "request": {"tls_handshake": HANDSHAKE}}}}},
    "p587": {"data": {"smtp": {"status": "success", "protocol": "smtp", "result": {"banner": "421 no"}}}},
    "p993": {"data": {"banner": "* OK", "tls": HANDSHAKE}},
}


def test_every_port_of_a_fresh_record_is_a_grab() -> None:
    rows = farrell(lines(FRESH))
    grabs = grabs_of(rows)
    assert [row for row in rows if not isinstance(row, Observation)] == [PassedOver()]
    assert set(grabs) == {"ssh", "smtp", "pop3", "https", "submission", "imaps"}
    smtp = grabs["smtp"]
    assert (smtp.starttls_offered, smtp.starttls_accepted, smtp.outcome) == (True, True, Outcome.OK)
    assert smtp.started_at == datetime(2018, 3, 16, 18, 11, 41, tzinfo=UTC)
    assert (grabs["pop3"].outcome, grabs["pop3"].stage) == (Outcome.REFUSED, Stage.CONNECT)
    assert grabs["submission"].outcome is Outcome.RATE_LIMITED
    for service in ("smtp", "https", "imaps"):
        tls = grabs[service].tls
        assert tls is not None
        assert (tls.leaf_sha256, tls.spki_sha256) == (SHA256, SPKI_SHA256)


def _ssh_numbers() -> dict[str, Any]:
    point = spki(1)[-32:]
    line = load_der_public_key(spki(1)).public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    print_ = hashlib.sha256(base64.b64decode(line.split()[1])).hexdigest()
    return {
        "fingerprint_sha256": print_,
        "ed25519_public_key": {"public_bytes": base64.b64encode(point).decode()},
    }


EC = derive_private_key(12345, SECP256R1()).public_key()


def _b64(number: int) -> str:
    return base64.b64encode(number.to_bytes(32, "big")).decode()


HOST = {
    "ip": "192.0.2.9",
    "services": [
        {
            "port": 25, "service_name": "SMTP", "transport_protocol": "TCP", "observed_at": "2024-10-27T14:44:01Z",
            "smtp": {"banner": "220 mx ESMTP Postfix\r\n", "ehlo": "250-mx\r\n250 STARTTLS\r\n", "start_tls": "220 go"},
            "tls": {
                "version_selected": "TLSv1_3", "cipher_selected": "TLS_AES_256_GCM_SHA384",
                "certificates": {
                    "leaf_fp_sha_256": "aa" * 32, "chain_fps_sha_256": ["bb" * 32],
                    "leaf_data": {"public_key": {"ecdsa": {
                        "curve": "P-256", "x": _b64(EC.public_numbers().x), "y": _b64(EC.public_numbers().y)}}},
                },
            },
        },
        {"port": 22, "service_name": "SSH", "transport_protocol": "TCP",
         "ssh": {"endpoint_id": {"raw": "SSH-2.0-OpenSSH_9.6"}, "server_host_key": _ssh_numbers(),
                 "kex_init_message": {"kex_algorithms": ["curve25519-sha256"]}}},
        {"port": 53, "service_name": "DNS", "transport_protocol": "UDP"},
        {"port": 80, "service_name": "HTTP", "transport_protocol": "TCP", "http": {"response": {"status_code": 200}}},
    ],
}  # fmt: skip


@pytest.mark.parametrize("told", [HOST, {"code": 200, "result": HOST}])
def test_a_host_of_censys_is_its_services(told: dict[str, Any]) -> None:
    rows = censys(lines(told))
    grabs = grabs_of(rows)
    assert [type(row) for row in rows] == [Observation, Observation, PassedOver, PassedOver]
    smtp = grabs["smtp"]
    assert smtp.tls is not None
    assert (smtp.tls.version_name, smtp.tls.cipher_suite, smtp.software) == ("TLSv1.3", 0x1302, "Postfix")
    assert smtp.tls.chain == ("aa" * 32, "bb" * 32)
    der = EC.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert smtp.tls.spki_sha256 == hashlib.sha256(canonical_spki(der)).hexdigest()
    assert smtp.starttls_offered
    assert grabs["ssh"].ssh is not None
    assert grabs["ssh"].ssh.host_keys is not None
    assert grabs["ssh"].ssh.host_keys[0].spki_sha256 == SPKI_SHA256
    assert rows[1] == Observation(grabs["ssh"], keys=(spki(1),))


def test_a_host_key_whose_fingerprint_is_another_is_not_believed() -> None:
    service: Any = json.loads(json.dumps(HOST))["services"][1]
    service["ssh"]["server_host_key"]["fingerprint_sha256"] = "00" * 32
    found = grabs_of(censys(lines({"ip": "192.0.2.9", "services": [service]})))["ssh"].ssh
    assert found is not None
    assert found.host_keys is None


HEADER = "id,ip,port,server_name,synStart,synEnd,scanEnd,protocol,cipher,resultString,error_data,cert_id,cert_hash,pub_key_hash,cert_valid,tls_alerts_send,peer_certificates,tls_alerts_received,client_hello\n"  # noqa: E501
GO = HEADER + (
    f'1,192.0.2.1,993,,1763251200,1763251200,1763251201,772,1302,SUCCESS,[],1,{SHA256},{SPKI_SHA256},1,[],"[1,2]",[],\n'
    '2,192.0.2.2,443,a.example,1763251200,1763251200,1763251201,0,0,SSL HANDSHAKE FAILURE,"[""remote error""]",,,,0,[],'
    "[],[40],\n"
    '3,192.0.2.3,8443,,1763251200,1763251200,,,,CONNECTION REFUSED,"[""refused""]",,,,,,,,\n'
    "4,192.0.2.4,25,,1763251200,1763251200,,,,SUCCESS,[],,,,,,,,\n"
    "5,nobody,443,,1,1,,,,SUCCESS,[],,,,,,,,\n"
    "6,short\n"
)
PEM = base64.encodebytes(DER).decode()
CERTS = f'id,cert,system_cert_store\n1,"-----BEGIN CERTIFICATE-----\n{PEM}-----END CERTIFICATE-----\n",0\n'


def goscanner(directory: Path, hosts: str, certs: str | None = CERTS) -> list[Row]:
    if certs is not None:
        (directory / "certs.csv").write_text(certs)
    path = directory / "hosts.csv"
    return list(read_goscanner(io.BytesIO(hosts.encode()), path, "r", "here", AT))


def test_handshakes_of_goscanner_are_grabs_with_the_certificates_beside_them(tmp_path: Path) -> None:
    imaps, https, other, *rest = goscanner(tmp_path, GO)
    assert isinstance(imaps, Observation)
    assert imaps.certificates == (DER,)
    tls = imaps.grab.tls
    assert tls is not None
    assert (tls.version_name, tls.cipher_suite, tls.leaf_sha256, tls.finished) == (
        "TLSv1.3",
        0x1302,
        SHA256,
        True,
    )
    assert (imaps.grab.service, imaps.grab.started_at, tls.spki_sha256) == ("imaps", AT, SPKI_SHA256)
    assert isinstance(https, Observation)
    assert (https.grab.outcome, https.grab.error) == (Outcome.TLS_ALERT, "remote error")
    assert https.grab.tls is not None
    assert (https.grab.tls.alert, https.grab.tls.sni) == ("handshake_failure", "a.example")
    assert isinstance(other, Observation)
    assert (other.grab.service, other.grab.port, other.grab.stage, other.grab.tls) == (
        "https",
        8443,
        Stage.CONNECT,
        None,
    )
    assert [type(row) for row in rest] == [PassedOver, Reject, Reject]


def test_without_the_certificates_beside_them_handshakes_have_none(tmp_path: Path) -> None:
    first = goscanner(tmp_path, GO, None)[0]
    assert isinstance(first, Observation)
    assert first.certificates == ()
    assert first.grab.tls is not None
    assert first.grab.tls.chain is None


def test_another_file_of_goscanner_is_refused_with_the_column_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no column"):
        goscanner(tmp_path, "id,cert,system_cert_store\n")


@pytest.mark.parametrize(("name", "content", "grabs"), [
    ("farrell", json.dumps(FRESH), 6), ("censys", json.dumps(HOST), 2), ("goscanner", GO, 3),
])  # fmt: skip
def test_files_become_runs(tmp_path: Path, name: str, content: str, grabs: int) -> None:
    file = tmp_path / "hosts.csv"
    file.write_text(content)
    study = Study(tmp_path / "study", Settings.model_validate({}))
    imported = import_file(study, name, file)
    assert (imported.grabs, imported.already) == (grabs, False)
    assert import_file(study, name, file).already
    assert Dataset(study.data).table("grabs").count().to_pyarrow().as_py() == grabs


PIECES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-1, 70_000), st.text(max_size=5), st.just("192.0.2.1")),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                ["ip", "services", "port", "service_name", "tls", "ssh", "data", "p22", "p25", "p443", "http", "xssh",
                 "certificates", "server_host_key", "rsa_public_key", "modulus", "exponent", "error", "response",
                 "request", "tls_handshake", "server_hello", "leaf_data", "public_key", "ecdsa", "smtp"]
            ),
            inner, max_size=6,
        ),
    ),
    max_leaves=20,
)  # fmt: skip


@settings(max_examples=50)
@given(st.one_of(st.binary(max_size=200), PIECES.map(lambda told: json.dumps(told).encode())))
def test_any_bytes_give_rows(content: bytes) -> None:
    for read in (farrell, censys):
        assert all(isinstance(row, PassedOver | Reject | Observation) for row in read(io.BytesIO(content)))


@settings(max_examples=30)
@given(st.lists(st.text(max_size=12), min_size=19, max_size=19), st.binary(max_size=200))
def test_any_cells_give_rows(
    tmp_path_factory: pytest.TempPathFactory, cells: list[str], certs: bytes
) -> None:
    directory = tmp_path_factory.mktemp("go")
    (directory / "certs.csv").write_bytes(certs)
    cells[1:3], cells[9], cells[16] = ["192.0.2.1", "443"], "SUCCESS", "[1]"
    row = ",".join('"' + cell.replace('"', '""').replace("\n", "").replace("\r", "") + '"' for cell in cells)
    rows = goscanner(directory, HEADER + row + "\n", None)
    assert all(isinstance(row, PassedOver | Reject | Observation) for row in rows)


def test_a_line_that_is_no_csv_costs_itself_alone(tmp_path: Path) -> None:
    assert values_of_csv('a,"b, c"') == ["a", "b, c"]
    assert values_of_csv("a\rb,c") == []
    header = "ip,port,server_name,synStart,protocol,cipher,resultString"
    hosts = tmp_path / "hosts.csv"
    hosts.write_bytes(f"{header}\n192.0.2.1,25,x\ry,1,771,,SUCCESS\n192.0.2.2,993,,1,771,,TIMEOUT\n".encode())
    with hosts.open("rb") as stream:
        rows = list(read_goscanner(stream, hosts, "r", "here", AT))
    assert [type(row) for row in rows] == [Reject, Observation]
