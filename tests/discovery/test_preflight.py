"""The looks of the preflight, one by one; DNS on loopback."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dns.rcode
import pytest

from mailcensus.discovery import preflight_machine
from mailcensus.discovery.preflight_line import Line
from mailcensus.discovery.preflight_machine import (
    ClockWatch,
    clock_lines,
    descriptor_line,
    disk_line,
    engine_line,
)
from mailcensus.discovery.preflight_names import name_lines, own_addresses
from mailcensus.model import Verdict
from mailcensus.study import Settings, Study
from name_server import Zone, name_server

ADDRESS, NAME = "198.41.0.4", "scan.example.org"  # a public address that is never asked
PTR = "4.0.41.198.in-addr.arpa"
GOOD: Zone = {
    (PTR, "PTR"): (f"{NAME}.",),
    (NAME, "A"): (ADDRESS,),
    (NAME, "TXT"): ('"research; https://scan.example.org"',),
}


def study(directory: Path, **sections: Mapping[str, Any]) -> Study:
    return Study(directory, Settings.model_validate(sections))


def looked_up(directory: Path, zone: Zone, name: str = NAME, opt_out: str = "") -> dict[str, Line]:
    with name_server(zone) as resolver:
        told = study(
            directory,
            study={"ehlo_name": name, "opt_out": opt_out},
            preflight={"addresses": [ADDRESS], "resolvers": [resolver]},
        )
        lines = asyncio.run(name_lines(told, own_addresses(told, ())))
    return {line.check: line for line in lines}


def test_a_vantage_that_says_who_it_is_is_well(tmp_path: Path) -> None:
    found = looked_up(tmp_path, GOOD)
    assert {check: line.verdict for check, line in found.items()} == {
        "reverse name": Verdict.OK,
        "EHLO name": Verdict.OK,
        "TXT record": Verdict.OK,
        "disclosure page": Verdict.UNKNOWN,
    }
    assert "research" in found["TXT record"].found


def test_a_vantage_that_hides_is_warned_of_and_told_how_to_mend_it(tmp_path: Path) -> None:
    found = looked_up(tmp_path, {(PTR, "PTR"): ("vps7.provider.example.",), (NAME, "A"): ("192.0.2.7",)})
    assert [found[check].verdict for check in ("reverse name", "EHLO name", "TXT record")] == [
        Verdict.WARNING
    ] * 3
    assert found["reverse name"].found == f"vps7.provider.example, not {NAME}"
    assert found["EHLO name"].found == f"has 192.0.2.7, not {ADDRESS}"
    assert all(found[check].mend for check in ("reverse name", "EHLO name", "TXT record"))


def test_a_resolver_that_fails_is_unknown_and_never_no(tmp_path: Path) -> None:
    failing = dns.rcode.SERVFAIL
    found = looked_up(tmp_path, {(PTR, "PTR"): failing, (NAME, "A"): failing, (NAME, "TXT"): failing})
    assert [found[check].verdict for check in ("reverse name", "EHLO name", "TXT record")] == [
        Verdict.UNKNOWN
    ] * 3


def test_a_name_that_is_none_is_not_looked_up(tmp_path: Path) -> None:
    found = looked_up(tmp_path, {}, name="scanner.invalid")
    assert found["EHLO name"].mend == "set study.ehlo_name"


def test_a_page_that_cannot_be_reached_is_a_warning(tmp_path: Path) -> None:
    line = looked_up(tmp_path, GOOD, opt_out="http://127.0.0.1:1/opt-out")["disclosure page"]
    assert (line.verdict, line.subject) == (Verdict.WARNING, "http://127.0.0.1:1/opt-out")


def test_a_private_vantage_asks_no_resolver(tmp_path: Path) -> None:
    told = study(tmp_path, preflight={"resolvers": ["127.0.0.1:1"]})
    (line,) = asyncio.run(name_lines(told, own_addresses(told, ["127.0.0.9"])))
    assert (line.verdict, line.check) == (Verdict.UNKNOWN, "names")
    assert "preflight.addresses" in str(line.mend)


def test_a_date_before_files_of_ours_cannot_be_right(tmp_path: Path) -> None:
    assert clock_lines(tmp_path)[0].verdict is Verdict.OK
    (tmp_path / "run.json").write_text("{}")
    os.utime(tmp_path / "run.json", (4e9, 4e9))
    assert clock_lines(tmp_path)[0].verdict is Verdict.FAILED


@pytest.mark.parametrize(
    ("status", "verdict"), [(True, Verdict.OK), (False, Verdict.WARNING), (None, Verdict.UNKNOWN)]
)
def test_the_kernel_says_whether_a_time_service_keeps_the_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: bool | None, verdict: Verdict
) -> None:
    monkeypatch.setattr(preflight_machine, "_ntp_status", lambda: status)
    assert clock_lines(tmp_path)[1].verdict is verdict


def test_the_kernel_can_be_asked() -> None:
    assert preflight_machine._ntp_status() in (True, False, None)


def test_a_wall_clock_that_jumps_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = ClockWatch()
    assert watch.line().verdict is Verdict.OK
    watch._wall -= 5
    assert watch.line().verdict is Verdict.WARNING


def test_more_connections_than_files_may_be_open_stop_a_run(tmp_path: Path) -> None:
    line = descriptor_line(study(tmp_path, politeness={"in_flight": 1 << 30}))
    assert line.verdict in (Verdict.FAILED, Verdict.OK)  # where the system has no limit it is well
    assert line.stops == (line.verdict is Verdict.FAILED)


def test_a_disk_that_would_fill_up_is_a_warning(tmp_path: Path) -> None:
    told = study(tmp_path)
    assert disk_line(told, 1_000).verdict is Verdict.OK
    assert disk_line(told, 1 << 62).verdict is Verdict.WARNING


def test_an_engine_that_is_not_installed_stops_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    line = engine_line(study(tmp_path, discovery={"engine": "zmap"}))
    assert (line.verdict, line.stops) == (Verdict.FAILED, True)
