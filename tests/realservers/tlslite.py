"""tlslite-ng as a server, in this process: what no packaged library serves any more, and post-quantum hybrids."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from tlslite.api import (  # type: ignore[import-untyped]
    HandshakeSettings,
    TLSConnection,
    X509CertChain,
    parsePEMKey,
)
from tlslite.errors import BaseTLSException  # type: ignore[import-untyped]

from realservers.credentials import Credential

_TIMEOUT_S = 60


@contextmanager
def tlslite(
    *, address: str, credential: Credential, settings: Mapping[str, object], alpn: str | None = None
) -> Iterator[int]:
    """Serve handshakes on a port that the kernel chooses, one after the other, until the block is left; the port.

    Args:
        settings: attributes of tlslite's HandshakeSettings.
    Raises:
        ValueError: they do not go together.
    """
    handshake_settings(settings).validate()
    with socket.create_server((address, 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, credential, settings, alpn), daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(_TIMEOUT_S)


def handshake_settings(attributes: Mapping[str, object]) -> HandshakeSettings:
    """Settings with these attributes."""
    settings = HandshakeSettings()
    for name, value in attributes.items():
        setattr(settings, name, value)
    return settings


def _serve(
    listener: socket.socket, credential: Credential, attributes: Mapping[str, object], alpn: str | None
) -> None:
    chain = X509CertChain()
    chain.parsePemList(credential.chain_file.read_text())
    key = parsePEMKey(credential.key_file.read_text(), private=True)
    while True:
        try:
            end, _ = listener.accept()
        except OSError:  # the block was left
            return
        # A client that goes away in the middle is its own business.
        with end, suppress(OSError, BaseTLSException):
            end.settimeout(_TIMEOUT_S)
            connection = TLSConnection(end)
            connection.handshakeServer(
                certChain=chain,
                privateKey=key,
                settings=handshake_settings(attributes),
                alpn=[alpn.encode()] if alpn else None,
            )
            connection.read(max=100, min=1)
            connection.close()
