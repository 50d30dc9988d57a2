"""SSH_MSG_KEXINIT: what each side can do, and what the two agree on (RFC 4253 section 7.1)."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from functools import lru_cache

from mailcensus.wire.ssh.messages import KEXINIT
from mailcensus.wire.ssh.packet import Reader, write_name_list

Names = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KexInit:
    """One side's algorithms, each list in that side's order; markers such as kex-strict stay in `kex`."""

    kex: Names
    host_key: Names
    ciphers_client_to_server: Names
    ciphers_server_to_client: Names
    macs_client_to_server: Names
    macs_server_to_client: Names
    compression_client_to_server: Names
    compression_server_to_client: Names
    languages_client_to_server: Names = ()
    languages_server_to_client: Names = ()
    guess_follows: bool = False
    """first_kex_packet_follows: the next message is sent on a guess of what will be agreed."""

    @property
    def hassh_server(self) -> str:
        """`hassh_server` of a server's message."""
        return hassh_server(
            self.kex,
            self.ciphers_server_to_client,
            self.macs_server_to_client,
            self.compression_server_to_client,
        )


def hassh_server(kex: Names, ciphers: Names, macs: Names, compression: Names) -> str:
    """HASSH of a server's KEXINIT, MD5 hex (https://github.com/salesforce/hassh).

    Args:
        kex: its key exchanges; the other lists: for what it sends.
    """
    lists = (kex, ciphers, macs, compression)
    return hashlib.md5(";".join(map(",".join, lists)).encode(), usedforsecurity=False).hexdigest()


def read_kexinit(payload: bytes) -> KexInit:
    """Read a message.

    Raises:
        ProtocolError: it is cut short.
    """
    reader = Reader(payload)
    reader.take(1 + 16)  # message number and cookie
    lists = [reader.name_list() for _ in range(10)]
    return KexInit(
        kex=lists[0],
        host_key=lists[1],
        ciphers_client_to_server=lists[2],
        ciphers_server_to_client=lists[3],
        macs_client_to_server=lists[4],
        macs_server_to_client=lists[5],
        compression_client_to_server=lists[6],
        compression_server_to_client=lists[7],
        languages_client_to_server=lists[8],
        languages_server_to_client=lists[9],
        guess_follows=reader.byte() != 0,
    )


def write_kexinit(kexinit: KexInit) -> bytes:
    """A message with a fresh cookie."""
    follows = bytes((kexinit.guess_follows,))
    return bytes((KEXINIT,)) + secrets.token_bytes(16) + _written_lists(kexinit) + follows + bytes(4)


@lru_cache(maxsize=16)  # one offer serves a whole run
def _written_lists(kexinit: KexInit) -> bytes:
    lists = (
        kexinit.kex,
        kexinit.host_key,
        kexinit.ciphers_client_to_server,
        kexinit.ciphers_server_to_client,
        kexinit.macs_client_to_server,
        kexinit.macs_server_to_client,
        kexinit.compression_client_to_server,
        kexinit.compression_server_to_client,
        kexinit.languages_client_to_server,
        kexinit.languages_server_to_client,
    )
    return b"".join(map(write_name_list, lists))


def agreed(ours: Names, theirs: Names) -> str | None:
    """The algorithm both sides arrive at: the client's first that the server has too; None: nothing in common."""
    offered = set(theirs)
    return next((name for name in ours if name in offered), None)
