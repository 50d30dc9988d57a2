"""What we offer a server. Nothing is ever encrypted: the ciphers are there so that every server finds one."""

from __future__ import annotations

from functools import lru_cache

from mailcensus.wire.ssh.kexinit import KexInit, Names
from mailcensus.wire.ssh.key_exchange import METHODS

_CIPHERS = (
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes128-cbc",
    "aes192-cbc",
    "aes256-cbc",
    "3des-ctr",
    "3des-cbc",
    "blowfish-cbc",
    "cast128-cbc",
    "twofish256-cbc",
    "twofish128-cbc",
    "arcfour256",
    "arcfour128",
    "arcfour",
)
_MACS = (
    "hmac-sha2-256",
    "hmac-sha2-512",
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "umac-128-etm@openssh.com",
    "umac-128@openssh.com",
    "umac-64-etm@openssh.com",
    "umac-64@openssh.com",
    "hmac-sha1-etm@openssh.com",
    "hmac-sha1",
    "hmac-sha1-96",
    "hmac-ripemd160",
    "hmac-md5",
    "hmac-md5-96",
)
_COMPRESSION = ("none", "zlib@openssh.com", "zlib")


@lru_cache(maxsize=16)
def offer(host_key_algorithms: Names) -> KexInit:
    """Our KEXINIT."""
    return KexInit(
        kex=tuple(method.name for method in METHODS),
        host_key=host_key_algorithms,
        ciphers_client_to_server=_CIPHERS,
        ciphers_server_to_client=_CIPHERS,
        macs_client_to_server=_MACS,
        macs_server_to_client=_MACS,
        compression_client_to_server=_COMPRESSION,
        compression_server_to_client=_COMPRESSION,
    )
