"""A population whose answers are drawn from a seed and known one by one, and the records a study would keep of it.

Nothing here passes through the analysis: what a chain is worth is what the lab made it for, what a suite is worth
stands beside its code.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random

from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.run import CurrentRun
from mailcensus.facts.chains import judge_chains
from mailcensus.lab.chains import KINDS, LabChain, lab_chains
from mailcensus.lab.pki import AT, LabAuthorities
from mailcensus.model import Certificate, Grab, Outcome, Stage, Tls, TlsMode
from mailcensus.study import Settings, Study
from mailcensus.wire.certificates import parse_certificate
from mailcensus.wire.services import SERVICE_BY_NAME

STORE = "roots.pem"
SERVICES = ("smtp", "submission", "imap", "imaps", "pop3s")
CHAINS_OF_A_KIND = 3


@dataclass(frozen=True, slots=True)
class Handshake:
    """What a server chose, in codes and in words."""

    version: int
    version_name: str
    suite: int
    cipher_class: str
    group: int | None = None
    prime: str | None = None
    prime_bits: int | None = None
    signature: int | None = None


HANDSHAKES = (
    Handshake(0x0304, "TLSv1.3", 0x1302, "ecdhe", group=29, signature=0x0804),
    Handshake(0x0303, "TLSv1.2", 0xC030, "ecdhe", group=23, signature=0x0401),
    Handshake(0x0303, "TLSv1.2", 0x009F, "dhe", prime="a" * 64, prime_bits=1024, signature=0x0401),
    Handshake(0x0303, "TLSv1.2", 0x009F, "dhe", prime="b" * 64, prime_bits=2048, signature=0x0401),
    Handshake(0x0301, "TLSv1.0", 0x0035, "aes_without_pfs"),
)
LOGINS = ((), ("PLAIN",), ("PLAIN", "LOGIN"), ("LOGIN", "PLAIN"), ("CRAM-MD5", "PLAIN"), ("SCRAM-SHA-256",))


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one service of one host."""

    ip: str
    service: str
    end: str
    """tls; plain: it has no STARTTLS; later: it was rate limited; refused."""
    handshake: Handshake | None = None
    chain: LabChain | None = None
    before: tuple[str, ...] | None = None
    after: tuple[str, ...] | None = None

    @property
    def implicit(self) -> bool:
        """TLS from the start."""
        return SERVICE_BY_NAME[self.service].tls_mode is TlsMode.IMPLICIT


def answers_of(hosts: int, seed: int) -> list[Answer]:
    """Everything a study gets to see; the same for the same seed."""
    random = Random(seed)
    chains = list(lab_chains(LabAuthorities(), CHAINS_OF_A_KIND * len(KINDS)))
    ips = [f"198.18.{number >> 8}.{number & 255}" for number in range(hosts)]
    return [_answer(random, ip, service, chains) for ip in ips for service in SERVICES]


def _answer(random: Random, ip: str, service: str, chains: list[LabChain]) -> Answer:
    implicit = SERVICE_BY_NAME[service].tls_mode is TlsMode.IMPLICIT
    end = random.choices(("tls", "refused", "later", "plain"), (8, 1, 1, 0 if implicit else 1))[0]
    if end in ("refused", "later"):
        return Answer(ip, service, end)
    before = None if implicit else random.choice(LOGINS)
    if end == "plain":
        return Answer(ip, service, end, before=before)
    chain = chains[min(int(random.expovariate(0.05)), len(chains) - 1)]
    return Answer(ip, service, end, random.choice(HANDSHAKES), chain, before, random.choice(LOGINS))


def study_of(directory: Path, answers: list[Answer]) -> Study:
    """The study on disk, its chains judged by the stage that judges them."""
    directory.mkdir()
    (directory / STORE).write_bytes(LabAuthorities().roots_pem)
    study = Study(directory, Settings.model_validate({"facts": {"root_stores": (STORE,)}}))
    sent = {der for answer in answers if answer.chain for der in answer.chain.certificates}
    known = {der: parse_certificate(der) for der in sorted(sent)}
    PartWriter(study.data, "certificates", Certificate).write(list(known.values()))
    with CurrentRun(study.data, AT + timedelta(hours=1)) as run:
        PartWriter(study.data, "grabs", Grab).write([_grab(run.run_id, answer, known) for answer in answers])
        judge_chains(study, run, lambda _: None)
    return study


_ENDS = {
    "tls": (Outcome.OK, Stage.DONE),
    "plain": (Outcome.NO_STARTTLS, Stage.CAPABILITIES),
    "later": (Outcome.RATE_LIMITED, Stage.GREETING),
    "refused": (Outcome.REFUSED, Stage.CONNECT),
}


def _grab(run_id: str, answer: Answer, known: dict[bytes, Certificate]) -> Grab:
    row = SERVICE_BY_NAME[answer.service]
    outcome, stage = _ENDS[answer.end]
    offered = None if answer.implicit or answer.before is None else answer.end == "tls"
    return Grab(
        run_id=run_id, vantage="t", started_at=AT, duration_ms=1, ip=answer.ip, port=row.port, service=row.name,
        protocol=row.protocol, tls_mode=row.tls_mode, outcome=outcome, stage=stage, starttls_offered=offered,
        auth_before=answer.before, auth_after=answer.after, tls=_tls(answer, known),
    )  # fmt: skip


def _tls(answer: Answer, known: dict[bytes, Certificate]) -> Tls | None:
    if answer.handshake is None or answer.chain is None:
        return None
    one, chain = answer.handshake, [known[der] for der in answer.chain.certificates]
    return Tls(
        version=one.version, version_name=one.version_name, cipher_suite=one.suite, group=one.group,
        dh_prime_sha256=one.prime, dh_bits=one.prime_bits, signature_scheme=one.signature, signature_verified=True,
        chain=tuple(each.sha256 for each in chain), leaf_sha256=chain[0].sha256, spki_sha256=chain[0].spki_sha256,
    )  # fmt: skip
