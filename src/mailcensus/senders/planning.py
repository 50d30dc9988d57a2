"""Writes everything that an experiment needs, below `senders/` of a study; again and again, for it only grows."""

from __future__ import annotations

import contextlib
from datetime import datetime
from pathlib import Path

from mailcensus.dataset.columns import table_of
from mailcensus.dataset.files import replace_file
from mailcensus.dataset.lock import WriterLock
from mailcensus.dataset.parts import PartWriter
from mailcensus.model import SenderCondition, SenderToken
from mailcensus.senders.certificates import Certificates
from mailcensus.senders.contexts import Contexts, unavailable
from mailcensus.senders.instructions import instructions
from mailcensus.senders.plan import Plan, make_plan, read_plan, write_plan
from mailcensus.senders.run_sheet import write_sheet
from mailcensus.senders.serving import certificates_of
from mailcensus.senders.zone import policy_text, zone_records
from mailcensus.study import StageFailed, Study


def plan_experiment(study: Study, now: datetime) -> Plan:
    """Plan an experiment, or plan it again after study.toml changed.

    Raises:
        StudyError: a setting is wrong, or the receivers are running.
        StageFailed: a file cannot be written.
    """
    settings = study.settings.senders
    plan = make_plan(settings, read_plan(study), now)
    lock = WriterLock(study.data)
    try:
        certificates = certificates_of(study)
        certificates.make(plan.certificate_names, now)
        write_plan(study, plan)
        write_sheet(study, plan)
        folder = study.directory / "senders"
        _write(folder / "zone.txt", zone_records(plan, certificates, settings.public_port))
        _write(folder / "INSTRUCTIONS.md", instructions(plan, settings))
        for condition in plan.conditions:
            if condition.sts is not None:
                _write(folder / "policies" / f"{condition.name}.txt", policy_text(plan, condition))
        _write_tables(study, plan, certificates, now)
    finally:
        lock.release()
    return plan


def _write_tables(study: Study, plan: Plan, certificates: Certificates, now: datetime) -> None:
    contexts = Contexts(certificates, now)
    conditions = [
        SenderCondition(
            run_id=plan.run_id, condition=each.name, group=each.group, title=each.title,
            domain=plan.domain_of(each.name), host_name=post.host_name, ip=post.ip, port=post.port,
            should=each.should.value, rule=each.rule, unavailable=unavailable(contexts, each),
        )
        for each in plan.conditions
        for post in [plan.post_of(each.name)]
    ]  # fmt: skip
    tokens = [
        SenderToken(
            run_id=plan.run_id, token=each.token, sender=each.sender, condition=each.condition,
            recipient=plan.recipient(each), planned_at=datetime.fromisoformat(each.planned_at),
            wait_h=study.settings.senders.wait_h,
        )
        for each in plan.tokens
    ]  # fmt: skip
    for name, record, rows in (
        ("sender_conditions", SenderCondition, conditions),
        ("sender_tokens", SenderToken, tokens),
    ):
        PartWriter(study.data, name, record).replace_all([table_of(record, rows)])


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            if path.read_text(encoding="utf-8") == text:
                return
        replace_file(path, text.encode())
    except OSError as error:
        raise StageFailed(f"{path}: cannot be written: {error.strerror or error}") from error
