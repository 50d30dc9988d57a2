"""Six mail hosts that share keys in the ways mail hosts do; which key is where is known, since we put it there.

host  servers                     TLS key       SSH host keys       shares with
mx1   Postfix, nginx (HTTPS)      alpha, RSA    delta               mx2, mx3
      Dovecot                     beta, ECDSA
mx2   nginx                       epsilon       delta               mx1: the same SSH key, a cloned machine
mx3   nginx                       alpha         three of its own    mx1: another certificate, the same key
mx4   nginx, TLS 1.2 only         eta, RSA      eta                 nobody: one key for SSH and TLS
mx5   nginx                       iota, ECDSA   one of its own      mx6
mx6   nginx                       kappa, RSA    iota                mx5: its TLS key is the SSH key here
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ed25519

from places import fresh_network
from realservers import dovecot, nginx, openssh, postfix
from realservers.identity import Authority, Identity, ecdsa_key, rsa_key
from realservers.openssh import HostKey
from realservers.process import RunningServer

CLUSTERS = (frozenset({"mx1", "mx2", "mx3"}), frozenset({"mx5", "mx6"}))
"""Hosts linked by shared keys, largest first; mx4 stands alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailHost:
    """One address and everything that runs on it."""

    name: str
    address: str
    servers: tuple[RunningServer, ...]
    identities: Mapping[str, Identity]
    """Service name to what it shows; every TLS service has one."""
    ssh_host_keys: tuple[HostKey, ...]
    root_file: Path
    """PEM: the root that every identity's chain leads to."""


@contextmanager
def mail_hosts(directory: Path) -> Iterator[dict[str, MailHost]]:
    """Run all six hosts until the block is left; by name.

    Args:
        directory: where everything is kept. Every user must be able to reach it, and its path must be short,
            since sockets are made in it.
    Raises:
        ServerMissing: a server is not installed, or we are not root.
        ServerFailed: one does not come up.
    """
    with ExitStack() as stack:
        farm = _Farm(directory, stack)
        alpha, eta, iota = rsa_key(), rsa_key(), ecdsa_key()
        delta = ed25519.Ed25519PrivateKey.generate()
        own: dict[str, HostKey] = {
            "rsa": rsa_key(),
            "ecdsa": ecdsa_key(),
            "ed25519": ed25519.Ed25519PrivateKey.generate(),
        }
        identity = farm.authority.identity
        hosts = (
            farm.postfix_and_dovecot(
                "mx1", identity("mx1.example", alpha), identity("imap1.example", ecdsa_key()), delta
            ),
            farm.nginx("mx2", identity("mx2.example", ecdsa_key()), {"ed25519": delta}),
            farm.nginx("mx3", identity("mx3.example", alpha), own),
            farm.nginx("mx4", identity("mx4.example", eta), {"rsa": eta}, tls_versions=("TLSv1.2",)),
            farm.nginx("mx5", identity("mx5.example", iota), {"ecdsa": ecdsa_key()}),
            farm.nginx("mx6", identity("mx6.example", rsa_key()), {"ecdsa": iota}),
        )
        yield {host.name: host for host in hosts}


class _Farm:
    """Starts hosts, one address after the other."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self.authority = Authority(directory)
        self._directory = directory
        self._stack = stack
        self._network = fresh_network()

    def nginx(
        self,
        name: str,
        identity: Identity,
        host_keys: Mapping[str, HostKey],
        *,
        tls_versions: tuple[str, ...] = ("TLSv1.2", "TLSv1.3"),
    ) -> MailHost:
        address = self._address(name)
        web_and_mail = nginx.nginx(
            self._directory / f"{name}.nginx",
            address=address,
            host_name=f"{name}.example",
            identity=identity,
            tls_versions=tls_versions,
        )
        return MailHost(
            name=name,
            address=address,
            servers=(self._stack.enter_context(web_and_mail), self._sshd(name, host_keys)),
            identities=dict.fromkeys(nginx.SERVICES, identity),
            ssh_host_keys=tuple(host_keys.values()),
            root_file=self.authority.root_file,
        )

    def postfix_and_dovecot(
        self, name: str, smtp_identity: Identity, imap_identity: Identity, host_key: HostKey
    ) -> MailHost:
        address, host_name = self._address(name), f"{name}.example"
        mailboxes_in = self._directory / f"{name}.dovecot"
        mailboxes = dovecot.dovecot(mailboxes_in, address=address, identity=imap_identity)
        smtp = postfix.postfix(
            self._directory / f"{name}.postfix",
            address=address,
            host_name=host_name,
            identity=smtp_identity,
            sasl_socket=dovecot.sasl_socket(mailboxes_in),
        )
        web = nginx.nginx(
            self._directory / f"{name}.nginx",
            address=address,
            host_name=host_name,
            identity=smtp_identity,
            services=("https",),
        )
        return MailHost(
            name=name,
            address=address,
            servers=(
                *(self._stack.enter_context(server) for server in (mailboxes, smtp, web)),
                self._sshd(name, {"ed25519": host_key}),
            ),
            identities={
                **dict.fromkeys((*postfix.SERVICES, "https"), smtp_identity),
                **dict.fromkeys(dovecot.SERVICES, imap_identity),
            },
            ssh_host_keys=(host_key,),
            root_file=self.authority.root_file,
        )

    def _sshd(self, name: str, host_keys: Mapping[str, HostKey]) -> RunningServer:
        directory = self._directory / f"{name}.sshd"
        return self._stack.enter_context(
            openssh.sshd(directory, address=self._address(name), host_keys=host_keys)
        )

    def _address(self, name: str) -> str:
        return f"{self._network}.{name.removeprefix('mx')}"
