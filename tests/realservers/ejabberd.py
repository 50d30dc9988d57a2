"""ejabberd: XMPP for clients and servers with STARTTLS, and for clients with TLS from the start.

Erlang is started by us and without its network of nodes, so that no epmd stays behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from realservers.credentials import Credential
from realservers.process import RunningServer, ServerMissing, program, running

DOMAIN = "xmpp.example"
PORTS = {"xmpp-client": 25_222, "xmpps-client": 25_223, "xmpp-server": 25_269}

_CONFIG = """\
loglevel: info
hosts: [{domain}]
certfiles: [{directory}/all.pem]
s2s_use_starttls: optional
listen:
  - {{ip: "{address}", port: {ports[xmpp-client]}, module: ejabberd_c2s, starttls: true}}
  - {{ip: "{address}", port: {ports[xmpps-client]}, module: ejabberd_c2s, tls: true}}
  - {{ip: "{address}", port: {ports[xmpp-server]}, module: ejabberd_s2s_in}}
modules:
  mod_roster: {{}}
"""


@contextmanager
def ejabberd(directory: Path, *, address: str, credential: Credential) -> Iterator[RunningServer]:
    """Run ejabberd until the block is left; it takes seconds to come up.

    Raises:
        ServerMissing: ejabberd is not installed.
        ServerFailed: it does not come up.
    """
    erl = program("erl", "ejabberd")
    libraries = next(Path("/usr/lib").glob("*-linux-gnu*/ejabberd-*"), None)
    if libraries is None:
        raise ServerMissing("ejabberd is not installed (Debian package: ejabberd)")
    directory.mkdir(parents=True)
    config = directory / "ejabberd.yml"
    config.write_text(_CONFIG.format(directory=directory, address=address, ports=PORTS, domain=DOMAIN))
    (directory / "all.pem").write_bytes(credential.chain_file.read_bytes() + credential.key_file.read_bytes())
    environment = {
        "EJABBERD_CONFIG_PATH": str(config),
        "EJABBERD_LOG_PATH": str(directory / "ejabberd.log"),
        "ERL_CRASH_DUMP": str(directory / "erl_crash.dump"),
        "ERL_LIBS": str(libraries.parent),
        "HOME": str(directory),
    }
    command = ["env", *(f"{name}={value}" for name, value in environment.items()), erl]
    command += ["-noinput", "-mnesia", "dir", f'"{directory / "database"}"', "-s", "ejabberd"]
    with running(
        "ejabberd",
        command,
        directory=directory,
        address=address,
        ports=PORTS,
        log=directory / "erl.log",
    ) as server:
        yield server
