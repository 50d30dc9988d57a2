"""Several machines that ask, an office, and the hosts in between: network namespaces around one in the middle.

    office  10.78.0.2 ==veth==            ==veth== 10.78.1.2  first vantage
                               the middle ==veth== 10.78.2.2  second vantage ...

The middle forwards between the others, and all of 10.77.0.0/22 is local to it. Nothing leaves the namespaces.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count

BLOCK = "10.77.0.0/22"
_NUMBERS = count()


@dataclass(frozen=True)
class Star:
    """The namespaces by number: 0 is the office, then the vantages."""

    name: str
    vantages: int

    @property
    def middle(self) -> str:
        """The namespace of the hosts."""
        return f"{self.name}m"

    def address(self, number: int) -> str:
        """Where a machine is."""
        return f"10.78.{number}.2"

    def command(self, number: int, *words: str) -> list[str]:
        """A command line that runs on a machine; it becomes the process that is started."""
        return ["ip", "netns", "exec", f"{self.name}{number}", *words]

    def mailcensus(self, number: int, *words: str) -> list[str]:
        """A mailcensus command line that runs on a machine."""
        return self.command(number, sys.executable, "-m", "mailcensus", *words)

    def in_the_middle(self, *words: str) -> list[str]:
        """A Python command line that runs among the hosts."""
        return self.command_in_the_middle(sys.executable, *words)

    def command_in_the_middle(self, *words: str) -> list[str]:
        """A command line that runs among the hosts."""
        return ["ip", "netns", "exec", self.middle, *words]


@contextmanager
def star(vantages: int) -> Iterator[Star]:
    """Make the namespaces; they end with the block."""
    here = Star(f"mcs{os.getpid()}-{next(_NUMBERS)}", vantages)
    with ExitStack() as stack:
        _namespace(stack, here.middle)
        _ip("-n", here.middle, "route", "add", "local", BLOCK, "dev", "lo")
        forward = "import pathlib; pathlib.Path('/proc/sys/net/ipv4/ip_forward').write_text('1')"
        subprocess.run(here.in_the_middle("-c", forward), check=True, timeout=20)
        for number in range(vantages + 1):
            spoke = f"{here.name}{number}"
            _namespace(stack, spoke)
            link = f"to{number}"
            _ip(
                "link",
                "add",
                "way",
                "netns",
                spoke,
                "type",
                "veth",
                "peer",
                "name",
                link,
                "netns",
                here.middle,
            )
            _ip("-n", here.middle, "addr", "add", f"10.78.{number}.1/30", "dev", link)
            _ip("-n", spoke, "addr", "add", f"{here.address(number)}/30", "dev", "way")
            _ip("-n", here.middle, "link", "set", link, "up")
            _ip("-n", spoke, "link", "set", "way", "up")
            _ip("-n", spoke, "route", "add", "default", "via", f"10.78.{number}.1")
        yield here


def _namespace(stack: ExitStack, name: str) -> None:
    _ip("netns", "add", name)
    stack.callback(_ip, "netns", "del", name)
    _ip("-n", name, "link", "set", "lo", "up")


def _ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True, timeout=20).stdout
