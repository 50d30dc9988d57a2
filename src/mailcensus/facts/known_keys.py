"""Keys whose private half came with a product and was published: the data file `known_keys.toml`."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class KnownKey:
    """One row of the data file."""

    product: str
    use: str
    """`host`: the product's SSH host key; `login`: it lets whoever has it log in to the product."""
    references: tuple[str, ...]

    @property
    def described(self) -> str:
        """In words, for a finding."""
        use = "host key" if self.use == "host" else "login key"
        return ", ".join([f"{self.product} ({use})", *self.references[:2]])


@dataclass(frozen=True, slots=True)
class KnownKeys:
    """The keys, by the hash that names them."""

    keys: Mapping[str, KnownKey]
    source: str
    as_of: str | None
    """Date of the list, where it has one."""
    identity: str

    def get(self, spki_sha256: str) -> KnownKey | None:
        """The product that a key came with; None where it is not known to."""
        return self.keys.get(spki_sha256)


@cache
def known_keys() -> KnownKeys:
    """Those that come with mailcensus."""
    raw = (files("mailcensus.facts") / "known_keys.toml").read_bytes()
    data = tomllib.loads(raw.decode())
    keys = {
        row["spki_sha256"]: KnownKey(row["product"], row["use"], tuple(row["references"]))
        for row in data["key"]
    }
    digest = hashlib.sha256(raw).hexdigest()[:16]
    return KnownKeys(keys, data["source"], data.get("as_of"), f"known keys {digest}, {len(keys)} keys")
