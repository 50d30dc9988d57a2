"""Every module that reads foreign bytes is reached by a fuzz target: what was run, not what somebody has listed."""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from types import FrameType

import pytest
from fuzz.glass import glass
from fuzz.targets import TARGETS

SOURCE = Path(__file__).parents[2] / "src"
ROOMS = ("wire", "passive", "dataset/imports", "population/databases", "facts/domains")
"""Where readers live."""
SINGLE = (
    "population.exclusion_list",
    "probe.dns_reading",
    "probe.policy_response",
    "senders.tls_reports",
)
NO_READERS = {
    # module: why it needs no target
    "wire.curves": "a table",
    "wire.errors": "exceptions",
    "wire.exchanges": "types",
    "wire.services": "a table",
    "wire.services_reference": "writes a page",
    "wire.software_end_of_life": "a table",
    "wire.ssh.offer": "what we offer",
    "wire.tls.cipher_suites": "a table",
    "wire.tls.ffdhe": "a table",
    "wire.tls.hello_reference": "writes a page",
    "wire.tls.phase": "names",
    "wire.lmtp": "one greeting; the machine is that of smtp",
    "passive.listening": "puts readers together",
    "passive.live": "sockets",
    "passive.watch.side": "names",
    "passive.zeek.store": "holds rows",
    "passive.zeek.beside": "writes rows",
    "passive.zeek.columns": "a table",
    "passive.zeek.log_kinds": "a table",
    "passive.zeek.rejects": "writes rows",
    "dataset.imports.importing": "puts readers together",
    "dataset.imports.dns": "puts readers together",
    "dataset.imports.import_run": "names runs",
    "dataset.imports.rejects": "writes rows",
    "dataset.imports.pieces": "hands pieces to readers",
    "dataset.imports.mss": "puts readers together",
    "population.databases.opening": "chooses a reader",
    "facts.domains.answers": "asks",
    "facts.domains.exchanges": "asks",
    "facts.domains.one_domain": "asks",
    "facts.domains.policies": "asks",
    "facts.domains.resolve": "asks",
    "facts.domains.table": "writes rows",
    "facts.domains.read_out": "reads our own tables",
    "facts.domains.published": "puts readers together",
}
PROPERTIES = {
    # module: the property test that gives it any input; the readers within are those of dnspython, csv or json
    "wire.host_names": "tests/wire/test_clients.py",
    "wire.ocsp_status": "tests/wire/test_ocsp_status.py",
    "passive.captures.opening": "tests/passive/test_captures.py",
    "passive.watch.ssh": "tests/passive/test_captures.py",
    "dataset.imports.goscanner": "tests/dataset/imports/test_other_scanners.py",
    "dataset.imports.goscanner_certificates": "tests/dataset/imports/test_other_scanners.py",
    "dataset.imports.mss_files": "tests/dataset/imports/test_mss.py",
}


def modules() -> set[str]:
    """Every module that may read, without our name before it."""
    found = set(SINGLE)
    for room in ROOMS:
        for path in (SOURCE / "mailcensus" / room).rglob("*.py"):
            if path.name != "__init__.py":
                found.add(".".join(path.relative_to(SOURCE / "mailcensus").with_suffix("").parts))
    return found


def reached() -> set[str]:
    """Modules whose functions are called while every target eats its corpus."""
    seen: set[str] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_name != "<module>":
            seen.add(frame.f_globals.get("__name__", "").removeprefix("mailcensus."))

    with glass():
        sys.setprofile(note)
        try:
            for target in TARGETS.values():
                files = list(target.corpus())
                for path in files if len(files) < 20 else files[::3]:
                    target(path.read_bytes())
        finally:
            sys.setprofile(None)
    return seen


@pytest.mark.slow
def test_every_reader_has_a_fuzz_target_or_says_why_not() -> None:
    """Where it fails: give the reader a target (fuzz/targets.py) with seeds in fuzz/corpus, or say here why not."""
    with ProcessPoolExecutor(1, get_context("spawn")) as fresh:  # here, other tests have filled caches
        seen = fresh.submit(reached).result()
    assert sorted(modules() - seen - set(NO_READERS) - set(PROPERTIES)) == []
    assert sorted(set(PROPERTIES) & seen) == [], "they have a target by now"


def test_what_has_no_target_is_still_there_and_has_the_test_it_names() -> None:
    assert set(NO_READERS) | set(PROPERTIES) <= modules()
    for path in PROPERTIES.values():
        assert "@given" in (SOURCE.parent / path).read_text(encoding="utf-8"), path
