"""Dovecot: IMAP and POP3 with STARTTLS and with TLS from the start, ManageSieve and LMTP with STARTTLS.

Plain passwords only behind TLS; LMTP asks for none.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from realservers.identity import Identity
from realservers.ports import PORTS
from realservers.process import RunningServer, ServerMissing, program, require_root, running

SERVICES = ("imap", "imaps", "pop3", "pop3s", "managesieve", "lmtp")
_PROGRAMS = Path("/usr/lib/dovecot")
_PACKAGES = {"imap": "dovecot-imapd", "pop3": "dovecot-pop3d", "lmtp": "dovecot-lmtpd",
             "managesieve": "dovecot-managesieved"}  # fmt: skip
"""Program to the package that brings it."""

_COMMON = """\
base_dir = {directory}/run
log_path = {log}
listen = {address}
ssl = yes
protocols = imap pop3 lmtp sieve
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = {pop3s}
  }}
}}
service managesieve-login {{
  inet_listener sieve {{
    port = {managesieve}
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    port = {lmtp}
  }}
}}
service auth {{
  unix_listener {sasl} {{
    mode = 0666
  }}
}}
"""

_BEFORE_2_4 = """\
auth_mechanisms = plain login scram-sha-256
disable_plaintext_auth = yes
ssl_cert = <{identity.chain_file}
ssl_key = <{identity.key_file}
passdb {{
  driver = passwd-file
  args = {directory}/users
}}
userdb {{
  driver = passwd-file
  args = {directory}/users
}}
"""

_SINCE_2_4 = """\
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
auth_mechanisms = plain login scram-sha-256
auth_allow_cleartext = no
ssl_server_cert_file = {identity.chain_file}
ssl_server_key_file = {identity.key_file}
passdb passwd-file {{
  passwd_file_path = {directory}/users
}}
userdb passwd-file {{
  passwd_file_path = {directory}/users
}}
"""


@contextmanager
def dovecot(directory: Path, *, address: str, identity: Identity) -> Iterator[RunningServer]:
    """Run Dovecot until the block is left.

    Raises:
        ServerMissing: Dovecot or a part of it is not installed, or we are not root.
        ServerFailed: it does not come up.
    """
    require_root("Dovecot")
    command = program("dovecot", "dovecot-imapd")
    missing = [package for name, package in _PACKAGES.items() if not (_PROGRAMS / name).exists()]
    if missing:
        raise ServerMissing(f"parts of Dovecot are not installed (Debian packages: {' '.join(missing)})")
    directory.mkdir(parents=True)
    config, log = directory / "dovecot.conf", directory / "dovecot.log"
    ports = {service: PORTS[service] for service in SERVICES}
    (directory / "users").write_text("")  # nobody can log in, and nobody tries
    text = _SINCE_2_4 + _COMMON if _version(command) >= (2, 4) else _COMMON + _BEFORE_2_4
    config.write_text(
        text.format(
            directory=directory,
            sasl=sasl_socket(directory),
            log=log,
            address=address,
            identity=identity,
            **ports,
        )
    )
    with running(
        "dovecot",
        [command, "-F", "-c", str(config)],
        directory=directory,
        address=address,
        ports=ports,
        log=log,
    ) as server:
        yield server


def sasl_socket(directory: Path) -> Path:
    """Where a Dovecot that runs in this directory authenticates for others."""
    return directory / "sasl"


def _version(command: str) -> tuple[int, int]:
    """2.4 renamed half of the settings (Debian 12 has 2.3, Debian 13 has 2.4)."""
    shown = subprocess.run([command, "--version"], capture_output=True, text=True, check=True, timeout=10)
    found = re.match(r"(\d+)\.(\d+)", shown.stdout)
    if found is None:
        raise ValueError(f"dovecot --version says {shown.stdout!r}")
    return int(found[1]), int(found[2])
