"""Prosody: XMPP for clients and servers, with STARTTLS and with TLS from the start; passwords only behind TLS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from realservers.credentials import Credential
from realservers.process import RunningServer, program, require_root, running

DOMAIN = "xmpp.example"
PORTS = {"xmpp-client": 25_222, "xmpps-client": 25_223, "xmpp-server": 25_269, "xmpps-server": 25_270}

_CONFIG = """\
run_as_root = true
data_path = "{directory}"
pidfile = "{directory}/prosody.pid"
log = {{ {{ levels = {{ min = "info" }}, to = "console" }} }}
interfaces = {{ "{address}" }}
c2s_ports = {{ {ports[xmpp-client]} }}
s2s_ports = {{ {ports[xmpp-server]} }}
c2s_direct_tls_ports = {{ {ports[xmpps-client]} }}
s2s_direct_tls_ports = {{ {ports[xmpps-server]} }}
http_ports = {{}}
https_ports = {{}}
modules_enabled = {{ "roster", "saslauth", "tls", "dialback", "disco", "smacks" }}
modules_disabled = {{ "http" }}
authentication = "internal_hashed"
c2s_require_encryption = true
ssl = {{ certificate = "{credential.chain_file}", key = "{credential.key_file}" }}
VirtualHost "{domain}"
"""


@contextmanager
def prosody(directory: Path, *, address: str, credential: Credential) -> Iterator[RunningServer]:
    """Run Prosody until the block is left.

    Raises:
        ServerMissing: Prosody is not installed, or we are not root.
        ServerFailed: it does not come up.
    """
    require_root("Prosody")
    directory.mkdir(parents=True)
    config = directory / "prosody.cfg.lua"
    config.write_text(
        _CONFIG.format(
            directory=directory, address=address, ports=PORTS, domain=DOMAIN, credential=credential
        )
    )
    with running(
        "prosody",
        [program("prosody", "prosody"), "-F", "--config", str(config)],
        directory=directory,
        address=address,
        ports=PORTS,
        log=directory / "prosody.log",
    ) as server:
        yield server
