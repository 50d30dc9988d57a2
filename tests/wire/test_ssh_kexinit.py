"""KEXINIT: read, written, agreed on, and its fingerprint."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.wire.errors import ProtocolError
from mailcensus.wire.ssh.kexinit import KexInit, agreed, read_kexinit, write_kexinit

KEXINIT = KexInit(
    kex=("curve25519-sha256", "kex-strict-s-v00@openssh.com"),
    host_key=("ssh-ed25519", "rsa-sha2-512"),
    ciphers_client_to_server=("aes128-ctr",),
    ciphers_server_to_client=("aes256-ctr", "aes128-ctr"),
    macs_client_to_server=("hmac-sha1",),
    macs_server_to_client=("hmac-sha2-256",),
    compression_client_to_server=("none",),
    compression_server_to_client=("none", "zlib"),
    guess_follows=True,
)


def test_a_message_is_read_as_it_was_written() -> None:
    assert read_kexinit(write_kexinit(KEXINIT)) == KEXINIT


def test_every_message_has_a_cookie_of_its_own() -> None:
    assert write_kexinit(KEXINIT) != write_kexinit(KEXINIT)


def test_a_message_cut_anywhere_is_a_protocol_error() -> None:
    written = write_kexinit(KEXINIT)
    for length in range(len(written) - 4):  # the reserved number at the end is not missed
        with pytest.raises(ProtocolError):
            read_kexinit(written[:length])


@given(st.binary(max_size=200))
def test_any_bytes_give_algorithms_or_a_protocol_error(data: bytes) -> None:
    try:
        read_kexinit(b"\x14" + data)
    except ProtocolError:
        pass


def test_hassh_is_over_the_server_to_client_lists() -> None:
    text = b"curve25519-sha256,kex-strict-s-v00@openssh.com;aes256-ctr,aes128-ctr;hmac-sha2-256;none,zlib"
    assert KEXINIT.hassh_server == hashlib.md5(text).hexdigest()


@pytest.mark.parametrize(
    ("ours", "theirs", "both"),
    [
        (("a", "b"), ("b", "a"), "a"),
        (("a", "b"), ("c", "b"), "b"),
        (("a",), ("b",), None),
        ((), (), None),
    ],
)
def test_the_clients_first_that_the_server_has_is_agreed(
    ours: tuple[str, ...], theirs: tuple[str, ...], both: str | None
) -> None:
    assert agreed(ours, theirs) == both
