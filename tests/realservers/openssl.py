"""`openssl s_server`: one TLS server with exactly the versions, suites, groups and keys it is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from realservers.credentials import Credential
from realservers.process import RunningServer, program, running

PORT = 20_443


@contextmanager
def s_server(
    directory: Path, *, address: str, credential: Credential, arguments: Sequence[str] = ()
) -> Iterator[RunningServer]:
    """Run s_server until the block is left; it takes one connection after the other.

    Args:
        arguments: added to its command line. Every suite, security level 0 and the legacy provider (SEED) are
            there unless an argument says otherwise.
    Raises:
        ServerFailed: it does not come up, e.g. because this OpenSSL was built without what it shall do.
    """
    directory.mkdir(parents=True)
    log = directory / "s_server.log"
    command = [program("openssl", "openssl"), "s_server", "-accept", f"{address}:{PORT}"]
    command += ["-cert", str(credential.leaf_file), "-key", str(credential.key_file)]
    if credential.rest_file is not None:
        command += ["-cert_chain", str(credential.rest_file)]
    if credential.ocsp_file is not None:
        command += ["-status_file", str(credential.ocsp_file)]
    if "-cipher" not in arguments:
        command += ["-cipher", "ALL:@SECLEVEL=0"]
    # -www: without it, s_server ends a connection when its own standard input has ended.
    command += ["-www", "-provider", "default", "-provider", "legacy", *arguments]
    with running(
        "s_server", command, directory=directory, address=address, ports={"https": PORT}, log=log
    ) as server:
        yield server
