"""Serves a lab until it is told to stop: `python -m mailcensus.lab.serve --help`."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path

import uvloop

from mailcensus.lab.ledger import Ledger
from mailcensus.lab.material import Material
from mailcensus.lab.plan import Plan, plan_from_json
from mailcensus.lab.population import DEFAULT_BLOCK, DEFAULT_PORT_OFFSET, make_plan
from mailcensus.lab.servers import listening
from mailcensus.lab.truth import truth_of
from mailcensus.study import StudyError


def serve(
    plan: Plan, *, truth_path: Path | None = None, ledger_path: Path | None = None, wildcard: bool = False
) -> None:
    """Serve a plan; print `ready` on stdout once all of it listens; return on SIGTERM or SIGINT.

    Args:
        plan: whom to play.
        truth_path: where to write the truth, before `ready`.
        ledger_path: where to write what was asked, one JSON line a connection.
        wildcard: see `servers.listening`.
    Raises:
        StudyError: see `servers.listening`.
    """
    material = Material(plan)
    if truth_path is not None:
        truth_path.write_text(truth_of(plan, material).to_json(), encoding="utf-8")
    ledger = Ledger(ledger_path)
    try:
        uvloop.run(_until_stopped(plan, material, ledger, wildcard))
    finally:
        ledger.close()


async def _until_stopped(plan: Plan, material: Material, ledger: Ledger, wildcard: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with listening(plan, ledger, material, wildcard=wildcard):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await stop.wait()


def main(arguments: list[str] | None = None) -> int:
    """The command line. Returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        serve(
            _plan(options),
            truth_path=options.truth,
            ledger_path=options.ledger,
            wildcard=options.wildcard,
        )
    except StudyError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _plan(options: argparse.Namespace) -> Plan:
    if options.plan is None:
        return make_plan(options.seed, options.size, block=options.block, port_offset=options.port_offset)
    try:
        return plan_from_json(options.plan.read_text(encoding="utf-8"))
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise StudyError(f"{options.plan}: not a lab plan: {error!r}; write one with Plan.to_json") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mailcensus.lab.serve",
        description="Serve a population of mail hosts on loopback until SIGTERM; prints `ready` when all listen.",
        epilog="example: python -m mailcensus.lab.serve --size 50 --truth truth.json --ledger asked.jsonl",
    )
    parser.add_argument("--seed", type=int, default=2026, help="draws the population (default %(default)s)")
    parser.add_argument("--size", type=int, default=400, help="number of hosts (default %(default)s)")
    parser.add_argument("--block", default=DEFAULT_BLOCK, help="their prefix (default %(default)s)")
    parser.add_argument(
        "--port-offset",
        type=int,
        default=DEFAULT_PORT_OFFSET,
        help="added to the standard ports (default %(default)s)",
    )
    parser.add_argument("--plan", type=Path, help="serve this plan (JSON) instead of drawing one")
    parser.add_argument("--truth", type=Path, help="write the truth here (JSON)")
    parser.add_argument("--ledger", type=Path, help="write what was asked here (JSON lines)")
    parser.add_argument(
        "--wildcard",
        action="store_true",
        help="one socket a port on 0.0.0.0; only inside a network namespace of its own",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
