"""Zeek's logs as flows: small ones by hand."""

import gzip
import json
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from zeek_sets import CONNECTION, DROP, records, take, text_log

pytestmark = pytest.mark.slow

LEAF, ISSUER = "ab" * 32, "cd" * 32
SSL = {"version": "TLSv12", "cipher": "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "curve": "secp256r1",
       "server_name": "mx.example", "resumed": "F", "established": "T", "ssl_history": "CsxknGIti",
       "cert_chain_fps": f"{LEAF},{ISSUER}", "validation_status": "ok"}  # fmt: skip
SMTP = {"trans_depth": "1", "helo": "h", "last_reply": "220 go", "tls": "T"}


def test_rows_of_one_connection_make_one_flow(tmp_path: Path) -> None:
    conn = {"proto": "tcp", "service": "smtp,ssl", "duration": "2.5", "orig_bytes": "10", "resp_bytes": "20",
            "conn_state": "SF", "missed_bytes": "0", "history": "ShADadFf"}  # fmt: skip
    x509 = {"fingerprint": LEAF, "certificate.subject": "CN=mx.example", "certificate.issuer": "CN=CA"}
    files = {"conn.log": text_log("conn", [conn]), "ssl.log": text_log("ssl", [SSL]),
             "smtp.log": text_log("smtp", [SMTP]), "x509.log": text_log("x509", [x509])}  # fmt: skip
    read, flows = take(tmp_path, files)
    (flow,) = flows
    assert (read.flows, read.files[-1].repeated_in_set) == (1, 0)
    wanted = {
        "service": "smtp", "protocol": "smtp", "tls_mode": "starttls", "upgraded": True, "established": True,
        "starttls_accepted": True, "starttls_offered": None, "duration_ms": 2500.0, "bytes_from_client": 10,
        "sides": "both", "from_start": True, "cut": None, "leaf_subject": "CN=mx.example", "leaf_issuer": "CN=CA",
        "validation": "ok", "ip": "192.0.2.1", "client": "10.0.0.9", "client_port": 40000, "source": "ssl.log",
    }  # fmt: skip
    assert {name: flow[name] for name in wanted} == wanted
    tls = {"version": 0x303, "version_name": "TLSv1.2", "cipher_suite": 0xC02F, "group": 23, "sni": "mx.example",
           "chain": [LEAF, ISSUER], "leaf_sha256": LEAF, "session_ticket": True, "ocsp_stapled": False}  # fmt: skip
    assert {name: flow["tls"][name] for name in tls} == tls
    assert [row["subject"] for row in records(tmp_path, "logged_certificates", "sha256")] == ["CN=mx.example"]


@pytest.mark.parametrize("pack", [gzip.compress, lambda data: pa.compress(data, codec="zstd", asbytes=True)])
def test_compressed_logs_are_read_whatever_they_are_called(tmp_path: Path, pack: Any) -> None:
    _, flows = take(tmp_path, {"ssl.10:00:00-11:00:00.log": pack(text_log("ssl", [SSL]))})
    assert [flow["tls"]["cipher_suite"] for flow in flows] == [0xC02F]


def test_a_log_that_is_cut_off_counts_up_to_there(tmp_path: Path) -> None:
    rows = [SSL | {"uid": f"C{number}"} for number in range(2000)]
    packed = gzip.compress(text_log("ssl", rows))
    read, flows = take(tmp_path, {"ssl.log.gz": packed[: len(packed) - 200]})
    assert read.files[0].error is not None
    assert "cannot be read on" in read.files[0].error
    assert len(flows) == read.flows


def test_fields_may_come_in_any_order_and_change_within_a_file(tmp_path: Path) -> None:
    names = [
        "cipher",
        "id.resp_p",
        "id.resp_h",
        "version",
        "uid",
        "id.orig_p",
        "id.orig_h",
        "ts",
        "unheard_of",
    ]
    first = text_log("ssl", [SSL], names)
    second = text_log("ssl", [SSL | {"uid": "C2"}], [*reversed(names), "curve"])
    _, flows = take(tmp_path, {"ssl.log": first + b"#close\t2026-11-22-00-00-00\n" + second})
    assert [(flow["tls"]["cipher_suite"], flow["tls"]["group"]) for flow in flows] == [
        (0xC02F, None),
        (0xC02F, 23),
    ]


def test_separators_of_several_characters_and_escapes_are_undone(tmp_path: Path) -> None:
    text = text_log("ssl", [SSL | {"server_name": "a\\x09b\\\\c\\xc3\\xa9"}]).replace(
        b"#separator \\x09", b"#separator ||"
    )
    _, flows = take(tmp_path, {"ssl.log": text.replace(b"\t", b"||")})
    assert [flow["tls"]["sni"] for flow in flows] == ["a\tb\\cé"]


def test_bad_rows_are_counted_and_kept_aside_by_their_place_alone(tmp_path: Path) -> None:
    good, bad_port = (
        text_log("ssl", [SSL, SSL | {"uid": "C2", "id.resp_p": "70000"}]).rstrip(b"\n").split(b"\n")[-2:]
    )
    head = text_log("ssl", [SSL]).rpartition(good)[0]
    content = head + b"\n".join([good, b"secret\tclient", b"", bad_port, good.replace(b"C1", b"C3")]) + b"\n"
    read, flows = take(tmp_path, {"ssl.log": content})
    assert [flow["uid"] for flow in flows] == ["C1", "C3"]
    assert (read.files[0].rows, read.files[0].bad) == (4, 2)
    kept = (tmp_path / "data" / "rejects" / "ssl.log.jsonl").read_text()
    assert [json.loads(line)["line"] for line in kept.splitlines()] == [9, 11]
    assert "secret" not in kept


def test_bad_json_rows_are_counted_and_the_others_read(tmp_path: Path) -> None:
    row = CONNECTION | {"id.orig_p": 40000, "id.resp_p": 993, "version": "TLSv13", "cipher": "TLS_AES_128_GCM_SHA256",
                        "established": True}  # fmt: skip
    lines = [
        json.dumps(row),
        "nonsense",
        "[1]",
        json.dumps(row | {"uid": "C2", "version": 7, "resumed": "no"}),
        "",
    ]
    read, flows = take(tmp_path, {"ssl.json": "\n".join(lines).encode()})
    assert (read.files[0].rows, read.files[0].bad) == (4, 2)
    assert [(flow["uid"], flow["tls"] and flow["tls"]["version"]) for flow in flows] == [
        ("C1", 0x304),
        ("C2", None),
    ]


def test_logs_of_several_kinds_in_one_json_file_are_told_apart(tmp_path: Path) -> None:
    connection = CONNECTION | {"id.orig_p": 40000, "id.resp_p": 25}
    lines = [
        connection
        | {"_path": "ssl", "version": "TLSv12", "established": True, "ts": "2018-03-24T17:15:20.5Z"},
        {"_path": "dns", "ts": 1.0},
        connection | {"_path": "smtp", "tls": True, "ts": 1521911720.5, "subject": '"_path":"ssh"'},
    ]
    read, flows = take(tmp_path, {"current.log": "".join(json.dumps(line) + "\n" for line in lines).encode()})
    assert [(flow["tls_mode"], flow["upgraded"]) for flow in flows] == [("starttls", True)]
    assert read.files[0].bad == 0


def test_times_may_be_numbers_milliseconds_or_iso(tmp_path: Path) -> None:
    connection = CONNECTION | {"id.orig_p": 1, "id.resp_p": 993, "version": "TLSv12", "established": True}
    times = {"a": 1521911720.5, "b": 1521911720500, "c": "2018-03-24T17:15:20.500000Z"}
    files = {
        f"ssl.{uid}.json": json.dumps(connection | {"uid": uid, "ts": ts}).encode()
        for uid, ts in times.items()
    }
    _, flows = take(tmp_path, files)
    assert {flow["started_at"].isoformat() for flow in flows} == {"2018-03-24T17:15:20.500000+00:00"}


def test_chains_of_zeek_3_are_found_by_way_of_files(tmp_path: Path) -> None:
    old = {name: value for name, value in SSL.items() if name not in ("cert_chain_fps", "ssl_history")}
    files = {
        "ssl.log": text_log("ssl", [old | {"cert_chain_fuids": "F1,F2", "subject": "CN=mx", "issuer": "CN=CA"},
                                    old | {"uid": "C2", "cert_chain_fuids": "F1,F3"}]),
        "files.log": text_log("files", [{"fuid": "F1", "sha256": LEAF}, {"fuid": "F2", "sha256": ISSUER},
                                        {"fuid": "F3"}]),
        "x509.log": text_log("x509", [{"id": "F1", "certificate.subject": "CN=mx", "certificate.issuer": "CN=CA"}]),
    }  # fmt: skip
    _, flows = take(tmp_path, files)
    assert [flow["tls"]["chain"] for flow in flows] == [[LEAF, ISSUER], None]
    assert [flow["leaf_subject"] for flow in flows] == ["CN=mx", "CN=mx"]


def test_what_a_log_does_not_say_is_unknown(tmp_path: Path) -> None:
    plain = {"uid": "C2", "id.resp_p": "587", "tls": "F", "last_reply": "250 ok"}
    alone = {
        "uid": "C3",
        "id.resp_p": "143",
        "version": "TLSv12",
        "cipher": SSL["cipher"],
        "established": "T",
    }
    _, flows = take(
        tmp_path, {"smtp.log": text_log("smtp", [SMTP, plain]), "ssl.log": text_log("ssl", [alone])}
    )
    columns = ("uid", "tls_mode", "starttls_offered", "starttls_accepted", "upgraded")
    assert [tuple(flow[name] for name in columns) for flow in flows] == [
        ("C1", "starttls", None, True, None),  # no ssl.log's row of it, and no conn.log that would tell why
        ("C2", "none", None, None, False),
        ("C3", None, None, None, None),  # from the start, or by STARTTLS that nobody logged
    ]  # fmt: skip


def test_a_connection_told_twice_is_one_flow(tmp_path: Path) -> None:
    log = text_log("ssl", [SSL])
    read, flows = take(tmp_path, {"a/ssl.log": log, "b/ssl.log": log})
    assert (len(flows), read.files[-1].repeated_in_set) == (1, 1)
    assert sorted(file.source for file in read.files) == ["a/ssl.log", "b/ssl.log"]


def test_connections_of_the_same_uid_and_other_addresses_are_two(tmp_path: Path) -> None:
    rows = [SSL, SSL | {"id.resp_h": "2001:DB8::1"}, SSL | {"id.resp_h": "1.2.3.4:5:6"}]
    read, flows = take(tmp_path, {"ssl.log": text_log("ssl", rows)})
    assert sorted(flow["ip"] for flow in flows) == ["192.0.2.1", "2001:db8::1"]
    assert read.files[0].no_address_in_set + read.files[0].bad == 1


def test_clients_that_are_dropped_are_nowhere_in_the_dataset(tmp_path: Path) -> None:
    take(
        tmp_path,
        {"ssl.log": text_log("ssl", [SSL]), "smtp.log": text_log("smtp", [SMTP | {"mailfrom": "me@x"}])},
        DROP,
    )
    flows = records(tmp_path, "flows", "uid")
    assert [(flow["client"], flow["client_port"]) for flow in flows] == [(None, None)]
    whole = b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())
    assert b"10.0.0.9" not in whole
    assert "10.0.0.9" not in str(flows)
    assert "me@x" not in str(flows)


def test_only_connections_worth_a_flow_are_taken_from_conn(tmp_path: Path) -> None:
    rows = [
        {"uid": "C1", "proto": "tcp", "service": "smtp", "history": "ShADd"},
        {"uid": "C2", "proto": "tcp", "id.resp_p": "80", "service": "http"},
        {"uid": "C3", "proto": "udp", "id.resp_p": "443"},
        {
            "uid": "C4",
            "proto": "tcp",
            "id.resp_p": "2525",
            "service": "smtp",
            "missed_bytes": "5",
            "history": "Dd",
        },
    ]
    read, flows = take(tmp_path, {"conn.log": text_log("conn", rows)})
    columns = ("uid", "service", "protocol", "sides", "from_start", "cut")
    assert [tuple(flow[name] for name in columns) for flow in flows] == [
        ("C1", "smtp", "smtp", "both", True, None),
        ("C4", None, "smtp", "both", False, "gap"),
    ]
    assert read.files[0].passed_over == 2


def test_both_ways_of_ssh_are_kept_where_they_differ(tmp_path: Path) -> None:
    row = {"id.resp_p": "22", "server": "SSH-2.0-x", "client": "SSH-2.0-y z", "kex_alg": "curve25519-sha256",
           "cipher_alg": "To server: aes128-ctr, to client: aes256-ctr", "mac_alg": "Algorithm negotiation failed",
           "host_key": "0a:0b"}  # fmt: skip
    _, ((flow),) = take(tmp_path, {"ssh.log": text_log("ssh", [row])})
    agreed = flow["ssh_agreed"]
    assert (agreed["cipher_client_to_server"], agreed["cipher_server_to_client"]) == (
        "aes128-ctr",
        "aes256-ctr",
    )
    assert (agreed["mac_client_to_server"], flow["ssh"]["host_keys"][0]["fingerprint"]) == (None, "MD5:0a:0b")
    assert flow["ssh_client"]["software"] == "y"


def test_other_files_are_no_logs(tmp_path: Path) -> None:
    read, flows = take(
        tmp_path, {"a.pcap": b"\xd4\xc3\xb2\xa1" + bytes(40), "b.txt": b"hello\n", "c.json": b"[]\n"}
    )
    assert (read.files, flows) == ([], [])


def test_known_servers_stand_in_a_table_of_their_own(tmp_path: Path) -> None:
    services = {"host": "192.0.2.7", "port_num": "25", "port_proto": "tcp", "service": "SMTP,SSL"}
    certs = {
        "host": "192.0.2.7",
        "port_num": "25",
        "subject": "CN=a",
        "issuer_subject": "CN=b",
        "serial": "0A",
    }
    files = {
        "known_services.log": text_log("known_services", [services]),
        "known_certs.log": text_log("known_certs", [certs]),
    }
    _, flows = take(tmp_path, files)
    assert flows == []
    assert [
        (row["ip"], row["protocols"], row["subject"]) for row in records(tmp_path, "known_servers", "source")
    ] == [
        ("192.0.2.7", None, "CN=a"),
        ("192.0.2.7", ["SMTP", "SSL"], None),
    ]
