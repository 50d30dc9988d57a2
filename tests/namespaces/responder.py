"""The answering side: an SMTP server without TLS on each address it is told, one socket each.

Reads one line of JSON on stdin: `listening`, `ports`, `loss`. Says "ready", and ends when stdin does.

Loss is made by a classic BPF program on each listening socket that throws segments away by a random number of the
kernel (SKF_AD_RANDOM, linux/filter.h): to the peer that looks as if the network had lost its SYN.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import resource
import socket
import struct
import sys

_SO_ATTACH_FILTER = 26
_LOAD_WORD_ABSOLUTE, _JUMP_IF_GREATER_OR_EQUAL, _RETURN = 0x20, 0x35, 0x06
_RANDOM = 0xFFFFF000 + 56
"""SKF_AD_OFF + SKF_AD_RANDOM."""


def lose(listener: socket.socket, share: float) -> None:
    """Throw away so much of what comes to a socket."""
    program = b"".join(
        struct.pack("HBBI", code, if_true, if_false, value)
        for code, if_true, if_false, value in (
            (_LOAD_WORD_ABSOLUTE, 0, 0, _RANDOM),
            (_JUMP_IF_GREATER_OR_EQUAL, 1, 0, int(share * 0xFFFFFFFF)),
            (_RETURN, 0, 0, 0),
            (_RETURN, 0, 0, 0xFFFFFFFF),
        )
    )
    held = ctypes.create_string_buffer(program)
    told = struct.pack("HL", len(program) // 8, ctypes.addressof(held))
    listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, told)


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        writer.write(b"220 mx.example ESMTP ready\r\n")
        while line := await reader.readline():
            quits = line.upper().startswith(b"QUIT")
            writer.write(b"221 bye\r\n" if quits else b"250 mx.example\r\n")
            if quits:
                break
    except ConnectionError:
        pass
    writer.close()


async def _main() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    told = json.loads(sys.stdin.readline())
    for port in told["ports"]:
        for ip in told["listening"]:
            listener = socket.create_server((ip, port), backlog=64)
            if told["loss"]:
                lose(listener, told["loss"])
            await asyncio.start_server(_serve, sock=listener)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_main())
