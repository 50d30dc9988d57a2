"""Where the CPU of a TLS 1.2 first flight goes: tottime of a profile by room, in shares.

    PYTHONPATH=tests python -m bench.hot_path --grabs 1000

The profiler counts CPU time, not the clock. It weighs calls too heavily: shares tell where to look, not how long.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import pstats
import sys
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

import uvloop

from bench.nginx_mail import MailProxy, nginx_mail
from bench.ours import recorded_grabs

_ROOMS = ("wire/tls", "wire", "probe", "dataset", "population", "model", "study")


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--grabs", type=int, default=1_000, help="(default %(default)s)")
    arguments = parser.parse_args()
    with nginx_mail() as proxies:
        profile = uvloop.run(_profile(proxies["TLSv1.2"], arguments.grabs))
    _print(profile, arguments.grabs)
    return 0


async def _profile(proxy: MailProxy, grabs: int) -> cProfile.Profile:
    profile = cProfile.Profile(time.process_time)
    with recorded_grabs(
        proxy.addresses, proxy.port, grabs, in_flight=50, ehlo_name="scanner.invalid", finish=False
    ) as grab_many:
        await grab_many(grabs)
        await asyncio.sleep(0)
        profile.enable()
        await grab_many(grabs)
        profile.disable()
    return profile


def _print(profile: cProfile.Profile, grabs: int) -> None:
    spent: Counter[str] = Counter()
    calls = 0
    for (file, _, name), (_, count, own, _, _) in _stats(profile):
        spent[_room(file, name)] += own
        calls += count
    whole = sum(spent.values())
    print(
        f"{calls / grabs:,.0f} calls a grab; shares of {whole / grabs * 1e6:,.0f} us of CPU under the profiler"
    )
    for room, own in spent.most_common():
        print(f"{room:34}{own / whole:7.1%}")


def _stats(profile: cProfile.Profile) -> Iterable[Any]:
    stats: Any = pstats.Stats(profile)  # its types do not tell of `stats`
    rows: Iterable[Any] = stats.stats.items()
    return rows


def _room(file: str, name: str) -> str:
    if "/mailcensus/" in file:
        return next((room for room in _ROOMS if f"/mailcensus/{room}/" in file), "other rooms")
    if "openssl" in name or "cryptography" in name:
        return "hashes and signatures"
    if "pyarrow" in file or "pyarrow" in name or "posix" in name:
        return "Arrow, Parquet and the disk"
    return "Python's own types" if file == "~" else "standard library"


if __name__ == "__main__":
    sys.exit(main())
