"""End-of-life rows: dates by version, and rows that do not contradict each other."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest

from mailcensus.wire.software import Software, rules
from mailcensus.wire.software_end_of_life import _series, end_of_life

VERSIONS = [
    ("Exim", "4.84_2", date(2017, 12, 19)),
    ("Exim", "4.90_1", date(2018, 4, 15)),
    ("Exim", "4.92.3", date(2019, 12, 8)),
    ("Exim", "4.98.2", date(2025, 10, 28)),
    ("Exim", "4.99.1", None),
    ("Exim", "5.0", None),
    ("Exim", None, None),
    ("Exim", "unknown", None),
    ("nginx", "1.18.0", date(2021, 4, 20)),
    ("nginx", "1.9.15", date(2017, 4, 12)),
    ("nginx", "1.28.2", None),
    ("Apache", "2.2.15", date(2017, 7, 11)),
    ("Apache", "2.4.57", None),
    ("Microsoft IIS", "8.5", date(2023, 10, 10)),
    ("Microsoft IIS", "10.0", None),
    ("Microsoft SMTP Service", "6.0.3790.4675", date(2015, 7, 14)),
    ("Microsoft IIS", "5.0", date(2010, 7, 13)),
    ("Microsoft SMTP Service", "10.0.17763.1697", None),
    ("Postfix", "2.11.3", date(2021, 4, 29)),
    ("Dovecot", "1.0", None),
]


@pytest.mark.parametrize(("product", "version", "ended"), VERSIONS)
def test_a_version_ends_with_its_series(product: str, version: str | None, ended: date | None) -> None:
    found = end_of_life(Software(product, version))
    assert (found.ended if found else None) == ended


def test_rows_rise_and_name_products_we_know() -> None:
    known = {rule.product for rule in rules()}
    for product, series in _series().items():
        assert product in known
        assert list(series) == sorted(series, key=lambda row: row.below)
        assert all(row.end.source.startswith("https://") for row in series)
        assert all(a.end.ended <= b.end.ended for a, b in pairwise(series))
