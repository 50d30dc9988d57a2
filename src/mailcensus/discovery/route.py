"""Which way packets would leave this machine: interface and gateway, as the kernel's tables say.

Packet engines build Ethernet frames themselves and find these out less well than the kernel does: they look at the
default route alone. Nothing is sent here.
"""

from __future__ import annotations

import fcntl
import re
import socket
import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mailcensus.population.address import format_address, parse_address
from mailcensus.study import StageFailed
from mailcensus.study.sections import DiscoverySection

_ROUTES = Path("/proc/net/route")
_NEIGHBOURS = Path("/proc/net/arp")
_STATUS = Path("/proc/self/status")

_UP, _REJECT = 0x1, 0x200
"""RTF_UP and RTF_REJECT of linux/route.h."""
_COMPLETE = 0x2
"""ATF_COM of linux/if_arp.h: the Ethernet address is known."""
_CAP_NET_RAW = 13
_SIOCETHTOOL = 0x8946
_OFFLOADS = (0x1E, 0x23, 0x2B)
"""ETHTOOL_GTSO, ETHTOOL_GGSO, ETHTOOL_GGRO of linux/ethtool.h."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where frames go out, and to whom."""

    interface: str
    gateway_mac: str | None
    """None: the engine has to find it out itself."""


def may_send_packets() -> bool:
    """Whether this process may open raw sockets: root, or the capability CAP_NET_RAW."""
    effective = re.search(r"^CapEff:\s*([0-9a-f]+)", _STATUS.read_text(), re.MULTILINE)
    return effective is not None and bool(int(effective[1], 16) >> _CAP_NET_RAW & 1)


def route_to(ip: str, settings: DiscoverySection) -> Route:
    """The way to an IPv4 address; what study.toml says goes before what the kernel says.

    Raises:
        StageFailed: there is no such interface, no route, or no gateway.
    """
    interfaces = {name for _, name in socket.if_nameindex()}
    if settings.interface is not None and settings.interface not in interfaces:
        raise StageFailed(
            f"discovery.interface: this machine has no interface {settings.interface}; "
            f"it has {', '.join(sorted(interfaces))}"
        )
    if ip.startswith("127."):
        raise StageFailed(
            f'packet engines cannot ask this machine itself ({ip}); set discovery.engine = "connect"'
        )
    if settings.interface is not None and settings.gateway_mac is not None:
        return Route(settings.interface, settings.gateway_mac)
    found = _kernel_route(ip, settings.interface)
    if found is None:
        raise StageFailed(
            f"no route to {ip}{f' over {settings.interface}' if settings.interface else ''}; bring the network up, "
            "or set discovery.interface and discovery.gateway_mac"
        )
    interface, gateway = found
    if settings.gateway_mac is not None:
        return Route(interface, settings.gateway_mac)
    if gateway == "0.0.0.0":
        raise StageFailed(
            f"no gateway on the way to {ip}: it is on the network of {interface} itself, and packet engines send "
            'all to one gateway; set discovery.gateway_mac, or discovery.engine = "connect"'
        )
    return Route(interface, _neighbour(gateway, interface))


def has_offloads(interface: str) -> bool:
    """Whether the interface joins segments (TSO, GSO, GRO); False where it cannot be told."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        return any(_ethtool(control, interface, command) for command in _OFFLOADS)


def _ethtool(control: socket.socket, interface: str, command: int) -> bool:
    value = array("I", [command, 0])
    request = struct.pack("16sP", interface.encode(), value.buffer_info()[0])
    try:
        fcntl.ioctl(control, _SIOCETHTOOL, request)
    except OSError:
        return False
    return int(value[1]) != 0


def _kernel_route(ip: str, interface: str | None) -> tuple[str, str] | None:
    """Interface and gateway (0.0.0.0: none, on the same network) of the longest prefix that matches, or None."""
    target = parse_address(ip)[1]
    best: tuple[int, int, str, str] | None = None
    for name, destination, gateway, flags, metric, mask in _routes():
        if (
            not flags & _UP
            or flags & _REJECT
            or target & mask != destination
            or interface not in (None, name)
        ):
            continue
        this = (mask, -metric, name, format_address(4, gateway))
        best = this if best is None or this[:2] > best[:2] else best
    return None if best is None else best[2:]


def _routes() -> Iterator[tuple[str, int, int, int, int, int]]:
    """Interface, destination, gateway, flags, metric and mask of each route, addresses as numbers."""
    for line in _ROUTES.read_text().splitlines()[1:]:
        name, destination, gateway, flags, _, _, metric, mask, *_ = line.split()
        yield name, _number(destination), _number(gateway), int(flags, 16), int(metric), _number(mask)


def _number(host_order_hex: str) -> int:
    """The kernel prints addresses as integers of its own byte order."""
    return int.from_bytes(struct.pack("=I", int(host_order_hex, 16)), "big")


def _neighbour(ip: str, interface: str) -> str | None:
    for line in _NEIGHBOURS.read_text().splitlines()[1:]:
        address, _, flags, mac, _, device = line.split()
        if address == ip and device == interface and int(flags, 16) & _COMPLETE:
            return mac
    return None
