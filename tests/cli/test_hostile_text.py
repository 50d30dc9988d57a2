"""No verb lets text of strangers through to a terminal as they wrote it.

A row for every verb: what is put before it below, or why it shows nothing of strangers.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer.main
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from typer.core import TyperGroup

from hostile_text import AT, HOSTILE, record_of, table_of, text_of
from mailcensus.analysis import cross, diff, lifetimes
from mailcensus.analysis.catalogue import TABLES
from mailcensus.analysis.cross_graph import Graph
from mailcensus.analysis.senders.tables import SENDER_TABLES, SenderTables
from mailcensus.cli.app import APP
from mailcensus.cli.talk import LogFormat, TalkHandler, complain, say, talk_in
from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.run import StageState
from mailcensus.discovery.preflight_line import Line
from mailcensus.facts.compare import Agreement
from mailcensus.model import Grab, Observation, Recheck, RecheckVerdict, Verdict, schema_of
from mailcensus.outreach.ledger_fixed import NoticeState
from mailcensus.population.breakdown import Group as AddressGroup
from mailcensus.wire.visible import is_hidden

Patch = pytest.MonkeyPatch
Lines = Sequence[Sequence[object]]
"""Arguments of commands."""
Prepare = Callable[[Patch, Path], Lines]
ROWS = range(len(HOSTILE))
FORMS: tuple[tuple[str, ...], ...] = ((), ("--json",))


def of(kind: type, **known: Any) -> list[Any]:
    """A record for each of the texts."""
    return [record_of(kind, number, **known) for number in ROWS]


def answering(result: object) -> Callable[..., Any]:
    return lambda *_, **__: result


def soon(result: object) -> Callable[..., Any]:
    async def answer(*_: object, **__: object) -> object:
        return result

    return answer


def grab(patch: Patch, study: Path) -> Lines:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOSTILE[7] + HOSTILE[8])])
    key = Ed25519PrivateKey.generate()
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(1)
    certificate = (
        builder.public_key(key.public_key()).not_valid_before(AT).not_valid_after(AT).sign(key, None)
    )
    der = certificate.public_bytes(Encoding.DER)
    patch.setattr(
        "mailcensus.cli.grab._grab",
        soon(Observation(record_of(Grab, 7, ip="127.0.0.1", service="smtp"), certificates=(der,))),
    )
    return [("grab", "127.0.0.1:25", *form) for form in FORMS]


def analyse(patch: Patch, study: Path) -> Lines:
    tables = {spec.name: table_of(schema_of(spec.row)) for spec in TABLES if spec.name == "cluster_words"}
    patch.setattr("mailcensus.cli.analyse.run_analysis", answering(tables))
    patch.setattr("mailcensus.cli.analyse.stage_state", answering(StageState.DONE))
    forms = (*FORMS, ("--csv",), ("--latex",))
    return [("analyse", study, "--table", "cluster_words", *form) for form in forms]


def recheck(patch: Patch, study: Path) -> Lines:
    patch.setattr("mailcensus.cli.recheck._expected", answering(("r", ())))
    patch.setattr("mailcensus.cli.recheck.ask_again", soon(of(Recheck, verdict=RecheckVerdict.DIFFERS)))
    return [("recheck", study, "--cluster", 1, *form) for form in FORMS]


def enrich(patch: Patch, study: Path) -> Lines:
    words = ((HOSTILE[7], HOSTILE[8], 1),)
    patch.setattr("mailcensus.cli.enrich.agreements", answering(of(Agreement, disagreements=words)))
    patch.setattr("mailcensus.cli.enrich.addresses_of", answering(()))
    patch.setattr("mailcensus.cli.enrich.Databases.of_study", answering(SimpleNamespace(tables=())))
    return [("enrich", study, "--compare", *form) for form in FORMS]


def doctor(patch: Patch, study: Path) -> Lines:
    patch.setattr("mailcensus.cli.doctor.examine", soon(of(Line, verdict=Verdict.OK)))
    return [("doctor", study, *form) for form in FORMS]


def preflight(patch: Patch, study: Path) -> Lines:
    patch.setattr("mailcensus.cli.preflight.preflight", soon(of(Line, verdict=Verdict.OK)))
    return [("preflight", study, *form) for form in FORMS]


def population(patch: Patch, study: Path) -> Lines:
    found = SimpleNamespace(prefixes=SimpleNamespace(count=9), order=SimpleNamespace(is_sample=False))
    patch.setattr("mailcensus.cli.population.load_population", answering(found))
    patch.setattr("mailcensus.cli.population._groups", answering(of(AddressGroup)))
    return [("population", study, "--by", "as", *form) for form in FORMS]


def ledger(patch: Patch, study: Path) -> Lines:
    patch.setattr("mailcensus.outreach.ledger.read_ledger", answering(["an event"]))
    patch.setattr("mailcensus.analysis.evidence.gather", answering(None))
    patch.setattr("mailcensus.outreach.ledger_fixed.states", answering(of(NoticeState)))
    return [("outreach", "ledger", study, *form) for form in FORMS]


def passive(patch: Patch, study: Path) -> Lines:
    logs = study / "logs"
    logs.mkdir()
    for name in HOSTILE[7:]:
        (logs / name.replace("\x00", "")).write_bytes(b"neither a capture nor a log")
    (logs / "one.pcap").write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1))
    return [("passive", study, logs)]


def import_(patch: Patch, study: Path) -> Lines:
    file = study / HOSTILE[7].replace("\x00", "")
    file.write_bytes(b'{"ip": "127.0.0.1"}\n')
    return [("import", study, file, "--from", "zgrab2")]


def export(patch: Patch, study: Path) -> Lines:
    PartWriter(study / "data", "grabs", Grab).write(of(Grab, run_id="r", service="smtp", protocol="smtp"))
    return [("export", study, "--to", form) for form in ("jsonl", "zgrab2")]


def senders_report(patch: Patch, study: Path) -> Lines:
    fields = ("matrix", "conditions", "capabilities", "recommendations", "published", "reports", "unmatched")
    tables = SenderTables(**{name: of(spec.row) for name, spec in zip(fields, SENDER_TABLES, strict=True)})
    patch.setattr("mailcensus.analysis.senders.tables.sender_tables", answering(tables))
    return [("senders", "report", study, *form) for form in FORMS]


def comparing(verb: str, module: Any) -> Prepare:
    def prepare(patch: Patch, study: Path) -> Lines:
        other = study.with_name("other")
        other.mkdir()
        (other / "study.toml").write_text(TOML)
        tables = {spec.name: table_of(schema_of(spec.row)) for spec in module.TABLES}
        result = (tables, None) if verb == "cross" else tables
        patch.setattr(module, verb, answering(result))
        patch.setattr("mailcensus.analysis.cross_graph.graph_of", answering(Graph((), ())))
        patch.setattr("mailcensus.cli.diff._sentences", answering([HOSTILE[7], HOSTILE[8]]))
        patch.setattr("mailcensus.cli.lifetimes.run_ids", answering(["r"]))
        for name in ("diff", "cross", "lifetimes"):
            patch.setattr(
                f"mailcensus.cli.{name}.snapshot_of", answering(SimpleNamespace(run_id="r", services=()))
            )
        return [(verb, study, other, *form) for form in FORMS]

    return prepare


COUNTS = "counts, times and words of ours; what goes wrong it says by `say` and `complain`"
OURS = "prints what is ours or the user's own"
VERBS: Mapping[str, Prepare | str] = {
    "analyse": analyse,
    "collect": COUNTS,
    "cross": comparing("cross", cross),
    "demo": OURS,
    "diff": comparing("diff", diff),
    "discover": COUNTS,
    "doctor": doctor,
    "enrich": enrich,
    "export": export,
    "grab": grab,
    "import": import_,
    "init": OURS,
    "lab serve": OURS,
    "lab truth": OURS,
    "lifetimes": comparing("lifetimes", lifetimes),
    "metrics": COUNTS,
    "open": OURS,
    "outreach answered": OURS,
    "outreach ledger": ledger,
    "outreach notices": COUNTS,
    "outreach sent": COUNTS,
    "outreach serve": COUNTS,
    "outreach texts": OURS,
    "passive": passive,
    "population": population,
    "ports": OURS,
    "preflight": preflight,
    "recheck": recheck,
    "report": COUNTS,
    "resolve": COUNTS,
    "run": COUNTS,
    "senders plan": OURS,
    "senders report": senders_report,
    "senders serve": COUNTS,
    "upgrade": COUNTS,
    "vantages collect": COUNTS,
    "vantages join": COUNTS,
}
TOML = '[study]\nname = "s"\nallow_special = true\n[facts]\nptr = true\n'


def verbs_of(group: TyperGroup, above: str = "") -> Iterator[str]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from verbs_of(command, f"{name} ")
        else:
            yield above + name


def hidden(text: str) -> set[str]:
    return {character for character in text if is_hidden(character) and character != "\n"}


@pytest.fixture
def study(tmp_path: Path) -> Path:
    directory = tmp_path / "study"
    directory.mkdir()
    (directory / "study.toml").write_text(TOML)
    return directory


def test_every_verb_has_a_row() -> None:
    command = typer.main.get_command(APP)
    assert isinstance(command, TyperGroup)
    assert sorted(verbs_of(command)) == sorted(VERBS)


@pytest.mark.parametrize("verb", [verb for verb, row in VERBS.items() if not isinstance(row, str)])
def test_nothing_hidden_reaches_a_terminal(
    mailcensus: Any, monkeypatch: Patch, study: Path, verb: str
) -> None:
    prepare = VERBS[verb]
    assert not isinstance(prepare, str)
    for arguments in prepare(monkeypatch, study):
        ended = mailcensus(*arguments)
        assert hidden(ended.out + ended.err) == set(), arguments
        assert "[2J" in ended.out + ended.err, arguments


def test_csv_as_strangers_wrote_it_goes_to_no_terminal(
    mailcensus: Any, monkeypatch: Patch, study: Path
) -> None:
    export(monkeypatch, study)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    ended = mailcensus("export", study, "--to", "csv")
    assert (ended.status, ended.out) == (2, "")
    assert "--out" in ended.err


@pytest.mark.parametrize("form", LogFormat)
def test_what_is_said_has_nothing_hidden(capsys: pytest.CaptureFixture[str], form: LogFormat) -> None:
    talk_in(form)
    try:
        for number in ROWS:
            say(text_of(number))
            complain(text_of(number))
            TalkHandler().emit(logging.LogRecord("x", logging.WARNING, "", 0, text_of(number), None, None))
    finally:
        talk_in(LogFormat.TEXT)
    out, err = capsys.readouterr()
    assert out == ""
    assert hidden(err) == set()
    assert err.count("[2J") == 3
