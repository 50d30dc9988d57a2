"""What a run writes down of its politeness: the ledger, and what each exclusion does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

from mailcensus.dataset.named_hosts import hosts_named_under
from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.run import CurrentRun
from mailcensus.model import Exclusion
from mailcensus.population import Exclusions
from mailcensus.population.address import parse_address
from mailcensus.population.exclusions import Account
from mailcensus.probe.ledger import Ledger
from mailcensus.probe.ledger_parts import LedgerParts

WRITE_S = 5.0
"""What a kill at the wrong moment leaves uncounted, at most."""
_LOOKS = 3
"""How often hosts on disk are looked through after a change of the excluded domains: grabs take 5 s to get there."""


class Books:
    """Keeps the books of one run in one process. Belongs to the running event loop."""

    def __init__(self, run: CurrentRun, exclusions: Exclusions, ledger: Ledger) -> None:
        self._run = run
        self._exclusions = exclusions
        self._ledger = ledger
        self._ledger_parts = LedgerParts(run.data, run.run_id)
        self._exclusion_parts = PartWriter(run.data, "exclusions", Exclusion)
        self._written: set[tuple[str, str, bool]] = set()
        self._domains = exclusions.domains
        self._looks = 1

    async def keep(self) -> None:
        """Write every few seconds, until cancelled.

        Raises:
            StageFailed: it could not be written.
        """
        while True:
            await asyncio.sleep(WRITE_S)
            self._ledger_parts.write(self._ledger.take())
            self._write_exclusions()
            await self.look_for_names()

    async def look_for_names(self) -> None:
        """Exclude hosts that have named themselves under a domain that is excluded by now."""
        if self._exclusions.domains != self._domains:
            self._domains = self._exclusions.domains
            self._looks = _LOOKS
        if self._looks and self._domains:
            self._looks -= 1
            for ip, names in await asyncio.to_thread(self._named):
                self._exclusions.name_seen(*parse_address(ip), names)

    def close(self) -> None:
        """Write what is left, and merge parts.

        Raises:
            StageFailed: it could not be written.
        """
        self._ledger_parts.write(self._ledger.take(everything=True))
        self._ledger_parts.close()
        self._write_exclusions()
        self._exclusion_parts.compact()

    def _named(self) -> list[tuple[str, list[str]]]:
        return list(hosts_named_under(self._run.data, self._domains))

    def _write_exclusions(self) -> None:
        if self._exclusions.has_news:
            self._exclusion_parts.write(list(self._exclusion_rows()))

    def _exclusion_rows(self) -> Iterator[Exclusion]:
        """A row for each entry that is new, counted for the first time, or has stopped somebody."""
        now = datetime.now(UTC)
        for account in self._exclusions.accounts():
            known = (account.file, account.entry.name, account.addresses is not None)
            if account.refused or known not in self._written:
                self._written.add(known)
                yield _row(self._run.run_id, now, account)


def _row(run_id: str, now: datetime, account: Account) -> Exclusion:
    entry = account.entry
    return Exclusion(
        run_id=run_id,
        written_at=now,
        file=account.file,
        entry=entry.name,
        kind=entry.kind,
        reason=entry.reason,
        since=entry.since,
        addresses=account.addresses,
        refused=account.refused,
    )
