"""A listening socket behind a firewall that drops: whoever connects hears nothing, as on a blocked port 25.

A classic BPF program on the socket throws every segment away before TCP sees it (SO_ATTACH_FILTER, socket(7)).
"""

from __future__ import annotations

import ctypes
import socket
import struct
from collections.abc import Iterable

_SO_ATTACH_FILTER = 26
_SO_DETACH_FILTER = 27
_DROP = struct.pack("HBBI", 0x06, 0, 0, 0)  # BPF_RET | BPF_K: keep 0 bytes


def close_way(listeners: Iterable[socket.socket]) -> None:
    """Drop all that comes from now on."""
    program = ctypes.create_string_buffer(_DROP)
    for listener in listeners:
        told = struct.pack("HxxxxxxP", 1, ctypes.addressof(program))
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, told)


def open_way(listeners: Iterable[socket.socket]) -> None:
    """Let everything through again."""
    for listener in listeners:
        listener.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)
