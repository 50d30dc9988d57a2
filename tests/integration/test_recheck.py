"""A cluster of real servers asked again by ssh-keyscan and openssl: one is as it was, one has new keys, one is down."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pyarrow.parquet
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from places import fresh_network
from realservers import dovecot, nginx, openssh, postfix
from realservers.credentials import Credentials
from realservers.identity import Authority, Identity, PrivateKey, ecdsa_key, rsa_key, spki_sha256
from realservers.openssl import PORT as S_SERVER_PORT
from realservers.openssl import s_server
from realservers.ports import PORTS
from realservers.process import ServerMissing

pytestmark = pytest.mark.integration

MAILCENSUS = Path(sys.executable).parent / "mailcensus"
TLS = ("smtp", "submission", "imap", "imaps", "pop3", "https")


class Hosts:
    """Three addresses; the first is Postfix and Dovecot, the others nginx, all with OpenSSH."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self.directory, self.stack = directory, stack
        self.authority, self.network = Authority(directory), fresh_network()
        self.started = 0

    def ip(self, number: int) -> str:
        return f"{self.network}.{number}"

    def identity(self, key: PrivateKey) -> Identity:
        self.started += 1
        return self.authority.identity(f"mx{self.started}.example", key)

    def mail(self, number: int, tls: PrivateKey) -> None:
        identity, place = self.identity(tls), self.directory / f"{self.started}"
        place.mkdir()
        boxes = dovecot.dovecot(place / "dovecot", address=self.ip(number), identity=identity)
        self.stack.enter_context(boxes)
        smtp = postfix.postfix(
            place / "postfix", address=self.ip(number), host_name="mx.example", identity=identity,
            sasl_socket=dovecot.sasl_socket(place / "dovecot"),
        )  # fmt: skip
        self.stack.enter_context(smtp)

    def proxy(self, stack: ExitStack, number: int, tls: PrivateKey) -> None:
        identity = self.identity(tls)
        stack.enter_context(
            nginx.nginx(
                self.directory / f"{self.started}.nginx", address=self.ip(number), host_name="mx.example",
                identity=identity, tls_versions=("TLSv1.2", "TLSv1.3"),
            )
        )  # fmt: skip

    def ssh(self, stack: ExitStack, number: int, key: openssh.HostKey) -> None:
        self.started += 1
        directory = self.directory / f"{self.started}.sshd"
        stack.enter_context(openssh.sshd(directory, address=self.ip(number), host_keys={"key": key}))


@pytest.fixture
def hosts(server_directory: Path) -> Iterator[Hosts]:
    directory = Path(tempfile.mkdtemp(prefix="r", dir=server_directory))
    directory.chmod(0o755)
    try:
        with ExitStack() as stack:
            yield Hosts(directory, stack)
    except ServerMissing as missing:
        pytest.skip(str(missing))


def test_same_keys_agree_new_keys_differ_and_who_is_down_is_neither(hosts: Hosts, tmp_path: Path) -> None:
    tls, ssh = rsa_key(), ed25519.Ed25519PrivateKey.generate()
    new_tls = rsa_key()
    hosts.mail(1, tls)
    hosts.ssh(hosts.stack, 1, ssh)
    study = study_of(tmp_path, hosts)
    with ExitStack() as while_studied:
        for number in (2, 3):
            hosts.proxy(while_studied, number, tls)
            hosts.ssh(while_studied, number, ssh)
        mailcensus("discover", study)
        mailcensus("collect", study)
    hosts.proxy(hosts.stack, 2, new_tls)
    hosts.ssh(hosts.stack, 2, ed25519.Ed25519PrivateKey.generate())

    rows = [
        json.loads(line) for line in mailcensus("recheck", study, "--cluster", "1", "--json").splitlines()
    ]

    verdicts = {(row["ip"], row["service"]): row["verdict"] for row in rows}
    assert len(verdicts) == len(rows)
    one, two, three = (hosts.ip(number) for number in (1, 2, 3))
    assert {verdicts[one, service] for service in ("smtp", "imap", "imaps", "pop3", "ssh")} == {"agrees"}
    assert {verdicts[two, service] for service in (*TLS, "ssh")} == {"differs"}
    assert {verdicts[three, service] for service in (*TLS, "ssh")} == {"unreachable"}
    seen = {row["service"]: row["spki_seen"] for row in rows if row["ip"] == two}
    assert seen["smtp"] == seen["https"] == spki_sha256(new_tls)
    assert seen["ssh"] not in (None, spki_sha256(new_tls))
    assert {row["port"] for row in rows} <= set(PORTS.values())
    assert all(row["client_version"].startswith(("OpenSSH", "OpenSSL")) for row in rows)
    recorded = pyarrow.parquet.read_table(study / "data" / "rechecks")
    assert sorted(recorded["verdict"].to_pylist()) == sorted(row["verdict"] for row in rows)


def test_a_key_of_another_kind_beside_the_old_one_is_no_mismatch(hosts: Hosts, tmp_path: Path) -> None:
    """A server that has come to prefer an ECDSA certificate may hold its RSA key still; it is asked for that alone."""
    old, preferred = rsa_key(), ecdsa_key()
    study = study_of(tmp_path, hosts)
    with ExitStack() as while_studied:
        for number in (1, 2):
            hosts.proxy(while_studied, number, old)
        mailcensus("discover", study)
        mailcensus("collect", study)
    hosts.proxy(hosts.stack, 1, old)
    hosts.proxy(hosts.stack, 2, preferred)
    rows = [
        json.loads(line) for line in mailcensus("recheck", study, "--cluster", "1", "--json").splitlines()
    ]
    verdicts = {ip: {row["verdict"] for row in rows if row["ip"] == ip} for ip in (hosts.ip(1), hosts.ip(2))}
    assert verdicts == {hosts.ip(1): {"agrees"}, hosts.ip(2): {"no_longer_offered"}}


def test_a_key_that_was_shown_to_a_name_is_asked_for_by_that_name(
    server_directory: Path, tmp_path: Path
) -> None:
    """Two servers with a certificate each of their own, and one key between them for who asks by name."""
    directory = Path(tempfile.mkdtemp(prefix="s", dir=server_directory))
    network, name = fresh_network(), "shared.example"
    shared = Credentials(directory / "shared").get("p-384")
    by_name = ["-servername", name, "-cert2", str(shared.leaf_file), "-key2", str(shared.key_file)]
    ips = [f"{network}.1", f"{network}.2"]
    study = named_study(tmp_path, ips, name)
    with ExitStack() as stack:
        for ip in ips:
            own = Credentials(directory / f"{ip}.own").get("p-256")
            server = s_server(directory / ip, address=ip, credential=own, arguments=by_name)
            stack.enter_context(server)
        for verb in ("discover", "collect"):
            mailcensus(verb, study)
        answer = mailcensus("recheck", study, "--cluster", "1", "--json")
    rows = [json.loads(line) for line in answer.splitlines()]
    assert [(row["ip"], row["server_name"], row["verdict"]) for row in rows] == [
        (ip, name, "agrees") for ip in ips
    ]


def named_study(directory: Path, ips: list[str], name: str) -> Path:
    (directory / "hosts.txt").write_text("".join(f"{ip}\n" for ip in ips))
    (directory / "names.txt").write_text("".join(f"{ip} {name}\n" for ip in ips))
    (directory / "study.toml").write_text(
        f"""
        [study]
        allow_special = true
        [population]
        hosts = "hosts.txt"
        [politeness]
        connections_per_s = 1000
        prefix_connections_per_s = 1000
        [discovery]
        ports = [{S_SERVER_PORT}]
        [collect]
        services = ["https"]
        [ports]
        https = {S_SERVER_PORT}
        [followups]
        server_names = ["file"]
        server_names_file = "names.txt"
        pause_s = 0.1
        """
    )
    return directory


def study_of(directory: Path, hosts: Hosts) -> Path:
    (directory / "hosts.txt").write_text("".join(f"{hosts.ip(number)}\n" for number in (1, 2, 3)))
    (directory / "study.toml").write_text(
        f"""
        [study]
        allow_special = true
        [population]
        hosts = "hosts.txt"
        [politeness]
        connections_per_s = 1000
        prefix_connections_per_s = 1000
        [discovery]
        ports = [{PORTS["smtp"]}]
        [collect]
        services = {json.dumps([*TLS, "ssh"])}
        [ports]
        """
        + "\n".join(f"{service} = {port}" for service, port in PORTS.items())
    )
    return directory


def mailcensus(verb: str, study: Path, *options: str) -> str:
    done = subprocess.run(
        [str(MAILCENSUS), verb, str(study), *options, "--quiet"],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout
