"""Small worlds for comparisons of runs: what each service of each address was found to be, and a slow count of it.

The counts use sets, dictionaries and loops over everything; nothing in common with how the analyses compare.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

from hypothesis import strategies as st

from mailcensus.dataset.parts import PartWriter
from mailcensus.model import Certificate, Grab, Key, Outcome, Run, Ssh, SshHostKey, Stage, Tls
from mailcensus.study import Settings, Study
from mailcensus.wire.services import SERVICE_BY_NAME

SERVICES = ("ssh", "smtp", "imap")
KINDS = ("rsa", "ecdsa")
NOW = datetime(2026, 11, 22, tzinfo=UTC)


@dataclass(frozen=True)
class Found:
    """What was found in a place: keys (with a certificate by TLS), or why there are none."""

    keys: frozenset[int] = frozenset()
    certificate: int = 0
    outcome: str = "ok"
    """ok, refused, unreachable, timeout; of a place with keys always ok."""
    starttls: bool | None = None
    version: str | None = None

    @property
    def known(self) -> bool:
        return bool(self.keys) or self.outcome in ("ok", "refused")


Place = tuple[str, str]
"""ip, service."""


@dataclass(frozen=True)
class World:
    """One run: the places asked, and the addresses that discovery went over."""

    places: dict[Place, Found]
    swept: frozenset[str] = frozenset()
    day: int = 0

    @property
    def run_id(self) -> str:
        return f"{NOW + timedelta(days=self.day):%Y-%m-%dT%H-%M-%SZ}-{self.day:04}"

    def write(self, directory: Path) -> Study:
        """As a study would leave it."""
        data = directory / "data"
        data.mkdir(parents=True, exist_ok=True)
        (directory / "hosts.txt").write_text("".join(f"{ip}\n" for ip in sorted(self.swept)))
        raw = {"study": {"allow_special": True}, "population": {"hosts": "hosts.txt"} if self.swept else {}}
        settings = Settings.model_validate(raw)
        at = NOW + timedelta(days=self.day)
        _put(
            data,
            "grabs",
            Grab,
            [_grab(self.run_id, at, place, found) for place, found in self.places.items()],
        )
        keys = {key for found in self.places.values() for key in found.keys}
        _put(
            data, "keys", Key,
            [Key(spki_sha256=spki(key), algorithm=kind(key), spki_der=b"") for key in sorted(keys)],
        )  # fmt: skip
        leaves = {
            (key, found.certificate)
            for (_, service), found in self.places.items() if service != "ssh" for key in found.keys
        }  # fmt: skip
        _put(
            data, "certificates", Certificate,
            [Certificate(sha256=leaf(*pair), der=b"", spki_sha256=spki(pair[0])) for pair in sorted(leaves)],
        )  # fmt: skip
        if self.swept:
            run = Run(
                run_id=self.run_id, stage="discover", started_at=at, ended_at=at, vantage="t", mailcensus_version="0",
                settings_json=settings.model_dump_json(),
            )  # fmt: skip
            _put(data, "runs", Run, [run])
        return Study(directory, settings)

    def holders(self) -> dict[int, set[str]]:
        """key -> addresses."""
        found = defaultdict(set)
        for (ip, _), there in self.places.items():
            for key in there.keys:
                found[key].add(ip)
        return found

    def clusters(self) -> list[tuple[frozenset[str], frozenset[int]]]:
        """Addresses and shared keys of each cluster, by joining sets until none meet."""
        parts = [(set(ips), {key}) for key, ips in self.holders().items() if len(ips) > 1]
        merged: list[tuple[set[str], set[int]]] = []
        for ips, keys in parts:
            meeting = [part for part in merged if part[0] & ips]
            for part in meeting:
                merged.remove(part)
                ips, keys = ips | part[0], keys | part[1]
            merged.append((ips, keys))
        return [(frozenset(ips), frozenset(keys)) for ips, keys in merged]


def fate(place: Place, key: int, other: World) -> str:
    """What another world says of a key in a place."""
    ip, _ = place
    found = other.places.get(place)
    if found is None:
        asked = any(ip == known for known, _ in other.places)
        return "silent" if not asked and ip in other.swept else "not_asked"
    if key in found.keys:
        return "there"
    if kind(key) in {kind(shown) for shown in found.keys}:
        return "absent"
    if found.keys:
        return "other_kind"
    return "absent" if found.known else "unknown"


def place_changes(a: World, b: World) -> dict[Place, str]:
    """What became of every place that showed a key."""
    changes = {}
    for place in {*a.places, *b.places}:
        one, two = a.places.get(place, Found()), b.places.get(place, Found())
        if one.keys & two.keys:
            renewed = place[1] != "ssh" and one.certificate != two.certificate
            changes[place] = "renewed" if renewed else "kept"
        elif one.keys and two.keys:
            alike = {kind(key) for key in one.keys} & {kind(key) for key in two.keys}
            changes[place] = "rotated" if alike else "other_kind"
        elif one.keys:
            known = fate(place, min(one.keys), b)
            changes[place] = "gone" if known == "absent" else f"{known}_after"
        elif two.keys:
            known = fate(place, min(two.keys), a)
            changes[place] = "appeared" if known == "absent" else f"{known}_before"
    return changes


def address_changes(a: World, b: World) -> dict[str, str]:
    """What became of every address that showed a key."""
    places: dict[str, set[str]] = defaultdict(set)
    for (ip, _), change in place_changes(a, b).items():
        places[ip].add(change)
    return {ip: _address_change(ip, changes, a, b) for ip, changes in places.items()}


def _address_change(ip: str, changes: set[str], a: World, b: World) -> str:
    keys_a, keys_b = keys_of(ip, a), keys_of(ip, b)
    if keys_a & keys_b:
        return "kept"
    if keys_a and keys_b:
        return "rotated" if "rotated" in changes or changes <= {"gone", "appeared"} else "not_comparable"
    when = "after" if keys_a else "before"
    for word in ("unknown", "silent", "not_asked"):
        if f"{word}_{when}" in changes:
            return f"{word}_{when}"
    return "gone" if keys_a else "appeared"


def key_changes(a: World, b: World) -> dict[int, str]:
    """What became of every key."""
    in_a, in_b = a.holders(), b.holders()
    changes = {}
    for key in {*in_a, *in_b}:
        fates_a = {fate(place, key, b) for place, found in a.places.items() if key in found.keys}
        fates_b = {fate(place, key, a) for place, found in b.places.items() if key in found.keys}
        if key in in_a and key in in_b:
            known = "moved" if fates_a == {"absent"} else "elsewhere"
            changes[key] = "kept" if in_a[key] & in_b[key] else known
        elif key in in_a:
            changes[key] = "gone" if fates_a == {"absent"} else "unknown_after"
        else:
            changes[key] = "appeared" if fates_b == {"absent"} else "unknown_before"
    return changes


@dataclass
class Part:
    """Clusters of two worlds that hang together."""

    a: list[tuple[frozenset[str], frozenset[int]]] = field(default_factory=list)
    b: list[tuple[frozenset[str], frozenset[int]]] = field(default_factory=list)

    def meets(self, other: Part) -> bool:
        """Whether an address or a key is in a cluster of the one and in one of the other."""
        pairs = [*product(self.a, other.b), *product(other.a, self.b)]
        return any(x[0] & y[0] or x[1] & y[1] for x, y in pairs)


def cluster_parts(a: World, b: World) -> list[Part]:
    """The clusters of both worlds, put together while any meet."""
    parts = [Part(a=[cluster]) for cluster in a.clusters()] + [Part(b=[cluster]) for cluster in b.clusters()]
    while pair := next(((x, y) for x in parts for y in parts if x is not y and x.meets(y)), None):
        one, two = pair
        parts = [part for part in parts if part is not one and part is not two]
        parts.append(Part(one.a + two.a, one.b + two.b))
    return parts


def cluster_change(part: Part, a: World, b: World) -> dict[str, object]:
    """What became of clusters that hang together, and the counts that say so."""
    ips_a, ips_b = _union(part.a, 0), _union(part.b, 0)
    keys_a, keys_b = _union(part.a, 1), _union(part.b, 1)
    doubt_b = {ip for ip in ips_a if not _is_known(ip, keys_a, a, b)}
    doubt_a = {ip for ip in ips_b if not _is_known(ip, keys_b, b, a)}
    left, joined = ips_a - ips_b - doubt_b, ips_b - ips_a - doubt_a
    doubt = len(doubt_a) + len(doubt_b)
    still = {ip for ip in ips_a if keys_of(ip, b) & keys_of(ip, a) & keys_a}
    still |= {ip for ip in ips_b if keys_of(ip, a) & keys_of(ip, b) & keys_b}
    may_be = doubt >= 2 or (doubt == 1 and bool(still))
    many_a, many_b = len(part.a), len(part.b)
    if not many_b:
        change = "unknown_after" if may_be else "died"
    elif not many_a:
        change = "unknown_before" if may_be else "born"
    elif many_a == many_b == 1:
        words = {
            (True, True): "changed",
            (False, True): "grown",
            (True, False): "shrunk",
            (False, False): "kept",
        }
        change = words[bool(left), bool(joined)] if ips_a & ips_b else "moved"
    elif many_a == 1:
        change = "maybe_split" if doubt_b else "split"
    elif many_b == 1:
        change = "maybe_merged" if doubt_a else "merged"
    else:
        change = "reorganised"
    return {
        "change": change,
        "category": "unlinked" if not (many_a and many_b) else "simple" if many_a == many_b == 1 else "complex",
        "hosts_a": len(ips_a), "hosts_b": len(ips_b), "hosts_both": len(ips_a & ips_b),
        "hosts_left": len(left), "hosts_joined": len(joined),
        "hosts_unknown": len(doubt_b - ips_b) + len(doubt_a - ips_a),
        "keys_a": len(keys_a), "keys_b": len(keys_b), "keys_both": len(keys_a & keys_b),
    }  # fmt: skip


def _union(clusters: list[tuple[frozenset[str], frozenset[int]]], which: int) -> set:  # type: ignore[type-arg]
    return set().union(*(cluster[which] for cluster in clusters))


def _is_known(ip: str, keys: set[int], here: World, other: World) -> bool:
    return all(
        fate(place, key, other) in ("there", "absent")
        for place, found in here.places.items() if place[0] == ip for key in found.keys & keys
    )  # fmt: skip


def keys_of(ip: str, world: World) -> set[int]:
    """The keys an address shows."""
    return {key for place, found in world.places.items() if place[0] == ip for key in found.keys}


def kind(key: int) -> str:
    """Algorithm of a key."""
    return KINDS[key % len(KINDS)]


def spki(key: int) -> str:
    """Name of a key."""
    return f"{key:064x}"


def leaf(key: int, certificate: int) -> str:
    """Name of a certificate."""
    return f"c{certificate:03x}{key:060x}"


def _put(data: Path, table: str, record: type, rows: list[object]) -> None:
    if rows:
        PartWriter(data, table, record).write(rows)


def _grab(run_id: str, at: datetime, place: Place, found: Found) -> Grab:
    ip, service = place
    row = SERVICE_BY_NAME[service]
    tls = ssh = error = None
    if found.keys and service == "ssh":
        shown = [
            SshHostKey(algorithm="x", fingerprint="y", spki_sha256=spki(key), verified=True)
            for key in found.keys
        ]
        ssh = Ssh(identification="SSH-2.0-x", protocol_version="2.0", host_keys=tuple(shown))
    elif found.keys:
        (key,) = found.keys
        tls = Tls(
            version=0x0304, version_name=found.version or "TLSv1.3", spki_sha256=spki(key),
            leaf_sha256=leaf(key, found.certificate), signature_verified=True,
        )  # fmt: skip
    outcome = Outcome(found.outcome if found.outcome != "unreachable" else "refused")
    if outcome is Outcome.REFUSED:
        error = "connection refused" if found.outcome == "refused" else "no route to host"
    return Grab(
        run_id=run_id, vantage="t", started_at=at, duration_ms=1, ip=ip, port=row.port, service=service,
        protocol=row.protocol, tls_mode=row.tls_mode, outcome=outcome, error=error,
        stage=Stage.DONE if outcome is Outcome.OK else Stage.CONNECT, starttls_offered=found.starttls, tls=tls, ssh=ssh,
    )  # fmt: skip


def ips() -> st.SearchStrategy[str]:
    """Few addresses, so that worlds meet."""
    return st.integers(1, 9).map(lambda n: f"127.0.0.{n}" if n < 8 else f"2001:db8::{n}")


@st.composite
def founds(draw: Callable[..., object], service: str, keys: int) -> Found:
    """What may be found in a place."""
    some = st.frozensets(st.integers(0, keys), min_size=1, max_size=2 if service == "ssh" else 1)
    shown: frozenset[int] = draw(some) if draw(st.integers(0, 9)) < 7 else frozenset()  # type: ignore[assignment]
    if shown:
        version = draw(st.sampled_from(("TLSv1.2", "TLSv1.3")))
        return Found(shown, draw(st.integers(0, 1)), "ok", True, version)  # type: ignore[arg-type]
    outcome = draw(st.sampled_from(("ok", "refused", "unreachable", "timeout")))
    return Found(outcome=outcome, starttls=False if outcome == "ok" else None)  # type: ignore[arg-type]


@st.composite
def worlds(draw: Callable[..., object], day: int = 0) -> World:
    """One run over a few addresses, some swept in vain, some never asked."""
    keys = draw(st.integers(0, 12))
    asked = draw(st.sets(st.tuples(ips(), st.sampled_from(SERVICES)), min_size=1, max_size=20))
    places = {place: draw(founds(place[1], keys)) for place in sorted(asked)}  # type: ignore[attr-defined, misc]
    return World(places, draw(st.frozensets(ips(), max_size=9)), day)  # type: ignore[arg-type]


def each_place(world: World) -> Iterator[tuple[Place, Found]]:
    """Places and what was found there, in order."""
    yield from sorted(world.places.items())
