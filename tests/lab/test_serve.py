"""The command that serves a lab, and its ledger in memory."""

import asyncio
from pathlib import Path

import pytest

from mailcensus.lab.ledger import Ledger, read_ledger
from mailcensus.lab.population import make_plan
from mailcensus.lab.serve import main
from mailcensus.lab.servers import listening
from places import own_block


def test_help_ends_with_a_command_that_runs(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "example: python -m mailcensus.lab.serve --size 50" in capsys.readouterr().out


def test_bad_arguments_and_bad_plans_are_one_line_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "plan.json"
    bad.write_text('{"seed": 1}')
    for arguments, words in (
        (["--size", "0"], "at least one host"),
        (["--plan", str(bad)], f"{bad}: not a lab plan"),
        (["--plan", str(tmp_path / "none")], "No such file"),
    ):
        assert main(arguments) == 2
        error = capsys.readouterr().err
        assert words in error
        assert error.count("\n") == 1


def test_without_a_file_the_ledger_keeps_visits_in_memory() -> None:
    plan = make_plan(seed=1, size=3, block=own_block(2))
    ledger = Ledger()
    host = next(host for host in plan.hosts if host.services)

    async def knock() -> None:
        async with listening(plan, ledger):
            _, writer = await asyncio.open_connection(host.ip, host.services[0].port)
            writer.close()
            await writer.wait_closed()
            while not ledger.visits:
                await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(knock(), 60))
    (visit,) = ledger.visits
    assert (visit.ip, visit.service, visit.heard) == (host.ip, host.services[0].name, [])


def test_a_ledger_line_that_is_still_being_written_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    ledger = Ledger(path)
    ledger.closed(ledger.opened("127.0.0.2", 25, "smtp", "127.0.0.1:4"), "fin")
    ledger.close()
    path.write_text(path.read_text() + '{"ip": "127.0')
    assert [(visit.ip, visit.end) for visit in read_ledger(path)] == [("127.0.0.2", "fin")]
