"""A DNS server of bytes on loopback, for what no well-behaved server says."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Answer = Callable[[bytes], bytes | None]
"""A query in, its answer out; None: silence."""


@contextmanager
def raw_dns_server(
    answer: Answer, address: str = "127.0.0.1", port: int = 0, delay_s: float = 0.0
) -> Iterator[str]:
    """A server in a thread of its own, UDP only; its address and port.

    Args:
        delay_s: how late each answer is.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind((address, port))
        where = listener.getsockname()
        over = threading.Event()
        thread = threading.Thread(target=_serve, args=(listener, answer, delay_s, over))
        thread.start()
        try:
            yield f"{where[0]}:{where[1]}"
        finally:
            over.set()
            listener.sendto(b"", where)
            thread.join()


def _serve(listener: socket.socket, answer: Answer, delay_s: float, over: threading.Event) -> None:
    while True:
        raw, peer = listener.recvfrom(4096)
        if over.is_set():
            return
        said = answer(raw)
        if said is None:
            continue
        if delay_s:
            timer = threading.Timer(delay_s, _send, (listener, said, peer))
            timer.daemon = True
            timer.start()
        else:
            _send(listener, said, peer)


def _send(listener: socket.socket, answer: bytes, peer: tuple[str, int]) -> None:
    try:
        listener.sendto(answer, peer)
    except OSError:  # the server is gone already
        pass
