"""What a finished grab hands to the dataset."""

from __future__ import annotations

from dataclasses import dataclass

from mailcensus.model.grab import Grab


@dataclass(frozen=True, slots=True)
class Observation:
    """A grab with the bytes that its hashes name."""

    grab: Grab
    certificates: tuple[bytes, ...] = ()
    """Certificate DERs, exactly as sent, leaf first."""
    keys: tuple[bytes, ...] = ()
    """Canonical SubjectPublicKeyInfo DERs of keys that no certificate holds (SSH host keys)."""
    starttls_injected: bool | None = None
    """What an injection check found; None: it was none, or came to nothing."""
