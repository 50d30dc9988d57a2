"""All hostile peers of the lab in a process of their own, so that their memory is not taken for ours.

Usage: python hostile_peers.py NETWORK CHAIN KEY

The n-th of `hostile.WITHOUT_ARGUMENTS`, then the honest ones with odd TLS, listens on NETWORK.n on the port of its
service. Prints a line for each (`address service expected,outcomes name`), then `ready`; ends with its standard input.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack

from mailcensus.lab import hostile
from mailcensus.lab.hostile import HostilePeer
from realservers.ports import PORTS

_GREETING_S = 0.3
"""Late enough to catch who speaks first, within the patience of the test."""


def peers(context: ssl.SSLContext) -> Iterator[HostilePeer]:
    """One of each."""
    for kind in hostile.WITHOUT_ARGUMENTS:
        yield hostile.DelayedGreeting(_GREETING_S) if kind is hostile.DelayedGreeting else kind()
    yield hostile.TlsByteByByte(context)
    yield hostile.TlsTinyRecords(context)


async def serve(network: str, context: ssl.SSLContext) -> None:
    """Until standard input ends."""
    async with AsyncExitStack() as stack:
        for number, peer in enumerate(peers(context), start=1):
            address = f"{network}.{number}"
            await stack.enter_async_context(hostile.listening(peer, address, PORTS[peer.service]))
            outcomes = ",".join(peer.outcomes)
            sys.stdout.write(f"{address} {peer.service} {outcomes} {type(peer).__name__}\n")
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    _, network, chain, key = sys.argv
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    asyncio.run(serve(network, context))
