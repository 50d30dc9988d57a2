"""First inputs, from real exchanges: OpenSSL in memory for TLS, real servers' words for the text protocols.

    PYTHONPATH=.:tests python tests/fuzz_seeds.py .fuzz      writes .fuzz/<target>/<name>

Run it when a target is new or its input format has changed; `python -m fuzz --keep` then keeps what adds coverage.
"""

from __future__ import annotations

import ssl
import sys
import warnings
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fuzz.glass import EXCHANGE_HASH, glass
from fuzz.text_targets import HANDSHAKE, PROTOCOLS, services_of
from fuzz.tls_targets import SESSIONS

from mailcensus.wire.dh_primes import modp_prime
from mailcensus.wire.ssh.kexinit import write_kexinit
from mailcensus.wire.ssh.packet import write_mpint, write_packet, write_string
from mailcensus.wire.tls.hello import PROFILES
from mailcensus.wire.tls.session import Session
from packets import RAW, Ends, connection, fragments, framed, pcap, pcapng
from ssh_peer import blob_of, kexinit, sign, spki_of
from tls_talks import SMTP_BEFORE, tls_talk
from tlspeer.groups import dh_pem
from tlspeer.openssl import OpensslPeer, identity, session, shake

DATA = Path(__file__).parent / "wire" / "data"

_EHLO = (
    b"250-mx.example\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n%b250-AUTH PLAIN LOGIN CRAM-MD5\r\n250 DSN\r\n"
)
_STREAM = (
    b"<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:client' "
    b"id='1' from='example.org' version='1.0' xml:lang='en'>"
)
_MECHANISMS = (
    b"<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-1</mechanism>"
    b"<mechanism>PLAIN</mechanism></mechanisms><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' "
    b"node='http://prosody.im' ver='x='/>"
)
_SIEVE = (
    b'"IMPLEMENTATION" "Dovecot Pigeonhole"\r\n"SIEVE" "fileinto reject"\r\n"NOTIFY" "mailto"\r\n'
    b'"SASL" "PLAIN"\r\n%b"VERSION" {3}\r\n1.0\r\nOK "ready."\r\n'
)
_CAPS = b":irc.example CAP * LS * :account-notify extended-join\r\n:irc.example CAP * LS :tls sasl=PLAIN,EXTERNAL\r\n"

WORDS = {
    # protocol: before TLS, behind TLS
    "smtp": (
        b"220-mx.example ESMTP Exim 4.96\r\n220 hi\r\n" + _EHLO % b"250-STARTTLS\r\n" + b"220 2.0.0 go\r\n",
        _EHLO % b"" + b"221 2.0.0 Bye\r\n",
    ),
    "lmtp": (b"220 mx LMTP\r\n" + _EHLO % b"250-STARTTLS\r\n" + b"220 go\r\n", _EHLO % b"" + b"221 Bye\r\n"),
    "pop3": (
        b"+OK Dovecot ready.\r\n+OK\r\nCAPA\r\nTOP\r\nUIDL\r\nSTLS\r\nSASL PLAIN LOGIN\r\nUSER\r\n.\r\n+OK Begin\r\n",
        b"+OK\r\nSASL PLAIN\r\nIMPLEMENTATION x\r\n.\r\n+OK Bye\r\n",
    ),
    "imap": (
        b"* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] Dovecot ready.\r\n"
        b"* CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN\r\nA1 OK done\r\nA2 OK Begin\r\n",
        b"* CAPABILITY IMAP4rev1 {9}\r\nAUTH=PLAI AUTH=LOGIN\r\nA3 OK done\r\n* BYE out\r\n",
    ),
    "http": (
        b"HTTP/1.1 301 Moved\r\nServer: nginx/1.22.1\r\nLocation: https://mx/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nServer: Apache/2.4\r\n folded\r\nX: y\r\n\r\n<html>",
    ),
    "irc": (
        _CAPS + b":irc.example 451 * CAP :no\r\n:irc.example 670 mc :STARTTLS successful\r\nPING :1\r\n",
        _CAPS + b"ERROR :Closing link\r\n",
    ),
    "xmpp": (
        _STREAM
        + b"<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>"
        + _MECHANISMS
        + b"</stream:features><proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
        _STREAM + b"<stream:features>" + _MECHANISMS + b"</stream:features></stream:stream>",
    ),
    "managesieve": (_SIEVE % b'"STARTTLS"\r\n' + b'OK "Begin"\r\n', _SIEVE % b"" + b'OK "Bye"\r\n'),
}
REFUSALS = (
    b"421 4.7.0 Too many connections\r\n",
    b"554 5.7.1 go away\r\n",
    b"-ERR [SYS/TEMP] later\r\n",
    b"* BYE [UNAVAILABLE] later\r\n",
    b"ERROR :Closing Link: (Throttled)\r\n",
    b'BYE (TRYLATER) "x"\r\n',
    b"<stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
    b"HTTP/1.0 503 Service Unavailable\r\nRetry-After: 5\r\n\r\n",
    b"\x15\x03\x01\x00\x02\x02\x28",
)

_TLS_PEERS: dict[str, dict[str, object]] = {
    "13": {"curve": "prime256v1"},
    "13-request": {"ask_client": True, "alpn": ["http/1.1"]},
    "13-ec": {"kind": "ec"},
    "12-gcm": {"maximum": ssl.TLSVersion.TLSv1_2, "ciphers": "ECDHE-RSA-AES128-GCM-SHA256"},
    "12-chacha": {"maximum": ssl.TLSVersion.TLSv1_2, "ciphers": "ECDHE-RSA-CHACHA20-POLY1305"},
    "12-cbc": {"maximum": ssl.TLSVersion.TLSv1_2, "ciphers": "AES128-SHA"},
    "12-request": {"maximum": ssl.TLSVersion.TLSv1_2, "ask_client": True},
    "12-dhe": {"maximum": ssl.TLSVersion.TLSv1_2, "ciphers": "DHE-RSA-AES128-GCM-SHA256"},
}


_message = Session._message


def _tls() -> Iterator[tuple[str, str, bytes]]:
    for name, options in _TLS_PEERS.items():
        if name == "12-dhe":
            options = {**options, "dh_params": dh_pem(modp_prime(2048))}
        peer = OpensslPeer(opening=b"220 mx\r\n", **options)  # type: ignore[arg-type]
        taken: list[tuple[int, bytes]] = []

        def take(self: Session, kind: int, raw: bytes, into: list[tuple[int, bytes]] = taken) -> None:
            into.append((kind, raw[4:]))
            _message(self, kind, raw)

        with patch.object(Session, "_message", take):
            answers = shake(session(PROFILES["mailcensus-2026"]), peer)
        for finish in (True, False):
            choice = bytes((SESSIONS.index(("mailcensus-2026", finish)),))
            yield (
                "tls_messages",
                f"{name}-{finish}",
                choice + b"".join(map(_piece, _under_glass(taken, name))),
            )
            yield "tls_stream", f"{name}-{finish}", choice + b"".join(answers)
        yield "tls_records", name, b"".join(answers)
        yield from (
            ("tls_bodies", f"{name}-{kind}", bytes((n,)) + body) for kind, body in taken for n in range(11)
        )


def _under_glass(taken: list[tuple[int, bytes]], name: str) -> Iterator[tuple[int, bytes]]:
    for kind, body in taken:
        if kind == 20:
            if name.startswith("12"):
                yield 0x81, b"\1"
            body = bytes(len(body))
        yield kind, body
    yield 0x82, b"220 mx\r\n"
    if name.startswith("13"):
        yield 24, b"\1"
    yield 0x80, b"\1\0"


def _piece(piece: tuple[int, bytes]) -> bytes:
    kind, body = piece
    return bytes((kind,)) + len(body).to_bytes(2, "big") + body


def _sslv2() -> Iterator[tuple[str, str, bytes]]:
    leaf = identity("rsa")[1]
    specs = b"\x01\x00\x80\x07\x00\xc0"
    sizes = b"".join(len(part).to_bytes(2, "big") for part in (leaf, specs, bytes(16)))
    body = b"\x04\x00\x01\x00\x02" + sizes + leaf + specs + bytes(16)
    yield "sslv2", "hello", (0x8000 | len(body)).to_bytes(2, "big") + body
    yield "sslv2", "padded", len(body).to_bytes(2, "big") + b"\0" + body
    yield "sslv2", "error", b"\x80\x03\x00\x00\x01"
    yield "sslv2", "alert", b"\x15\x03\x00\x00\x02\x02\x28"


def _text() -> Iterator[tuple[str, str, bytes]]:
    for protocol in PROTOCOLS:
        clear, behind = WORDS[protocol]
        for number, service in enumerate(services_of(protocol)):
            choice = bytes((number,))
            yield protocol, service.name, choice + clear + HANDSHAKE + behind
            yield protocol, f"{service.name}-clear", choice + clear
            for at, words in enumerate(REFUSALS):
                yield protocol, f"{service.name}-refusal{at}", choice + words
                yield (
                    protocol,
                    f"{service.name}-late{at}",
                    choice + clear[: len(clear) // 2] + b"\r\n" + words,
                )
    for part in WORDS["xmpp"]:
        yield "xml_stream", f"{len(part)}", part
    for at, line in enumerate((
        b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3", b"220 mx ESMTP Exim 4.96 Sat, 1 Jan 2026", b"nginx/1.22.1",
        b"* OK Dovecot (Debian) ready.", b"220 mx ESMTP Postfix (Ubuntu)",
        b"220 EX01 Microsoft ESMTP MAIL Service ready", b"+OK POP3 ready", b"Apache/2.4.57 (Debian)",
    )):  # fmt: skip
        for choice in range(9):
            yield "software", f"{at}-{choice}", bytes((choice,)) + line


def _ssh() -> Iterator[tuple[str, str, bytes]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        keys = {
            "ssh-ed25519": ed25519.Ed25519PrivateKey.generate(),
            "rsa-sha2-256": rsa.generate_private_key(65537, 2048),
            "ecdsa-sha2-nistp256": ec.generate_private_key(ec.SECP256R1()),
            "ssh-dss": dsa.generate_private_key(1024),
        }
    halves = {
        "curve25519-sha256": [b"\x1f%b" + write_string(bytes((9,)) + bytes(31)) + b"%b"],
        "ecdh-sha2-nistp256": [b"\x1f%b" + write_string(_point()) + b"%b"],
        "diffie-hellman-group14-sha256": [b"\x1f%b" + write_mpint(5**300) + b"%b"],
        "diffie-hellman-group-exchange-sha256": [
            b"\x1f" + write_mpint(modp_prime(1024)) + write_mpint(2),
            b"\x21%b" + write_mpint(5**300) + b"%b",
        ],
    }
    for algorithm, key in keys.items():
        blob, signature = blob_of(key), sign(key, EXCHANGE_HASH, algorithm)
        yield "ssh_blob", algorithm, len(blob).to_bytes(2, "big") + blob + signature
        yield "spki", algorithm, spki_of(key)
        for method, replies in halves.items():
            last = replies[-1].replace(b"%b", b"\0B\0", 1).replace(b"%b", b"\0S\0")
            last = last.replace(b"\0B\0", write_string(blob)).replace(b"\0S\0", write_string(signature))
            offered = write_kexinit(kexinit(kex=(method,), host_key=(algorithm,)))
            payloads = (b"\2\0\0\0\0", offered, *replies[:-1], last)
            line = b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"
            name = f"{algorithm}-{method}"
            yield "ssh_messages", name, line + b"".join(len(p).to_bytes(2, "big") + p for p in payloads)
            yield "ssh_stream", name, b"hello\r\n" + line + b"".join(map(write_packet, payloads))
    yield "ssh_stream", "later", b"Exceeded MaxStartups\r\n"
    yield "ssh_stream", "one", b"SSH-1.5-old\r\n"
    yield "ssh_messages", "disconnect", b"SSH-1.99-x\r\n\x00\x0d\x01\0\0\0\x0c\0\0\0\0\0\0\0\0"


def _point() -> bytes:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    return public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _certificates() -> Iterator[tuple[str, str, bytes]]:
    for kind in ("rsa", "ec"):
        yield "certificate", kind, identity(kind)[1]
        yield "spki", kind, _spki(identity(kind)[1])
    for path in sorted(DATA.rglob("*.crt")):
        der = _der(path.read_bytes())
        yield "certificate", path.stem, der
    for path in sorted(DATA.rglob("*-pub.key")):
        yield "spki", path.stem, _der(path.read_bytes())


def _spki(der: bytes) -> bytes:
    public = x509.load_der_x509_certificate(der).public_key()
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _der(data: bytes) -> bytes:
    """The first PEM block of a file that may have words around it."""
    block = data.partition(b"-----BEGIN ")[2].partition(b"-----\n")[2].partition(b"-----END")[0]
    return b64decode(block) if block else data


def _passive() -> Iterator[tuple[str, str, bytes]]:
    """Connections of others: an encrypted one and clear ones, as captures and as talks."""
    encrypted, _ = tls_talk(
        OpensslPeer(kind="ec", maximum=ssl.TLSVersion.TLSv1_2), maximum=ssl.TLSVersion.TLSv1_2
    )
    newer, _ = tls_talk(OpensslPeer(kind="ec"))
    clear = [*SMTP_BEFORE.lines[:3], (0, b"AUTH PLAIN AGEAYg==\r\n")]
    talks = {
        "starttls": (0, SMTP_BEFORE.then(encrypted).lines),
        "clear": (0, clear),
        "newer": (6, newer.lines),
    }
    for name, (service, lines) in talks.items():
        pieces = b"".join((side << 15 | len(data)).to_bytes(2, "big") + data for side, data in lines)
        yield "talk", name, bytes((service,)) + pieces
    hello = encrypted.lines[0][1]
    yield "client_hello", "openssl", hello
    yield "client_hello", "sslv2", bytes.fromhex("801f0103010006000000100700c000002f") + bytes(16)
    six = Ends("2001:db8::1", 4_000, "2001:db8::2", 25)
    segments = connection(SMTP_BEFORE.lines, six)
    whole = [segment.ip() for segment in connection([*clear[:2]], close=False)]
    cut = [piece for packet in whole for piece in (fragments(packet, 24) if len(packet) > 70 else [packet])]
    yield "capture", "fragments", b"\0" + pcap(map(framed, cut))
    yield "capture", "ipv6", b"\1" + pcapng([framed(segment.ip(), vlans=(1,)) for segment in segments])
    yield "capture", "order", b"\1" + pcap([segment.ip() for segment in segments[::-1]], RAW, order=">")


def write_seeds(directory: Path) -> None:
    """Write all of them."""
    for seeds in (_tls, _sslv2, _text, _ssh, _certificates, _passive):
        for target, name, data in seeds():
            folder = directory / target
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
    with glass():
        protection = directory / "protection"
        protection.mkdir(exist_ok=True)
        for choice in range(24):
            (protection / str(choice)).write_bytes(
                bytes((choice,)) + b"\x17\x03\x03\0\x40" + bytes(63) + b"\x17"
            )


if __name__ == "__main__":
    write_seeds(Path(sys.argv[1]))
