"""Our verdicts beside those of `openssl verify`, for every kind of chain, at several times."""

from __future__ import annotations

import calendar
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from chain_studies import Seen, judged, rows, sha256, study_of
from mailcensus.lab.chains import KINDS, lab_chains
from mailcensus.lab.pki import AT, NEXT_YEAR, LabAuthorities

pytestmark = pytest.mark.integration

_ERROR = re.compile(r"^error (\d+) at (\d+) depth lookup", re.MULTILINE)
_DEPTH = re.compile(r"^depth=(\d+): (.*?)(?: \(untrusted\))?$", re.MULTILINE)
_WEAK = {66, 67, 68}


@dataclass(frozen=True, slots=True)
class Said:
    """What `openssl verify` says."""

    ok: bool
    errors: tuple[tuple[int, int], ...]
    """Codes and depths, in the order said; it goes on behind some and stops at others."""
    path: tuple[str, ...]
    """Subjects of a path that it likes."""


def openssl_verify(directory: Path, roots: Path, chain: Sequence[bytes], at: datetime, level: int) -> Said:
    leaf, others = directory / "leaf.der", directory / "others.pem"
    leaf.write_bytes(chain[0])
    others.write_bytes(b"".join(map(_pem, chain[1:])))
    seconds = calendar.timegm(at.utctimetuple())
    trust = ("-no-CApath", "-no-CAstore", "-CAfile", str(roots))
    untrusted = ("-untrusted", str(others)) if chain[1:] else ()
    options = ("-show_chain", "-attime", str(seconds), "-auth_level", str(level), *trust, *untrusted)
    ended = subprocess.run(
        ["openssl", "verify", *options, str(leaf)], capture_output=True, text=True, check=False, timeout=20
    )
    errors = tuple((int(code), int(depth)) for code, depth in _ERROR.findall(ended.stderr))
    return Said(ended.returncode == 0, errors, tuple(name for _, name in _DEPTH.findall(ended.stdout)))


def _pem(der: bytes) -> bytes:
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)


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
