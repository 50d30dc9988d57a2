"""The partner: nginx's mail proxy on loopback, an RSA leaf under an intermediate, one TLS version an address."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from realservers.identity import Authority, rsa_key
from realservers.nginx import nginx
from realservers.ports import fresh_network
from realservers.process import RunningServer

TLS_VERSIONS = ("TLSv1.2", "TLSv1.3")


@contextmanager
def nginx_mail() -> Iterator[dict[str, RunningServer]]:
    """Run SMTP with STARTTLS until the block is left; by the one TLS version that a server speaks.

    Raises:
        ServerMissing: nginx or its mail module is not installed.
    """
    network = fresh_network()
    with tempfile.TemporaryDirectory(prefix="mailcensus-") as name:
        directory = Path(name)
        directory.chmod(0o755)  # nginx's workers are nobody
        identity = Authority(directory).identity("mx.example", rsa_key())
        servers = {
            version: nginx(
                directory / version,
                address=f"{network}.{number}",
                host_name="mx.example",
                identity=identity,
                services=("smtp",),
                tls_versions=(version,),
            )
            for number, version in enumerate(TLS_VERSIONS, start=1)
        }
        with servers["TLSv1.2"] as first, servers["TLSv1.3"] as second:
            yield {"TLSv1.2": first, "TLSv1.3": second}
