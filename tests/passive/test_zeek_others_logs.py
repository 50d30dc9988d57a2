"""Logs that others made: what we read of them is what they say, read in the plainest way."""

import gzip
import re
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from zeek_plainly import rows_of, version_code
from zeek_sets import take, take_paths

from mailcensus.wire.tls.cipher_suites import CIPHER_SUITES

pytestmark = [pytest.mark.shared_data, pytest.mark.slow]

_SAMPLE = "zeek-logs/zed-sample-data"
_LOGS = ("ssl", "x509", "smtp", "ssh")
_SUITES = {name.upper(): code for code, name in CIPHER_SUITES.items()}
_MASKED = re.compile(rb"XXXXXXXXXX\.XXXXXX")


def said_of_tls(row: dict[str, Any]) -> tuple[Any, ...]:
    """What ssl.log says of a connection."""
    spoke = row["version"] is not None or re.search("[a-z]", row["ssl_history"] or "") is not None
    return (
        row["established"], row["server_name"], row["validation_status"], row["last_alert"],
        row["resumed"] if row["version"] else None,
        version_code(row["version"]), _SUITES.get(row["cipher"] or ""), row["curve"],
        row["next_protocol"] if spoke else None, list(row["cert_chain_fps"] or []) or None,
    )  # fmt: skip


def read_of_tls(flow: dict[str, Any]) -> tuple[Any, ...]:
    """The same, of a flow."""
    tls = flow["tls"] or {}
    hello = flow["client_hello"] or {}
    return (
        flow["established"], hello.get("sni"), flow["validation"], flow["last_alert"], flow["resumed"],
        tls.get("version"), tls.get("cipher_suite"), tls.get("group_name"), tls.get("alpn"), tls.get("chain"),
    )  # fmt: skip


def said_of_ssh(row: dict[str, Any]) -> tuple[Any, ...]:
    agreed = [row[name] for name in ("kex_alg", "cipher_alg", "mac_alg", "compression_alg", "host_key_alg")]
    failed = "Algorithm negotiation failed"
    return row["client"], row["server"], *(None if one == failed else one for one in agreed), row["host_key"]


def read_of_ssh(flow: dict[str, Any]) -> tuple[Any, ...]:
    agreed, server, client = (flow[name] or {} for name in ("ssh_agreed", "ssh", "ssh_client"))
    names = (
        "kex",
        "cipher_client_to_server",
        "mac_client_to_server",
        "compression_client_to_server",
        "host_key",
    )
    keys = server.get("host_keys")
    key = keys[0]["fingerprint"].removeprefix("MD5:") if keys else None
    return (
        client.get("identification"),
        server.get("identification"),
        *(agreed.get(name) for name in names),
        key,
    )


def test_every_flow_of_the_sample_says_what_zeek_says(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / _SAMPLE / "zeek-default"
    read, flows = take_paths(tmp_path, sorted(folder.iterdir()))
    logs = {name: rows_of(folder / f"{name}.log.gz") for name in _LOGS}
    by_uid = {flow["uid"]: flow for flow in flows}
    assert sum(file.bad + file.repeated_in_set + file.no_address_in_set for file in read.files) == 0
    assert set(by_uid) == {row["uid"] for name in ("ssl", "smtp", "ssh") for row in logs[name]}
    assert len(flows) == len(by_uid)
    names = {row["fingerprint"]: row for row in logs["x509"]}
    for row in logs["ssl"]:
        flow = by_uid[row["uid"]]
        assert read_of_tls(flow) == said_of_tls(row)
        leaf = names.get((row["cert_chain_fps"] or [""])[0], {})
        certificate = leaf.get("certificate.subject"), leaf.get("certificate.issuer")
        assert (flow["leaf_subject"], flow["leaf_issuer"]) == certificate
        ends = flow["client"], str(flow["client_port"]), flow["ip"], str(flow["port"])
        assert ends == tuple(row[f"id.{end}"] for end in ("orig_h", "orig_p", "resp_h", "resp_p"))
        assert abs(flow["started_at"].timestamp() - float(row["ts"])) < 1e-3 or flow["protocol"] == "smtp"
    assert {row["uid"] for row in logs["smtp"]} <= set(by_uid)
    for uid in {row["uid"] for row in logs["smtp"]}:
        tls = any(row["tls"] for row in logs["smtp"] if row["uid"] == uid) or None
        assert by_uid[uid]["starttls_accepted"] is tls
    for row in logs["ssh"]:
        assert read_of_ssh(by_uid[row["uid"]]) == said_of_ssh(row)


def test_both_forms_of_the_sample_give_the_same_flows(shared_data: Path, tmp_path: Path) -> None:
    text, as_json = {}, {}
    for name in _LOGS:
        packed = (shared_data / _SAMPLE / "zeek-json-head" / f"{name}.json.gz").read_bytes()
        as_json[f"{name}.json.gz"] = packed
        count = gzip.decompress(packed).count(b"\n")
        whole = gzip.decompress((shared_data / _SAMPLE / "zeek-default" / f"{name}.log.gz").read_bytes())
        lines = whole.splitlines(keepends=True)
        header = next(place for place, line in enumerate(lines) if not line.startswith(b"#"))
        text[f"{name}.log"] = b"".join(lines[: header + count])
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    of_text, of_json = take(tmp_path / "a", text)[1], take(tmp_path / "b", as_json)[1]
    assert len(of_text) > 4_000
    assert [flow | {"source": ""} for flow in of_text] == [flow | {"source": ""} for flow in of_json]


@pytest.mark.parametrize(
    "baseline",
    ["smtp.starttls", "imap.starttls", "xmpp.starttls", "ssl.tls1_1", "ssl.ecdsa", "ssl.dhe", "ssl.cve-2015-3194",
     "ssl.tls13_encrypted_handshake_events", "ssl.tls-1.2-handshake-failure"],
)  # fmt: skip
def test_logs_of_zeeks_own_tests_say_the_same_of_tls(
    baseline: str, shared_data: Path, tmp_path: Path
) -> None:
    folder = shared_data / "zeek" / "Baseline" / f"scripts.base.protocols.{baseline}"
    files = {path.name: _MASKED.sub(b"1.000000", path.read_bytes()) for path in folder.glob("*.log")}
    _, flows = take(tmp_path, files)
    rows = rows_of(tmp_path / "logs" / "ssl.log")
    said = [said_of_tls({"validation_status": None} | row) for row in rows]
    assert sorted(map(read_of_tls, flows), key=repr) == sorted(said, key=repr)
    if "starttls" in baseline:
        assert {(flow["tls_mode"], flow["upgraded"]) for flow in flows} == {("starttls", True)}


@pytest.mark.parametrize("baseline", ["ssh_version_199", "curve25519_kex", "dh_group18_kex", "pre-banner"])
def test_logs_of_zeeks_own_tests_say_the_same_of_ssh(
    baseline: str, shared_data: Path, tmp_path: Path
) -> None:
    path = shared_data / "zeek" / "Baseline" / f"scripts.base.protocols.ssh.{baseline}" / "ssh.log"
    _, flows = take(tmp_path, {"ssh.log": _MASKED.sub(b"1.000000", path.read_bytes())})
    said = [row | {"host_key": row["host_key_fingerprint"]} for row in rows_of(tmp_path / "logs" / "ssh.log")]
    assert sorted(map(read_of_ssh, flows), key=repr) == sorted(map(said_of_ssh, said), key=repr)
