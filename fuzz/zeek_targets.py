"""What reads logs of Zeek as a set: what a file is, rows with types, flows joined of them, certificates beside.

Each input makes a database of its own, so this target is slow; the readers of lines have a quick one (`zeek_log`).
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from fuzz.cutting import Cut
from mailcensus.passive.zeek.addresses import ClientNames
from mailcensus.passive.zeek.certificates import known_servers, logged_certificates, whole_certificates
from mailcensus.passive.zeek.reading import SetRead, ZeekLogs
from mailcensus.passive.zeek.sniffing import zeek_file
from mailcensus.passive.zeek.store import Store
from mailcensus.wire.services import SERVICES

_NAMES = ("zeek.json", "ssl.log", "conn.2026-11-22.log.gz", "smtp.log.zst", "x509.log.bz2", "known_certs.log")
_SERVICES = {service.port: service for service in SERVICES}
_CLIENTS = ClientNames(lambda address: address[::-1], ports=True)


def zeek_set(data: bytes, _cut: Cut) -> object:
    """A file of one or several logs; the first byte chooses its name."""
    with tempfile.TemporaryDirectory(prefix="zeek-") as name:
        folder = Path(name)
        path = folder / _NAMES[data[0] % len(_NAMES) if data else 0]
        path.write_bytes(data[1:])
        file = zeek_file(path)
        if file is None:
            return None
        with Store(folder, _SERVICES) as store:
            logs = ZeekLogs(store, folder / "rejects", _nobody)
            logs.take(file, path.name)
            rows = sum(table.num_rows for table in logs.flows("run", _CLIENTS))
            beside = (
                *logged_certificates(store.connection, "run"),
                *known_servers(store.connection, "run"),
            )
            whole = list(whole_certificates(store.connection))
            return rows, sum(table.num_rows for table in beside), whole, logs.read


def _nobody(_read: SetRead) -> None:
    pass
