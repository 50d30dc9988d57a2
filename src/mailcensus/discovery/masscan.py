"""masscan as a packet engine: 1.3.

What this version does that one has to know:

- it fills its output in blocks and may not write the last one when it ends; `stdbuf` makes it write each line;
- when all is sent and waited for, its receiving thread ends with the next packet only, which on a quiet network may
  never come; so it is over when it says that it has waited long enough, and is ended then;
- its receive buffer has room for some 16 packets where the interface joins segments (TSO, GSO, GRO), and answers
  that come in bursts are lost; where the interface does not, for over a thousand.
"""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mailcensus.discovery.engines import Answer, Heard, Job, check_version, find_program, output_of
from mailcensus.discovery.route import has_offloads

_LOG = logging.getLogger(__name__)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OLDEST = (1, 3)
_CONFIGURATION = Path("/etc/masscan/masscan.conf")
_BURST_PER_S = 1_000.0
"""Below this rate, answers hardly come in bursts that its smaller buffer cannot hold."""
_STATUS = re.compile(r"rate:.*?(\d+(?:\.\d+)?)% done")
_WAITED = re.compile(r"waiting -\d+-secs")

_MENDS = (
    (r"router|gateway|ARP", "it cannot find the gateway; set discovery.gateway_mac"),
    (r"ermitted|ermission|need to sudo|as root", "it needs root (raw sockets); run as root"),
    (r"No such device|interface|adapter|if:", "it cannot use the interface; set discovery.interface"),
)


class Masscan:
    """An `engines.Engine`."""

    name = "masscan"

    def __init__(self) -> None:
        """Find it.

        Raises:
            StageFailed: it is not installed, or too old.
        """
        self._path = find_program("masscan", "masscan")
        self._stdbuf = find_program("stdbuf", "coreutils")
        check_version("masscan", output_of(self._path, "--version"), _OLDEST)
        self._warned: set[str] = set()

    def command(self, job: Job) -> list[str]:
        """See Engine."""
        self._warn(job)
        settings, mac = job.settings, job.route.gateway_mac
        return [
            *(self._stdbuf, "-oL", self._path),
            *("--includefile", str(job.targets)),
            *(("--excludefile", str(job.exclusions)) if job.exclusions.stat().st_size else ()),
            *("--ports", str(job.port)),
            *("--rate", f"{job.rate_per_s:.3f}"),
            *("--seed", str(job.seed)),
            *("--retries", str(settings.retries)),
            *("--wait", str(settings.cooldown_s)),
            *("--adapter", job.route.interface),
            *(("--router-mac", mac) if mac else ()),
            *(("--source-port", str(settings.source_port)) if settings.source_port else ()),
            *("-oL", "-"),
        ]

    def answer(self, line: str) -> Answer | None:
        """See Engine: `open tcp 25 192.0.2.1 1795319541`."""
        match line.split():
            case ["open", "tcp", port, ip, seconds] if port.isdigit() and seconds.isdigit():
                return Answer(ip, int(port), _EPOCH + timedelta(seconds=int(seconds)))
        return None

    def heard(self, line: str) -> Heard:
        """See Engine: `rate:  0.10-kpps, 31.64% done,   0:00:13 remaining, found=81`."""
        status = _STATUS.search(line)
        if status is None:
            return Heard(complete=line == "# end")
        return Heard(sent=float(status[1]) / 100, over=_WAITED.search(line) is not None)

    def explain(self, talk: str) -> str | None:
        """See Engine."""
        return next((mend for pattern, mend in _MENDS if re.search(pattern, talk)), None)

    def _warn(self, job: Job) -> None:
        interface = job.route.interface
        if job.rate_per_s > _BURST_PER_S and interface not in self._warned and has_offloads(interface):
            self._warned.add(interface)
            _LOG.warning(
                "masscan loses answers that come in bursts while %s joins segments; turn that off for the scan: "
                "ethtool -K %s tso off gso off gro off",
                interface,
                interface,
            )
        if _CONFIGURATION.exists() and str(_CONFIGURATION) not in self._warned:
            self._warned.add(str(_CONFIGURATION))
            _LOG.warning("masscan reads %s as well; whom it leaves out there is not asked", _CONFIGURATION)
