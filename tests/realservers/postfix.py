"""Postfix: SMTP with STARTTLS, submission and SMTPS. AUTH comes from Dovecot and only behind TLS."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from realservers.identity import Identity
from realservers.ports import PORTS
from realservers.process import RunningServer, program, require_root, running

_MASTER_PROGRAM = Path("/usr/lib/postfix/sbin/master")
SERVICES = ("smtp", "submission", "smtps")

_MAIN = """\
compatibility_level = 3.6
queue_directory = {directory}/queue
data_directory = {directory}/data
maillog_file = {log}
maillog_file_prefixes = {directory}
myhostname = {host_name}
mydestination =
inet_interfaces = loopback-only
inet_protocols = ipv4
alias_maps =
alias_database =
local_recipient_maps =
notify_classes =
smtpd_relay_restrictions = reject
smtpd_peername_lookup = no
smtpd_tls_chain_files = {identity.key_file}, {identity.chain_file}
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_tls_loglevel = 1
smtpd_sasl_type = dovecot
smtpd_sasl_path = {sasl_socket}
"""

# service type private unpriv chroot wakeup maxproc command; master(5)
_MASTER = """\
{address}:{smtp} inet n - n - - smtpd -o smtpd_sasl_auth_enable=no
{address}:{submission} inet n - n - - smtpd -o smtpd_sasl_auth_enable=yes
{address}:{smtps} inet n - n - - smtpd -o smtpd_sasl_auth_enable=yes -o smtpd_tls_wrappermode=yes
postlog unix-dgram n - n - 1 postlogd
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
cleanup unix n - n - 0 cleanup
"""


@contextmanager
def postfix(
    directory: Path, *, address: str, host_name: str, identity: Identity, sasl_socket: Path
) -> Iterator[RunningServer]:
    """Run Postfix until the block is left.

    Args:
        sasl_socket: Dovecot's authentication socket; submission and SMTPS offer its mechanisms behind TLS.
    Raises:
        ServerMissing: Postfix is not installed, or we are not root.
        ServerFailed: it does not come up.
    """
    require_root("Postfix")
    command = program("postfix", "postfix")
    config = directory / "config"
    log = directory / "postfix.log"
    for path in (config, directory / "queue", directory / "data"):
        path.mkdir(parents=True)
    ports = {service: PORTS[service] for service in SERVICES}
    (config / "main.cf").write_text(
        _MAIN.format(
            directory=directory,
            log=log,
            host_name=host_name,
            address=address,
            identity=identity,
            sasl_socket=sasl_socket,
        )
    )
    (config / "master.cf").write_text(_MASTER.format(address=address, **ports))
    shutil.chown(directory / "data", "postfix")
    # Makes the queue's directories, as `postfix start` would.
    subprocess.run([command, "-c", str(config), "check"], check=True, timeout=30)
    # `postfix start-fg` leaves a shell between us and master, and signals would end with the shell.
    with running(
        "postfix",
        [str(_MASTER_PROGRAM), "-s", "-c", str(config)],
        directory=directory,
        address=address,
        ports=ports,
        log=log,
    ) as server:
        yield server
