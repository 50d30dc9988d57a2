"""What the first grabs of a run showed, and what has been asked again already: the ground of follow-ups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mailcensus.dataset.pending import execute
from mailcensus.dataset.rows_on_disk import RowsOnDisk
from mailcensus.model import Outcome, Stage, TlsMode

_FIRST_GRABS = """
WITH later AS (
    SELECT ip, service, attempt FROM grabs WHERE run_id = $run_id AND attempt > 1
), last AS (
    SELECT grabs.* FROM grabs ANTI JOIN later
    ON grabs.ip = later.ip AND grabs.service = later.service AND grabs.attempt < later.attempt
    WHERE run_id = $run_id
), done AS (
    SELECT ip, service, list(DISTINCT purpose) AS purposes FROM (
        SELECT ip, service, purpose FROM followups WHERE run_id = $run_id
        UNION ALL SELECT ip, service, 'enumerate' FROM enumerations WHERE run_id = $run_id
    ) GROUP BY ip, service
)
SELECT ip, service, protocol, tls_mode, outcome, stage, greeting, starttls_accepted, tls.version AS tls_version,
       ssh.host_key_algorithms AS host_key_algorithms,
       list_transform(ssh.host_keys, lambda key: key.algorithm) AS host_keys_shown, purposes
FROM last LEFT JOIN done USING (ip, service)
ORDER BY ip, service
"""

_FOLLOWUPS = """
SELECT (SELECT count(*) FROM followups WHERE run_id = $run_id)
     + (SELECT count(DISTINCT (ip, service)) FROM enumerations WHERE run_id = $run_id)
"""


@dataclass(frozen=True, slots=True)
class FirstGrab:
    """One service of one host as the last attempt of its first grab showed it; fields as in `grabs`."""

    ip: str
    service: str
    protocol: str
    tls_mode: TlsMode
    outcome: Outcome
    stage: Stage
    greeting: str | None
    starttls_accepted: bool | None
    tls_version: int | None
    host_key_algorithms: tuple[str, ...]
    host_keys_shown: tuple[str, ...]
    """Algorithms of the host keys that were shown."""
    asked_again: frozenset[str]
    """Purposes of the follow-ups that are on disk."""


class FirstGrabs:
    """Every service that was grabbed, by address, as it is on disk when this is made. It costs no memory."""

    def __init__(self, data: Path, run_id: str) -> None:
        """Look what there is.

        Raises:
            StageFailed: there is no room on the disk to note it down.
        """
        self._rows = RowsOnDisk(data, _FIRST_GRABS, ("grabs", "followups", "enumerations"), run_id=run_id)

    def __iter__(self) -> Iterator[FirstGrab]:
        return map(_first_grab, self._rows)


def _first_grab(row: dict[str, Any]) -> FirstGrab:
    return FirstGrab(
        ip=row["ip"],
        service=row["service"],
        protocol=row["protocol"],
        tls_mode=TlsMode(row["tls_mode"]),
        outcome=Outcome(row["outcome"]),
        stage=Stage(row["stage"]),
        greeting=row["greeting"],
        starttls_accepted=row["starttls_accepted"],
        tls_version=row["tls_version"],
        host_key_algorithms=tuple(row["host_key_algorithms"] or ()),
        host_keys_shown=tuple(row["host_keys_shown"] or ()),
        asked_again=frozenset(row["purposes"] or ()),
    )


def followup_count(data: Path, run_id: str) -> int:
    """How many follow-ups a run has on disk; the enumeration of a service is one."""
    result = execute(data, _FOLLOWUPS, ("followups", "enumerations"), run_id=run_id)
    return int(result.fetchone()[0])
