"""The ledger on disk: what was sent goes there every few seconds, and is added up at the end of each hour.

A part every few seconds loses little when a run is killed, but a network that is asked ten times in an hour would
have ten rows. So the parts of an hour are replaced by one that says the same in one row per network, and so are those
since the last such time when there are more networks than may be kept in mind.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from mailcensus.dataset.parts import PartWriter
from mailcensus.model import SentInAll, SentToNetwork
from mailcensus.population.network import network_text
from mailcensus.probe.ledger import SentInHour

NETWORKS_KEPT = 65_536
"""Networks that may be kept in mind until their hour is added up: some 20 MB."""


class LedgerParts:
    """Writes what a ledger has counted. One per dataset at a time."""

    def __init__(self, data: Path, run_id: str, *, networks_kept: int = NETWORKS_KEPT) -> None:
        self._run_id = run_id
        self._networks_kept = networks_kept
        self._networks = PartWriter(data, "politeness", SentToNetwork)
        self._totals = PartWriter(data, "politeness_peaks", SentInAll)
        self._hour: SentInHour | None = None
        """What the parts hold that have not been added up yet."""
        self._first_parts = (0, 0)

    def write(self, sent: Sequence[SentInHour]) -> None:
        """Write what was sent since the last time.

        Args:
            sent: as `Ledger.take` gives it.

        Raises:
            StageFailed: it could not be written.
        """
        for part in sent:
            if self._hour is not None and self._hour.hour != part.hour:
                self._add_up()
            if self._hour is None:
                self._hour = SentInHour(part.hour)
                self._first_parts = self._networks.next_number, self._totals.next_number
            self._networks.write(self._network_rows(part))
            self._totals.write([self._total_row(part)])
            self._hour.add(part)
            if len(self._hour.networks) > self._networks_kept:
                self._add_up()

    def close(self) -> None:
        """Add up the hour and merge the parts, when nothing more is to come.

        Raises:
            StageFailed: it could not be written.
        """
        self._add_up()
        self._networks.compact()
        self._totals.compact()

    def _add_up(self) -> None:
        hour, (first_networks, first_totals) = self._hour, self._first_parts
        if hour is not None:
            self._networks.write_over(first_networks, self._network_rows(hour))
            self._totals.write_over(first_totals, [self._total_row(hour)])
        self._hour = None

    def _network_rows(self, sent: SentInHour) -> list[SentToNetwork]:
        hour = _moment(sent.hour)
        return [
            SentToNetwork(
                run_id=self._run_id,
                hour=hour,
                network=network_text(network),
                asn=to.asn,
                attempts=to.attempts,
                peak_per_s=to.peak_per_s,
            )
            for network, to in sent.networks.items()
        ]

    def _total_row(self, sent: SentInHour) -> SentInAll:
        return SentInAll(
            run_id=self._run_id,
            hour=_moment(sent.hour),
            attempts=sent.attempts,
            peak_per_s=sent.peak_per_s,
            peak_at=_moment(sent.peak_at),
            peak_as_per_s=sent.peak_as_per_s,
            peak_open=sent.peak_open,
        )


def _moment(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)
