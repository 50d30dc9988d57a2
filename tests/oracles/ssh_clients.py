"""`ssh -vv` beside `ssh-keyscan`: the server's lists, what is agreed on, and every host key."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from functools import cache

from mailcensus.wire.ssh.key_exchange import METHODS
from oracles.facts import Facts, NoAnswer
from oracles.openssh import keyscan
from oracles.tls_clients import Target

_KINDS = ("ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-ed25519")
_OPTIONS = ("BatchMode=yes", "UserKnownHostsFile=/dev/null", "StrictHostKeyChecking=no", "LogLevel=DEBUG2")


def ssh_client(target: Target, host_key_algorithms: Sequence[str]) -> Facts:
    """What OpenSSH's client sees when it offers our key exchanges and host key algorithms, as far as it has them.

    Raises:
        NoAnswer: no key exchange came about.
    """
    kex = [method.name for method in METHODS if method.name in _supported("kex")]
    host_keys = [name for name in host_key_algorithms if name in _supported("HostKeyAlgorithms")]
    # Every cipher and MAC it has: by itself it leaves the old ones out.
    everything = [
        f"{name}={','.join(sorted(_supported(what)))}"
        for name, what in (("Ciphers", "cipher"), ("MACs", "mac"))
    ]
    options = [
        *_OPTIONS,
        *everything,
        f"KexAlgorithms={','.join(kex)}",
        f"HostKeyAlgorithms={','.join(host_keys)}",
    ]
    command = ["ssh", "-F", "none", "-p", str(target.port), *(f"-o{option}" for option in options)]
    talk = subprocess.run(
        [*command, target.address, "true"], capture_output=True, text=True, check=False, timeout=60
    ).stderr
    server = talk.partition("peer server KEXINIT proposal")[2].partition("kex: algorithm")[0]
    lists = dict(re.findall(r"^debug2: ([\w ]+): (\S+)\r?$", server, re.MULTILINE))
    used = re.search(r"kex: algorithm: (\S+)", talk)
    shown = re.search(r"Server host key: (\S+) (\S+)", talk)
    if used is None or shown is None:
        raise NoAnswer(talk.strip().splitlines()[-1])
    version, software = re.findall(
        r"Remote protocol version (\S+), remote software version (.*?)\r?$", talk, re.M
    )[0]
    return {
        "identification": f"SSH-{version}-{software}",
        "kex": used[1],
        "host_key": shown[2],
        "host_key_algorithm": shown[1],
        **{
            ours: tuple(lists[theirs].split(","))
            for ours, theirs in (
                ("kex_algorithms", "KEX algorithms"),
                ("host_key_algorithms", "host key algorithms"),
                ("ciphers", "ciphers stoc"),
                ("macs", "MACs stoc"),
            )
        },
    }


def ssh_keyscan(target: Target) -> Facts:
    """Identification, and of the host keys the kind that our own order prefers.

    Raises:
        NoAnswer: it shows none; it does not know every key exchange that `ssh` knows.
    """
    try:
        shown = keyscan(target.address, target.port)
    except subprocess.CalledProcessError as error:
        raise NoAnswer(f"ssh-keyscan: {error.stderr.strip()}") from None
    algorithm = next(kind for kind in _KINDS if kind in shown.fingerprints)
    return {"identification": shown.identification, "host_key": shown.fingerprints[algorithm]}


@cache
def _supported(what: str) -> frozenset[str]:
    shown = subprocess.run(["ssh", "-Q", what], capture_output=True, text=True, check=True, timeout=10)
    return frozenset(shown.stdout.split())
