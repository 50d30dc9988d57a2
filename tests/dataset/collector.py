"""Plays collection: records what is pending, flushing often, until nothing is left. Killed and run again."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mailcensus.dataset.pending import Pending
from mailcensus.dataset.recorder import Recorder
from observations import SERVICES, observation


def say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


data = Path(sys.argv[1])
recorder = Recorder(data, flush_rows=7)
for number, host in enumerate(Pending(data, "r", SERVICES, 3)):
    if number == 0:
        say("open\n")
    octets = host.ip.split(".")
    for ask in host.asks:
        recorder.add(observation(int(octets[2]) * 256 + int(octets[3]), ask.service))
recorder.close()
recorder.compact()
say("done\n")
