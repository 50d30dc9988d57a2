"""What a report says of a run that asked a sample."""

from __future__ import annotations

import pyarrow as pa
import pytest

from mailcensus.report.provenance import facts, sample_words
from mailcensus.report.summary import headlines
from mailcensus.study import Settings

VALUES = {
    "sampled_from": 50_000,
    "hits_estimated": 350,
    "hits_estimated_low": 170,
    "hits_estimated_high": 718,
}


def summary(values: dict[str, int | None]) -> pa.Table:
    rows = [
        {
            "name": name,
            "value": value,
            "denominator": values["sampled_from"] if name.startswith("hits") else None,
            "denominator_name": "sampled_from",
            "share": value / 50_000 if value and name.startswith("hits") else None,
            "definition": "",
        }
        for name, value in values.items()
    ]
    return pa.Table.from_pylist(rows)


def test_the_estimate_stands_on_the_first_screen_with_its_interval() -> None:
    (shown,) = headlines(summary(dict(VALUES)))
    assert (shown.value, shown.of) == (
        "350",
        "0.7 % of 50,000 addresses that may be asked, 95 % interval 170 to 718",
    )


def test_without_a_sample_there_is_no_estimate() -> None:
    assert headlines(summary(dict.fromkeys(VALUES))) == []


@pytest.mark.parametrize("sampled_from", [None, 50_000])
def test_a_sample_says_that_it_is_one_and_of_what(sampled_from: int | None) -> None:
    runs = pa.table({"asked": [1000, 12], "sampled_from": pa.array([sampled_from, None], pa.int64())})
    words = sample_words(runs)
    if sampled_from is None:
        assert words is None
    else:
        assert "random sample: 1,000 addresses were asked of the 50,000 that may be asked" in (words or "")


def test_every_source_and_whatever_narrows_it_is_named() -> None:
    population = {
        "country": ["ie", "MT"],
        "country_database": "countries.mmdb",
        "as_numbers": [1213],
        "as_database": "asn.csv",
        "hits_of": "../2025",
        "routed": "rv.pfx2as",
        "sample": "1%",
        "shard": "2/8",
    }
    account = facts(Settings.model_validate({"population": population}), pa.table({"started_at": []}))
    assert list(account[0].lines) == [
        "countries IE, MT by countries.mmdb",
        "AS1213 by asn.csv",
        "hits of ../2025",
        "only what is announced by rv.pfx2as",
        "only shard 2/8",
        "only a random sample: 1%",
        "special-purpose ranges (RFC 6890) left out",
        "order from seed 2026",
    ]
