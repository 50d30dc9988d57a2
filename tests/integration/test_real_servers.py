"""What a study records of Postfix, Dovecot, OpenSSH and nginx equals what other tools and the key files say."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import ssl
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import certifi
import pyarrow.parquet
import pytest

from mailcensus.wire.tls.cipher_suites import CIPHER_SUITES
from mailcensus.wire.tls.hello import DEFAULT
from oracles import dialogues, openssh, openssl
from oracles.dialogues import Said
from oracles.openssl_verify import openssl_verify
from realservers.hosts import CLUSTERS, MailHost
from realservers.identity import spki_sha256
from realservers.ports import PORTS

pytestmark = pytest.mark.integration

Row = dict[str, Any]

MAILCENSUS = Path(sys.executable).parent / "mailcensus"
HOSTS = ("mx1", "mx2", "mx3", "mx4", "mx5", "mx6")
DIALOGUES = {
    "smtp": dialogues.smtp,
    "submission": dialogues.smtp,
    "smtps": dialogues.smtp,
    "imap": dialogues.imap,
    "imaps": dialogues.imap,
    "pop3": dialogues.pop3,
    "pop3s": dialogues.pop3,
    "lmtp": dialogues.lmtp,
    "managesieve": dialogues.managesieve,
}
ONLY_DOVECOT = ("lmtp", "managesieve")
"""What only the first host has."""
TLS_SERVICES = (*DIALOGUES, "https")
IMPLICIT = ("smtps", "imaps", "pop3s")
EVERY_SERVICE = tuple(
    (host, service) for host in HOSTS for service in PORTS if host == "mx1" or service not in ONLY_DOVECOT
)
EVERY_DIALOGUE = tuple(each for each in EVERY_SERVICE if each[1] in DIALOGUES)
EVERY_TLS_SERVICE = tuple(each for each in EVERY_SERVICE if each[1] in TLS_SERVICES)
OFFERED_SUITES = tuple(CIPHER_SUITES[code] for code in DEFAULT.cipher_suites)
OFFERED_GROUPS = ("X25519", "P-256", "P-384", "P-521")
GROUP_NAMES = {"X25519": "x25519", "ECDH, prime256v1": "secp256r1"}

_APOP_TIMESTAMP = re.compile(r"<\d+\.\d+@")


@pytest.fixture(scope="module")
def study(mail_hosts: dict[str, MailHost], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole study of the six hosts: discovered, collected, analysed and reported by the command."""
    directory = tmp_path_factory.mktemp("study")
    (directory / "hosts.txt").write_text("".join(f"{host.address}\n" for host in mail_hosts.values()))
    (directory / "study.toml").write_text(
        f"""
        [study]
        name = "six real mail hosts"
        allow_special = true
        [population]
        hosts = "hosts.txt"
        [politeness]
        connections_per_s = 1000
        prefix_connections_per_s = 1000
        [discovery]
        ports = [{PORTS["smtp"]}]
        [collect]
        services = {json.dumps([*TLS_SERVICES, "ssh"])}
        [facts]
        root_stores = ["mozilla", "{next(iter(mail_hosts.values())).root_file}"]
        [ports]
        """
        + "\n".join(f"{service} = {port}" for service, port in PORTS.items())
    )
    _mailcensus("run", str(directory))
    return directory


@pytest.fixture(scope="module")
def grabs(study: Path, mail_hosts: dict[str, MailHost]) -> dict[tuple[str, str], Row]:
    """The one record of each service of each host, by the names of both."""
    names = {host.address: host.name for host in mail_hosts.values()}
    rows = _table(study, "grabs")
    records = {(names[row["ip"]], row["service"]): row for row in rows}
    assert len(records) == len(rows)
    return records


def test_every_service_of_every_host_is_grabbed_once_and_to_the_end(
    grabs: dict[tuple[str, str], Row],
) -> None:
    ends = {who: (row["outcome"], row["stage"]) for who, row in grabs.items()}
    absent = {(host, service) for host in HOSTS for service in PORTS} - set(EVERY_SERVICE)
    assert ends == {
        **dict.fromkeys(EVERY_SERVICE, ("ok", "done")),
        **dict.fromkeys(absent, ("refused", "connect")),
    }


def test_verdicts_on_the_chains_sent_are_those_of_openssl_verify(
    study: Path, mail_hosts: dict[str, MailHost], grabs: dict[tuple[str, str], Row], tmp_path: Path
) -> None:
    root = next(iter(mail_hosts.values())).root_file
    stores = {"mozilla": Path(certifi.where()), str(root): root}
    certificates = {row["sha256"]: row["der"] for row in _table(study, "certificates")}
    sent = {row["tls"]["leaf_sha256"]: row["tls"]["chain"] for row in grabs.values() if row["tls"]}
    verdicts = _table(study, "chains")
    assert Counter(row["root_store"] for row in verdicts) == dict.fromkeys(stores, len(sent))
    for row in verdicts:
        chain = [certificates[name] for name in sent[row["leaf_sha256"]]]
        said = openssl_verify(tmp_path, stores[row["root_store"]], chain, row["at"], level=2)
        assert said.ok == (row["status"] == "valid") == (row["root_store"] == str(root)), row
        assert list(said.errors) == [(error["code"], error["depth"]) for error in row["errors"]], row
        assert len(said.path) == (len(chain) + 1 if said.ok else 0), row


@pytest.mark.parametrize(("host", "service"), EVERY_DIALOGUE)
def test_greeting_capabilities_and_auth_before_and_after_tls_are_those_that_mail_clients_see(
    mail_hosts: dict[str, MailHost], grabs: dict[tuple[str, str], Row], host: str, service: str
) -> None:
    row = grabs[host, service]
    said = DIALOGUES[service](mail_hosts[host].address, PORTS[service], implicit=service in IMPLICIT)
    assert _recorded_words(row) == _without_time(said)
    if service not in IMPLICIT:
        assert (row["starttls_offered"], row["starttls_accepted"]) == (True, True)


@pytest.mark.parametrize(("host", "service"), EVERY_TLS_SERVICE)
def test_version_suite_group_signature_and_chain_are_those_that_openssl_gets_for_the_same_offer(
    mail_hosts: dict[str, MailHost], grabs: dict[tuple[str, str], Row], host: str, service: str
) -> None:
    tls = grabs[host, service]["tls"]
    oracle = openssl.s_client(
        mail_hosts[host].address,
        PORTS[service],
        starttls=openssl.STARTTLS.get(service),
        suites=OFFERED_SUITES,
        groups=OFFERED_GROUPS,
    )
    assert tls["version_name"] == oracle.version
    assert tls["cipher_suite_name"] == oracle.cipher_suite
    assert tls["group_name"] == GROUP_NAMES[oracle.temporary_key]
    assert tls["signature_scheme_name"].startswith(oracle.signature_type)
    assert tls["chain"] == [hashlib.sha256(der).hexdigest() for der in oracle.chain_der]
    assert tls["finished"]


@pytest.mark.parametrize(("host", "service"), EVERY_TLS_SERVICE)
def test_chain_and_key_are_those_of_the_files_that_the_server_was_given(
    mail_hosts: dict[str, MailHost], grabs: dict[tuple[str, str], Row], host: str, service: str
) -> None:
    tls, identity = grabs[host, service]["tls"], mail_hosts[host].identities[service]
    assert tuple(tls["chain"]) == identity.chain_sha256
    assert tls["leaf_sha256"] == identity.chain_sha256[0]
    assert tls["spki_sha256"] == identity.spki_sha256


def test_dovecot_offers_plain_passwords_for_managesieve_behind_tls_only_and_never_asks_for_one_over_lmtp(
    grabs: dict[tuple[str, str], Row],
) -> None:
    sieve, lmtp = grabs["mx1", "managesieve"], grabs["mx1", "lmtp"]
    assert (sieve["auth_before"], sieve["auth_after"]) == (
        ["SCRAM-SHA-256"],
        ["PLAIN", "LOGIN", "SCRAM-SHA-256"],
    )
    assert (lmtp["auth_before"], lmtp["auth_after"]) == ([], [])
    assert ("STARTTLS" in lmtp["capabilities_before"], "STARTTLS" in lmtp["capabilities_after"]) == (
        True,
        False,
    )


@pytest.mark.parametrize("host", HOSTS)
def test_https_answers_what_an_http_client_sees(
    mail_hosts: dict[str, MailHost], grabs: dict[tuple[str, str], Row], host: str
) -> None:
    http = grabs[host, "https"]["http"]
    seen = dialogues.https(mail_hosts[host].address, PORTS["https"])
    assert (http["status"], http["server"], http["location"]) == seen


@pytest.mark.parametrize("host", HOSTS)
def test_ssh_identification_and_host_keys_are_those_of_ssh_keyscan_and_of_the_key_files(
    mail_hosts: dict[str, MailHost], grabs: dict[tuple[str, str], Row], host: str
) -> None:
    ssh = grabs[host, "ssh"]["ssh"]
    oracle = openssh.keyscan(mail_hosts[host].address, PORTS["ssh"])
    ours = {key["algorithm"]: key["fingerprint"] for key in ssh["host_keys"]}
    assert ssh["identification"] == oracle.identification
    assert ours
    assert ours.items() <= oracle.fingerprints.items()
    assert all(key["verified"] for key in ssh["host_keys"])
    files = {spki_sha256(key) for key in mail_hosts[host].ssh_host_keys}
    assert {key["spki_sha256"] for key in ssh["host_keys"]} <= files


def test_every_certificate_is_stored_once_exactly_as_sent_and_every_key_with_it(
    study: Path, mail_hosts: dict[str, MailHost]
) -> None:
    identities = [identity for host in mail_hosts.values() for identity in host.identities.values()]
    stored = [row["der"] for row in _table(study, "certificates")]
    assert len(stored) == len(set(stored))
    assert set(stored) == {der for identity in identities for der in identity.chain_der}
    keys = [row["spki_sha256"] for row in _table(study, "keys")]
    assert len(keys) == len(set(keys))
    assert {identity.spki_sha256 for identity in identities} <= set(keys)


@pytest.mark.parametrize(
    ("host", "service"), [*(("mx1", service) for service in PORTS), ("mx3", "ssh"), ("mx4", "smtp")]
)
def test_grab_prints_the_record_that_a_study_makes(
    mail_hosts: dict[str, MailHost], grabs: dict[tuple[str, str], Row], host: str, service: str
) -> None:
    target = f"{mail_hosts[host].address}:{PORTS[service]}"
    printed = json.loads(_mailcensus("grab", target, "--protocol", service, "--json"))
    kept = grabs[host, service]
    assert printed.keys() == kept.keys() | {"certificates", "keys"}
    chain = mail_hosts[host].identities[service].chain_der if service in TLS_SERVICES else ()
    assert tuple(ssl.PEM_cert_to_DER_cert(pem) for pem in printed["certificates"]) == chain
    same = kept.keys() - {"run_id", "vantage", "started_at", "duration_ms", "bytes_in", "bytes_out"}
    assert {name: printed[name] for name in same} == {name: kept[name] for name in same}


def test_the_report_shows_exactly_the_keys_that_hosts_share(
    study: Path, mail_hosts: dict[str, MailHost]
) -> None:
    alpha = mail_hosts["mx3"].identities["smtp"].spki_sha256
    delta = spki_sha256(mail_hosts["mx1"].ssh_host_keys[0])
    iota = mail_hosts["mx5"].identities["smtp"].spki_sha256
    shared = {row["spki_sha256"]: (row["hosts"], row["via"]) for row in _report_table(study, "shared_keys")}
    assert shared == {alpha: ("2", "tls"), delta: ("2", "ssh"), iota: ("2", "both")}


def test_the_report_shows_exactly_the_clusters_that_shared_keys_make(
    study: Path, mail_hosts: dict[str, MailHost]
) -> None:
    names = {host.address: host.name for host in mail_hosts.values()}
    clusters: dict[str, set[str]] = {}
    for row in _report_table(study, "cluster_hosts"):
        clusters.setdefault(row["cluster"], set()).add(names[row["ip"]])
    assert clusters == {str(number): hosts for number, hosts in enumerate(CLUSTERS, start=1)}
    page = (study / "report" / "index.html").read_text()
    assert "six real mail hosts" in page
    for number, hosts in enumerate(CLUSTERS, start=1):
        cluster_page = (study / "report" / "clusters" / f"{number}.html").read_text()
        assert all(mail_hosts[host].address in cluster_page for host in hosts)


def test_the_report_reads_why_these_hosts_share_keys(study: Path, mail_hosts: dict[str, MailHost]) -> None:
    alpha = mail_hosts["mx3"].identities["smtp"].spki_sha256
    delta = spki_sha256(mail_hosts["mx1"].ssh_host_keys[0])
    iota = mail_hosts["mx5"].identities["smtp"].spki_sha256
    keys = {row["spki_sha256"]: row["reading"] for row in _report_table(study, "key_causes")}
    # One SSH host key under two names is a copied machine; one key in certificates of different names was put there.
    assert keys == {alpha: "one_operator", delta: "cloned_image", iota: "one_operator"}
    clusters = {row["cluster"]: row["reading"] for row in _report_table(study, "cluster_causes")}
    assert clusters == {"1": "mixed", "2": "one_operator"}
    assert _report_table(study, "machines") == []


def test_the_report_shows_the_keys_that_serve_ssh_and_tls_on_one_host_and_across_hosts(
    study: Path, mail_hosts: dict[str, MailHost]
) -> None:
    eta = mail_hosts["mx4"].identities["smtp"].spki_sha256
    iota = mail_hosts["mx5"].identities["smtp"].spki_sha256
    crossing = {row["spki_sha256"]: row["reading"] for row in _report_table(study, "cross_protocol")}
    assert crossing == {eta: "same_host", iota: "across_hosts"}
    on_one_host = [(row["ip"], row["spki_sha256"]) for row in _report_table(study, "cross_protocol_hosts")]
    assert on_one_host == [(mail_hosts["mx4"].address, eta)]


def _mailcensus(*arguments: str) -> str:
    done = subprocess.run(
        [MAILCENSUS, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )
    assert done.returncode == 0, f"mailcensus {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _table(study: Path, name: str) -> list[Row]:
    parts: Iterable[Path] = sorted((study / "data" / name).glob("*.parquet"))
    return [row for part in parts for row in pyarrow.parquet.read_table(part).to_pylist()]


def _report_table(study: Path, name: str) -> list[dict[str, str]]:
    with (study / "report" / "tables" / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def _recorded_words(row: Row) -> Said:
    return _without_time(
        Said(
            greeting=row["greeting"],
            before=_tuple(row["capabilities_before"]),
            auth_before=_tuple(row["auth_before"]),
            after=tuple(row["capabilities_after"]),
            auth_after=tuple(row["auth_after"]),
        )
    )


def _tuple(values: list[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(values)


def _without_time(said: Said) -> Said:
    """POP3 servers that know APOP greet everybody with another number and the time."""
    return Said(
        greeting=_APOP_TIMESTAMP.sub("<number.time@", said.greeting),
        before=said.before,
        auth_before=said.auth_before,
        after=said.after,
        auth_after=said.auth_after,
    )
