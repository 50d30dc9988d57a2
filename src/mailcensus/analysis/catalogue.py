"""Every analysis table: its name, title, caption with the denominator, and rows."""

from __future__ import annotations

import ibis

from mailcensus.analysis import (
    host_locations,
    listeners,
    rows,
    run_table,
    services,
    software,
    summary,
)
from mailcensus.analysis.asking_tables import ASKING_TABLES
from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.mail_domains.tables import MAIL_DOMAIN_TABLES
from mailcensus.analysis.passive.tables import PASSIVE_TABLES
from mailcensus.analysis.posture.tables import POSTURE_TABLES
from mailcensus.analysis.protection_tables import PROTECTION_TABLES
from mailcensus.analysis.published.compare import PublishedValueRow, compare
from mailcensus.analysis.reuse_tables import REUSE_TABLES
from mailcensus.analysis.senders.tables import SENDER_TABLES
from mailcensus.analysis.table_spec import TableSpec

__all__ = ["TABLES", "TableSpec"]


def _published_values(evidence: Evidence) -> ibis.Table:
    return compare(evidence, TABLES)


TABLES: tuple[TableSpec, ...] = (
    TableSpec(
        "summary",
        "Summary",
        "The headline numbers. Every share names its denominator.",
        rows.SummaryRow,
        summary.summary,
    ),
    TableSpec(
        "run_table",
        "The run",
        "The newest run in one row, as published studies sum up a country. Every share names its denominator in "
        "its column.",
        run_table.RunTableRow,
        run_table.run_table,
    ),
    TableSpec(
        "services",
        "Services",
        "One row per service; hosts are counted by their last grab in the run. A host that was rate limited or "
        "timed out is unknown: it is in no numerator and in no 'known' denominator.",
        rows.ServiceRow,
        services.services,
    ),
    TableSpec(
        "listeners",
        "Listeners",
        "Hosts that take connections and hosts that show a key, for each service and over all. Shares are of the "
        "hosts and services that took the connection.",
        listeners.ListenerRow,
        listeners.listeners,
    ),
    TableSpec(
        "host_locations",
        "Where hosts are",
        "Hosts that took a connection, by the pair of coordinates that a database has for them; anycast addresses, and "
        "hosts whose place no database knows, are left out. `share` is of the hosts there that show a key.",
        host_locations.HostLocationRow,
        host_locations.host_locations,
    ),
    TableSpec(
        "outcomes",
        "Outcomes",
        "How the last grab of each host and service ended. Shares are of the hosts asked for that service.",
        rows.OutcomeRow,
        services.outcomes,
    ),
    TableSpec(
        "software",
        "Software",
        "What servers say they run. Hosts are counted once per protocol and version; shares are of the hosts that "
        "said anything on that protocol. The end of support is the maker's word: distributions mend old versions "
        "without changing the number.",
        rows.SoftwareRow,
        software.software,
    ),
    *REUSE_TABLES,
    *ASKING_TABLES,
    *POSTURE_TABLES,
    *PROTECTION_TABLES,
    *PASSIVE_TABLES,
    *MAIL_DOMAIN_TABLES,
    *SENDER_TABLES,
    TableSpec(
        "published_values",
        "Published values beside ours",
        "One row per number of a paper that one of these tables has too, with its source. Shares have the denominator "
        "of the table's column; years and ways of measuring differ.",
        PublishedValueRow,
        _published_values,
    ),
)
