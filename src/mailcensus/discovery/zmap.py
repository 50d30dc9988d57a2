"""zmap as a packet engine: 2.1 (Debian 12 and 13) to 4.3.

What differs between versions is asked of the program itself: its help names the options, its list of output fields
the fields.
"""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime, timedelta

from mailcensus.discovery.engines import Answer, Heard, Job, check_version, find_program, output_of
from mailcensus.study import StageFailed

_LOG = logging.getLogger(__name__)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OLDEST = (2, 1)
_SENT = re.compile(r"^\s*(?:\d+:)+\d\d (\d+)%.*; send: \d+")

_DROPS = re.compile(r"drops: [1-9]")

_MENDS = (
    (
        r"GW MAC|gateway mac",
        "it cannot find the gateway; set discovery.gateway_mac, or ping the gateway once",
    ),
    (r"ermitted|Are you root|ermission", "it needs root (raw sockets); run as root"),
    (r"No such device|iface|interface", "it cannot use the interface; set discovery.interface"),
    (
        r"No space left",
        "the disk for temporary files is full; free some space and run the same command again",
    ),
)


class Zmap:
    """An `engines.Engine`."""

    name = "zmap"
    _has_warned = False

    def __init__(self) -> None:
        """Find it, and learn how this version is called.

        Raises:
            StageFailed: it is not installed, or too old.
        """
        self._path = find_program("zmap", "zmap")
        check_version("zmap", output_of(self._path, "--version"), _OLDEST)
        options = output_of(self._path, "--help")
        listed = output_of(self._path, "--list-output-fields")
        newer = "--allowlist-file" in options
        self._allow, self._deny = (
            ("--allowlist-file", "--blocklist-file") if newer else ("--whitelist-file", "--blacklist-file")
        )
        self._port = "--target-ports" if "--target-ports" in options else "--target-port"
        self._batch = ["--batch=1"] if "--batch" in options else []
        # At the start of a line: zmap 4 still has the old name in the description of another field.
        dash = "-" if re.search(r"^timestamp-ts\b", listed, re.MULTILINE) else "_"
        self._fields = f"saddr,sport,classification,success,timestamp{dash}ts,timestamp{dash}us"

    def command(self, job: Job) -> list[str]:
        """See Engine.

        Raises:
            StageFailed: it cannot send so slowly.
        """
        if job.rate_per_s < 1:
            raise StageFailed(
                f"zmap cannot send {job.rate_per_s:.2g} packets a second, the rate that politeness allows here; "
                'one is the least: set discovery.engine = "masscan" or "connect"'
            )
        configuration = job.targets.with_name("zmap.conf")
        configuration.touch()  # in place of the system's, whose block list is not ours
        settings, mac = job.settings, job.route.gateway_mac
        return [
            self._path,
            f"--config={configuration}",
            f"{self._allow}={job.targets}",
            f"{self._deny}={job.exclusions}",
            f"{self._port}={job.port}",
            f"--rate={int(job.rate_per_s)}",
            f"--seed={job.seed}",
            f"--probes={1 + settings.retries}",
            f"--cooldown-time={settings.cooldown_s}",
            f"--interface={job.route.interface}",
            *([f"--gateway-mac={mac}"] if mac else []),
            *([f"--source-port={settings.source_port}"] if settings.source_port else []),
            *self._batch,
            "--sender-threads=1",
            "--disable-syslog",
            "--output-module=csv",
            f"--output-fields={self._fields}",
            "--output-file=-",
        ]

    def answer(self, line: str) -> Answer | None:
        """See Engine: saddr,sport,classification,success,seconds,microseconds."""
        match line.split(","):
            case [ip, port, "synack", "1", seconds, micros] if seconds.isdigit() and micros.isdigit():
                seen_at = _EPOCH + timedelta(seconds=int(seconds), microseconds=int(micros))
                return Answer(ip, int(port), seen_at)
        return None

    def heard(self, line: str) -> Heard:
        """See Engine: ` 0:02 57%; send: 201 99 p/s ...` once a second; the share counts the cool-down in."""
        sent = _SENT.match(line)
        if sent and not self._has_warned and _DROPS.search(line):
            self._has_warned = True
            _LOG.warning(
                "zmap: this machine could not keep up and lost answers; lower politeness.connections_per_s, "
                "or set discovery.retries"
            )
        if sent:
            return Heard(sent=int(sent[1]) / 100)
        return Heard(complete=line.endswith("zmap: completed"))

    def explain(self, talk: str) -> str | None:
        """See Engine."""
        return next((mend for pattern, mend in _MENDS if re.search(pattern, talk)), None)
