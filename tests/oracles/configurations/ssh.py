"""OpenSSH and Dropbear: host keys and key exchanges."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from cryptography.hazmat.primitives.asymmetric import ed25519

from oracles.configurations.workshop import Configuration, Workshop
from oracles.tls_clients import Target
from realservers import openssh
from realservers.dropbear import dropbear
from realservers.identity import ecdsa_key, rsa_key

_HOST_KEYS: dict[str, Callable[[], openssh.HostKey]] = {
    "rsa-2048": rsa_key,
    "rsa-3072": lambda: rsa_key(3072),
    "ecdsa-256": ecdsa_key,
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}


def _openssh(name: str, *settings: str, keys: Sequence[str] = ("ed25519",)) -> Configuration:
    @contextmanager
    def start(workshop: Workshop) -> Iterator[Target]:
        directory, address = workshop.fresh("sshd")
        host_keys = {kind: _HOST_KEYS[kind]() for kind in keys}
        with openssh.sshd(directory, address=address, host_keys=host_keys, settings=settings) as server:
            yield Target(address=address, port=server.ports["ssh"])

    return Configuration(
        server="OpenSSH", name=name, start=start, oracles=("ssh", "ssh-keyscan"), service="ssh"
    )


def _dropbear(*host_keys: tuple[str, str], only: str | None = None) -> Configuration:
    """Dropbear with these host keys.

    Args:
        only: the algorithm to ask for. Dropbear 2022.83 offers RSA without having an RSA key, and dies when it is
            chosen, which is what our usual order leads to.
    """

    @contextmanager
    def start(workshop: Workshop) -> Iterator[Target]:
        directory, address = workshop.fresh("dropbear")
        with dropbear(directory, address=address, host_keys=host_keys) as server:
            yield Target(address=address, port=server.ports["ssh"])

    name = "host key " + ", ".join("-".join(dict.fromkeys(key)) for key in host_keys)
    return Configuration(
        server="Dropbear",
        name=f"{name}, asked for {only}" if only else name,
        start=start,
        oracles=("ssh", "ssh-keyscan"),
        service="ssh",
        host_key_algorithms=(only,) if only else (),
    )


OPENSSH = (
    _openssh("as it comes, three host keys", keys=("rsa-3072", "ecdsa-256", "ed25519")),
    *(_openssh(f"host key {kind}", keys=(kind,)) for kind in _HOST_KEYS),
    *(
        _openssh(f"host key rsa-2048, only {algorithm}", f"HostKeyAlgorithms {algorithm}", keys=("rsa-2048",))
        for algorithm in ("ssh-rsa", "rsa-sha2-256")
    ),
    *(
        _openssh(f"only {kex}", f"KexAlgorithms {kex}")
        for kex in (
            "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521",
            "diffie-hellman-group-exchange-sha256", "diffie-hellman-group-exchange-sha1",
            "diffie-hellman-group14-sha256", "diffie-hellman-group16-sha512",
            "diffie-hellman-group18-sha512", "diffie-hellman-group14-sha1", "diffie-hellman-group1-sha1",
        )
    ),
    _openssh("only old ciphers and MACs", "Ciphers 3des-cbc,aes128-cbc", "MACs hmac-md5,hmac-sha1"),
)  # fmt: skip

DROPBEAR = (
    _dropbear(("rsa", "2048")),
    _dropbear(("ecdsa", "256"), only="ecdsa-sha2-nistp256"),
    _dropbear(("ecdsa", "521"), only="ecdsa-sha2-nistp521"),
    _dropbear(("ed25519", "ed25519"), only="ssh-ed25519"),
    _dropbear(("rsa", "3072"), ("ecdsa", "384"), ("ed25519", "ed25519")),
)
