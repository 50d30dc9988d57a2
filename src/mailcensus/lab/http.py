"""HTTP/1.1, the server's side: one request, one answer without a body, and the connection closes (RFC 9112)."""

from __future__ import annotations

from http import HTTPStatus

from mailcensus.lab.ledger import Visit
from mailcensus.lab.plan import ServicePlan
from mailcensus.lab.responder import SILENCE, Answer, LineResponder, Then, text


class HttpResponder(LineResponder):
    """One HTTP connection."""

    def __init__(self, service: ServicePlan, visit: Visit) -> None:
        super().__init__(service, visit)
        self._request = b""

    def greet(self) -> Answer:
        """Nothing: the client speaks first."""
        return SILENCE

    def receive(self, data: bytes) -> Answer:
        """Wait for the whole request head, answer, close."""
        self._request += data
        if b"\r\n\r\n" not in self._request:
            return SILENCE if len(self._request) < 65_536 else Answer(then=Then.CLOSE)
        for line in self._request.split(b"\r\n\r\n", 1)[0].split(b"\r\n"):
            self.visit.hear(line)
        return self.answer(self._request)

    def answer(self, line: bytes) -> Answer:
        """Answer a request head."""
        status = HTTPStatus(self.service.status)
        moved = (f"Location: https://{self.service.host_name}/",) if 300 <= status < 400 else ()
        head = text(
            f"HTTP/1.1 {status.value} {status.phrase}",
            f"Server: {self.service.greeting}",
            *moved,
            "Content-Length: 0",
            "Connection: close",
            "",
        )
        return Answer(head, Then.CLOSE)
