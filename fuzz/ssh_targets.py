"""What reads SSH: whole exchanges under glass, raw and framed, and key blobs."""

from __future__ import annotations

from fuzz.cutting import Cut, check_exchange
from fuzz.glass import EXCHANGE_HASH
from fuzz.tls_targets import LIMITS
from mailcensus.wire.errors import ProtocolError
from mailcensus.wire.exchange import ExchangeSettings, Limits
from mailcensus.wire.keys import canonical_spki, describe_key, spki_from_ssh_blob
from mailcensus.wire.ssh.exchange import SshExchange
from mailcensus.wire.ssh.host_keys import fingerprint, host_key_record, verify_host_key
from mailcensus.wire.ssh.packet import write_packet

_LIMITS = Limits(line=LIMITS.line, text=LIMITS.text, handshake=8_192)


def _exchange() -> SshExchange:
    made = SshExchange(ExchangeSettings(ehlo_name="scanner.invalid", limits=_LIMITS))
    made.start()
    return made


def ssh_stream(data: bytes, cut: Cut) -> object:
    """One exchange, fed whatever bytes; under glass."""
    return check_exchange(_exchange, data, cut)


def ssh_messages(data: bytes, cut: Cut) -> object:
    """One exchange, fed well-formed packets with whatever in them; under glass.

    The input is an identification line, then pieces: length (2 bytes), payload.
    """
    line, _, rest = data.partition(b"\n")
    stream, at = line + b"\n", 0
    while at + 2 < len(rest):
        end = at + 2 + int.from_bytes(rest[at : at + 2], "big")
        stream += write_packet(rest[at + 2 : end] or b"\2")
        at = end
    return check_exchange(_exchange, stream, cut)


def ssh_blob(data: bytes, _cut: Cut) -> object:
    """A host key and a signature: length of the key (2 bytes), key, signature."""
    size = int.from_bytes(data[:2], "big")
    blob, signature = data[2 : 2 + size], data[2 + size :]
    spki = spki_from_ssh_blob(blob)
    if spki is not None and canonical_spki(spki) != spki:
        raise AssertionError("not canonical")
    try:
        record = host_key_record(blob, spki)
        assert record.fingerprint == fingerprint(blob)
        return record, verify_host_key(blob, spki, signature, EXCHANGE_HASH)
    except ProtocolError:
        return None


def spki(data: bytes, _cut: Cut) -> object:
    """A SubjectPublicKeyInfo: its canonical form is its own canonical form."""
    canonical = canonical_spki(data)
    if canonical_spki(canonical) != canonical:
        raise AssertionError("the canonical form is not canonical")
    return describe_key(canonical)
