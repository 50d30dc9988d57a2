"""Whom the discovery of a run asked: what tells an address that kept silent from one that was never asked.

Discovery writes down who answered. Who was asked follows from the study.toml that the run recorded, and from the
files it names as they are now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from mailcensus.dataset.tables import Dataset, of_run
from mailcensus.population.population import Population, load_population
from mailcensus.study import Settings, Study, StudyError

DISCOVER = "discover"


@dataclass(frozen=True, slots=True)
class Swept:
    """The addresses that a finished discovery went over."""

    population: Population | None
    """None: nobody knows, so nobody counts as asked."""
    reason: str | None = None
    """Why nobody knows."""

    def contains(self, ips: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Which of these addresses were asked."""
        if self.population is None or not ips:
            return np.zeros(len(ips), np.bool_)
        if self.population.order.is_sample:
            asked = set(ips).intersection(self.population.addresses())
            return np.array([ip in asked for ip in ips], np.bool_)
        prefixes = self.population.prefixes
        return np.array([prefixes.contains(ip) for ip in ips], np.bool_)


def swept_by(study: Study, dataset: Dataset, run_id: str) -> Swept:
    """Whom a run's discovery went over; nobody where it is not complete or its population cannot be read any more."""
    runs = of_run(dataset.table("runs"), run_id)
    recorded = runs.filter(runs.stage == DISCOVER).settings_json.to_pyarrow().to_pylist()
    if not recorded:
        return Swept(None, "no discovery of this run is complete")
    try:
        return Swept(load_population(Study(study.directory, Settings.model_validate_json(recorded[-1]))))
    except (StudyError, ValidationError) as error:
        return Swept(None, f"its population cannot be read any more: {str(error).splitlines()[0]}")
