"""Under which name an address is asked: that of the mail exchange it is, for the server name (SNI) of TLS."""

from __future__ import annotations

from pathlib import Path

from mailcensus.dataset.pending import execute, rows_of

_NAMES = """
WITH named AS (
    SELECT DISTINCT unnest(addresses) AS ip, exchange, domain FROM mx WHERE run_id = $run_id
)
SELECT ip, exchange FROM (SELECT ip, exchange, count(*) AS domains FROM named GROUP BY ALL)
QUALIFY row_number() OVER (PARTITION BY ip ORDER BY domains DESC, exchange) = 1
"""


def exchange_names_of(data: Path, run_id: str) -> dict[str, str]:
    """The name of each address that is a mail exchange of a run; of several the one that most domains use."""
    return dict(rows_of(execute(data, _NAMES, ("mx",), run_id=run_id)))
