"""Peers that misbehave in SSH."""

from __future__ import annotations

import asyncio

from mailcensus.lab.hostile.peer import HostilePeer, stall
from mailcensus.model import Outcome


class SshEndlessBanner(HostilePeer):
    """Lines before the identification, for ever (RFC 4253 section 4.2 allows some)."""

    service = "ssh"
    outcomes = (Outcome.LIMIT,)

    async def misbehave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            await self.send(writer, b"Authorised users only.\r\n" * 100)


class SshHugePacket(HostilePeer):
    """A good identification, then a packet that says it has 2 GiB, and its first megabyte."""

    service = "ssh"
    outcomes = (Outcome.PROTOCOL_ERROR, Outcome.LIMIT)

    async def misbehave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.send(writer, b"SSH-2.0-Hostile_1.0\r\n")
        await self.send(writer, b"\x7f\xff\xff\xff\x04" + bytes(1_000_000))
        await stall(reader)


class SshTooManyStartups(HostilePeer):
    """OpenSSH's words when MaxStartups is reached."""

    service = "ssh"
    outcomes = (Outcome.RATE_LIMITED,)

    async def misbehave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.send(writer, b"Exceeded MaxStartups\r\n")
