"""One SSH server, asked for its identification, its algorithms and its signed host key.

    awaiting         message                    then
    identification   a line "SSH-..."           our own and our KEXINIT; await kexinit
    kexinit          20 KEXINIT                 our half; await reply (group exchange: the sizes; await group)
    group            31 KEX_DH_GEX_GROUP        our half; await group reply
    reply            31 the server's half       the signature is checked; disconnect; done
    group reply      33 the server's half       the same

Any message may be preceded by IGNORE, DEBUG and UNIMPLEMENTED, and replaced by DISCONNECT (RFC 4253 section 11).
We leave before NEWKEYS, so the disconnect goes out in the clear.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from enum import Enum

from mailcensus.model import Outcome, Ssh, SshHostKey, Stage
from mailcensus.wire.dh_primes import name_of_prime
from mailcensus.wire.errors import ProtocolError, WireError
from mailcensus.wire.exchange import ExchangeSettings, Findings, printable
from mailcensus.wire.keys import spki_from_ssh_blob
from mailcensus.wire.ssh import messages
from mailcensus.wire.ssh.host_keys import DEFAULT_ALGORITHMS, host_key_record, verify_host_key
from mailcensus.wire.ssh.identification import OURS, Identification, IdentificationReader
from mailcensus.wire.ssh.kexinit import KexInit, agreed, read_kexinit, write_kexinit
from mailcensus.wire.ssh.key_exchange import METHOD_BY_NAME, Agreement, Method
from mailcensus.wire.ssh.offer import offer
from mailcensus.wire.ssh.packet import PacketReader, Reader, write_packet, write_string
from mailcensus.wire.visible import one_line


class Awaiting(Enum):
    """What the server owes us."""

    IDENTIFICATION = "the identification"
    KEXINIT = "KEXINIT"
    GROUP = "the group"
    REPLY = "the key exchange reply"
    GROUP_REPLY = "the group exchange reply"
    NOTHING = "nothing"


_STAGES = {
    Awaiting.IDENTIFICATION: Stage.GREETING,
    Awaiting.KEXINIT: Stage.CAPABILITIES,
    Awaiting.GROUP: Stage.SESSION,
    Awaiting.REPLY: Stage.SESSION,
    Awaiting.GROUP_REPLY: Stage.SESSION,
    Awaiting.NOTHING: Stage.DONE,
}
_LISTED_CHARACTERS = 200
_PASSED_OVER = frozenset((messages.IGNORE, messages.DEBUG, messages.UNIMPLEMENTED))


class SshExchange:
    """An Exchange (see `wire.exchange`) with one SSH server.

    Args:
        settings: `ehlo_name` says in the disconnect who asked.
        host_key_algorithms: those to ask for, in order; None is DEFAULT_ALGORITHMS. The server shows one key.
    """

    def __init__(
        self, settings: ExchangeSettings, *, host_key_algorithms: tuple[str, ...] | None = None
    ) -> None:
        self.outcome: Outcome | None = None
        self.error: str | None = None
        self._settings = settings
        self._awaiting = Awaiting.IDENTIFICATION
        self._lines = IdentificationReader(settings.limits)
        self._packets = PacketReader(settings.limits.handshake)
        self._offer = offer(DEFAULT_ALGORITHMS if host_key_algorithms is None else host_key_algorithms)
        self._our_kexinit = b""
        self._their_kexinit = b""
        self._identification: Identification | None = None
        self._method: Method | None = None
        self._agreement: Agreement | None = None
        self._wrong_guess = False
        self._theirs: KexInit | None = None
        self._host_key: SshHostKey | None = None
        self._keys: tuple[bytes, ...] = ()

    @property
    def stage(self) -> Stage:
        """See Exchange."""
        return _STAGES[self._awaiting]

    def start(self) -> bytes:
        """See Exchange. The server identifies itself first.

        RFC 4253 section 4.2 lets both sides speak at once. But a server that says "later" and closes resets the
        connection over what we had sent, and its words are lost.
        """
        return b""

    def receive(self, data: bytes) -> bytes:
        """See Exchange."""
        out = b""
        try:
            if self._awaiting is Awaiting.IDENTIFICATION and self.outcome is None:
                found = self._lines.feed(data)
                if found is None:
                    return b""
                out, data = self._identified(found[0]), found[1]
            if self.outcome is None:
                self._packets.feed(data)
            while self.outcome is None and (payload := self._packets.next()) is not None:
                out += self._message(payload)
        except WireError as error:
            out += self._fail(error)
        return out

    def eof(self) -> None:
        """See Exchange."""
        self.give_up(Outcome.CLOSED, "the server closed the connection")

    def give_up(self, outcome: Outcome, error: str) -> None:
        """See Exchange."""
        if self.outcome is None:
            self.outcome, self.error = outcome, one_line(error)

    def findings(self) -> Findings:
        """See Exchange."""
        return Findings(greeting=self._lines.greeting, ssh=self._record(), keys=self._keys)

    def _record(self) -> Ssh | None:
        if self._identification is None:
            return None
        ssh = Ssh(
            identification=printable(self._identification.line),
            protocol_version=self._identification.protocol_version,
            software=self._identification.software,
        )
        if self._theirs is not None:
            ssh = with_algorithms(ssh, self._theirs)
        if self._method is not None:
            prime = self._agreement.prime if self._agreement else None
            ssh = replace(
                ssh,
                kex_used=self._method.name,
                dh_bits=None if prime is None else prime.bit_length(),
                dh_prime_name=None if prime is None else name_of_prime(_octets(prime)),
            )
        return ssh if self._host_key is None else replace(ssh, host_keys=(self._host_key,))

    def _fail(self, error: WireError) -> bytes:
        self.give_up(error.outcome, str(error))
        # Nothing can be said before both sides have identified themselves, or once the server has left.
        if self._awaiting is Awaiting.IDENTIFICATION or isinstance(error, messages.Disconnected):
            return b""
        return _disconnect(messages.PROTOCOL_ERROR, str(error))

    def _identified(self, identification: Identification) -> bytes:
        self._identification = identification
        if not identification.speaks_2:
            raise ProtocolError(f"the server speaks SSH {identification.protocol_version} only")
        self._awaiting = Awaiting.KEXINIT
        self._our_kexinit = write_kexinit(self._offer)
        return OURS + b"\r\n" + write_packet(self._our_kexinit)

    def _message(self, payload: bytes) -> bytes:
        number = payload[0]
        if number in _PASSED_OVER:
            return b""
        if number == messages.DISCONNECT:
            raise messages.read_disconnect(payload)
        if self._wrong_guess:
            self._wrong_guess = False
            return b""
        handler = _HANDLERS.get((self._awaiting, number))
        if handler is None:
            raise ProtocolError(f"SSH: message {number} while awaiting {self._awaiting.value}")
        return handler(self, payload)

    def _kexinit(self, payload: bytes) -> bytes:
        self._theirs = theirs = read_kexinit(payload)
        self._their_kexinit = payload
        ours = self._offer
        kex, host_key = agreed(ours.kex, theirs.kex), agreed(ours.host_key, theirs.host_key)
        if kex is None:
            raise ProtocolError(f"no common key exchange: the server has {_listed(theirs.kex)}")
        if host_key is None:
            raise ProtocolError(f"no common host key algorithm: the server has {_listed(theirs.host_key)}")
        # RFC 4253 section 7: the guess is right only where both sides prefer the same of both.
        self._wrong_guess = theirs.guess_follows and not (
            theirs.kex[0] == ours.kex[0] and theirs.host_key[0] == ours.host_key[0]
        )
        self._method = METHOD_BY_NAME[kex]
        self._agreement = self._method.begin()
        self._awaiting = Awaiting.GROUP if self._agreement.group_wanted else Awaiting.REPLY
        return write_packet(self._agreement.open())

    def _group(self, payload: bytes) -> bytes:
        assert self._agreement is not None
        out = write_packet(self._agreement.group(payload))
        self._awaiting = Awaiting.GROUP_REPLY
        return out

    def _reply(self, payload: bytes) -> bytes:
        reader = Reader(payload[1:])
        blob, theirs, signature = reader.string(), reader.string(), reader.string()
        spki = spki_from_ssh_blob(blob)
        key = host_key_record(blob, spki)
        self._host_key, self._keys = key, () if spki is None else (spki,)
        verified = verify_host_key(blob, spki, signature, self._exchange_hash(blob, theirs))
        if verified is False:
            raise ProtocolError("signature does not verify")
        self._host_key = replace(key, verified=verified is True)
        self._awaiting = Awaiting.NOTHING
        self.outcome = Outcome.OK
        return _disconnect(messages.BY_APPLICATION, f"census of public keys by {self._settings.ehlo_name}")

    def _exchange_hash(self, blob: bytes, theirs: bytes) -> bytes:
        """H of RFC 4253 section 8."""
        assert self._identification is not None
        assert self._method is not None
        assert self._agreement is not None
        strings = (OURS, self._identification.line, self._our_kexinit, self._their_kexinit, blob)
        hashed = b"".join(map(write_string, strings)) + self._agreement.finish(theirs)
        return hashlib.new(self._method.hash_name, hashed).digest()


def _disconnect(reason: int, words: str) -> bytes:
    return write_packet(messages.write_disconnect(reason, words))


def _octets(prime: int) -> bytes:
    return prime.to_bytes((prime.bit_length() + 7) // 8, "big")


def _listed(names: tuple[str, ...]) -> str:
    """Names for an error: as many as one line holds."""
    text = ", ".join(names[:40])
    return text if len(text) <= _LISTED_CHARACTERS else text[:_LISTED_CHARACTERS] + "..."


def with_algorithms(ssh: Ssh, theirs: KexInit) -> Ssh:
    """A record with what a server's KEXINIT lists."""
    return replace(
        ssh,
        kex_algorithms=theirs.kex,
        host_key_algorithms=theirs.host_key,
        ciphers_client_to_server=theirs.ciphers_client_to_server,
        ciphers_server_to_client=theirs.ciphers_server_to_client,
        macs_client_to_server=theirs.macs_client_to_server,
        macs_server_to_client=theirs.macs_server_to_client,
        compression_client_to_server=theirs.compression_client_to_server,
        compression_server_to_client=theirs.compression_server_to_client,
        hassh_server=theirs.hassh_server,
    )


_HANDLERS: dict[tuple[Awaiting, int], Callable[[SshExchange, bytes], bytes]] = {
    (Awaiting.KEXINIT, messages.KEXINIT): SshExchange._kexinit,
    (Awaiting.GROUP, messages.KEX_REPLY): SshExchange._group,
    (Awaiting.REPLY, messages.KEX_REPLY): SshExchange._reply,
    (Awaiting.GROUP_REPLY, messages.GEX_REPLY): SshExchange._reply,
}
"""The table at the top of this file."""
