"""`gnutls-serv`: one TLS server of GnuTLS with the priorities it is told."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from realservers.credentials import Credential
from realservers.process import RunningServer, program, running


@contextmanager
def gnutls_serv(
    directory: Path,
    *,
    address: str,
    credential: Credential,
    priority: str,
    arguments: Sequence[str] = ("--disable-client-cert",),
) -> Iterator[RunningServer]:
    """Run gnutls-serv until the block is left.

    It has no option to listen on one address only, so its port is one that the kernel chooses, and it is up for
    no longer than a few handshakes.

    Args:
        priority: GnuTLS's priority string.
    Raises:
        ServerMissing: it is not installed.
        ServerFailed: it does not come up.
    """
    directory.mkdir(parents=True)
    port = _free_port()
    command = [program("gnutls-serv", "gnutls-bin"), "--http", "--port", str(port), "--priority", priority]
    command += ["--x509certfile", str(credential.chain_file), "--x509keyfile", str(credential.key_file)]
    if credential.ocsp_file is not None:
        command += ["--ocsp-response", str(credential.ocsp_file), "--ignore-ocsp-response-errors"]
    with running(
        "gnutls-serv",
        [*command, *arguments],
        directory=directory,
        address=address,
        ports={"https": port},
        log=directory / "gnutls-serv.log",
    ) as server:
        yield server


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("0.0.0.0", 0))
        port: int = probe.getsockname()[1]
        return port
