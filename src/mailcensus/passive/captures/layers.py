"""Link layer, IP and TCP headers of all packets of a block at once.

What numpy cannot do for all alike (IPv6 extension headers, fragments) is handed over packet by packet: there are few.
Checksums are not looked at: where sending machines are captured, the network card fills them in later.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mailcensus.passive.captures.frames import Frames, Ints, unaligned

Bools = npt.NDArray[np.bool_]
Hashes = npt.NDArray[np.uint64]

IPV4, IPV6 = 0x0800, 0x86DD
TCP = 6
_VLAN_TAGS = (0x8100, 0x88A8, 0x9100)
_MOST_VLAN_TAGS = 4

# https://www.tcpdump.org/linktypes.html: where the EtherType is, where the network layer begins; no EtherType: the
# version nibble of IP says it all.
_NULL, _ETHERNET, _RAW_BSD, _RAW_BSD_OPEN, _RAW, _LOOP, _SLL, _IPV4, _IPV6, _SLL2 = (
    0, 1, 12, 14, 101, 108, 113, 228, 229, 276,
)  # fmt: skip
_LINKS: dict[int, tuple[int | None, int]] = {
    _NULL: (None, 4),
    _ETHERNET: (12, 14),
    _RAW_BSD: (None, 0),
    _RAW_BSD_OPEN: (None, 0),
    _RAW: (None, 0),
    _LOOP: (None, 4),
    _SLL: (14, 16),
    _IPV4: (None, 0),
    _IPV6: (None, 0),
    _SLL2: (0, 20),
}

FRAGMENTED = 0x3FFF
"""More Fragments and the offset in the IPv4 header."""


@dataclass(frozen=True, slots=True)
class Packets:
    """IP packets of a block; parallel arrays. Offsets are into `data`."""

    data: bytes | bytearray
    index: Ints
    """Which frame of the block it is."""
    version: Ints
    """4 or 6."""
    start: Ints
    """Offset of the IP header."""
    end: Ints
    """Offset behind the last byte that was captured."""
    at_ns: Ints


@dataclass(frozen=True, slots=True)
class Segments:
    """TCP segments; parallel arrays. Offsets are into `data`."""

    data: bytes | bytearray
    index: Ints
    at_ns: Ints
    version: Ints
    ip: Ints
    """Offset of the IP header, for the addresses."""
    source_port: Ints
    target_port: Ints
    connection: Hashes
    """Names the connection, the same for both directions: a salted hash of addresses and ports."""
    forward: Bools
    """Which of the two directions: by the order of its ends, which means nothing else."""
    sequence: Ints
    flags: Ints
    payload: Ints
    """Offset of the payload."""
    captured: Ints
    """Bytes of payload that are here."""
    length: Ints
    """Bytes of payload that were on the wire."""


def ip_packets(frames: Frames, counts: Counter[str]) -> Packets:
    """The IP packets among frames; what is no IP, or of a link type that we do not read, is counted."""
    u8, u16 = unaligned(frames.data, "u1"), unaligned(frames.data, ">u2")
    if (frames.link == frames.link[0]).all():
        return _of_link(frames, int(frames.link[0]), np.arange(len(frames.start)), u8, u16, counts)
    kinds = np.unique(frames.link)
    parts = [
        _of_link(frames, int(kind), np.flatnonzero(frames.link == kind), u8, u16, counts) for kind in kinds
    ]
    order = np.argsort(np.concatenate([part.index for part in parts]), kind="stable")
    index, version, start, end, at_ns = (
        np.concatenate([getattr(part, name) for part in parts])[order]
        for name in ("index", "version", "start", "end", "at_ns")
    )
    return Packets(frames.data, index, version, start, end, at_ns)


def _of_link(
    frames: Frames,
    link: int,
    index: Ints,
    u8: npt.NDArray[np.unsignedinteger[npt.NBitBase]],
    u16: npt.NDArray[np.unsignedinteger[npt.NBitBase]],
    counts: Counter[str],
) -> Packets:
    end = frames.start[index] + frames.captured[index]
    if link not in _LINKS:
        counts[f"link_type_{link}_not_read"] += len(index)
        index = index[:0]
        return Packets(frames.data, index, index, index, index, index)
    type_at, network_at = _LINKS[link]
    start = frames.start[index] + network_at
    if type_at is None:
        is_ip = start < end
        kind = None
    else:
        kind = u16[np.minimum(frames.start[index] + type_at, len(u16) - 1)]
        start, kind = _without_tags(u16, start, kind)
        is_ip = (start < end) & ((kind == IPV4) | (kind == IPV6))
    version = (u8[np.minimum(start, len(u8) - 1)] >> 4).astype(np.int64)
    is_ip &= (version == 4) | (version == 6)
    if kind is not None:
        is_ip &= (version == 4) == (kind == IPV4)
    is_ip &= end - start >= np.where(version == 4, 20, 40)
    if not is_ip.all():
        counts["not_ip"] += int((~is_ip).sum())
        index, version, start, end = index[is_ip], version[is_ip], start[is_ip], end[is_ip]
    return Packets(frames.data, index, version, start, end, frames.at_ns[index])


def _without_tags(
    u16: npt.NDArray[np.unsignedinteger[npt.NBitBase]],
    start: Ints,
    kind: npt.NDArray[np.unsignedinteger[npt.NBitBase]],
) -> tuple[Ints, npt.NDArray[np.unsignedinteger[npt.NBitBase]]]:
    """Past VLAN tags (IEEE 802.1Q, QinQ): where the network layer begins, and its EtherType."""
    for _ in range(_MOST_VLAN_TAGS):
        tagged = (kind == _VLAN_TAGS[0]) | (kind == _VLAN_TAGS[1]) | (kind == _VLAN_TAGS[2])
        if not tagged.any():
            break
        inner = u16[np.minimum(start + 2, len(u16) - 1)]
        start, kind = np.where(tagged, start + 4, start), np.where(tagged, inner, kind)
    return start, kind


@dataclass(frozen=True, slots=True)
class Split:
    """Packets by what is done with them."""

    segments: Segments
    odd: Ints
    """Positions (into the Packets) of those to be read one by one: fragments, IPv6 with extension headers."""


class Headers:
    """Reads TCP segments out of IP packets, all with one salt.

    Args:
        salt: four random odd numbers; who cannot know them cannot make two connections look like one.
        ports: of 65,536, those whose connections are read.
    """

    def __init__(self, salt: tuple[int, int, int, int], ports: Bools) -> None:
        self._salt = tuple(np.uint64(number) for number in salt)
        self._ports = ports

    def split(self, packets: Packets, counts: Counter[str]) -> Split:
        """Tell apart, and count what is no TCP, malformed, or on other ports."""
        data = packets.data
        u8, u16, u32 = unaligned(data, "u1"), unaligned(data, ">u2"), unaligned(data, ">u4")
        start, version = packets.start, packets.version
        is_v4 = version == 4
        protocol = np.where(is_v4, u8[start + 9], u8[start + 6]).astype(np.int64)
        header = np.where(is_v4, (u8[start] & 15).astype(np.int64) * 4, 40)
        is_fragment = ((u16[start + 6] & FRAGMENTED) != 0) & (protocol == TCP)
        odd = np.where(is_v4, is_fragment, _EXTENSION_HEADER[protocol])
        plain = (protocol == TCP) & ~odd & (header >= 20)
        counts["not_tcp"] += int((~plain & ~odd).sum())
        keep = np.flatnonzero(plain)
        start, end, is_v4 = start[keep], packets.end[keep], is_v4[keep]
        # Behind segmentation offload the total length may be 0: then it is what the frame holds.
        total = u16[start + np.where(is_v4, 2, 4)].astype(np.int64) + np.where(is_v4, 0, 40)
        total = np.where(total <= np.where(is_v4, 0, 40), end - start, total)
        tcp = start + header[keep]
        fits = tcp + 20 <= end
        tcp = np.where(fits, tcp, start)
        payload = tcp + (u8[tcp + 12] >> 4).astype(np.int64) * 4
        length = start + total - payload
        sound = fits & (payload - tcp >= 20) & (length >= 0)
        source_port, target_port = u16[tcp].astype(np.int64), u16[tcp + 2].astype(np.int64)
        wanted = sound & (self._ports[source_port] | self._ports[target_port])
        counts["malformed_tcp"] += int((~sound).sum())
        counts["other_ports"] += int((sound & ~wanted).sum())
        rows = np.flatnonzero(wanted)
        keep, start, tcp, payload = keep[rows], start[rows], tcp[rows], payload[rows]
        source_port, target_port, length = source_port[rows], target_port[rows], length[rows]
        source, target = self._ends(data, u32, start, is_v4[rows], source_port, target_port)
        return Split(
            Segments(
                data,
                packets.index[keep],
                packets.at_ns[keep],
                packets.version[keep],
                start,
                source_port,
                target_port,
                self._name(source, target),
                source < target,
                u32[tcp + 4].astype(np.int64),
                u8[tcp + 13].astype(np.int64),
                payload,
                np.clip(packets.end[keep] - payload, 0, length),
                length,
            ),
            np.flatnonzero(odd),
        )

    def _ends(
        self,
        data: bytes | bytearray,
        u32: npt.NDArray[np.unsignedinteger[npt.NBitBase]],
        start: Ints,
        is_v4: Bools,
        source_port: Ints,
        target_port: Ints,
    ) -> tuple[Hashes, Hashes]:
        """Address and port of both ends, each as one number."""
        ports = source_port.astype(np.uint64), target_port.astype(np.uint64)
        address_at = start + np.where(is_v4, 12, 8)
        shift = np.uint64(16)
        ends = [
            (u32[address_at + at].astype(np.uint64) << shift) | port
            for at, port in zip((0, 4), ports, strict=True)
        ]
        if not is_v4.all():
            v6 = np.flatnonzero(~is_v4)
            u64 = unaligned(data, ">u8")
            for end, at, port in zip(ends, (8, 24), ports, strict=True):
                where = start[v6] + at
                high, low = u64[where].astype(np.uint64), u64[where + 8].astype(np.uint64)
                end[v6] = self._mixed(self._mixed(high, 2) ^ low, 3) ^ port[v6]
        return ends[0], ends[1]

    def _name(self, source: Hashes, target: Hashes) -> Hashes:
        low, high = np.minimum(source, target), np.maximum(source, target)
        return self._mixed(self._mixed(low, 0) + high, 1)

    def _mixed(self, numbers: Hashes, salt: int) -> Hashes:
        """A salted bijection of 64-bit numbers (the finalizer of SplitMix64, Steele et al., OOPSLA 2014)."""
        mixed = (numbers ^ (numbers >> np.uint64(30)) ^ self._salt[salt - 1]) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * self._salt[salt]
        return mixed ^ (mixed >> np.uint64(31))


_EXTENSION_HEADERS = (0, 43, 44, 51, 60, 135, 139, 140)
"""IPv6: hop-by-hop, routing, fragment, authentication, destination options, mobility, HIP, shim6."""
_EXTENSION_HEADER: Bools = np.isin(np.arange(256), _EXTENSION_HEADERS)
