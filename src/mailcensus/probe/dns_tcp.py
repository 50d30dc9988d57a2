"""One question by TCP (RFC 7766): what does not fit into a datagram."""

from __future__ import annotations

import asyncio
import secrets

_LENGTH_BYTES = 2


async def ask_by_tcp(address: str, port: int, wire: bytes, timeout_s: float) -> bytes | None:
    """Send a query and give the message that answers it; None where none comes.

    Args:
        wire: the query; its number is drawn here.
        timeout_s: for all of it.
    """
    query = secrets.token_bytes(2) + wire[2:]
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(address, port)
            writer.write(len(query).to_bytes(_LENGTH_BYTES, "big") + query)
            length = int.from_bytes(await reader.readexactly(_LENGTH_BYTES), "big")
            answer = await reader.readexactly(length)
    except (OSError, EOFError):
        return None
    finally:
        if writer is not None:
            writer.close()
    return answer if answer[:2] == query[:2] else None
