"""InspIRCd: IRC with STARTTLS, and IRC over TLS, by GnuTLS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from realservers.credentials import Credential
from realservers.process import RunningServer, program, require_root, running

PORTS = {"irc": 26_667, "ircs": 26_697}

_CONFIG = """\
<server name="irc.example" description="test" network="test" id="97K">
<admin name="test" nick="test" email="test@irc.example">
<path configdir="{directory}" datadir="{directory}" logdir="{directory}" runtimedir="{directory}">
<pid file="{directory}/pid">
<module name="cap">
<module name="starttls">
<module name="ssl_gnutls">
<sslprofile name="main" provider="gnutls" certfile="{credential.chain_file}" keyfile="{credential.key_file}">
<starttls provider="main">
<bind address="{address}" port="{irc}" type="clients">
<bind address="{address}" port="{ircs}" type="clients" sslprofile="main">
<connect allow="*" timeout="60" resolvehostnames="no" localmax="1000" globalmax="1000" threshold="1000">
<dns server="127.0.0.1" timeout="1">
<log method="file" type="* -USERINPUT -USEROUTPUT" level="default" target="{directory}/inspircd.log">
"""


@contextmanager
def inspircd(directory: Path, *, address: str, credential: Credential) -> Iterator[RunningServer]:
    """Run InspIRCd until the block is left.

    Raises:
        ServerMissing: InspIRCd is not installed, or we are not root.
        ServerFailed: it does not come up.
    """
    require_root("InspIRCd")
    directory.mkdir(parents=True)
    config = directory / "inspircd.conf"
    config.write_text(_CONFIG.format(directory=directory, address=address, credential=credential, **PORTS))
    with running(
        "inspircd",
        [program("inspircd", "inspircd"), f"--config={config}", "--nofork", "--runasroot"],
        directory=directory,
        address=address,
        ports=PORTS,
        log=directory / "stdout.log",
    ) as server:
        yield server
