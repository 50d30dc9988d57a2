"""Both sides of SSH up to the host key (RFC 4253). The server's signature covers a secret that nobody else has:
a host key of a capture is shown, never proven."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from mailcensus.model import Ssh, SshAgreed, SshClient, SshHostKey
from mailcensus.passive.watch.side import Side, words_of
from mailcensus.wire.dh_primes import name_of_prime
from mailcensus.wire.errors import WireError
from mailcensus.wire.exchange import Limits, printable
from mailcensus.wire.keys import spki_from_ssh_blob
from mailcensus.wire.ssh import messages
from mailcensus.wire.ssh.exchange import with_algorithms
from mailcensus.wire.ssh.host_keys import host_key_record
from mailcensus.wire.ssh.identification import Identification, IdentificationReader
from mailcensus.wire.ssh.kexinit import KexInit, agreed, read_kexinit
from mailcensus.wire.ssh.packet import PacketReader, Reader

_NEWKEYS = 21
_GROUP_EXCHANGE = "diffie-hellman-group-exchange"


@dataclass(frozen=True, slots=True)
class SshSeen:
    """What an SSH connection showed; fields as in `model.Flow`."""

    greeting: str | None
    ssh: Ssh | None
    client: SshClient | None
    agreed: SshAgreed | None
    keys: tuple[bytes, ...]


class _Half:
    __slots__ = ("done", "identification", "kexinit", "lines", "packets")

    def __init__(self, limits: Limits) -> None:
        self.lines = IdentificationReader(limits)
        self.packets = PacketReader(limits.handshake)
        self.identification: Identification | None = None
        self.kexinit: KexInit | None = None
        self.done = False
        """Nothing more of it is to be had in the clear."""


class SshWatch:
    """One connection. Bytes of either side go in as they come; after `done` nothing is read any more."""

    __slots__ = ("_halves", "_host_key", "_keys", "_prime", "error")

    def __init__(self, limits: Limits) -> None:
        self._halves = (_Half(limits), _Half(limits))
        self._host_key: SshHostKey | None = None
        self._keys: tuple[bytes, ...] = ()
        self._prime: bytes | None = None
        self.error: str | None = None

    @property
    def done(self) -> bool:
        """Both sides are through."""
        return self._halves[0].done and self._halves[1].done

    @property
    def half_done(self) -> bool:
        """One side is through."""
        return self._halves[0].done or self._halves[1].done

    @property
    def anything_read(self) -> bool:
        """Somebody identified himself."""
        return any(half.identification is not None for half in self._halves)

    def receive(self, side: Side, data: bytes) -> None:
        """Take what one side sent, in order."""
        half = self._halves[side]
        if half.done:
            return
        try:
            if half.identification is None:
                found = half.lines.feed(data)
                if found is None:
                    return
                half.identification, data = found
                half.done = not half.identification.speaks_2
            if not half.done:
                half.packets.feed(data)
            while not half.done and (payload := half.packets.next()) is not None:
                self._message(side, half, payload)
        except WireError as error:
            half.done = True
            self.error = words_of(side, error)

    def _message(self, side: Side, half: _Half, payload: bytes) -> None:
        number = payload[0]
        if number == messages.KEXINIT and half.kexinit is None:
            half.kexinit = read_kexinit(payload)
        elif number in (_NEWKEYS, messages.DISCONNECT):
            half.done = True
        elif side is Side.SERVER and number == messages.KEX_REPLY and self._is_group_exchange:
            self._prime = Reader(payload[1:]).string().lstrip(b"\0")
        elif side is Side.SERVER and number in (messages.KEX_REPLY, messages.GEX_REPLY):
            self._show(Reader(payload[1:]).string())

    def _show(self, blob: bytes) -> None:
        if self._host_key is None:
            spki = spki_from_ssh_blob(blob)
            self._host_key = host_key_record(blob, spki)
            self._keys = () if spki is None else (spki,)

    @property
    def _kex(self) -> str | None:
        client, server = (half.kexinit for half in self._halves)
        return None if client is None or server is None else agreed(client.kex, server.kex)

    @property
    def _is_group_exchange(self) -> bool:
        """31 is then the group, not the reply. Without the client's side the server's first choice is a guess."""
        server = self._halves[Side.SERVER].kexinit
        name = self._kex or (server.kex[0] if server and server.kex else "")
        return name.startswith(_GROUP_EXCHANGE)

    def seen(self) -> SshSeen:
        """What was read."""
        client, server = self._halves
        return SshSeen(
            server.lines.greeting, self._server(server), _client(client), self._agreed(), self._keys
        )

    def _server(self, half: _Half) -> Ssh | None:
        if half.identification is None:
            return None
        ssh = Ssh(
            identification=printable(half.identification.line),
            protocol_version=half.identification.protocol_version,
            software=half.identification.software,
            kex_used=self._kex,
        )
        if half.kexinit is not None:
            ssh = with_algorithms(ssh, half.kexinit)
        if self._prime is not None:
            bits = int.from_bytes(self._prime, "big").bit_length()
            ssh = replace(ssh, dh_bits=bits, dh_prime_name=name_of_prime(self._prime))
        elif self._host_key is not None and (bits_of := _FIXED_GROUPS.get(self._kex or "")) is not None:
            ssh = replace(ssh, dh_bits=bits_of, dh_prime_name=f"modp{bits_of}")
        return ssh if self._host_key is None else replace(ssh, host_keys=(self._host_key,))

    def _agreed(self) -> SshAgreed | None:
        client, server = (half.kexinit for half in self._halves)
        if client is None or server is None:
            return None
        return SshAgreed(
            kex=agreed(client.kex, server.kex),
            host_key=agreed(client.host_key, server.host_key),
            cipher_client_to_server=agreed(client.ciphers_client_to_server, server.ciphers_client_to_server),
            cipher_server_to_client=agreed(client.ciphers_server_to_client, server.ciphers_server_to_client),
            mac_client_to_server=agreed(client.macs_client_to_server, server.macs_client_to_server),
            mac_server_to_client=agreed(client.macs_server_to_client, server.macs_server_to_client),
            compression_client_to_server=agreed(
                client.compression_client_to_server, server.compression_client_to_server
            ),
            compression_server_to_client=agreed(
                client.compression_server_to_client, server.compression_server_to_client
            ),
        )


_FIXED_GROUPS = {
    # RFC 4253, RFC 8268: the prime that a method's name stands for, in bits
    "diffie-hellman-group1-sha1": 1024,
    "diffie-hellman-group14-sha1": 2048,
    "diffie-hellman-group14-sha256": 2048,
    "diffie-hellman-group15-sha512": 3072,
    "diffie-hellman-group16-sha512": 4096,
    "diffie-hellman-group17-sha512": 6144,
    "diffie-hellman-group18-sha512": 8192,
}


def _client(half: _Half) -> SshClient | None:
    if half.identification is None:
        return None
    client = SshClient(
        identification=printable(half.identification.line),
        protocol_version=half.identification.protocol_version,
        software=half.identification.software,
    )
    offered = half.kexinit
    if offered is None:
        return client
    return replace(
        client,
        kex_algorithms=offered.kex,
        host_key_algorithms=offered.host_key,
        ciphers_client_to_server=offered.ciphers_client_to_server,
        macs_client_to_server=offered.macs_client_to_server,
        compression_client_to_server=offered.compression_client_to_server,
        hassh=_hassh(offered),
    )


def _hassh(offered: KexInit) -> str:
    """HASSH of a client's KEXINIT, MD5 hex (https://github.com/salesforce/hassh)."""
    lists = (
        offered.kex,
        offered.ciphers_client_to_server,
        offered.macs_client_to_server,
        offered.compression_client_to_server,
    )
    return hashlib.md5(";".join(map(",".join, lists)).encode(), usedforsecurity=False).hexdigest()
