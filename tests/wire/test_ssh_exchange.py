"""The SSH exchange against a server in memory: whole, in pieces, cut short, damaged and refused."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.model import Outcome, SshHostKey, Stage
from mailcensus.wire.exchange import ExchangeSettings, Findings, Limits
from mailcensus.wire.keys import spki_sha256
from mailcensus.wire.ssh.exchange import SshExchange
from mailcensus.wire.ssh.host_keys import fingerprint
from mailcensus.wire.ssh.kexinit import write_kexinit
from mailcensus.wire.ssh.messages import BY_APPLICATION, read_disconnect, write_disconnect
from mailcensus.wire.ssh.packet import write_packet, write_string
from ssh_peer import IDENTIFICATION, Peer, blob_of, kexinit, spki_of

SETTINGS = ExchangeSettings(ehlo_name="scanner.example")
ED25519 = ed25519.Ed25519PrivateKey.generate()
KEYS = [
    (ED25519, "ssh-ed25519", "ssh-ed25519", 256),
    (ec.generate_private_key(ec.SECP256R1()), "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", 256),
    (ec.generate_private_key(ec.SECP384R1()), "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384", 384),
    (ec.generate_private_key(ec.SECP521R1()), "ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521", 521),
    (rsa.generate_private_key(65537, 1024), "rsa-sha2-512", "ssh-rsa", 1024),
    (rsa.generate_private_key(65537, 1024), "rsa-sha2-256", "ssh-rsa", 1024),
    (rsa.generate_private_key(65537, 1024), "ssh-rsa", "ssh-rsa", 1024),
    (dsa.generate_private_key(1024), "ssh-dss", "ssh-dss", 1024),
]


def converse(peer: Peer, exchange: SshExchange, size: int = 1 << 20) -> SshExchange:
    """Let the two speak, the server's bytes in pieces of `size`."""
    assert exchange.start() == b""
    data = peer.greet()
    while data and exchange.outcome is None:
        data, rest = data[:size], data[size:]
        data = rest + peer.hear(exchange.receive(data))
    return exchange


@pytest.mark.parametrize(("key", "signature", "algorithm", "bits"), KEYS)
@pytest.mark.parametrize("size", [1 << 20, 1])
def test_every_kind_of_host_key_is_shown_and_verified(key, signature, algorithm, bits, size) -> None:
    peer = Peer(key, signature, algorithms=kexinit(host_key=(signature,)))
    exchange = converse(peer, SshExchange(SETTINGS), size)
    assert (exchange.outcome, exchange.stage, exchange.error) == (Outcome.OK, Stage.DONE, None)
    found = exchange.findings()
    assert found.keys == (spki_of(key),)
    assert found.ssh is not None
    assert found.ssh.host_keys == (
        SshHostKey(
            algorithm=algorithm,
            fingerprint=fingerprint(blob_of(key)),
            spki_sha256=spki_sha256(spki_of(key)),
            bits=bits,
            verified=True,
        ),
    )


def test_everything_the_server_said_is_in_the_record() -> None:
    algorithms = kexinit(kex=("sntrup761x25519-sha512", "curve25519-sha256", "kex-strict-s-v00@openssh.com"))
    exchange = converse(Peer(ED25519, before=b"hello\r\n", algorithms=algorithms), SshExchange(SETTINGS))
    found = exchange.findings()
    ssh = found.ssh
    assert found.greeting == "hello\nSSH-2.0-peer_1.0 in memory"
    assert ssh is not None
    assert (ssh.identification, ssh.protocol_version, ssh.software) == (
        IDENTIFICATION.decode(),
        "2.0",
        "peer_1.0",
    )
    assert ssh.kex_algorithms == algorithms.kex
    assert ssh.kex_used == "curve25519-sha256"
    assert ssh.host_key_algorithms == algorithms.host_key
    assert (ssh.ciphers_client_to_server, ssh.ciphers_server_to_client) == (("aes128-ctr",), ("aes256-ctr",))
    assert (ssh.macs_client_to_server, ssh.macs_server_to_client) == (("hmac-sha1",), ("hmac-sha2-256",))
    assert ssh.compression_client_to_server == ("none",)
    assert ssh.compression_server_to_client == ("none", "zlib")
    assert ssh.hassh_server == algorithms.hassh_server


def test_we_say_who_we_are_and_leave_politely_in_the_clear() -> None:
    peer = Peer(ED25519)
    converse(peer, SshExchange(SETTINGS))
    assert peer.heard.startswith(b"SSH-2.0-mailcensus\r\n")
    assert peer.last[0] == 1
    assert str(read_disconnect(peer.last)) == (
        f"disconnect {BY_APPLICATION}: census of public keys by scanner.example"
    )


def test_nothing_is_sent_before_the_servers_identification() -> None:
    exchange = SshExchange(SETTINGS)
    assert exchange.start() == b""
    assert exchange.receive(b"please wait\r\nSSH-2.0") == b""
    assert exchange.receive(b"-x\r\n").startswith(b"SSH-2.0-mailcensus\r\n")


def test_host_key_algorithms_are_asked_for_in_the_order_given() -> None:
    key, signature, *_ = KEYS[5]
    exchange = SshExchange(SETTINGS, host_key_algorithms=("rsa-sha2-256", "ssh-ed25519"))
    converse(Peer(key, signature), exchange)
    assert exchange.outcome is Outcome.OK


def test_a_signature_that_does_not_verify_keeps_the_key() -> None:
    peer = Peer(ED25519, alter=lambda reply: reply[:-1] + bytes([reply[-1] ^ 1]))
    exchange = converse(peer, SshExchange(SETTINGS))
    assert (exchange.outcome, exchange.stage) == (Outcome.PROTOCOL_ERROR, Stage.SESSION)
    assert exchange.error == "signature does not verify"
    found = exchange.findings()
    assert found.keys == (spki_of(ED25519),)
    assert found.ssh is not None
    assert found.ssh.host_keys is not None
    assert found.ssh.host_keys[0].verified is False


def test_a_key_of_another_kind_than_the_signature_does_not_verify() -> None:
    other = blob_of(KEYS[1][0])

    def swap(reply: bytes) -> bytes:
        return reply.replace(write_string(blob_of(ED25519)), write_string(other))

    exchange = converse(Peer(ED25519, alter=swap), SshExchange(SETTINGS))
    assert exchange.error == "signature does not verify"


def test_a_key_we_cannot_check_is_shown_and_not_called_wrong() -> None:
    strange = write_string(b"ssh-mldsa65") + write_string(b"x" * 40)

    def swap(reply: bytes) -> bytes:
        return b"\x1f" + write_string(strange) + write_string(b"\x09" + bytes(31)) + write_string(strange)

    exchange = converse(Peer(ED25519, alter=swap), SshExchange(SETTINGS))
    found = exchange.findings()
    assert (exchange.outcome, found.keys) == (Outcome.OK, ())
    assert found.ssh is not None
    assert found.ssh.host_keys == (SshHostKey(algorithm="ssh-mldsa65", fingerprint=fingerprint(strange)),)


def test_a_half_that_is_no_group_element_keeps_the_key() -> None:
    def zero(reply: bytes) -> bytes:
        blob = write_string(blob_of(ED25519))
        return b"\x1f" + blob + write_string(bytes(32)) + write_string(b"")

    exchange = converse(Peer(ED25519, alter=zero), SshExchange(SETTINGS))
    assert exchange.outcome is Outcome.PROTOCOL_ERROR
    assert exchange.findings().keys == (spki_of(ED25519),)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kex": ("sntrup761x25519-sha512",)}, "no common key exchange: the server has sntrup761x25519"),
        ({"host_key": ("pgp-sign-rsa",)}, "no common host key algorithm: the server has pgp-sign-rsa"),
        ({"kex": ()}, "no common key exchange"),
        ({"kex": tuple(f"kex{n}" for n in range(500))}, "no common key exchange"),
    ],
)
def test_without_a_common_algorithm_the_kexinit_is_kept(changes: dict[str, object], words: str) -> None:
    peer = Peer(ED25519, algorithms=kexinit(**changes))
    exchange = converse(peer, SshExchange(SETTINGS))
    assert (exchange.outcome, exchange.stage) == (Outcome.PROTOCOL_ERROR, Stage.CAPABILITIES)
    assert exchange.error is not None
    assert exchange.error.startswith(words)
    assert len(exchange.error) < 300
    found = exchange.findings().ssh
    assert found is not None
    assert found.kex_algorithms == peer.algorithms.kex
    assert found.hassh_server == peer.algorithms.hassh_server
    assert peer.last[0] == 1


@pytest.mark.parametrize(
    ("kex", "guess"),
    [(("curve25519-sha256",), ()), (("ecdh-sha2-nistp521", "curve25519-sha256"), (b"\x1fwrong",))],
)
def test_a_guess_is_passed_over_where_it_was_wrong(kex: tuple[str, ...], guess: tuple[bytes, ...]) -> None:
    algorithms = kexinit(kex=kex, host_key=("ssh-ed25519",), guess_follows=True)
    client = SshExchange(SETTINGS, host_key_algorithms=("ssh-ed25519",))
    exchange = converse(Peer(ED25519, algorithms=algorithms, guess=guess), client)
    assert exchange.outcome is Outcome.OK


def test_messages_that_say_nothing_are_passed_over() -> None:
    chatter = (b"\x02" + write_string(b"noise"), b"\x04\0" + write_string(b"debug") + write_string(b""))
    exchange = converse(Peer(ED25519, before_kexinit=chatter), SshExchange(SETTINGS))
    assert exchange.outcome is Outcome.OK


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        (12, Outcome.RATE_LIMITED),
        (2, Outcome.PROTOCOL_ERROR),
        (3, Outcome.PROTOCOL_ERROR),
        (11, Outcome.CLOSED),
    ],
)
def test_a_disconnect_is_an_outcome_with_the_servers_words(reason: int, outcome: Outcome) -> None:
    exchange = SshExchange(SETTINGS)
    exchange.receive(IDENTIFICATION + b"\r\n" + write_packet(write_disconnect(reason, "go away")))
    assert (exchange.outcome, exchange.stage) == (outcome, Stage.CAPABILITIES)
    assert exchange.error == f"disconnect {reason}: go away"


def test_the_servers_words_in_an_error_steer_no_terminal() -> None:
    exchange = SshExchange(SETTINGS)
    exchange.receive(IDENTIFICATION + b"\r\n" + write_packet(write_disconnect(2, "go\x1b[2J\naway")))
    assert exchange.error == "disconnect 2: go\\x1b[2J away"


@pytest.mark.parametrize("line", [b"Exceeded MaxStartups\r\n", b"Not allowed at this time\r\n"])
def test_a_refusal_before_the_identification_is_rate_limited(line: bytes) -> None:
    exchange = SshExchange(SETTINGS)
    assert exchange.receive(line) == b""
    assert (exchange.outcome, exchange.stage) == (Outcome.RATE_LIMITED, Stage.GREETING)
    assert exchange.error == line.decode().strip()
    assert exchange.findings() == Findings(greeting=line.decode().strip())


def test_a_server_of_ssh_1_alone_is_recorded() -> None:
    exchange = SshExchange(SETTINGS)
    assert exchange.receive(b"SSH-1.5-1.2.27\n") == b""
    assert (exchange.outcome, exchange.stage) == (Outcome.PROTOCOL_ERROR, Stage.GREETING)
    assert exchange.error == "the server speaks SSH 1.5 only"
    found = exchange.findings().ssh
    assert found is not None
    assert (found.protocol_version, found.software) == ("1.5", "1.2.27")


def test_a_server_of_both_versions_is_asked_in_version_2() -> None:
    exchange = converse(Peer(ED25519, identification=b"SSH-1.99-old"), SshExchange(SETTINGS))
    assert exchange.outcome is Outcome.OK


def test_a_message_out_of_turn_is_a_protocol_error() -> None:
    exchange = SshExchange(SETTINGS)
    exchange.receive(IDENTIFICATION + b"\r\n" + write_packet(b"\x15"))
    assert exchange.error == "SSH: message 21 while awaiting KEXINIT"


def test_endless_packets_exceed_our_cap() -> None:
    exchange = SshExchange(replace(SETTINGS, limits=Limits(handshake=10_000)))
    exchange.receive(IDENTIFICATION + b"\r\n")
    noise = write_packet(b"\x02" + bytes(1000))
    for _ in range(20):
        exchange.receive(noise)
    assert (exchange.outcome, exchange.stage) == (Outcome.LIMIT, Stage.CAPABILITIES)


def test_the_end_of_the_stream_keeps_what_was_learnt() -> None:
    exchange = SshExchange(SETTINGS)
    exchange.receive(Peer(ED25519).greet())
    exchange.eof()
    assert (exchange.outcome, exchange.stage) == (Outcome.CLOSED, Stage.SESSION)
    found = exchange.findings().ssh
    assert found is not None
    assert found.kex_used == "curve25519-sha256"


def test_nothing_happens_once_there_is_an_outcome() -> None:
    exchange = SshExchange(SETTINGS)
    exchange.give_up(Outcome.TIMEOUT, "no greeting within 35 s")
    assert exchange.receive(Peer(ED25519).greet()) == b""
    exchange.eof()
    assert (exchange.outcome, exchange.error) == (Outcome.TIMEOUT, "no greeting within 35 s")
    assert exchange.findings() == Findings()


def recorded() -> bytes:
    """All that a server said to some other client: its signature is of another exchange."""
    peer = Peer(ED25519)
    exchange = SshExchange(SETTINGS)
    greeting = peer.greet()
    return greeting + peer.hear(exchange.receive(greeting))


RECORDED = recorded()


def outcome_of(stream: bytes, size: int) -> tuple[object, ...]:
    exchange = SshExchange(SETTINGS)
    for at in range(0, len(stream), size):
        exchange.receive(stream[at : at + size])
    return exchange.outcome, exchange.stage, exchange.error, exchange.findings()


def test_a_stream_cut_anywhere_comes_to_the_same_however_it_arrives() -> None:
    for length in range(0, len(RECORDED), 7):
        assert outcome_of(RECORDED[:length], 1) == outcome_of(RECORDED[:length], length or 1)


@given(st.data())
def test_a_damaged_stream_comes_to_the_same_however_it_arrives(data: st.DataObject) -> None:
    stream = bytearray(RECORDED)
    for _ in range(data.draw(st.integers(1, 4))):
        stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    size = data.draw(st.integers(1, 600))
    assert outcome_of(bytes(stream), size) == outcome_of(bytes(stream), len(stream))


@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_are_an_outcome_or_awaited(data: bytes, identified: bool) -> None:
    outcome_of((IDENTIFICATION + b"\r\n" if identified else b"") + data, 400)


@given(st.lists(st.sampled_from([2, 3, 4, 20, 21, 30, 31, 33]), max_size=6), st.binary(max_size=30))
def test_any_order_of_messages_is_an_outcome_or_awaited(numbers: list[int], rest: bytes) -> None:
    messages = [
        write_kexinit(kexinit(kex=("diffie-hellman-group-exchange-sha256",)))
        if number == 20
        else bytes([number]) + rest
        for number in numbers
    ]
    stream = IDENTIFICATION + b"\r\n" + b"".join(map(write_packet, messages))
    assert outcome_of(stream, 5) == outcome_of(stream, len(stream))
