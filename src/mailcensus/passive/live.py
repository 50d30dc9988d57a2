"""Listening to an interface: dumpcap or tcpdump captures, with the rights that it needs; we read what it writes.

The filter asks for the study's ports and for fragments, so that other traffic costs nothing. What the capturing
program lost is counted from its own words.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable
from types import TracebackType

from mailcensus.passive.captures.opening import Arriving
from mailcensus.study import StageFailed, StudyError

_PROGRAMS = ("dumpcap", "tcpdump")
_ENDS_WITHIN_S = 5.0
_DROPS = (
    # tcpdump, per line; dumpcap in one: "Packets received/dropped on interface 'lo': 10/2 (pcap:1/dumpcap:1/...)"
    (re.compile(r"(\d+) packets? dropped by kernel"), "dropped_by_system"),
    (re.compile(r"(\d+) packets? dropped by interface"), "dropped_by_interface"),
    (re.compile(r"Packets received/dropped on interface .*: \d+/(\d+)"), "dropped_by_system"),
)


class LiveCapture:
    """A capture that runs. A context manager: it is ended behind it.

    Attributes:
        stream: what it captures, as pcap or pcapng.
    """

    def __init__(self, interface: str, ports: Iterable[int], *, any_port: bool = False) -> None:
        """Begin to capture.

        Raises:
            StudyError: neither dumpcap nor tcpdump is installed.
        """
        program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
        if program is None:
            raise StudyError(
                f"--interface {interface}: needs dumpcap or tcpdump; install wireshark-common or tcpdump"
            )
        self._interface = interface
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 (closed by __exit__)
        wanted = (
            "tcp or ip6 or (ip[6:2] & 0x1fff != 0) or (vlan and (tcp or ip6))"
            if any_port
            else bpf_filter(ports)
        )
        # In a session of its own: Ctrl-C is ours to pass on, so that nothing captured is lost.
        self._process = subprocess.Popen(
            [program, *_arguments(program, interface), wanted],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._words,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self.stream = Arriving(self._process.stdout.fileno())

    def stop(self) -> None:
        """End it; its stream ends when all is read. Safe in a signal handler."""
        self._process.send_signal(signal.SIGINT)

    def dropped(self) -> Counter[str]:
        """What it lost, by its own words; empty where it does not say.

        Raises:
            StageFailed: it could not capture.
        """
        try:
            status = self._process.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        self._words.seek(0)
        words = self._words.read().decode(errors="replace")
        if status not in (0, -signal.SIGINT):
            last = words.strip().splitlines()[-1:] or ["it says nothing"]
            raise StageFailed(f"cannot capture on {self._interface}: {last[0]}")
        counts: Counter[str] = Counter()
        for pattern, name in _DROPS:
            counts.update({name: sum(map(int, pattern.findall(words)))})
        return +counts

    def __enter__(self) -> LiveCapture:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._words.close()


def bpf_filter(ports: Iterable[int]) -> str:
    """TCP on some ports, tagged by VLANs or not, and fragments, which have no ports."""
    listed = " or ".join(f"port {port}" for port in sorted(ports))
    plain = f"(tcp and ({listed})) or (ip[6:2] & 0x1fff != 0) or (ip6[6] = 44)"
    return f"{plain} or (vlan and ({plain}))"


def _arguments(program: str, interface: str) -> list[str]:
    if program.endswith("dumpcap"):
        return ["-q", "-i", interface, "-w", "-", "-f"]
    return ["-U", "-n", "-i", interface, "-w", "-"]
