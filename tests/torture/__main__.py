"""Runs the scenarios in turn, each with a seed of its own, until the time is up.

    PYTHONPATH=tests .venv/bin/python -m torture [--seconds 1200] [--seed N] [--short] [NAME ...]

The soak, which mostly waits, goes on beside the others from the first second: it has its part in any campaign that is
as long as it is. A shorter one says that it is left out.

Seeds are printed. `--seed` with a name repeats one scenario: what it does follows from its seed, apart from how busy
the machine is. A scenario that finds a fault leaves its directory.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from mailcensus.study import StudyError
from torture.kills import each_stage_killed, import_killed, passive_killed, resolve_killed, run_killed
from torture.machine import clock_jumps, dns_dead, machine_stalls, out_of_descriptors
from torture.network import link_down, rough_network
from torture.peers import hostile_peers
from torture.soak import soak
from torture.storage import disk_full, domains_damaged, parts_damaged

Scenario = Callable[[Path, random.Random], str]

SOAK = "soak"

SCENARIOS: dict[str, Scenario] = {
    "run-killed": run_killed,
    "parts-damaged": parts_damaged,
    "domains-damaged": domains_damaged,
    "disk-full": disk_full,
    "out-of-descriptors": out_of_descriptors,
    "clock-jumps": clock_jumps,
    "machine-stalls": machine_stalls,
    "link-down-zmap": partial(link_down, engine="zmap"),
    "link-down-masscan": partial(link_down, engine="masscan"),
    "link-down-connect": partial(link_down, engine="connect"),
    "rough-network": rough_network,
    "dns-dead": dns_dead,
    "hostile-peers": hostile_peers,
    "stages-killed": each_stage_killed,
    "resolve-killed": resolve_killed,
    "import-killed": import_killed,
    "passive-killed": passive_killed,
    SOAK: soak,
}
SHORT: dict[str, Scenario] = {
    "run-killed": partial(run_killed, kills=2),
    "link-down-zmap": partial(link_down, engine="zmap"),
}
"""What `make test` has time for."""
_USUAL_S, _SOAK_S = 90.0, 1_000.0
_LONG_S = {"run-killed": 150.0, "parts-damaged": 180.0, "disk-full": 150.0, "stages-killed": 300.0}
"""What a scenario takes on a machine under load, until its own time is known."""


def main() -> int:
    """Run; the exit status is 1 where a fault was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SCENARIOS)}")
    parser.add_argument(
        "--seconds", type=float, default=1_200.0, help="how long it may take (default %(default)s)"
    )
    parser.add_argument("--seed", type=int, help="of the first round; drawn unless told")
    parser.add_argument("--rounds", type=int, default=1_000, help="how often all scenarios are gone through")
    parser.add_argument("--short", action="store_true", help="one round of a few scenarios")
    options = parser.parse_args()
    scenarios = SHORT if options.short else SCENARIOS
    unknown = set(options.names) - set(scenarios)
    if unknown:
        parser.error(f"no scenario {', '.join(sorted(unknown))}; there are: {', '.join(scenarios)}")
    wanted = {name: scenarios[name] for name in options.names or scenarios}
    seed = random.SystemRandom().randrange(1 << 16) if options.seed is None else options.seed
    rounds = 1 if options.short else options.rounds
    if wanted.keys() == {SOAK}:
        return 0 if _one(SOAK, soak, seed) else 1
    with _soak_beside(seed, options.seconds, wanted.pop(SOAK, None) is not None) as beside:
        failed = campaign(wanted, seed, options.seconds, rounds)
    return 1 if failed or any(process.returncode for process in beside) else 0


@contextmanager
def _soak_beside(seed: int, seconds: float, is_wanted: bool) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The soak in a process of its own, waited for at the end; none where it is not wanted or there is no time."""
    if not is_wanted:
        yield []
    elif seconds < _SOAK_S:
        sys.stdout.write(f"{SOAK} is left out: it wants {_SOAK_S:.0f} s\n")
        yield []
    else:
        with subprocess.Popen([sys.executable, "-m", "torture", SOAK, "--seed", str(seed)]) as process:
            yield [process]


def campaign(scenarios: dict[str, Scenario], seed: int, seconds: float, rounds: int) -> int:
    """Go through scenarios until the time or the rounds are over; one is not begun that may not end in time."""
    end_s = time.monotonic() + seconds
    takes_s = {name: _LONG_S.get(name, _USUAL_S) for name in scenarios}
    failed = 0
    for number in range(rounds):
        begun = 0
        for name, scenario in scenarios.items():
            began_s = time.monotonic()
            if began_s + takes_s[name] > end_s:
                continue
            begun += 1
            failed += not _one(name, scenario, seed + number)
            takes_s[name] = max(takes_s[name], 1.5 * (time.monotonic() - began_s))
        if not begun:
            break
    return 1 if failed else 0


def _one(name: str, scenario: Scenario, seed: int) -> bool:
    directory = Path(tempfile.mkdtemp(prefix=f"torture-{name}-"))
    directory.chmod(0o755)
    began_s = time.monotonic()
    try:
        result, held = scenario(directory, random.Random(seed)), True
    except (AssertionError, OSError, subprocess.SubprocessError, StudyError):  # the others have their turn
        result, held = f"{traceback.format_exc()}left in {directory}", False
    if held:
        shutil.rmtree(directory)
    took_s = time.monotonic() - began_s
    sys.stdout.write(f"{'ok   ' if held else 'FAULT'} {name} --seed {seed}  {took_s:.0f} s  {result}\n")
    sys.stdout.flush()
    return held


if __name__ == "__main__":
    sys.exit(main())
