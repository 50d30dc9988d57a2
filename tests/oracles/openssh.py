"""`ssh-keyscan` and `ssh-keygen` as oracles: identification, host keys and their fingerprints."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What an SSH server shows."""

    identification: str
    fingerprints: dict[str, str]
    """Key algorithm to SHA256:base64."""


def keyscan(address: str, port: int) -> Shown:
    """Every host key that ssh-keyscan gets out of a server."""
    scan = subprocess.run(
        ["ssh-keyscan", "-p", str(port), "-t", "rsa,ecdsa,ed25519", address],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    # Comment lines go to standard error: "# 127.0.0.1:22 SSH-2.0-OpenSSH_9.2p1 Debian-2"
    comments = [line for line in (scan.stdout + scan.stderr).splitlines() if line.startswith("# ")]
    keys = [line.split() for line in scan.stdout.splitlines() if line and not line.startswith("#")]
    return Shown(
        identification=comments[0].split(" ", 2)[2],
        fingerprints={algorithm: _fingerprint(algorithm, blob) for _, algorithm, blob in keys},
    )


def _fingerprint(algorithm: str, blob: str) -> str:
    shown = subprocess.run(
        ["ssh-keygen", "-l", "-E", "sha256", "-f", "-"],
        input=f"{algorithm} {blob}\n",
        capture_output=True,
        text=True,
        check=True,
        timeout=10,
    )
    return shown.stdout.split()[1]
