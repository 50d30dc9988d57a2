"""Revocation lists: what they say, and when they say nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from chain_studies import Seen, judged, rows, study_of
from mailcensus.lab.pki import AT, LabAuthorities, Signer
from mailcensus.study import StudyError

WORLD = LabAuthorities()
ISSUING = WORLD.authority("issuing authority", WORLD.root("trusted root"))
CHAIN = (WORLD.leaf("mx.example", ISSUING), ISSUING.der)
DAY = timedelta(days=1)


def crl(
    signer: Signer, revoked_at: datetime | None, made: datetime = AT - DAY, name: Signer = ISSUING
) -> bytes:
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(name.certificate.subject)
        .last_update(made)
        .next_update(made + 7 * DAY)
    )
    if revoked_at is not None:
        entry = (
            x509.RevokedCertificateBuilder()
            .serial_number(x509.load_der_x509_certificate(CHAIN[0]).serial_number)
            .revocation_date(revoked_at)
            .add_extension(x509.CRLReason(x509.ReasonFlags.key_compromise), critical=False)
        )
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(signer.key, hashes.SHA256()).public_bytes(Encoding.DER)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "status"),
    [
        (crl(ISSUING, AT - 3 * DAY), "revoked"),
        (crl(ISSUING, AT + DAY), "good"),
        (crl(ISSUING, None), "good"),
        (crl(ISSUING, None, made=AT - 30 * DAY), "unknown"),
        (crl(ISSUING, None, made=AT + 30 * DAY), "good"),
        (crl(WORLD.root("second root"), AT - 3 * DAY), "unknown"),
        (crl(ISSUING, AT - 3 * DAY, name=WORLD.root("second root")), "unknown"),
    ],
    ids=["revoked", "revoked later", "not listed", "old", "newer", "another's signature", "another's list"],
)
def test_a_list_that_the_issuer_signed_and_that_is_in_force_says(
    tmp_path: Path, content: bytes, status: str
) -> None:
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "one.crl").write_bytes(content)
    study = study_of(tmp_path, crls=("lists",))
    judged(study, [Seen(CHAIN)])
    (row,) = rows(study)
    assert (row["status"], row["revocation"]) == ("valid", status)
    if status == "revoked":
        assert (row["revoked_at"], row["revocation_reason"]) == (AT - 3 * DAY, "keyCompromise")


@pytest.mark.slow
def test_lists_that_changed_are_read_again_and_none_is_null(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    judged(study, [Seen(CHAIN)])
    assert [row["revocation"] for row in rows(study)] == [None]
    (tmp_path / "one.crl").write_bytes(crl(ISSUING, AT - DAY))
    judged(study_of(tmp_path, crls=("one.crl",)))
    assert [row["revocation"] for row in rows(study)] == ["revoked"]


@pytest.mark.parametrize("content", [None, b"", b"0\x82"])
def test_a_file_that_is_no_list_is_one_clear_line(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "one.crl").write_bytes(content)
    with pytest.raises(StudyError, match=r"one\.crl: .*; mend facts\.crls"):
        judged(study_of(tmp_path, crls=("one.crl",)), [Seen(CHAIN)])
