"""Cyrus: IMAP, POP3, LMTP and ManageSieve. Passwords in the clear, LOGIN and PLAIN, only behind TLS.

Debian's Cyrus and Dovecot exclude each other as packages, so `scripts/unpack-cyrus` only unpacks Cyrus's. Its master
becomes nobody before it starts a service: what it runs is copied to where every user can reach it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from realservers.credentials import Credential
from realservers.ports import PORTS
from realservers.process import RunningServer, ServerMissing, require_root, running

SERVICES = ("imap", "imaps", "pop3", "pop3s", "lmtp", "managesieve")
UNPACKED = Path(__file__).parents[2] / ".venv" / "cyrus" / "usr" / "lib"
HOST_NAME = "imap.example"

_IMAPD = """\
cyrus_user: nobody
cyrus_group: nogroup
servername: {host_name}
configdirectory: {directory}/state
defaultpartition: default
partition-default: {directory}/mail
sievedir: {directory}/sieve
allowplaintext: no
allowapop: yes
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {directory}/state/sasldb2
sasl_mech_list: SCRAM-SHA-256 DIGEST-MD5 PLAIN LOGIN
tls_server_cert: {credential.chain_file}
tls_server_key: {credential.key_file}
"""

_MASTER = """\
START {{
  recover cmd="{programs}/ctl_cyrusdb -C {imapd} -r"
}}
SERVICES {{
  imap cmd="{programs}/imapd -C {imapd}" listen="{address}:{ports[imap]}"
  imaps cmd="{programs}/imapd -C {imapd} -s" listen="{address}:{ports[imaps]}"
  pop3 cmd="{programs}/pop3d -C {imapd}" listen="{address}:{ports[pop3]}"
  pop3s cmd="{programs}/pop3d -C {imapd} -s" listen="{address}:{ports[pop3s]}"
  lmtp cmd="{programs}/lmtpd -C {imapd}" listen="{address}:{ports[lmtp]}"
  sieve cmd="{programs}/timsieved -C {imapd}" listen="{address}:{ports[managesieve]}"
}}
EVENTS {{
}}
"""


@contextmanager
def cyrus(directory: Path, *, address: str, credential: Credential) -> Iterator[RunningServer]:
    """Run Cyrus until the block is left.

    Raises:
        ServerMissing: Cyrus is not unpacked, or we are not root.
        ServerFailed: it does not come up.
    """
    require_root("Cyrus")
    if not UNPACKED.exists():
        raise ServerMissing("Cyrus is not unpacked (as root: scripts/unpack-cyrus)")
    directory.mkdir(parents=True)
    shutil.copytree(UNPACKED, directory / "lib")
    for name in ("state", "mail", "sieve"):
        (directory / name).mkdir()
        shutil.chown(directory / name, "nobody", "nogroup")
    ports = {service: PORTS[service] for service in SERVICES}
    programs = directory / "lib" / "cyrus" / "bin"
    imapd, master = directory / "imapd.conf", directory / "cyrus.conf"
    imapd.write_text(_IMAPD.format(directory=directory, credential=credential, host_name=HOST_NAME))
    master.write_text(_MASTER.format(programs=programs, imapd=imapd, address=address, ports=ports))
    libraries = next((directory / "lib").glob("*-linux-gnu*"))
    # -D: in the foreground
    with running(
        "cyrus",
        [str(programs / "master"), "-D", "-C", str(imapd), "-M", str(master), "-p", f"{directory}/state/pid"],
        directory=directory,
        address=address,
        ports=ports,
        log=directory / "cyrus.log",
        environment={"LD_LIBRARY_PATH": str(libraries)},
    ) as server:
        yield server
