"""Peers that misbehave, for tests of what must not happen to a census: hang, grow, crash, or record a falsehood.

    async with listening(Tarpit()) as (host, port): ...

Each class names the service it is met on and the outcomes a careful client may record.
"""

from mailcensus.lab.hostile.peer import HostilePeer, listening
from mailcensus.lab.hostile.plain import (
    CloseAfterGreeting,
    DelayedGreeting,
    Ehlo421,
    EndlessBanner,
    EndlessEhlo,
    EndlessLine,
    Garbage,
    Greeting421,
    HalfReply,
    ImapBye,
    ImapLiteralBomb,
    Pop3EndlessCapa,
    ResetAfterAccept,
    SilentPort,
    Tarpit,
)
from mailcensus.lab.hostile.ssh import SshEndlessBanner, SshHugePacket, SshTooManyStartups
from mailcensus.lab.hostile.tls import (
    EmptyRecords,
    EndlessHandshake,
    HugeCertificate,
    MalformedTlsLengths,
    PlaintextAfterStarttls,
    SilenceAfterStarttls,
    TlsAlert,
    TlsByteByByte,
    TlsTinyRecords,
)

WITHOUT_ARGUMENTS: tuple[type[HostilePeer], ...] = (
    Tarpit,
    EndlessBanner,
    EndlessLine,
    SilentPort,
    Garbage,
    DelayedGreeting,
    ResetAfterAccept,
    CloseAfterGreeting,
    HalfReply,
    Greeting421,
    Ehlo421,
    EndlessEhlo,
    ImapLiteralBomb,
    ImapBye,
    Pop3EndlessCapa,
    SshEndlessBanner,
    SshHugePacket,
    SshTooManyStartups,
    PlaintextAfterStarttls,
    SilenceAfterStarttls,
    TlsAlert,
    MalformedTlsLengths,
    HugeCertificate,
    EndlessHandshake,
    EmptyRecords,
)
"""Every peer that needs nothing to be made; TlsByteByByte and TlsTinyRecords need an ssl context."""

__all__ = [
    "WITHOUT_ARGUMENTS",
    "CloseAfterGreeting",
    "DelayedGreeting",
    "Ehlo421",
    "EmptyRecords",
    "EndlessBanner",
    "EndlessEhlo",
    "EndlessHandshake",
    "EndlessLine",
    "Garbage",
    "Greeting421",
    "HalfReply",
    "HostilePeer",
    "HugeCertificate",
    "ImapBye",
    "ImapLiteralBomb",
    "MalformedTlsLengths",
    "PlaintextAfterStarttls",
    "Pop3EndlessCapa",
    "ResetAfterAccept",
    "SilenceAfterStarttls",
    "SilentPort",
    "SshEndlessBanner",
    "SshHugePacket",
    "SshTooManyStartups",
    "Tarpit",
    "TlsAlert",
    "TlsByteByByte",
    "TlsTinyRecords",
    "listening",
]
