"""What nmap itself writes about two addresses of loopback is imported."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from mailcensus.dataset.imports import import_file
from mailcensus.dataset.tables import Dataset
from mailcensus.study import Settings, Study

pytestmark = pytest.mark.integration


def test_nmaps_own_xml_gives_the_open_port(tmp_path: Path) -> None:
    if shutil.which("nmap") is None:
        pytest.skip("nmap is not installed")
    written = tmp_path / "nmap.xml"
    with socket.create_server(("127.30.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        subprocess.run(
            ["nmap", "-sT", "-Pn", "-n", f"-p{port}", "-oX", str(written), "127.30.0.1", "127.30.0.2"],
            check=True,
            capture_output=True,
            timeout=250,
        )
    study = Study(tmp_path, Settings.model_validate({"discovery": {"ports": [port]}}))
    imported = import_file(study, "nmap", written)
    assert (imported.rows, imported.hits, imported.passed_over, imported.rejected) == (2, 1, 1, 0)
    (hit,) = Dataset(study.data).table("hits").to_pyarrow().to_pylist()
    assert (hit["ip"], hit["port"], hit["engine"]) == ("127.30.0.1", port, "nmap")
