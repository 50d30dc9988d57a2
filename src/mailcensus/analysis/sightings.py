"""Who showed which key where: the base of every analysis of keys.

A host shows a key when its last attempt on a service of the run holds it as the key of the leaf certificate or
as an SSH host key. What was shown when it was asked again (table `followups`) counts too. Left out are keys
without a canonical form, and keys that the server quoted but does not hold: its signature over the handshake was
checked and is wrong.

The few columns needed are taken out of the structs before anything is joined; whole structs would be carried
along for every row.
"""

from __future__ import annotations

from dataclasses import dataclass

import ibis

from mailcensus.analysis.database_functions import name_hash
from mailcensus.analysis.numbering import UNLISTED, collide, number_certificates, number_keys
from mailcensus.dataset.tables import Dataset, of_run
from mailcensus.model import Outcome

_ASKED = ("ip", "service", "attempt")
_HASHED = ("ip", "spki_sha256", "certificate_sha256")
SSH_VERSIONS = 1 << 16
"""Numbers of versions from here on are those of SSH, below they are TLS codes: a number is carried along at a tenth of
the cost of a text."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What was shown in one run, in numbers."""

    keys: ibis.Table
    """key, spki_sha256, algorithm, bits, curve."""
    certificates: ibis.Table
    """certificate, certificate_sha256, common_name."""
    answers: ibis.Table
    """One row per handshake or host key: host, bit, version (by number; null: said in another row, or of a follow-up
    by SSH), cipher_suite, key, certificate, again (a follow-up). A host key shown for two SSH algorithms has two rows:
    count hosts and keys, not rows."""
    ssh_versions: ibis.Table
    """version, name; those of TLS are named by `wire`."""


@dataclass(frozen=True, slots=True)
class NumberedNames:
    """Keys and certificates of a dataset, numbered."""

    keys: ibis.Table
    certificates: ibis.Table
    hashes_tell: bool
    """No two keys, and no two certificates, have the same hash."""


def number_names(dataset: Dataset) -> NumberedNames:
    """Numbers for the keys and certificates of a dataset, those of other runs included."""
    keys = dataset.put("numbered_keys", number_keys(dataset.table("keys")))
    certificates = dataset.put("numbered_leaves", number_certificates(dataset.table("certificates")))
    collided = collide(keys.spki_sha256) or collide(certificates.certificate_sha256)
    return NumberedNames(keys, certificates, not collided)


def gather_shown(
    dataset: Dataset,
    run_id: str | None,
    hosts: ibis.Table,
    services: ibis.Table,
    later: ibis.Table,
    names: NumberedNames,
) -> Shown:
    """Everything one run saw of keys, numbered.

    Args:
        later: the run's attempts after the first, held in memory.
        names: of the same dataset.
    """
    versions = dataset.put("ssh_versions", _versions_of_ssh(of_run(dataset.table("grabs"), run_id)))
    asked = _asked(dataset, run_id, versions)
    if names.hashes_tell and not collide(hosts.ip):
        rows = _placed(_hashed(asked), _hashed(hosts), services, _hashed(later))
        answers = _answers(dataset, rows, _hashed(names.keys), _hashed(names.certificates))
        if not _any_unlisted(answers):
            return Shown(names.keys, names.certificates, answers, versions)
    keys, certificates, answers = _whole_names(dataset, asked, hosts, services, later)
    return Shown(keys, certificates, answers, versions)


def _versions_of_ssh(grabs: ibis.Table) -> ibis.Table:
    said = grabs.select(name=ibis.literal("SSH ") + grabs.ssh.protocol_version)
    different = said.filter(said.name.notnull()).distinct()
    return different.mutate(version=(SSH_VERSIONS + ibis.row_number().over()).cast("int32"))


def _asked(dataset: Dataset, run_id: str | None, ssh_versions: ibis.Table) -> ibis.Table:
    """What a run's attempts and follow-ups showed: ip, service, attempt, version, cipher_suite, spki_sha256,
    certificate_sha256, again."""
    grabs = of_run(dataset.table("grabs"), run_id)
    followups = of_run(dataset.table("followups"), run_id)
    first = (_tls(grabs), _ssh_keys(grabs), _ssh_said(grabs, ssh_versions))
    again = (_tls(followups), _ssh_keys(followups))
    return ibis.union(
        *(rows.mutate(again=False) for rows in first), *(rows.mutate(again=True) for rows in again)
    )


def _tls(grabs: ibis.Table) -> ibis.Table:
    answered = grabs.filter(grabs.tls.version.notnull() | grabs.tls.spki_sha256.notnull())
    tls = answered.tls
    held = tls.signature_verified.fill_null(True)
    return answered.select(
        *_ASKED, version=tls.version.cast("int32"), cipher_suite=tls.cipher_suite,
        spki_sha256=held.ifelse(tls.spki_sha256, ibis.null("string")),
        certificate_sha256=held.ifelse(tls.leaf_sha256, ibis.null("string")),
    )  # fmt: skip


def _ssh_keys(grabs: ibis.Table) -> ibis.Table:
    spoken = grabs.filter(grabs.ssh.host_keys.notnull())
    shown = spoken.select(*_ASKED, "outcome", host_key=spoken.ssh.host_keys.unnest())
    # Unverified with outcome ok: a kind of signature we cannot check. With another outcome it is wrong.
    shown = shown.filter(shown.host_key.verified | (shown.outcome == str(Outcome.OK)))
    rows = shown.select(
        *_ASKED, version=ibis.null("int32"), cipher_suite=ibis.null("uint16"),
        spki_sha256=shown.host_key.spki_sha256, certificate_sha256=ibis.null("string"),
    )  # fmt: skip
    return rows.filter(rows.spki_sha256.notnull())


def _ssh_said(grabs: ibis.Table, versions: ibis.Table) -> ibis.Table:
    said = grabs.select(*_ASKED, name=ibis.literal("SSH ") + grabs.ssh.protocol_version)
    return said.join(versions, "name").select(
        *_ASKED, "version", cipher_suite=ibis.null("uint16"), spki_sha256=ibis.null("string"),
        certificate_sha256=ibis.null("string"),
    )  # fmt: skip


def _placed(asked: ibis.Table, hosts: ibis.Table, services: ibis.Table, later: ibis.Table) -> ibis.Table:
    """Hosts and services by number; without what a later attempt supersedes, which is looked for among numbers."""
    rows, later = _numbers(asked, hosts, services), _numbers(later, hosts, services)
    later = later.mutate(again=False)
    superseded = [rows.host == later.host, rows.bit == later.bit, rows.again == later.again]
    return rows.anti_join(later, [*superseded, rows.attempt < later.attempt]).drop("attempt")


def _numbers(rows: ibis.Table, hosts: ibis.Table, services: ibis.Table) -> ibis.Table:
    rows = rows.join(hosts.select("ip", "host"), "ip").join(services.select("service", "bit"), "service")
    return rows.drop("ip", "service")


def _whole_names(
    dataset: Dataset, asked: ibis.Table, hosts: ibis.Table, services: ibis.Table, later: ibis.Table
) -> tuple[ibis.Table, ibis.Table, ibis.Table]:
    """Keys, certificates and answers by names compared whole; those that their tables do not hold get numbers too."""
    keys = number_keys(dataset.table("keys"), _names(asked, "spki_sha256"))
    certificates = number_certificates(dataset.table("certificates"), _names(asked, "certificate_sha256"))
    keys, certificates = dataset.put("numbered_keys", keys), dataset.put("numbered_leaves", certificates)
    rows = _placed(asked, hosts, services, later)
    return keys, certificates, _answers(dataset, rows, keys, certificates)


def _names(asked: ibis.Table, name: str) -> ibis.Table:
    return asked.filter(asked[name].notnull()).select(name).distinct()


def _hashed(rows: ibis.Table) -> ibis.Table:
    """Hashes in place of names, before rows are joined to anything: long texts are costly to carry."""
    hashes = {
        name: ibis.ifelse(rows[name].notnull(), name_hash(rows[name]), None)  # the hash of null is a number
        for name in _HASHED
        if name in rows.columns
    }
    return rows.mutate(**hashes)


def _answers(dataset: Dataset, rows: ibis.Table, keys: ibis.Table, certificates: ibis.Table) -> ibis.Table:
    """Numbers in place of names, or of hashes of names, whichever all three tables have."""
    rows = _numbered(rows, keys, "spki_sha256", "key")
    rows = _numbered(rows, certificates, "certificate_sha256", "certificate")
    with dataset.joined_as_written():
        return dataset.put("answers", rows)


def _numbered(rows: ibis.Table, names: ibis.Table, name: str, number: str) -> ibis.Table:
    """Rows with a number in place of a name: null stays null, UNLISTED where there is no such name."""
    rows = rows.left_join(names.select(name, number), name).drop(f"{name}_right")
    known = ibis.cases((rows[name].isnull(), None), (rows[number].isnull(), UNLISTED), else_=rows[number])
    return rows.mutate(**{number: known.cast("int32")}).drop(name)


def _any_unlisted(answers: ibis.Table) -> bool:
    unlisted = (answers.key == UNLISTED) | (answers.certificate == UNLISTED)
    return bool(answers.aggregate(found=unlisted.any()).to_pyarrow()["found"][0].as_py())
