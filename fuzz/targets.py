"""The table of targets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fuzz import (
    file_targets,
    material_targets,
    passive_targets,
    ssh_targets,
    text_targets,
    tls_targets,
    zeek_targets,
)
from fuzz.cutting import Cut, pieces_of
from fuzz.glass import glass

CORPUS = Path(__file__).parent / "corpus"


@dataclass(frozen=True, slots=True)
class Target:
    """One reader to be fuzzed."""

    name: str
    run: Callable[[bytes, Cut], object]
    max_bytes: int
    """Length of the longest input."""
    is_slow: bool = False
    """An input takes a tenth of a second: its corpus is run with the slow tests."""

    def __call__(self, data: bytes, cut: Cut = pieces_of) -> object:
        """Feed it; under glass.

        Raises:
            Exception: any is a bug.
        """
        return self.run(data, cut)

    def corpus(self) -> Iterator[Path]:
        """Its corpus files."""
        return (path for path in sorted((CORPUS / self.name).iterdir()))


TARGETS = {
    target.name: target
    for target in (
        Target("tls_stream", tls_targets.tls_stream, 12_288),
        Target("tls_messages", tls_targets.tls_messages, 12_288),
        Target("tls_records", tls_targets.tls_records, 12_288),
        Target("tls_bodies", tls_targets.tls_bodies, 4_096),
        Target("protection", tls_targets.protection, 1_024),
        Target("sslv2", tls_targets.sslv2, 4_096),
        Target("ssh_stream", ssh_targets.ssh_stream, 10_240),
        Target("ssh_messages", ssh_targets.ssh_messages, 10_240),
        Target("ssh_blob", ssh_targets.ssh_blob, 2_048),
        Target("spki", ssh_targets.spki, 2_048),
        Target("certificate", material_targets.certificate, 4_096),
        Target("capture", passive_targets.capture, 6_144),
        Target("talk", passive_targets.talk, 6_144),
        Target("client_hello", passive_targets.client_hello, 4_096),
        Target("zeek_set", zeek_targets.zeek_set, 6_144, is_slow=True),
        Target("xml_stream", text_targets.xml_stream, 6_144),
        Target("software", text_targets.software, 4_096),
        *(Target(name, run, 4_096) for name, run in file_targets.FILES.items()),
        *(Target(name, run, 6_144) for name, run in text_targets.CONVERSATIONS.items()),
    )
}

__all__ = ["TARGETS", "Target", "glass"]
