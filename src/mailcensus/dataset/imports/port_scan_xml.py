"""The XML of nmap (-oX), which masscan writes too.

Read by expat as it streams, one host in memory at a time. A document that declares entities is refused at the
declaration, so none is ever expanded; nothing outside the file is ever read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO
from xml.parsers import expat

from mailcensus.dataset.imports.rows import Open, PassedOver, Reject, Row, is_address, port_of, time_of

_READ_BYTES = 1 << 16
_MOST_PORTS = 65_536


class _Refused(Exception):
    """The document asks for what we do not do."""


class _Hosts:
    """Turns elements into rows."""

    def __init__(self, parser: expat.XMLParserType) -> None:
        self._parser = parser
        self.rows: list[Row] = []
        self._ip: str | None = None
        self._seconds: str | None = None
        self._port: str | None = None
        self._ports: list[tuple[int, str | None, bool]] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        if name == "host":
            self._ip, self._ports = None, []
            self._seconds = attributes.get("endtime") or attributes.get("starttime")
        elif name == "address" and attributes.get("addrtype") in ("ipv4", "ipv6"):
            self._ip = attributes.get("addr")
        elif name == "port" and attributes.get("protocol") == "tcp":
            self._port = attributes.get("portid")
        elif name == "state" and self._port is not None and len(self._ports) < _MOST_PORTS:
            line = self._parser.CurrentLineNumber
            self._ports.append((line, self._port, attributes.get("state") == "open"))

    def end(self, name: str) -> None:
        """An element ends."""
        if name == "port":
            self._port = None
        elif name == "host":
            self.rows.extend(map(self._row, self._ports))

    def _row(self, found: tuple[int, str | None, bool]) -> Row:
        line, text, is_open = found
        port = port_of(text)
        if self._ip is None or not is_address(self._ip):
            return Reject(line, "a host without an address", str(self._ip))
        if port is None:
            return Reject(line, "portid is not a port", str(text))
        return Open(self._ip, port, time_of(self._seconds)) if is_open else PassedOver()


def read_port_scan_xml(stream: IO[bytes]) -> Iterator[Row]:
    """The TCP ports of all hosts. A document that breaks off gives what came before, and one reject."""
    parser = expat.ParserCreate()
    hosts = _Hosts(parser)
    parser.StartElementHandler = hosts.start
    parser.EndElementHandler = hosts.end
    parser.EntityDeclHandler = _refuse_entity
    parser.buffer_text = True
    try:
        while data := stream.read(_READ_BYTES):
            parser.Parse(data, False)
            yield from hosts.rows
            hosts.rows = []
        parser.Parse(b"", True)
    except (_Refused, expat.ExpatError) as error:
        yield from hosts.rows
        yield Reject(parser.CurrentLineNumber, f"the XML cannot be read on from here: {error}", "")


def _refuse_entity(*_: object) -> None:
    raise _Refused("it declares entities")
