"""How quickly chains of certificates are judged: python -m bench.chains [CHAINS]

Every chain has a leaf of its own under a few authorities, as in the wild: half are valid (one or two intermediates),
a third self-signed, the rest expired or broken. Certificates are made first, which is not measured.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.run import CurrentRun
from mailcensus.facts.chains import judge_chains
from mailcensus.lab.chains import KINDS, LabChain
from mailcensus.lab.pki import AT, LabAuthorities
from mailcensus.model import Certificate, Grab, Outcome, Stage, Tls, TlsMode
from mailcensus.study import Settings, Study
from mailcensus.wire.certificates import parse_certificate

_MIX = ("valid", "valid", "deep", "self_signed", "self_signed_authority", "expired", "broken")
"""In turn."""


def chains(count: int) -> list[LabChain]:
    """Chains of the mix, each with its own leaf."""
    world = LabAuthorities()
    by_kind = {kind(world, "sample.example").kind: kind for kind in KINDS}
    return [by_kind[_MIX[n % len(_MIX)]](world, f"mx{n}.example") for n in range(count)]


def put(run: CurrentRun, made: list[LabChain]) -> None:
    """A grab a chain, over three weeks."""
    certificates = {parse.sha256: parse for one in made for parse in map(parse_certificate, one.certificates)}
    PartWriter(run.data, "certificates", Certificate).write(list(certificates.values()))
    step = timedelta(days=21) / len(made)
    PartWriter(run.data, "grabs", Grab).write(
        [_grab(run.run_id, n, one, AT + n * step) for n, one in enumerate(made)]
    )


def _grab(run_id: str, number: int, one: LabChain, at: datetime) -> Grab:
    hashes = tuple(parse_certificate(der).sha256 for der in one.certificates)
    return Grab(
        run_id=run_id,
        vantage="bench",
        started_at=at,
        duration_ms=1.0,
        ip=f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}",
        port=25,
        service="smtp",
        protocol="smtp",
        tls_mode=TlsMode.STARTTLS,
        outcome=Outcome.OK,
        stage=Stage.DONE,
        tls=Tls(chain=hashes, leaf_sha256=hashes[0]),
    )


def _cpu_s() -> float:
    """CPU seconds of this process and of those that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> None:
    """Print chains a second, and what that makes of a million."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    with tempfile.TemporaryDirectory() as directory:
        study = Study(
            Path(directory), Settings.model_validate({"facts": {"root_stores": ["mozilla", "r.pem"]}})
        )
        (study.directory / "r.pem").write_bytes(LabAuthorities().roots_pem)
        with CurrentRun(study.data, datetime.now(UTC)) as run:
            put(run, chains(count))
            for told in ("judged", "and again, nothing new"):
                began, cpu_before = time.perf_counter(), _cpu_s()
                judge_chains(study, run, lambda _: None)
                seconds, cpu_s = time.perf_counter() - began, _cpu_s() - cpu_before
                print(
                    f"{count:,} chains by two stores {told}: {seconds:.1f} s, {2 * count / seconds:,.0f} verdicts/s"
                )
                million = 1e6 / (2 * count) / 60
                print(
                    f"  one store, a million chains: {seconds * million:.1f} min, CPU {cpu_s * million:.1f} min"
                )
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {peak_mb:.0f} MB of the process that hands out the work")


if __name__ == "__main__":
    main()
