"""The ledger: what is counted is what was sent, in memory, on disk and after a kill; the clock is a number."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.dataset.parts import visible_files
from mailcensus.population.network import first_address, network_of, network_text
from mailcensus.probe.ledger import HOUR_S, Ledger
from mailcensus.probe.ledger_parts import LedgerParts

BEGIN = 500_000 * HOUR_S
NETWORKS = st.integers(0, (1 << 24) - 1) | st.integers(0, (1 << 48) - 1).map(lambda bits: bits | 1 << 48)


class Clock:
    def __init__(self) -> None:
        self.now = float(BEGIN)

    def __call__(self) -> float:
        return self.now


def rows_of(data: Path, table: str) -> list[dict[str, Any]]:
    return [row for file in visible_files(data / table) for row in pq.read_table(file).to_pylist()]


def test_a_network_of_ipv4_is_a_24_and_of_ipv6_a_48() -> None:
    assert network_text(network_of(4, 0xC0000207)) == "192.0.2.0/24"
    assert network_text(network_of(6, 0x20010DB8_0007_0001 << 64)) == "2001:db8:7::/48"
    assert network_of(4, 7) != network_of(6, 7)


@given(NETWORKS)
def test_the_first_address_of_a_network_is_in_it(network: int) -> None:
    assert network_of(*first_address(network)) == network


def test_connections_are_counted_by_network_hour_and_second() -> None:
    clock = Clock()
    ledger = Ledger(clock, as_of=lambda network: 64500 if network >> 16 == 10 else None)
    for at, value, now_open in (
        *((0.0, 0x0A000001, 1), (0.1, 0x0A000002, 2), (0.9, 0x0A000101, 7)),
        *((1.0, 0x0A000003, 1), (3600.0, 0x0B000001, 3)),
    ):
        clock.now = BEGIN + at
        ledger.count(4, value, now_open)
    first, second = ledger.take(everything=True)
    assert (first.hour, second.hour) == (BEGIN, BEGIN + HOUR_S)
    assert (first.attempts, first.peak_per_s, first.peak_at) == (4, 3, BEGIN)
    assert (first.peak_as_per_s, first.peak_open) == (3, 7)
    assert [(to.asn, to.attempts, to.peak_per_s) for to in first.networks.values()] == [
        (64500, 3, 2),
        (64500, 1, 1),
    ]
    assert (second.attempts, second.peak_as_per_s, second.peak_open) == (1, None, 3)
    assert ledger.take(everything=True) == []


def test_a_second_that_goes_on_is_not_split() -> None:
    clock = Clock()
    ledger = Ledger(clock)
    ledger.count(4, 1, 1)
    assert ledger.take() == []
    ledger.count(4, 1, 1)
    clock.now += 1
    (hour,) = ledger.take()
    assert hour.peak_per_s == 2


def test_slices_of_packet_engines_are_counted_too() -> None:
    ledger = Ledger(Clock())
    ledger.count_slice(["10.0.0.1", "10.0.0.2", "10.0.1.1", "::ffff:10.0.1.2"], packets_each=2, per_s=3.2)
    (hour,) = ledger.take()
    assert (hour.attempts, hour.peak_per_s) == (8, 3)
    assert [to.attempts for to in hour.networks.values()] == [4, 4]


def test_the_ledger_on_disk_says_what_was_sent_whenever_it_is_written_and_added_up(tmp_path: Path) -> None:
    chance = random.Random(5)
    clock = Clock()
    ledger, parts = Ledger(clock), LedgerParts(tmp_path, "r", networks_kept=60)
    truth: Counter[tuple[int, str]] = Counter()
    for number in range(3000):
        clock.now += chance.expovariate(0.2)
        value = 0x0A000000 + chance.randrange(100 << 8)
        ledger.count(4, value, 1)
        truth[int(clock.now) // HOUR_S, network_text(value >> 8)] += 1
        if number % 40 == 0:
            parts.write(ledger.take())
        if number == 1500:  # a kill, after a write; the next session goes on
            parts.write(ledger.take(everything=True))
            parts = LedgerParts(tmp_path, "r", networks_kept=60)
    parts.write(ledger.take(everything=True))
    before = rows_of(tmp_path, "politeness")
    parts.close()
    for rows in (before, rows_of(tmp_path, "politeness")):
        told: Counter[tuple[int, str]] = Counter()
        for row in rows:
            told[int(row["hour"].timestamp()) // HOUR_S, row["network"]] += row["attempts"]
        assert told == truth
    assert sum(row["attempts"] for row in rows_of(tmp_path, "politeness_peaks")) == 3000
    assert len(visible_files(tmp_path / "politeness")) == 1


def test_an_hour_has_one_row_for_each_network_however_often_it_was_written(tmp_path: Path) -> None:
    clock = Clock()
    ledger, parts = Ledger(clock), LedgerParts(tmp_path, "r")
    for second in range(2 * HOUR_S):
        clock.now = BEGIN + second
        ledger.count(4, 0x0A000001 + (second % 7 << 8), 1)
        if second % 100 == 0:
            parts.write(ledger.take())
    parts.write(ledger.take(everything=True))
    assert len(visible_files(tmp_path / "politeness")) == 1 + 36
    parts.close()
    assert len(rows_of(tmp_path, "politeness")) == 2 * 7
    assert [row["peak_per_s"] for row in rows_of(tmp_path, "politeness_peaks")] == [1, 1]
