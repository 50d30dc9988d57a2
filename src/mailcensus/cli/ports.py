"""`mailcensus ports`: the services table."""

from __future__ import annotations

from mailcensus.cli.json_lines import print_json
from mailcensus.cli.options import AsJson
from mailcensus.cli.tables import print_table
from mailcensus.wire.services import SERVICES, Service


def ports(as_json: AsJson = False) -> None:
    """Show the services that can be asked.

    The names are those of `collect.services` in study.toml and of `grab --protocol`; tls_mode is when TLS starts.
    """
    rows = [_row(service) for service in sorted(SERVICES, key=lambda service: service.port)]
    if as_json:
        for row in rows:
            print_json(row)
    else:
        print_table(list(rows[0]), [row.values() for row in rows])


def _row(service: Service) -> dict[str, object]:
    return {
        "service": service.name,
        "port": service.port,
        "tls_mode": service.tls_mode,
        "protocol": service.protocol,
        "alpn": service.alpn,
        "rfc": service.rfc,
    }
