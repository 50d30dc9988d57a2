"""The doctor's look at the machine: Python, packages, packet engines and what these are allowed to do."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from mailcensus.discovery.preflight_line import Line
from mailcensus.model import Verdict

OLDEST_PYTHON = (3, 11)
ENGINES = ("zmap", "masscan")
_VERSION = re.compile(r"\d+(?:\.\d+)+")
_VERSION_S = 5
_NET_RAW = 13
"""CAP_NET_RAW, capabilities(7): what sends packets of one's own."""
_XATTR = "security.capability"
_MASK_AT = 4
"""In the attribute the permitted capabilities stand behind four bytes of version and flags, little-endian."""


def machine_lines(engine: str) -> list[Line]:
    """All of them; `engine` is what the study wants to discover with."""
    return [_python(), *_packages(), *(engine_line(name, engine == name) for name in ENGINES)]


def _python() -> Line:
    said = f"{platform.python_implementation()} {platform.python_version()}"
    if sys.version_info < OLDEST_PYTHON:
        wanted = ".".join(map(str, OLDEST_PYTHON))
        return Line("python", sys.executable, Verdict.FAILED, said, f"install Python {wanted} or newer")
    return Line("python", sys.executable, Verdict.OK, said)


def _packages() -> Iterator[Line]:
    """One line for each package that is missing or too old, or one for all."""
    wanted = [Requirement(text) for text in metadata.requires("mailcensus") or ()]
    wanted = [one for one in wanted if one.marker is None or one.marker.evaluate({"extra": ""})]
    bad = [line for one in wanted if (line := _package(one)) is not None]
    if not bad:
        yield Line("packages", "mailcensus", Verdict.OK, f"all {len(wanted)} it needs, new enough")
    yield from bad


def _package(wanted: Requirement) -> Line | None:
    mend = f'pip install "{wanted}", or set up from requirements.lock again'
    try:
        version = metadata.version(wanted.name)
    except metadata.PackageNotFoundError:
        return Line("packages", wanted.name, Verdict.FAILED, "not installed", mend)
    if wanted.specifier.contains(version, prereleases=True):
        return None
    return Line("packages", wanted.name, Verdict.FAILED, f"{version}, not {wanted.specifier}", mend)


def engine_line(name: str, wanted: bool) -> Line:
    """Whether a packet engine is there, which version, and whether it may send packets."""
    path = shutil.which(name)
    if path is None:
        if not wanted:
            return Line("engine", name, Verdict.OK, "not installed; the study does not need it")
        mend = f'install {name}, or set discovery.engine = "connect"'
        return Line("engine", name, Verdict.FAILED, "not found on the PATH", mend)
    found = f"{path}, {_version(path)}"
    if may_send_packets(Path(path)):
        return Line("engine", name, Verdict.OK, f"{found}, may send packets of its own")
    mend = f"run as root, or as root: setcap cap_net_raw,cap_net_admin+eip {path}"
    verdict = Verdict.FAILED if wanted else Verdict.OK
    return Line(
        "engine", name, verdict, f"{found}, may not send packets of its own", mend if wanted else None
    )


def _version(path: str) -> str:
    try:
        said = subprocess.run(
            [path, "--version"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_VERSION_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"does not start ({error})"
    found = _VERSION.search(said.stdout + said.stderr)
    return f"version {found[0]}" if found else "of no version that it tells"


def may_send_packets(program: Path) -> bool:
    """Whether a program that is started from here has CAP_NET_RAW: from this process, or from its own file."""
    return _has_net_raw(Path("/proc/self/status")) or _file_has_net_raw(program)


def _has_net_raw(status: Path) -> bool:
    """Programs started by root get all capabilities of the bounding set; others keep ambient ones."""
    name = "CapBnd" if os.geteuid() == 0 else "CapAmb"
    try:
        lines = status.read_text(encoding="ascii").splitlines()
    except OSError:
        return False
    masks = [int(line.split()[1], 16) for line in lines if line.startswith(f"{name}:")]
    return any(mask >> _NET_RAW & 1 for mask in masks)


def _file_has_net_raw(program: Path) -> bool:
    try:
        attribute = os.getxattr(program.resolve(), _XATTR)
    except OSError:
        return False
    return bool(int.from_bytes(attribute[_MASK_AT : _MASK_AT + 4], "little") >> _NET_RAW & 1)
