"""Where the servers of the oracle table run, and what a row of it is."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from mailcensus.wire.tls.cipher_suites import CIPHER_SUITES
from mailcensus.wire.tls.hello import DEFAULT, HelloProfile
from mailcensus.wire.tls.suites import suite_of
from oracles.tls_clients import Target
from places import fresh_network
from realservers.credentials import Credentials

EVERYTHING = replace(
    DEFAULT,
    name="everything",
    purpose="all that has a name and a certificate: suites that no profile of ours offers are seen with it",
    cipher_suites=tuple(
        code
        for code in CIPHER_SUITES
        if (suite := suite_of(code)) is not None and suite.key_exchange in ("RSA", "DHE", "ECDHE", "TLS13")
        and "_NULL_" not in suite.name and not suite.name.endswith("SCSV")
    ),
)  # fmt: skip
NO_FINITE_GROUPS = replace(
    DEFAULT,
    name="no-ffdhe",
    purpose="without the groups of RFC 7919: GnuTLS shows its own DH prime to such clients only",
    groups=tuple(code for code in DEFAULT.groups if not 256 <= code <= 260),
)


Server = TypeVar("Server")


class Workshop:
    """Where servers run: directories, addresses, credentials, and servers that several rows share."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self.directory = directory
        self.credentials = Credentials(directory / "credentials")
        self._stack = stack
        self._network = fresh_network()
        self._used = 0
        self._shared: dict[str, Any] = {}

    def fresh(self, name: str) -> tuple[Path, str]:
        """A directory that is not there yet, and an address of our own."""
        self._used += 1
        return self.directory / f"{self._used}-{name}", f"{self._network}.{self._used}"

    def dh_file(self, bits: int, *, pkcs3: bool = False) -> Path:
        """PEM of Diffie-Hellman parameters of a prime that nobody else has.

        Args:
            pkcs3: as GnuTLS wants them; without, OpenSSL's quick ones with a subgroup, since it serves less than
                1,024 bits only where the parameters name one.
        """
        path = self.directory / f"dh-{bits}{'-pkcs3' if pkcs3 else ''}.pem"
        if not path.exists():
            command = ["openssl", *(["prime", "-generate", "-bits"] if pkcs3 else ["dhparam", "-dsaparam"])]
            made = subprocess.run(
                [*command, str(bits)], check=True, capture_output=True, text=True, timeout=100
            )
            path.write_text(_dh_pem(int(made.stdout)) if pkcs3 else made.stdout)
        return path

    def shared(self, name: str, start: Callable[[Workshop], AbstractContextManager[Server]]) -> Server:
        """What `start` gives, started once and up until the workshop closes; the same name, the same `start`."""
        if name not in self._shared:
            self._shared[name] = self._stack.enter_context(start(self))
        server: Server = self._shared[name]
        return server


def _dh_pem(prime: int) -> str:
    """DHParameter of PKCS #3 with generator 2: a SEQUENCE of two INTEGERs."""
    number = prime.to_bytes(prime.bit_length() // 8 + 1, "big")
    body = b"\x02\x82" + len(number).to_bytes(2, "big") + number + b"\x02\x01\x02"
    der = b"\x30\x82" + len(body).to_bytes(2, "big") + body
    text = base64.encodebytes(der).decode()
    return f"-----BEGIN DH PARAMETERS-----\n{text}-----END DH PARAMETERS-----\n"


Start = Callable[[Workshop], AbstractContextManager[Target]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """One row of the table."""

    server: str
    """Product."""
    name: str
    """What is particular about it."""
    start: Start
    oracles: tuple[str, ...]
    """Clients whose word counts; see `table.ORACLES`."""
    profile: HelloProfile = DEFAULT
    service: str | None = None
    """Row of the services table that is spoken; None: nothing but a TLS handshake."""
    host_key_algorithms: tuple[str, ...] = ()
    """SSH: what the client offers."""

    def __str__(self) -> str:
        return f"{self.server}: {self.name}"
