"""One target under atheris, in a process of its own: libFuzzer ends the process when it is done or has found a bug.

python -m fuzz.one TARGET LIBFUZZER-ARGUMENTS...
"""

from __future__ import annotations

import shlex
import sys

import atheris

READING = [
    "mailcensus.dataset.imports",
    "mailcensus.facts.domains",
    "mailcensus.passive",
    "mailcensus.population",
    "mailcensus.probe.dns_reading",
    "mailcensus.probe.policy_response",
    "mailcensus.senders.tls_reports",
    "mailcensus.wire",
]
"""Where the readers are: atheris sees the paths through these."""

with atheris.instrument_imports(include=READING, enable_loader_override=False):
    from fuzz.targets import TARGETS, glass


def main() -> None:
    """Fuzz until libFuzzer has had enough."""
    name, *arguments = sys.argv[1:]
    target = TARGETS[name]

    def test_one_input(data: bytes) -> None:
        target(data)

    with glass():
        # To merge, libFuzzer starts itself again: a shell runs what it takes for its own name.
        ourselves = f"{shlex.quote(sys.executable)} -m fuzz.one {name}"
        atheris.Setup([ourselves, *arguments], test_one_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
