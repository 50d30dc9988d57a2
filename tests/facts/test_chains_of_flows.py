"""Chains that users met are judged as those of grabs are; of hashes alone there is nothing to judge."""

from pathlib import Path

import pytest

from chain_studies import judged, rows, sha256, study_of
from mailcensus.dataset.parts import PartWriter
from mailcensus.lab.chains import lab_chains
from mailcensus.lab.pki import AT, LabAuthorities
from mailcensus.model import Certificate, Flow, FlowReader, Sides, Tls
from mailcensus.wire.certificates import parse_certificate


def _flow(*chain: str) -> Flow:
    return Flow(
        run_id="2026-11-22T01-02-03Z-passive-1", reader=FlowReader.CAPTURE, source="a.pcap", started_at=AT,
        ip="192.0.2.1", port=993, service="imaps", sides=Sides.BOTH, tls=Tls(chain=chain, leaf_sha256=chain[0]),
    )  # fmt: skip


@pytest.mark.slow
def test_a_chain_of_a_capture_is_judged_and_one_of_hashes_alone_is_not(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    valid = next(chain for chain in lab_chains(LabAuthorities(), 20) if chain.kind == "valid").certificates
    PartWriter(study.data, "certificates", Certificate).write([parse_certificate(der) for der in valid])
    PartWriter(study.data, "flows", Flow).write([_flow(*map(sha256, valid)), _flow("ab" * 32, "cd" * 32)])
    assert judged(study)
    assert [(row["leaf_sha256"], row["status"]) for row in rows(study)] == [(sha256(valid[0]), "valid")]
    assert not judged(study)
