"""The SSH exchange against OpenSSH and Dropbear on loopback; ssh, ssh-keyscan, ssh-keygen and key files as oracles."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from mailcensus.model import Outcome, Ssh, SshHostKey, Stage
from mailcensus.wire.exchange import ExchangeSettings
from mailcensus.wire.keys import spki_sha256
from mailcensus.wire.ssh.exchange import SshExchange
from mailcensus.wire.ssh.key_exchange import METHODS
from oracles.openssh import keyscan
from realservers.process import ServerMissing, program, running

pytestmark = pytest.mark.integration

ADDRESS = "127.0.0.1"
SETTINGS = ExchangeSettings(ehlo_name="scanner.example")
PATIENCE_S = 60.0

KEY_TYPES = [
    # arguments of ssh-keygen, algorithm, bits
    (("rsa", "2048"), "ssh-rsa", 2048),
    (("rsa", "3072"), "ssh-rsa", 3072),
    (("ecdsa", "256"), "ecdsa-sha2-nistp256", 256),
    (("ecdsa", "384"), "ecdsa-sha2-nistp384", 384),
    (("ecdsa", "521"), "ecdsa-sha2-nistp521", 521),
    (("ed25519", "256"), "ssh-ed25519", 256),
]


def run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout + done.stderr


@dataclass(frozen=True)
class KeyFile:
    """A host key that ssh-keygen made."""

    path: Path

    @classmethod
    def make(cls, directory: Path, kind: str, bits: str) -> KeyFile:
        path = directory / f"{kind}-{bits}"
        run(program("ssh-keygen", "openssh-client"), "-q", "-t", kind, "-b", bits, "-N", "", "-f", path)
        return cls(path)

    @property
    def public(self) -> Path:
        return self.path.with_name(self.path.name + ".pub")

    @property
    def fingerprint(self) -> str:
        return run("ssh-keygen", "-l", "-f", self.public).split()[1]

    @property
    def spki(self) -> bytes:
        """As the private key's file says, by a library of its own."""
        private = serialization.load_ssh_private_key(self.path.read_bytes(), None)
        return private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def sshd(directory: Path, *settings: str) -> Iterator[int]:
    """sshd with these lines in its configuration; gives its port."""
    try:
        command = program("sshd", "openssh-server")
    except ServerMissing as missing:
        pytest.skip(str(missing))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    port = free_port()
    config = directory / f"sshd_config-{port}"
    lines = (f"ListenAddress {ADDRESS}:{port}", "PidFile none", "UsePAM no", *settings)
    config.write_text("\n".join(lines) + "\n")
    log = directory / f"sshd-{port}.log"
    with running(
        "sshd",
        [command, "-D", "-e", "-f", str(config)],
        directory=directory,
        address=ADDRESS,
        ports={"ssh": port},
        log=log,
    ):
        yield port


@contextmanager
def dropbear(directory: Path, *arguments: str) -> Iterator[int]:
    """Dropbear with these arguments; gives its port."""
    try:
        command = program("dropbear", "dropbear-bin")
    except ServerMissing as missing:
        pytest.skip(str(missing))
    port = free_port()
    with running(
        "dropbear",
        [command, "-F", "-E", "-s", "-p", f"{ADDRESS}:{port}", *arguments],
        directory=directory,
        address=ADDRESS,
        ports={"ssh": port},
        log=directory / f"dropbear-{port}.log",
    ):
        yield port


def grab(port: int, host_key_algorithms: tuple[str, ...] | None = None) -> SshExchange:
    """One exchange over a plain blocking socket, ended by our close as soon as it has an outcome."""
    exchange = SshExchange(SETTINGS, host_key_algorithms=host_key_algorithms)
    with socket.create_connection((ADDRESS, port), timeout=PATIENCE_S) as connection:
        connection.sendall(exchange.start())
        while exchange.outcome is None:
            data = connection.recv(65_536)
            if data:
                connection.sendall(exchange.receive(data))
            else:
                exchange.eof()
    return exchange


def shown(exchange: SshExchange) -> tuple[Ssh, SshHostKey]:
    """The record and its one key, of an exchange that went well."""
    assert (exchange.outcome, exchange.stage, exchange.error) == (Outcome.OK, Stage.DONE, None)
    ssh = exchange.findings().ssh
    assert ssh is not None
    assert ssh.host_keys is not None
    (key,) = ssh.host_keys
    return ssh, key


def proposal(port: int) -> dict[str, tuple[str, ...]]:
    """The server's KEXINIT as OpenSSH's client prints it."""
    ssh = program("ssh", "openssh-client")
    options = ["BatchMode=yes", "UserKnownHostsFile=/dev/null", "StrictHostKeyChecking=no"]
    talk = subprocess.run(
        [ssh, "-vv", "-F", "none", "-p", str(port), *(f"-o{option}" for option in options), ADDRESS, "true"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    ).stderr
    server = talk.partition("peer server KEXINIT proposal")[2].partition("kex: algorithm")[0]
    return {
        name: tuple(names.split(","))
        for name, names in re.findall(r"^debug2: ([\w ]+): (\S+)\r?$", server, re.MULTILINE)
    }


@pytest.mark.parametrize(("arguments", "algorithm", "bits"), KEY_TYPES)
def test_openssh_with_one_key_is_seen_as_its_own_tools_see_it(
    tmp_path: Path, arguments: tuple[str, str], algorithm: str, bits: int
) -> None:
    key_file = KeyFile.make(tmp_path, *arguments)
    with sshd(tmp_path, f"HostKey {key_file.path}") as port:
        exchange = grab(port)
        oracle = keyscan(ADDRESS, port)
        lists = proposal(port)
    ssh, key = shown(exchange)
    assert ssh.identification == oracle.identification == exchange.findings().greeting
    assert oracle.fingerprints == {algorithm: key.fingerprint}
    assert key == SshHostKey(
        algorithm=algorithm,
        fingerprint=key_file.fingerprint,
        spki_sha256=spki_sha256(key_file.spki),
        bits=bits,
        verified=True,
    )
    assert exchange.findings().keys == (key_file.spki,)
    assert lists == {
        "KEX algorithms": ssh.kex_algorithms,
        "host key algorithms": ssh.host_key_algorithms,
        "ciphers ctos": ssh.ciphers_client_to_server,
        "ciphers stoc": ssh.ciphers_server_to_client,
        "MACs ctos": ssh.macs_client_to_server,
        "MACs stoc": ssh.macs_server_to_client,
        "compression ctos": ssh.compression_client_to_server,
        "compression stoc": ssh.compression_server_to_client,
    }


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_the_canonical_key_is_what_ssh_keygen_exports(tmp_path: Path, kind: str) -> None:
    key_file = KeyFile.make(tmp_path, kind, {"rsa": "2048", "ecdsa": "256"}[kind])
    exported = run("ssh-keygen", "-e", "-m", "pkcs8", "-f", key_file.public)
    public = serialization.load_pem_public_key(exported.encode())
    with sshd(tmp_path, f"HostKey {key_file.path}") as port:
        exchange = grab(port)
    assert exchange.findings().keys == (
        public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
    )


def test_every_key_of_a_server_is_had_by_asking_for_its_algorithm(tmp_path: Path) -> None:
    files = [KeyFile.make(tmp_path, *arguments) for arguments, *_ in KEY_TYPES[1::2]]
    with sshd(tmp_path, *(f"HostKey {file.path}" for file in files)) as port:
        keys = [
            shown(grab(port, (algorithm,)))[1].fingerprint
            for algorithm in ("rsa-sha2-256", "ecdsa-sha2-nistp384", "ssh-ed25519")
        ]
    assert keys == [file.fingerprint for file in files]


@pytest.mark.parametrize("name", [method.name for method in METHODS])
def test_a_server_limited_to_one_key_exchange_shows_its_key(tmp_path: Path, name: str) -> None:
    key_file = KeyFile.make(tmp_path, "ed25519", "256")
    with sshd(tmp_path, f"HostKey {key_file.path}", f"KexAlgorithms {name}") as port:
        ssh, key = shown(grab(port))
    assert ssh.kex_used == name
    if name.startswith("diffie-hellman"):
        assert ssh.dh_bits is not None
        assert ssh.dh_bits >= 1024
        fixed = {"1": "modp1024", "14": "modp2048", "16": "modp4096", "18": "modp8192"}
        group = name.removeprefix("diffie-hellman-group").split("-")[0]
        assert group not in fixed or ssh.dh_prime_name == fixed[group]
    assert (key.fingerprint, key.verified) == (key_file.fingerprint, True)


@pytest.mark.parametrize("algorithm", ["ssh-rsa", "rsa-sha2-256", "rsa-sha2-512"])
def test_an_rsa_key_is_verified_with_the_old_hash_and_the_new_ones(tmp_path: Path, algorithm: str) -> None:
    key_file = KeyFile.make(tmp_path, "rsa", "2048")
    with sshd(tmp_path, f"HostKey {key_file.path}", f"HostKeyAlgorithms {algorithm}") as port:
        ssh, key = shown(grab(port))
    assert ssh.host_key_algorithms == (algorithm,)
    assert (key.fingerprint, key.verified) == (key_file.fingerprint, True)


@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "ed25519"])
def test_a_host_certificate_is_reduced_to_its_key(tmp_path: Path, kind: str) -> None:
    authority = KeyFile.make(tmp_path, "ecdsa", "384")
    key_file = KeyFile.make(tmp_path, kind, {"rsa": "2048", "ecdsa": "256", "ed25519": "256"}[kind])
    run("ssh-keygen", "-q", "-s", authority.path, "-h", "-I", "mail", key_file.public)
    certificate = key_file.path.with_name(key_file.path.name + "-cert.pub")
    wanted = {"rsa": "rsa-sha2-512", "ecdsa": "ecdsa-sha2-nistp256", "ed25519": "ssh-ed25519"}[kind]
    with sshd(tmp_path, f"HostKey {key_file.path}", f"HostCertificate {certificate}") as port:
        exchange = grab(port, (f"{wanted}-cert-v01@openssh.com",))
    _, key = shown(exchange)
    assert key.algorithm.endswith("-cert-v01@openssh.com")
    assert key.fingerprint == run("ssh-keygen", "-l", "-f", certificate).split()[1] == key_file.fingerprint
    assert (exchange.findings().keys, key.verified) == ((key_file.spki,), True)


def test_a_server_without_a_common_key_exchange_keeps_its_algorithms(tmp_path: Path) -> None:
    key_file = KeyFile.make(tmp_path, "ed25519", "256")
    name = "sntrup761x25519-sha512@openssh.com"
    with sshd(tmp_path, f"HostKey {key_file.path}", f"KexAlgorithms {name}") as port:
        exchange = grab(port)
    assert (exchange.outcome, exchange.stage) == (Outcome.PROTOCOL_ERROR, Stage.CAPABILITIES)
    ssh = exchange.findings().ssh
    assert ssh is not None
    assert ssh.kex_algorithms is not None
    assert ssh.kex_algorithms[0] == name
    assert (ssh.kex_used, ssh.host_keys) == (None, None)


def test_a_server_with_too_many_guests_is_rate_limited(tmp_path: Path) -> None:
    key_file = KeyFile.make(tmp_path, "ed25519", "256")
    with sshd(tmp_path, f"HostKey {key_file.path}", "MaxStartups 2") as port, ExitStack() as guests:
        admitted = 0
        while admitted < 2:  # at first the connection that tested for the port may still count
            guest = guests.enter_context(socket.create_connection((ADDRESS, port), timeout=PATIENCE_S))
            admitted += guest.recv(8).startswith(b"SSH-")
        exchange = grab(port)
    assert (exchange.outcome, exchange.stage) == (Outcome.RATE_LIMITED, Stage.GREETING)
    assert exchange.error == "Exceeded MaxStartups"


@pytest.mark.parametrize(
    ("kind", "algorithm"),
    [("rsa", "ssh-rsa"), ("ecdsa", "ecdsa-sha2-nistp256"), ("ed25519", "ssh-ed25519")],
)
def test_dropbear_is_seen_as_openssh_sees_it(tmp_path: Path, kind: str, algorithm: str) -> None:
    host_key = tmp_path / "host_key"
    # Dropbear 2022.83 offers rsa-sha2-256 without having an RSA key and dies when it is chosen: ask for its kind.
    with dropbear(tmp_path, "-r", _dropbear_key(kind, host_key)) as port:
        exchange = grab(port, None if kind == "rsa" else (algorithm,))
        oracle = keyscan(ADDRESS, port)
        lists = proposal(port)
    ssh, key = shown(exchange)
    assert ssh.identification == oracle.identification
    assert oracle.fingerprints == {algorithm: key.fingerprint}
    assert lists["KEX algorithms"] == ssh.kex_algorithms
    assert key.verified


def _dropbear_key(kind: str, path: Path) -> str:
    if shutil.which("dropbearkey") is None:
        pytest.skip("dropbearkey is not installed (Debian package: dropbear-bin)")
    run("dropbearkey", "-t", kind, "-f", path)
    return str(path)
