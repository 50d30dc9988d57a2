"""Fuzz every target for a while, one after the other; exit status 1 where one has found a bug.

    python -m fuzz [--seconds 60] [--keep] [TARGET ...]

What it finds on the way is kept in .fuzz/ and used again. Inputs that break a target are named; put each into
fuzz/corpus/<target>/ with the fix. --keep fuzzes nothing, and adds to fuzz/corpus what has found new paths.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from fuzz.targets import CORPUS, TARGETS, Target

FOUND = Path(".fuzz")
INPUT_TIMEOUT_S = 10
MEMORY_MB = 1_024
KEPT_BYTES = 4_096
"""The longest input worth keeping; the corpus is to stay small."""


def main() -> int:
    """Fuzz and say how it went."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=" ".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default %(default)s)")
    parser.add_argument("--keep", action="store_true", help="add what was found to fuzz/corpus")
    options = parser.parse_args()
    unknown = sorted(set(options.targets) - set(TARGETS))
    if unknown:
        parser.error(f"no such target: {', '.join(unknown)}")
    targets = [TARGETS[name] for name in options.targets or TARGETS]
    if options.keep:
        return max(_keep(target) for target in targets)
    return max(_fuzz(target, options.seconds) for target in targets)


def _fuzz(target: Target, seconds: int) -> int:
    found, log = FOUND / target.name, FOUND / f"{target.name}.log"
    found.mkdir(parents=True, exist_ok=True)
    arguments = (
        f"-max_total_time={seconds}",
        f"-timeout={INPUT_TIMEOUT_S}",
        f"-rss_limit_mb={MEMORY_MB}",
        f"-max_len={target.max_bytes}",
        f"-artifact_prefix={FOUND}/bug-{target.name}-",
    )
    status = _one(target, (*arguments, str(found), str(CORPUS / target.name)), log)
    lines = log.read_text(errors="replace").splitlines()
    last = next((line for line in reversed(lines) if "DONE" in line), "")
    print(f"{target.name:14} {last.strip() or f'stopped with status {status}'}", flush=True)
    if status:
        print(
            "\n".join(line for line in lines if "ERROR" in line or "Exception" in line or "Test unit" in line)
        )
        print(f"  see {log}")
    return int(status != 0)


def _keep(target: Target) -> int:
    corpus = CORPUS / target.name
    corpus.mkdir(parents=True, exist_ok=True)
    found = FOUND / target.name
    found.mkdir(parents=True, exist_ok=True)
    before = len(list(corpus.iterdir()))
    arguments = ("-merge=1", f"-max_len={KEPT_BYTES}", str(corpus), str(found))
    status = _one(target, arguments, FOUND / f"{target.name}-keep.log")
    print(f"{target.name:14} {before} -> {len(list(corpus.iterdir()))} files", flush=True)
    return int(status != 0)


def _one(target: Target, arguments: tuple[str, ...], log: Path) -> int:
    with log.open("wb") as output:
        command = [sys.executable, "-m", "fuzz.one", target.name, *arguments]
        return subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
