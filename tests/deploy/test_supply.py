"""What we stand on: pinned with hashes, listed in an SBOM, audited."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "scripts"


def locked() -> Any:
    """The module that reads the lock."""
    spec = importlib.util.spec_from_file_location("locked", SCRIPTS / "locked.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["locked"] = module  # its dataclass looks itself up
    spec.loader.exec_module(module)
    return module


def sbom(*arguments: str) -> tuple[str, dict[str, Any]]:
    command = [sys.executable, SCRIPTS / "sbom", *arguments]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return printed, json.loads(printed)


def test_the_sbom_lists_every_package_of_the_lock_with_the_hashes_of_its_files() -> None:
    printed, document = sbom("--dev")
    text = (ROOT / "requirements.lock").read_text()
    pins = re.findall(r"^([A-Za-z0-9._-]+)==([^ \\]+)", text, re.MULTILINE)
    assert {(one["name"], one["version"]) for one in document["components"]} == set(pins)
    hashes = {one["value"] for part in document["components"] for one in part["properties"]}
    assert set(re.findall(r"sha256:([0-9a-f]{64})", text)) <= hashes
    assert sbom("--dev")[0] == printed


def test_the_sbom_is_cyclonedx_in_itself_consistent() -> None:
    _, document = sbom()
    assert (document["bomFormat"], document["specVersion"], document["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", document["serialNumber"])
    ours = document["metadata"]["component"]["bom-ref"]
    references = [ours, *(one["bom-ref"] for one in document["components"])]
    assert len(set(references)) == len(references)
    needs = {one["ref"]: set(one["dependsOn"]) for one in document["dependencies"]}
    assert set(needs) == set(references)
    reached, new = set(), {ours}
    while new:
        reached |= new
        new = {on for ref in new for on in needs[ref]} - reached
    assert reached == set(references), "a component that nobody needs"
    assert all(one["purl"] == f"pkg:pypi/{one['name']}@{one['version']}" for one in document["components"])


def test_development_is_left_out_unless_asked_for() -> None:
    names = {one["name"] for one in sbom()[1]["components"]}
    assert "cryptography" in names
    assert names.isdisjoint({"pytest", "mypy"})


def test_a_lock_without_a_hash_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "requirements.lock"
    path.write_text("a==1\n    # via mailcensus (pyproject.toml)\n")
    with pytest.raises(ValueError, match="a has no hash"):
        locked().read_lock(path)
    path.write_text("a @ file:///a.whl\n")
    with pytest.raises(ValueError, match="not a line of a lock"):
        locked().read_lock(path)
