"""What is asked of a piece, stage after stage, as one machine asks a study; how far that is, and how much it needs."""

from __future__ import annotations

from mailcensus.dataset.run import CurrentRun
from mailcensus.discovery.flow import discover_and_collect
from mailcensus.discovery.noise import NoiseProgress, measure_noise, wants_noise
from mailcensus.discovery.stage import Progress as DiscoveryProgress
from mailcensus.probe.collector import CollectProgress
from mailcensus.probe.dialer import Dialer
from mailcensus.probe.follow_up import FollowupProgress, follow_up, resolver_of, wants_followups
from mailcensus.study import Study
from mailcensus.vantages.known import read_exchanges
from mailcensus.vantages.messages import Progress


class Stages:
    """The stages of one piece. Belongs to the running event loop."""

    def __init__(self, study: Study) -> None:
        """Prepare; nobody is asked yet.

        Raises:
            StudyError: a resolver of the study is no address.
        """
        self._study = study
        self._resolver = resolver_of(study.settings)
        self._discovered: DiscoveryProgress | None = None
        self._collected: CollectProgress | None = None
        self._noise: NoiseProgress | None = None
        self._again: FollowupProgress | None = None

    async def ask(self, run: CurrentRun, door: Dialer) -> None:
        """Ask what is left of all stages.

        Raises:
            StudyError: this machine cannot go on; what was recorded is on disk.
        """
        study = self._study
        await discover_and_collect(
            study,
            run,
            self._on_discovery,
            self._on_collection,
            dialer=door,
            server_names=read_exchanges(study.directory),
        )
        if wants_noise(study):
            await measure_noise(study, run, self._on_noise, dialer=door)
        if wants_followups(study):
            await follow_up(study, run, self._on_followups, dialer=door, resolver=self._resolver)

    def keep_to_share(self, share: float) -> None:
        """Ask DNS at a share of the study's rate, too; the dialer has its own."""
        if self._resolver is not None:
            self._resolver.keep_to_share(share)

    @property
    def progress(self) -> Progress:
        """How far all stages are."""
        swept, asked, noise, again = self._discovered, self._collected, self._noise, self._again
        return Progress(
            addresses=swept.total if swept else 0,
            addresses_done=swept.done if swept else 0,
            answered=swept.hits if swept else 0,
            hosts=asked.hosts if asked else 0,
            hosts_done=asked.hosts_done if asked else 0,
            grabs=asked.grabs if asked else 0,
            ok=asked.ok if asked else 0,
            noise=noise.addresses if noise else 0,
            noise_done=noise.addresses_done if noise else 0,
            again=again.hosts if again else 0,
            again_done=again.hosts_done if again else 0,
        )

    @property
    def needs_per_s(self) -> float | None:
        """How many connections a second it can make at most, once it is at rest; None: as many as it may.

        It is at rest once nobody is left but those who are asked again after a pause. Follow-ups wait for a pause
        before each, too. Noise does not, but it leaves the first turn to pieces that nobody has asked yet.
        """
        settings, again = self._study.settings, self._again
        if again is not None:
            return 1.0 + (again.hosts - again.hosts_done) / settings.followups.pause_s
        if self._noise is not None:
            return settings.politeness.connections_per_s
        return 1.0 if self._only_waits() else None

    def _only_waits(self) -> bool:
        swept, asked = self._discovered, self._collected
        if swept is None or asked is None or swept.done < swept.total:
            return False
        return asked.hosts_done >= asked.hosts and asked.waiting > 0

    def _on_discovery(self, now: DiscoveryProgress) -> None:
        self._discovered = now

    def _on_collection(self, now: CollectProgress) -> None:
        self._collected = now

    def _on_noise(self, now: NoiseProgress) -> None:
        self._noise = now

    def _on_followups(self, now: FollowupProgress) -> None:
        self._again = now
