"""A name server on loopback in a thread of its own that says what it was told to say, and keeps the questions."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import dns.exception
import dns.message
import dns.rcode
import dns.rrset

Reply = tuple[dns.rcode.Rcode, tuple[str, ...]] | bytes | None
"""A code and records as zone files write them; bytes as they are; nothing at all."""
NXDOMAIN: Reply = (dns.rcode.NXDOMAIN, ())
NODATA: Reply = (dns.rcode.NOERROR, ())
SERVFAIL: Reply = (dns.rcode.SERVFAIL, ())


def records(*lines: str) -> Reply:
    """An answer of records such as `mx.example. 60 IN A 192.0.2.1`."""
    return dns.rcode.NOERROR, lines


@dataclass
class NameServer:
    """Where it listens and what it has been asked."""

    port: int
    questions: list[str] = field(default_factory=list)
    """`name type`, in order."""

    @property
    def resolver(self) -> str:
        """How study.toml names it."""
        return f"127.0.0.1:{self.port}"


@contextmanager
def name_server(answers: dict[str, Reply] | Callable[[str], Reply]) -> Iterator[NameServer]:
    """Serve answers by question, `name type`; NXDOMAIN to every other one."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind(("127.0.0.1", 0))
    server = NameServer(listener.getsockname()[1])
    reply_to = answers if callable(answers) else lambda question: answers.get(question, NXDOMAIN)
    thread = threading.Thread(target=_serve, args=(listener, server, reply_to))
    thread.start()
    try:
        yield server
    finally:
        listener.sendto(b"", listener.getsockname())
        thread.join()
        listener.close()


def _serve(listener: socket.socket, server: NameServer, reply_to: Callable[[str], Reply]) -> None:
    while True:
        raw, peer = listener.recvfrom(4096)
        if not raw:
            return
        try:
            query = dns.message.from_wire(raw)
        except dns.exception.DNSException:
            continue
        question = query.question[0]
        text = f"{question.name.to_text(omit_final_dot=True).lower()} {question.rdtype.name}"
        server.questions.append(text)
        wire = _wire(query, reply_to(text))
        if wire is not None:
            listener.sendto(wire, peer)


def _wire(query: dns.message.Message, reply: Reply) -> bytes | None:
    if reply is None or isinstance(reply, bytes):
        return reply
    code, lines = reply
    response = dns.message.make_response(query)
    response.set_rcode(code)
    for line in lines:
        name, ttl, _, kind, data = line.split(maxsplit=4)
        rrset = dns.rrset.from_text(name, int(ttl), "IN", kind, data)
        found = next(
            (r for r in response.answer if r.match(rrset.name, rrset.rdclass, rrset.rdtype, rrset.covers)),
            None,
        )
        if found is None:
            response.answer.append(rrset)
        else:
            found.update(rrset)
    return response.to_wire()
