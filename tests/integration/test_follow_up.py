"""Follow-ups against a real OpenSSH server: every host key it has, and what the analyses make of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from mailcensus.analysis.evidence import gather
from mailcensus.dataset.tables import Dataset
from places import fresh_network
from probe_studies import collected, followed_up, study_of
from realservers import openssh
from realservers.identity import ecdsa_key, rsa_key

pytestmark = pytest.mark.integration


def test_every_host_key_of_an_ssh_server_is_met_once(tmp_path: Path) -> None:
    keys = {"rsa": rsa_key(), "ecdsa": ecdsa_key(), "ed25519": ed25519.Ed25519PrivateKey.generate()}
    tmp_path.chmod(0o755)
    with openssh.sshd(tmp_path / "sshd", address=f"{fresh_network()}.1", host_keys=keys) as server:
        study = study_of(tmp_path / "study", {"ssh": server.ports["ssh"]}, {"ssh_host_keys": True})
        [first] = collected(study, [server.address])
        followed_up(study)
    assert [key["algorithm"] for key in first["ssh"]["host_keys"]] == ["ssh-rsa"]
    dataset = Dataset(study.data)
    again = dataset.table("followups").to_pyarrow().to_pylist()
    assert {(row["purpose"], row["outcome"]) for row in again} == {("ssh_ecdsa", "ok"), ("ssh_ed25519", "ok")}
    assert all(key["verified"] for row in again for key in row["ssh"]["host_keys"])
    evidence = gather(dataset)
    shown = evidence.showings.join(evidence.keys, "key").to_pyarrow().to_pylist()
    assert evidence.run_id == first["run_id"]
    assert sorted(row["algorithm"] for row in shown) == ["ecdsa", "ed25519", "rsa"]
