"""Weak keys, known keys and default certificates in small populations written by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from analysis.hand_made import NOW, RUN, Leaf, Server, evidence_of, named
from mailcensus.analysis.catalogue import TABLES
from mailcensus.analysis.default_certificates import catalogue_of, products
from mailcensus.analysis.evidence import Evidence, gather
from mailcensus.analysis.table_spec import rows_of
from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.tables import Dataset
from mailcensus.facts.key_flaws import CHECK_STAGE, NO_BLOCKLIST, Flaw
from mailcensus.model import KeyCheck, KeyFinding, Run
from mailcensus.study import Settings, StudyError

SERVERS = (
    Server(ip="192.0.2.1", ssh="known", tls=Leaf(key="short", subject="CN=plesk")),
    Server(ip="192.0.2.2", ssh="known", tls=Leaf(key="one prime", subject="CN=mail.example")),
    Server(ip="198.51.100.1", ssh="good", tls=Leaf(key="two primes", subject="CN=mail.example")),
    Server(ip="198.51.100.2", ssh="new", tls=Leaf(key="short", subject="CN=Plesk,O=Plesk")),
)
FINDINGS = (
    ("known", Flaw.KNOWN_KEY, "Router X (host key)", None),
    ("short", Flaw.SHORT_RSA, "1024 bits", None),
    ("short", Flaw.SMALL_EXPONENT, "exponent 3", None),
    ("one prime", Flaw.SHARED_PRIME, "factor of 1024 bits", "f1"),
    ("two primes", Flaw.SHARED_PRIME, "factor of 1024 bits", "f1"),
    ("two primes", Flaw.SHARED_PRIME, "factor of 1024 bits", "f2"),
    ("shown by nobody", Flaw.ROCA, None, None),
)
LOOKED_AT = ("known", "short", "one prime", "two primes", "good", "shown by nobody")


@contextmanager
def looked_over(
    *, batch_gcd: bool = True, lists: str = "badkeys 1", looked_at: tuple[str, ...] = LOOKED_AT
) -> Iterator[Evidence]:
    with evidence_of(*SERVERS) as evidence:
        data = evidence.dataset.data
        findings = [
            KeyFinding(
                spki_sha256=named(key), finding=flaw, detail=detail, factor_sha256=factor,
                keys_sharing=2 if factor else None, source="a list", checked_at=NOW,
            )
            for key, flaw, detail, factor in FINDINGS
        ]  # fmt: skip
        checks = [
            KeyCheck(spki_sha256=named(key), checked_at=NOW, checked_with=lists, not_checked=None)
            for key in looked_at
        ]
        settings = Settings.model_validate({"facts": {"batch_gcd": batch_gcd}})
        stage = Run(
            run_id=RUN, stage=CHECK_STAGE, started_at=NOW, ended_at=datetime.now(UTC), vantage="t",
            mailcensus_version="0", settings_json=settings.model_dump_json(), interruptions=0, asked=0,
            answered=0, excluded=0,
        )  # fmt: skip
        for table, record, rows in (
            ("key_findings", KeyFinding, findings if looked_at else []),
            ("key_checks", KeyCheck, checks),
            ("runs", Run, [stage]),
        ):
            PartWriter(data, table, record).write(rows)
        yield gather(Dataset(data))


@pytest.fixture(scope="module")
def evidence() -> Iterator[Evidence]:
    with looked_over() as evidence:
        yield evidence


def table(evidence: Evidence, name: str) -> list[dict[str, Any]]:
    spec = next(spec for spec in TABLES if spec.name == name)
    rows: list[dict[str, Any]] = rows_of(spec, evidence).to_pylist()
    return rows


def test_findings_are_counted_over_the_keys_that_were_looked_at(evidence: Evidence) -> None:
    rows = {row["finding"]: row for row in table(evidence, "key_findings")}
    assert list(rows) == [str(flaw) for flaw in rows]
    assert len(rows) == len(Flaw)
    counts = {name: (row["keys"], row["hosts"], row["services"]) for name, row in rows.items() if row["keys"]}
    assert counts == {
        "known_key": (1, 2, ["ssh"]),
        "shared_prime": (2, 2, ["smtp", "imap", "https"]),
        "short_rsa": (1, 2, ["smtp", "imap", "https"]),
        "small_exponent": (1, 2, ["smtp", "imap", "https"]),
    }
    assert {row["keys_checked"] for row in rows.values()} == {5}
    assert {row["hosts_checked"] for row in rows.values()} == {4}
    assert rows["shared_prime"]["share"] == 2 / 5
    assert rows["roca"]["keys"] == 0


@pytest.mark.slow
def test_what_nothing_looked_for_is_null_and_not_zero() -> None:
    with looked_over(batch_gcd=False, lists=f"badkeys 1; {NO_BLOCKLIST}") as evidence:
        rows = {row["finding"]: row for row in table(evidence, "key_findings")}
    assert (rows["blocklisted"]["keys"], rows["blocklisted"]["share"]) == (None, None)
    assert rows["shared_modulus"]["keys"] is None
    assert rows["shared_prime"]["keys"] == 2  # of an earlier look
    with looked_over() as evidence:
        rows = {row["finding"]: row for row in table(evidence, "key_findings")}
    assert rows["blocklisted"]["keys"] == rows["shared_modulus"]["keys"] == 0


@pytest.mark.slow
def test_where_nothing_was_looked_at_nothing_is_said() -> None:
    with looked_over(looked_at=()) as evidence:
        assert table(evidence, "key_findings") == table(evidence, "weak_keys") == []
        summary = {row["name"]: row["value"] for row in table(evidence, "summary")}
    assert (summary["keys_checked"], summary["keys_compromised"], summary["keys_weak"]) == (0, None, None)


def test_each_weak_key_stands_once_with_its_evidence_worst_first(evidence: Evidence) -> None:
    rows = table(evidence, "weak_keys")
    assert [(row["spki_sha256"], row["severity"]) for row in rows[:1]] == [(named("known"), "compromised")]
    assert {row["spki_sha256"] for row in rows[1:3]} == {named("one prime"), named("two primes")}
    assert [row["severity"] for row in rows] == ["compromised"] * 3 + ["weak"]
    short = rows[3]
    assert (short["findings"], short["hosts"], short["cluster"] is None) == (
        ["short_rsa", "small_exponent"],
        2,
        False,
    )
    assert short["evidence"] == ["short_rsa: 1024 bits (a list)", "small_exponent: exponent 3 (a list)"]
    two = next(row for row in rows if row["spki_sha256"] == named("two primes"))
    assert (two["findings"], two["factors"], two["keys_sharing"], two["cluster"]) == (
        ["shared_prime"],
        ["f1", "f2"],
        2,
        None,
    )


def test_the_summary_counts_compromised_and_weak_keys(evidence: Evidence) -> None:
    rows = {row["name"]: row for row in table(evidence, "summary")}
    values = {name: (rows[name]["value"], rows[name]["denominator"]) for name in rows if "_c" in name}
    assert values["keys_checked"] == (5, 6)
    assert values["keys_compromised"] == (3, 5)
    assert values["hosts_compromised"] == (3, 4)
    assert (rows["keys_weak"]["value"], rows["keys_weak"]["denominator"]) == (1, 5)


def test_a_known_key_is_read_as_the_products(evidence: Evidence) -> None:
    causes = {row["spki_sha256"]: row for row in table(evidence, "key_causes")}
    known = causes[named("known")]
    assert (known["reading"], known["confidence"], known["known"]) == ("product_default", "high", True)
    assert "known=true" in known["evidence"]


def test_default_certificates_are_counted_by_product_over_hosts_with_tls(evidence: Evidence) -> None:
    (row,) = table(evidence, "default_certificates")
    assert {name: row[name] for name in ("product", "hosts", "hosts_with_tls", "share")} == {
        "product": "Plesk",
        "hosts": 2,
        "hosts_with_tls": 4,
        "share": 0.5,
    }
    assert (row["certificates"], row["keys"]) == (2, 1)


OWN = """
[[default_certificate]]
product = "Appliance"
subject = '^CN=mail\\.example$'
says = "our own lab"

[[default_certificate]]
product = "Firmware"
keys = ["{key}"]
says = "taken out of its image"
"""


@pytest.mark.slow
def test_a_study_adds_rows_and_hashes_come_before_patterns(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(OWN.format(key=named("two primes")))
    with looked_over() as evidence:
        own = gather(Dataset(evidence.dataset.data, default_certificates=path))
        rows = {row["product"]: row["hosts"] for row in table(own, "default_certificates")}
    assert rows == {"Plesk": 2, "Appliance": 1, "Firmware": 1}


@pytest.mark.slow
def test_a_default_key_of_the_study_is_read_as_the_products(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(OWN.format(key=named("copied")))
    leaf = Leaf(key="copied", subject="CN=x")
    servers = [Server(ip=f"192.0.{n}.1", ssh=f"own {n}", tls=leaf, asn=n) for n in (1, 2, 3)]
    with evidence_of(*servers) as evidence:
        plain = table(evidence, "key_causes")[0]
        own = gather(Dataset(evidence.dataset.data, default_certificates=path))
        told = table(own, "key_causes")[0]
    assert (plain["default_certificates"], told["default_certificates"]) == (0, 1)
    assert told["reading"] == "product_default"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[default_certificate]]\nproduct = 1\n", "number 1: needs product and says"),
        (
            "[[default_certificate]]\nproduct = 'a'\nsays = 'b'\n",
            "number 1: needs subject, certificates or keys",
        ),
        (
            "[[default_certificate]]\nproduct = 'a'\nsays = 'b'\nsubject = '('\n",
            "number 1: subject is no regular expression",
        ),
        (
            "[[default_certificate]]\nproduct = 'a'\nsays = 'b'\nkeys = ['AB']\n",
            "number 1: keys are SHA-256 hashes",
        ),
        ("[[default_certificate]]\nproduct = 'a'\nsays = 'b'\nsubjects = 'c'\n", "number 1: its fields"),
        ("[[cdn]]\n", "holds more than"),
        ("default_certificate = 3\n", "holds more than"),
        ("not toml", "no TOML"),
    ],
)
def test_a_bad_row_is_one_clear_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(StudyError, match=message) as caught:
        catalogue_of(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_catalogue_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"cannot be read: .*mend facts\.default_certificates"):
        catalogue_of(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("subject", "product"),
    [
        ("CN=Plesk,O=Plesk,C=CH", "Plesk"),
        ("CN=localhost.localdomain", "localhost"),
        ("CN=localhost.example.org", None),
        ("CN=mail.example.org", None),
        ("O=Internet Widgits Pty Ltd,ST=Some-State,C=AU", "OpenSSL example"),
    ],
)
def test_subjects_of_products_are_known(subject: str, product: str | None) -> None:
    catalogue = catalogue_of(None)
    (place,) = products(catalogue, [subject], ["0" * 64], ["1" * 64])
    assert (catalogue[place].product if place >= 0 else None) == product
