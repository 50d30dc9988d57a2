"""What an office knows of a study's addresses, as after a resolution."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.run import CurrentRun
from mailcensus.model import ExchangeState, Mx
from mailcensus.study import Study
from mailcensus.vantages.known import Known


def known_of(study: Study, exchanges: Mapping[str, str] | None = None) -> Known:
    """What is known once DNS has named these mail exchanges, by address."""
    study.data.mkdir(exist_ok=True)
    now = datetime.now(UTC)
    with CurrentRun(study.data, now) as run:
        rows = [
            Mx(
                run_id=run.run_id,
                domain="example.org",
                preference=10,
                exchange=name,
                state=ExchangeState.OK,
                addresses=(ip,),
                asked_at=now,
            )
            for ip, name in (exchanges or {}).items()
        ]
        PartWriter(study.data, "mx", Mx).write(rows)
        return Known(study, run)
