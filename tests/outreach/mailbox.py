"""A mail server on loopback that takes every message and keeps it."""

from __future__ import annotations

import queue
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default


class Mailbox:
    """What came."""

    def __init__(self, port: int) -> None:
        self.place = f"127.0.0.1:{port}"
        self._messages: queue.Queue[bytes] = queue.Queue()

    def keep(self, message: bytes) -> None:
        self._messages.put(message)

    def next(self) -> EmailMessage:
        """The next message, once it is there."""
        message = message_from_bytes(self._messages.get(timeout=60), policy=default)
        assert isinstance(message, EmailMessage)
        return message

    @property
    def empty(self) -> bool:
        return self._messages.empty()


class _Smtp(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(b"220 mailbox.example ESMTP\r\n")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                message = b""
                while (line := self.rfile.readline()) not in (b".\r\n", b""):
                    message += line.removeprefix(b".") if line.startswith(b"..") else line
                self.server.mailbox.keep(message)  # type: ignore[attr-defined]
            self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
            if verb == b"QUIT":
                return


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Smtp) as server:
        server.mailbox = Mailbox(server.server_address[1])  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.mailbox  # type: ignore[attr-defined]
        finally:
            server.shutdown()
            thread.join()
