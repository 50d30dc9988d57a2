"""A small study on disk whose operators have something to be told of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from analysis.hand_made import NOW, RUN, Server, evidence_of
from mailcensus.dataset.parts import PartWriter
from mailcensus.model import Host, KeyCheck, KeyFinding
from mailcensus.study import Study

SETTINGS = """
[study]
name = "Keys of Ruritania"
ehlo_name = "scanner.example"
contact = "census@scanner.example"
opt_out = "https://scanner.example/opt-out"
"""


@contextmanager
def study_of(
    *servers: Server, names: dict[str, str] | None = None, findings: dict[str, str] | None = None
) -> Iterator[Study]:
    """A study of these.

    Args:
        names: address to reverse name that points back.
        findings: key (SHA-256) to what is known against it.
    """
    with TemporaryDirectory() as folder, evidence_of(*servers) as evidence:
        directory = Path(folder)
        (directory / "study.toml").write_text(SETTINGS)
        data = evidence.dataset.data
        (directory / "data").symlink_to(data)
        write(data, "hosts", Host, [_named(server, (names or {}).get(server.ip)) for server in servers])
        found = (findings or {}).items()
        write(
            data, "key_findings", KeyFinding,
            [KeyFinding(spki_sha256=key, finding=flaw, source="test", checked_at=NOW) for key, flaw in found],
        )  # fmt: skip
        write(
            data, "key_checks", KeyCheck,
            [KeyCheck(spki_sha256=key, checked_at=NOW, checked_with="test") for key, _ in found],
        )  # fmt: skip
        yield Study.open(directory)


def write(data: Path, table: str, record: type, rows: Iterable[object]) -> None:
    """Add rows to a table."""
    if rows := list(rows):
        PartWriter(data, table, record).write(rows)


def _named(server: Server, name: str | None) -> Host:
    return Host(
        run_id=RUN, ip=server.ip, looked_up_at=NOW, asn=server.asn, as_org=server.as_org, ptr=name,
        ptr_confirmed=name is not None,
    )  # fmt: skip


def everything_in(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by name."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
