"""A DNS server on loopback that says what a test wants it to say."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

Zone = Mapping[tuple[str, str], tuple[str, ...] | dns.rcode.Rcode]
"""Answers by name (without its last dot) and type; what is not in it does not exist."""


@contextmanager
def name_server(zone: Zone) -> Iterator[str]:
    """A server in a thread of its own; its address and port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=_serve, args=(listener, zone))
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.sendto(b"", listener.getsockname())
            thread.join()


def _serve(listener: socket.socket, zone: Zone) -> None:
    while (asked := listener.recvfrom(4096))[0]:
        listener.sendto(_answer(dns.message.from_wire(asked[0]), zone).to_wire(), asked[1])


def _answer(query: dns.message.Message, zone: Zone) -> dns.message.Message:
    response = dns.message.make_response(query)
    response.flags |= dns.flags.RA
    question = query.question[0]
    name = question.name.to_text(omit_final_dot=True)
    found = zone.get((name, question.rdtype.name))
    if isinstance(found, tuple):
        response.answer.append(
            dns.rrset.from_text(question.name, 60, question.rdclass, question.rdtype, *found)
        )
    elif found is not None:
        response.set_rcode(found)
    elif not any(known == name for known, _ in zone):
        response.set_rcode(dns.rcode.NXDOMAIN)
    return response
