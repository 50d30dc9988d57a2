"""Exim: SMTP with STARTTLS and SMTPS, with GnuTLS as Debian builds it. AUTH only behind TLS.

Debian's Exim and Postfix exclude each other as packages, so `scripts/unpack-exim` only unpacks Exim's, and the
program is run from there; an Exim that is installed is as good.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from realservers.credentials import Credential
from realservers.ports import PORTS
from realservers.process import RunningServer, ServerMissing, require_root, running

SERVICES = ("smtp", "smtps")
UNPACKED = Path(__file__).parents[2] / ".venv" / "exim" / "usr" / "sbin" / "exim4"
INSTALLED = Path("/usr/sbin/exim4")

_CONFIG = """\
primary_hostname = mx.example
exim_user = nobody
exim_group = nogroup
spool_directory = {directory}/spool
log_file_path = {directory}/%slog
pid_file_path = {directory}/pid
local_interfaces = {address}
daemon_smtp_ports = {smtp} : {smtps}
tls_on_connect_ports = {smtps}
tls_advertise_hosts = *
tls_certificate = {credential.chain_file}
tls_privatekey = {credential.key_file}
host_lookup =
rfc1413_query_timeout = 0s
keep_environment =
acl_smtp_connect = accept
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_condition = false
  server_advertise_condition = ${{if def:tls_in_cipher}}
login:
  driver = plaintext
  public_name = LOGIN
  server_condition = false
  server_prompts = Username:: : Password::
  server_advertise_condition = ${{if def:tls_in_cipher}}
"""


@contextmanager
def exim(directory: Path, *, address: str, credential: Credential) -> Iterator[RunningServer]:
    """Run Exim until the block is left.

    Raises:
        ServerMissing: Exim is neither unpacked nor installed, or we are not root.
        ServerFailed: it does not come up.
    """
    require_root("Exim")
    command = next((path for path in (UNPACKED, INSTALLED) if path.exists()), None)
    if command is None:
        raise ServerMissing("Exim is neither unpacked (as root: scripts/unpack-exim) nor installed")
    directory.mkdir(parents=True)
    shutil.chown(directory, "nobody", "nogroup")
    ports = {service: PORTS[service] for service in SERVICES}
    config = directory / "exim.conf"  # Exim takes one that only root may write
    config.write_text(_CONFIG.format(directory=directory, address=address, credential=credential, **ports))
    with running(
        "exim",
        [str(command), "-C", str(config), "-bdf"],
        directory=directory,
        address=address,
        ports=ports,
        log=directory / "exim.log",
    ) as server:
        yield server
