"""OpenSSH's sshd with host keys of ours. Nobody can log in."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from realservers.ports import PORTS
from realservers.process import RunningServer, program, running

HostKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

_CONFIG = """\
ListenAddress {address}:{port}
PidFile none
UsePAM no
AuthenticationMethods publickey
AuthorizedKeysFile none
MaxStartups 200
"""


@contextmanager
def sshd(
    directory: Path, *, address: str, host_keys: Mapping[str, HostKey], settings: Sequence[str] = ()
) -> Iterator[RunningServer]:
    """Run sshd until the block is left.

    Args:
        host_keys: file name to key, in the order that sshd offers them.
        settings: more lines for its configuration.
    Raises:
        ServerMissing: sshd is not installed.
        ServerFailed: it does not come up.
    """
    command = program("sshd", "openssh-server")
    directory.mkdir(parents=True)
    port = PORTS["ssh"]
    text = _CONFIG.format(address=address, port=port) + "".join(f"{line}\n" for line in settings)
    for name, key in host_keys.items():
        text += f"HostKey {_write_host_key(directory / name, key)}\n"
    if _version(command) >= (9, 8):
        text += "PerSourcePenalties no\n"  # many tests ask from one address
    config, log = directory / "sshd_config", directory / "sshd.log"
    config.write_text(text)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # compiled in; empty; made at boot otherwise
    with running(
        "sshd",
        [command, "-D", "-e", "-f", str(config)],
        directory=directory,
        address=address,
        ports={"ssh": port},
        log=log,
    ) as server:
        yield server


def _write_host_key(path: Path, key: HostKey) -> Path:
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.NoEncryption(),
        )
    )
    return path


def _version(command: str) -> tuple[int, int]:
    # Before 9.3 there is no -V, but the complaint about it names the version too.
    shown = subprocess.run([command, "-V"], capture_output=True, text=True, check=False, timeout=10)
    found = re.search(r"OpenSSH_(\d+)\.(\d+)", shown.stderr + shown.stdout)
    if found is None:
        raise ValueError(f"sshd -V says {shown.stderr!r}")
    return int(found[1]), int(found[2])
