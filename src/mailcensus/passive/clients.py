"""What becomes of the addresses of clients: dropped, hashed with a key, or kept. Nothing else knows them.

    drop   nothing is recorded; connections cannot be told apart by client
    hash   32 hex digits of a BLAKE2b keyed with the study's own secret: the same client is the same name in all
           captures of a study, and nobody without the secret can find out who it was, or try all addresses
    keep   the address, and the client's port

The secret lies in `clients.key` in the study's directory, readable by its owner alone. Who removes it makes the
names meaningless for good.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from enum import StrEnum
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path

from mailcensus.study import StudyError

KEY_FILE = "clients.key"
_KEY_BYTES = 32
_NAME_BYTES = 16


class ClientPolicy(StrEnum):
    """What --clients takes."""

    DROP = "drop"
    HASH = "hash"
    KEEP = "keep"


class Clients:
    """Names clients as one policy wants.

    Args:
        key: the study's secret; needed for `hash` alone.
    """

    def __init__(self, policy: ClientPolicy, key: bytes = b"") -> None:
        self.policy = policy
        self._key = key
        self._hashed = lru_cache(maxsize=65_536)(self._hash)

    @property
    def keeps_ports(self) -> bool:
        """Ports of clients are recorded too."""
        return self.policy is ClientPolicy.KEEP

    def name(self, address: str) -> str | None:
        """What a client's address is recorded as; text that is no address is dropped, whatever the policy."""
        if self.policy is ClientPolicy.DROP:
            return None
        try:
            packed = ip_address(address)
        except ValueError:
            return None
        return str(packed) if self.policy is ClientPolicy.KEEP else self._hashed(packed.packed)

    def _hash(self, packed: bytes) -> str:
        return hashlib.blake2b(packed, key=self._key, digest_size=_NAME_BYTES).hexdigest()


def open_clients(policy: ClientPolicy, study_directory: Path) -> Clients:
    """The names of a study's clients; its secret is made when it is first needed.

    Raises:
        StudyError: the secret cannot be read or written.
    """
    if policy is not ClientPolicy.HASH:
        return Clients(policy)
    path = study_directory / KEY_FILE
    try:
        if not path.exists():
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_hex(_KEY_BYTES) + "\n")
        key = bytes.fromhex(path.read_text().strip())
    except (OSError, ValueError) as error:
        raise StudyError(f"{path}: the secret that names clients cannot be read: {error}") from None
    if len(key) != _KEY_BYTES:
        raise StudyError(
            f"{path}: the secret that names clients must be {2 * _KEY_BYTES} hex digits; remove it for a new one"
        )
    return Clients(policy, key)
