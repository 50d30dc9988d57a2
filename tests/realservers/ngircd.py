"""ngIRCd: IRC in the clear without STARTTLS, which it does not know, and IRC over TLS by GnuTLS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from realservers.credentials import Credential
from realservers.process import RunningServer, program, require_root, running

PORTS = {"irc": 26_667, "ircs": 26_697}

_CONFIG = """\
[Global]
  Name = irc.example
  Info = test
  AdminInfo1 = test
  AdminEMail = test@irc.example
  MotdPhrase = test
  Listen = {address}
  Ports = {irc}
  ServerUID = irc
  ServerGID = irc
[Limits]
  MaxConnectionsIP = 0
[Options]
  DNS = no
  Ident = no
  PAM = no
  ChrootDir =
[SSL]
  CertFile = {credential.chain_file}
  KeyFile = {credential.key_file}
  DHFile = {dh_file}
  Ports = {ircs}
"""


@contextmanager
def ngircd(
    directory: Path, *, address: str, credential: Credential, dh_file: Path
) -> Iterator[RunningServer]:
    """Run ngIRCd until the block is left.

    Args:
        dh_file: PEM of Diffie-Hellman parameters; without, it makes its own and takes its time.
    Raises:
        ServerMissing: ngIRCd is not installed, or we are not root.
        ServerFailed: it does not come up.
    """
    require_root("ngIRCd")
    directory.mkdir(parents=True)
    config = directory / "ngircd.conf"
    config.write_text(_CONFIG.format(address=address, credential=credential, dh_file=dh_file, **PORTS))
    with running(
        "ngircd",
        [program("ngircd", "ngircd"), "-n", "-f", str(config)],
        directory=directory,
        address=address,
        ports=PORTS,
        log=directory / "ngircd.log",
    ) as server:
        yield server
