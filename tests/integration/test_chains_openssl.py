"""Our verdicts beside those of `openssl verify`, for every kind of chain, at several times."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from chain_studies import Seen, judged, rows, sha256, study_of
from mailcensus.lab.chains import KINDS, lab_chains
from mailcensus.lab.pki import AT, NEXT_YEAR, LabAuthorities
from oracles.openssl_verify import openssl_verify

pytestmark = pytest.mark.integration

_WEAK = {66, 67, 68}


def _subject(der: bytes) -> str:
    names = x509.load_der_x509_certificate(der).subject
    return "CN = " + str(names.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value)


@pytest.mark.parametrize("at", [AT, NEXT_YEAR + timedelta(days=400)])
def test_verdicts_paths_and_errors_are_those_of_openssl_verify(tmp_path: Path, at: datetime) -> None:
    world = LabAuthorities()
    chains = [chain for chain in lab_chains(world, 6 * len(KINDS)) if chain.kind != "unreadable"]
    study = study_of(tmp_path)
    judged(study, [Seen(chain.certificates, at=at) for chain in chains])
    ours = {row["leaf_sha256"]: row for row in rows(study)}
    subjects = {sha256(der): _subject(der) for chain in chains for der in chain.certificates}
    roots = (world.root("trusted root").der, world.root("second root").der)
    subjects |= {sha256(der): _subject(der) for der in roots}
    assert len(ours) == len(chains) > 150
    for chain in chains:
        row = ours[sha256(chain.certificates[0])]
        found = [(error["code"], error["depth"]) for error in row["errors"]]
        theirs = openssl_verify(tmp_path, tmp_path / "roots.pem", chain.certificates, at, level=0)
        strict = openssl_verify(tmp_path, tmp_path / "roots.pem", chain.certificates, at, level=2)
        assert strict.ok == (row["status"] == "valid"), chain.kind
        assert theirs.ok == (row["status"] in {"valid", "weak_key", "weak_signature"}), chain.kind
        assert set(theirs.errors) | set(strict.errors) <= set(found), (chain.kind, found, theirs, strict)
        if theirs.ok:
            assert tuple(subjects[name] for name in row["path"]) == theirs.path, chain.kind
        else:
            first = [error for error in found if error[0] not in _WEAK]
            assert theirs.errors[0] == first[0], (chain.kind, found, theirs)
