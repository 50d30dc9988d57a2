"""Studies whose servers sent chains that the lab made."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.run import CurrentRun
from mailcensus.dataset.tables import Dataset
from mailcensus.facts.chains import judge_chains
from mailcensus.lab.pki import AT, LabAuthorities
from mailcensus.model import Certificate, Grab, Outcome, Stage, Tls, TlsMode
from mailcensus.study import Settings, Study
from mailcensus.wire.certificates import parse_certificate


def sha256(der: bytes) -> str:
    return hashlib.sha256(der).hexdigest()


@dataclass(frozen=True, slots=True)
class Seen:
    """A chain that an address sent."""

    certificates: tuple[bytes, ...]
    at: datetime = AT
    service: str = "smtp"
    sni: str | None = None
    greeting: str | None = None


def study_of(directory: Path, **facts: object) -> Study:
    directory.mkdir(exist_ok=True)
    (directory / "roots.pem").write_bytes(LabAuthorities().roots_pem)
    return Study(directory, Settings.model_validate({"facts": {"root_stores": ("roots.pem",), **facts}}))


def put(run: CurrentRun, seen: Sequence[Seen], keep: bool = True) -> None:
    """Write grabs, one address after the other, and the certificates unless they are not to be kept."""
    PartWriter(run.data, "grabs", Grab).write([_grab(run.run_id, n, one) for n, one in enumerate(seen)])
    kept = {der for one in seen for der in one.certificates}
    if keep:
        PartWriter(run.data, "certificates", Certificate).write(
            [parse_certificate(der) for der in sorted(kept)]
        )


def _grab(run_id: str, number: int, one: Seen) -> Grab:
    chain = tuple(map(sha256, one.certificates))
    tls = Tls(chain=chain, leaf_sha256=chain[0], version=0x0303, sni=one.sni)
    return Grab(
        run_id=run_id,
        vantage="test",
        started_at=one.at,
        duration_ms=1.0,
        ip=f"198.18.{number // 256}.{number % 256}",
        port=25,
        service=one.service,
        protocol="smtp",
        tls_mode=TlsMode.STARTTLS,
        outcome=Outcome.OK,
        stage=Stage.DONE,
        greeting=one.greeting,
        tls=tls,
    )


def judged(study: Study, seen: Iterable[Seen] = ()) -> bool:
    """Run the stage, after more was seen; whether there was anything to do."""
    with CurrentRun(study.data, datetime.now(UTC)) as run:
        if some := list(seen):
            put(run, some)
        return judge_chains(study, run, lambda _: None)


def rows(study: Study) -> list[dict[str, Any]]:
    return Dataset(study.data).table("chains").to_pyarrow().to_pylist()
