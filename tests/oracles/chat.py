"""XMPP and IRC by hand over Python's sockets and ssl, and XML read by the standard library, as oracles."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from xml.etree.ElementTree import Element, XMLPullParser

from oracles.dialogues import tls_context
from oracles.facts import Facts
from oracles.tls_clients import Target

_TIMEOUT_S = 20
_STREAMS = "{http://etherx.jabber.org/streams}"
_TLS = "{urn:ietf:params:xml:ns:xmpp-tls}"


def xmpp(target: Target, namespace: str) -> Facts:
    """Features and mechanisms before and behind TLS.

    Args:
        namespace: `jabber:client` or `jabber:server`.
    """
    with socket.create_connection((target.address, target.port), _TIMEOUT_S) as end:
        if target.starttls is None:
            with _secured(end, target) as tls:
                return _features("after", _opened(tls, target, namespace))
        before = _opened(end, target, namespace)
        end.sendall(f"<starttls xmlns='{_TLS[1:-1]}'/>".encode())
        while b"proceed" not in end.recv(4096):
            pass
        with _secured(end, target) as tls:
            after = _opened(tls, target, namespace)
    return {**_features("before", before), **_features("after", after), "starttls": True}


def _opened(end: socket.socket, target: Target, namespace: str) -> Element:
    """The `features` element of a fresh stream."""
    sender = " from='scanner.example'" if namespace == "jabber:server" else ""
    end.sendall(
        f"<?xml version='1.0'?><stream:stream to='{target.server_name}'{sender} version='1.0' "
        f"xmlns='{namespace}' xmlns:stream='{_STREAMS[1:-1]}'>".encode()
    )
    return next(element for element in _elements(end) if element.tag == f"{_STREAMS}features")


def _elements(end: socket.socket) -> Iterator[Element]:
    parser: XMLPullParser[Element] = XMLPullParser(["end"])
    while data := end.recv(65_536):
        parser.feed(data)
        yield from (event[-1] for event in parser.read_events() if isinstance(event[-1], Element))


def _features(when: str, features: Element) -> Facts:
    """Features in their order; mechanisms in theirs."""
    names = [child.tag.removeprefix("{").partition("}") for child in features]
    mechanisms = [item.text for item in features.iter() if item.tag.endswith("}mechanism")]
    return {
        f"features_{when}": tuple(f"{name} {namespace}" for namespace, _, name in names),
        f"auth_{when}": tuple(dict.fromkeys(text.upper() for text in mechanisms if text)),
    }


def irc(target: Target) -> Facts:
    """Capabilities before and behind TLS; what it says to STARTTLS."""
    with socket.create_connection((target.address, target.port), _TIMEOUT_S) as end:
        if target.starttls is None and target.port != 26_667:
            with _secured(end, target) as tls:
                return {"capabilities_after": _capabilities(tls)}
        before = _capabilities(end)
        if "tls" not in before:
            return {"capabilities_before": before, "starttls": False, "capabilities_after": None}
        end.sendall(b"STARTTLS\r\n")
        while b" 670 " not in end.recv(4096):
            pass
        with _secured(end, target) as tls:
            return {"capabilities_before": before, "starttls": True, "capabilities_after": _capabilities(tls)}


def _capabilities(end: socket.socket) -> tuple[str, ...]:
    end.sendall(b"CAP LS 302\r\n")
    received = b""
    while b" LS " not in received or not received.endswith(b"\n"):
        received += end.recv(4096)
    line = next(line for line in received.decode().splitlines() if " LS " in line)
    return tuple(line.partition(" LS ")[2].removeprefix("* ").removeprefix(":").split())


def _secured(end: socket.socket, target: Target) -> ssl.SSLSocket:
    return tls_context().wrap_socket(end, server_hostname=target.server_name)
