"""The partner: nginx's mail proxy on loopback, an RSA leaf under an intermediate, one TLS version an address."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from places import fresh_network
from realservers.identity import Authority, rsa_key
from realservers.nginx import nginx

TLS_VERSIONS = ("TLSv1.2", "TLSv1.3")
ADDRESSES = 200
"""More than connections in flight: a study has one connection at a time to an address."""


@dataclass(frozen=True, slots=True)
class MailProxy:
    """One nginx that serves SMTP on many addresses."""

    addresses: tuple[str, ...]
    port: int


@contextmanager
def nginx_mail() -> Iterator[dict[str, MailProxy]]:
    """Run SMTP with STARTTLS until the block is left; by the one TLS version that a server speaks.

    Raises:
        ServerMissing: nginx or its mail module is not installed.
    """
    with tempfile.TemporaryDirectory(prefix="mailcensus-") as name, ExitStack() as stack:
        directory = Path(name)
        directory.chmod(0o755)  # nginx's workers are nobody
        identity = Authority(directory).identity("mx.example", rsa_key())
        proxies = {}
        for version in TLS_VERSIONS:
            network = fresh_network()
            addresses = tuple(f"{network}.{number}" for number in range(1, ADDRESSES + 1))
            server = nginx(
                directory / version,
                address=addresses[0],
                host_name="mx.example",
                identity=identity,
                services=("smtp",),
                tls_versions=(version,),
                more_addresses=addresses[1:],
            )
            proxies[version] = MailProxy(addresses, stack.enter_context(server).ports["smtp"])
        yield proxies
