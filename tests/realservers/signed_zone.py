"""A signed zone on loopback, and a validating Unbound that trusts it and asks nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dns.dnssec
import dns.name
import dns.rdatatype
import dns.zone
from cryptography.hazmat.primitives.asymmetric import ec
from dns.dnssectypes import Algorithm

from realservers.process import RunningServer, program, require_root, running

_CONFIG = """\
server:
  interface: {address}@53
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
  module-config: "validator iterator"
  trust-anchor-file: "{anchor}"
  local-zone: "." static
  local-zone: "{zone}" transparent
{local}
auth-zone:
  name: "{zone}"
  zonefile: "{file}"
  for-downstream: no
  for-upstream: yes
  fallback-enabled: no
remote-control:
  control-enable: no
"""
_APEX = "@ 300 IN SOA ns hostmaster 1 3600 600 86400 300\n@ 300 IN NS ns\nns 300 IN A {address}\n"


def sign(zone: str, records: str, address: str, directory: Path) -> tuple[Path, Path]:
    """Sign records with a fresh key; gives the zone's file and that of its trust anchor."""
    text = f"$ORIGIN {zone}\n" + _APEX.format(address=address) + records
    read = dns.zone.from_text(text, origin=zone, relativize=False)
    private = ec.generate_private_key(ec.SECP256R1())
    key = dns.dnssec.make_dnskey(private.public_key(), Algorithm.ECDSAP256SHA256, flags=257)
    now = datetime.now(UTC)
    with read.writer() as transaction:
        dns.dnssec.sign_zone(
            read,
            transaction,
            keys=[(private, key)],
            inception=now - timedelta(hours=1),
            expiration=now + timedelta(days=2),
            dnskey_ttl=300,
        )
    signed, anchor = directory / "zone.signed", directory / "anchor"
    read.to_file(str(signed), relativize=False)
    anchor.write_text(f"{zone} IN DNSKEY {key.to_text()}\n")
    return signed, anchor


@contextmanager
def signed_zone(
    directory: Path, *, address: str, zone: str, records: str, local: list[str]
) -> Iterator[RunningServer]:
    """Run Unbound on port 53 of an address, with one signed zone, until the block is left.

    Args:
        zone: its name, with the dot at the end.
        records: as zone files write them, without SOA and NS.
        local: further records, unsigned, such as reverse names.
    Raises:
        ServerMissing: Unbound is not installed, or we are not root.
    """
    require_root("Unbound")
    directory.mkdir(parents=True)
    file, anchor = sign(zone, records, address, directory)
    config = directory / "unbound.conf"
    lines = [f"  local-data: '{record}'" for record in local]
    config.write_text(
        _CONFIG.format(
            address=address, directory=directory, anchor=anchor, zone=zone, file=file, local="\n".join(lines)
        )
    )
    with running(
        "unbound",
        [program("unbound", "unbound"), "-d", "-d", "-c", str(config)],
        directory=directory,
        address=address,
        ports={"dns": 53},
        log=directory / "unbound.log",
    ) as server:
        yield server
