"""Unbound: a real resolver on loopback that knows only what it is told here, and asks nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from realservers.process import RunningServer, program, require_root, running

PORT = 20_053

_CONFIG = """\
server:
  interface: {address}@{port}
  access-control: 127.0.0.0/8 allow
  do-not-query-localhost: no
  do-ip6: no
  num-threads: 1
  username: ""
  chroot: ""
  directory: "{directory}"
  pidfile: ""
  use-syslog: no
  logfile: ""
  module-config: "iterator"
  max-udp-size: 512
  local-zone: "." static
  local-zone: "127.in-addr.arpa." static
  local-zone: "ip6.arpa." static
{zones}
{data}
forward-zone:
  name: "broken.example."
  forward-addr: {address}@1
remote-control:
  control-enable: no
"""


@contextmanager
def unbound(
    directory: Path, *, address: str, records: list[str], silent_zones: list[str]
) -> Iterator[RunningServer]:
    """Run Unbound until the block is left. `broken.example` cannot be resolved: its server refuses.

    Args:
        records: as zone files write them.
        silent_zones: questions about these get no answer.
    Raises:
        ServerMissing: Unbound is not installed, or we are not root.
        ServerFailed: it does not come up.
    """
    require_root("Unbound")
    directory.mkdir(parents=True)
    config = directory / "unbound.conf"
    zones = [
        '  local-zone: "broken.example." transparent',
        *(f'  local-zone: "{zone}" deny' for zone in silent_zones),
    ]
    data = [f"  local-data: '{record}'" for record in records]
    config.write_text(
        _CONFIG.format(
            address=address, port=PORT, directory=directory, zones="\n".join(zones), data="\n".join(data)
        )
    )
    with running(
        "unbound",
        [program("unbound", "unbound"), "-d", "-d", "-c", str(config)],
        directory=directory,
        address=address,
        ports={"dns": PORT},
        log=directory / "unbound.log",
    ) as server:
        yield server
