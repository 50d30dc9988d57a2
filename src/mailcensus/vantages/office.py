"""The office: what it answers to vantages, and what it keeps of every piece.

A piece is in one of three states: waiting or being asked (its directory holds what vantages have brought of it), or
gathered (the study's dataset holds it). All of it is on disk, so an office that was killed goes on where it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from mailcensus.study import StageFailed, Study, StudyError
from mailcensus.vantages.asking import now_s
from mailcensus.vantages.gathering import Gathered, Gatherer, gathered_of
from mailcensus.vantages.known import Known
from mailcensus.vantages.leases import LeaseLost, Leases, share_of_unit
from mailcensus.vantages.messages import ASK, DONE, WAIT, Progress, Renewed, Start
from mailcensus.vantages.mirror import RUN, Changes, parts_of, store
from mailcensus.vantages.opt_outs import OptOuts
from mailcensus.vantages.pieces import Piece, files_of, settings_of


@dataclass(slots=True)
class _Errand:
    """One vantage with one piece."""

    piece: str
    vantage: str


class StudyOffice:
    """Hands out the pieces of one study. Belongs to the running event loop."""

    def __init__(
        self,
        study: Study,
        run_id: str,
        pieces: tuple[Piece, ...],
        leases: Leases,
        opt_outs: OptOuts,
        known: Known,
        most_at_once: int,
        on_gathering: Callable[[int], None],
    ) -> None:
        """Set up; nothing is read or written yet.

        Args:
            on_gathering: told how many addresses will be done with, each time before the dataset gets another piece.
        """
        self._study = study
        self._run_id = run_id
        self._pieces = {piece.name: piece for piece in pieces}
        self._leases = leases
        self._opt_outs = opt_outs
        self._known = known
        self._most_at_once = most_at_once
        self._on_gathering = on_gathering
        self._gatherer = Gatherer(study.data)
        self._writing = asyncio.Lock()
        self._errands: dict[str, _Errand] = {}
        self._progress = {piece.name: Progress(addresses=self._size(piece.name)) for piece in pieces}
        self.gathered: dict[str, Gathered] = {}
        """By piece, what came of those that are in the dataset."""
        self.trouble: StudyError | None = None
        """Why nothing can be taken any more: the disk is full."""

    async def open(self) -> None:
        """Take up what an earlier office left."""
        for name in self._pieces:
            if gathered_of(self._directory(name)) is not None:
                came = await asyncio.to_thread(self._gatherer.gather, self._directory(name))
                self.gathered[name] = came
                self._progress[name] = Progress(addresses=came.asked, addresses_done=came.asked)

    @property
    def left(self) -> list[str]:
        """Pieces that are not in the dataset."""
        return [name for name in self._pieces if name not in self.gathered]

    @property
    def asking(self) -> list[str]:
        """Vantages that have a lease."""
        now = now_s()
        return sorted(
            {errand.vantage for name, errand in self._errands.items() if self._leases.holds(name, now)}
        )

    def progress(self) -> Progress:
        """How far all pieces together are; of those that an earlier office gathered, their addresses."""
        told = self._progress.values()
        return Progress(
            **{name: sum(getattr(one, name) for one in told) for name in Progress.__dataclass_fields__}
        )

    async def begin(self, piece: str, holder: str, vantage: str) -> Start:
        if piece in self.gathered:
            return Start(DONE)
        now = now_s()
        if any(
            errand.piece == piece and self._leases.holds(name, now) for name, errand in self._errands.items()
        ):
            return Start(WAIT)
        self._leases.begin(holder, now)
        self._errands = {
            name: errand for name, errand in self._errands.items() if self._leases.holds(name, now)
        }
        self._errands[holder] = _Errand(piece, vantage)
        data = self._data(piece)
        names = parts_of(data)
        files = files_of(self._pieces[piece], self._known, self._opt_outs.files)
        return Start(
            ASK,
            run_id=self._run_id,
            unit=share_of_unit(self._study.settings.politeness),
            settings_json=self._settings(self._pieces[piece], files),
            files=files,
            parts=(*names, RUN) if (data / RUN).exists() else tuple(names),
        )

    async def fetch(self, piece: str, part: str) -> bytes:
        data = self._data(piece)
        if part != RUN and part not in parts_of(data):
            raise LeaseLost(f"{piece}: no part {part!a}")
        return await asyncio.to_thread((data / part).read_bytes)

    async def renew(
        self, holder: str, kept_to: int, wants: int | None, progress: Progress, exclusions_version: int
    ) -> Renewed:
        lease = self._leases.renew(holder, now_s(), kept_to=kept_to, wants=wants)
        self._note(self._errands[holder].piece, progress)
        self._opt_outs.look_again()
        is_new = self._opt_outs.version != exclusions_version
        return Renewed(
            lease.number, lease.units, self._opt_outs.version, self._opt_outs.files if is_new else None
        )

    async def bring(self, holder: str, new: Changes, progress: Progress, *, is_done: bool) -> None:
        try:
            async with self._writing:
                if not self._leases.holds(holder, now_s()):
                    raise LeaseLost(holder)
                piece = self._errands[holder].piece
                await asyncio.to_thread(store, self._data(piece), new)
            self._note(piece, progress)
            if is_done:
                self.gathered[piece] = await self._gather(piece)
        except OSError as error:
            words = error.strerror or str(error)
            self.trouble = StageFailed(
                f"{self._study.directory}: cannot be written ({words}); run the same command again"
            )
            raise LeaseLost(holder) from error
        except StudyError as error:
            self.trouble = error
            raise LeaseLost(holder) from error

    async def end(self, holder: str) -> None:
        self._leases.end(holder)

    async def close(self) -> None:
        """Merge parts, once all is gathered."""
        await asyncio.to_thread(self._gatherer.compact)

    async def _gather(self, piece: str) -> Gathered:
        async with self._writing:
            done = sum(self._size(name) for name in {*self.gathered, piece})
            await asyncio.to_thread(self._on_gathering, done)
            return await asyncio.to_thread(self._gatherer.gather, self._directory(piece))

    def _note(self, piece: str, progress: Progress) -> None:
        if progress.addresses:  # before that it has not begun
            self._progress[piece] = progress

    def _size(self, piece: str) -> int:
        """Its addresses, or the positions of its sample."""
        named = self._pieces[piece]
        return named.sample or named.everyone.count

    def _settings(self, piece: Piece, files: Collection[str]) -> str:
        return settings_of(self._study, piece, files, self._most_at_once).model_dump_json()

    def _directory(self, piece: str) -> Path:
        return self._study.directory / "vantages" / self._run_id / piece

    def _data(self, piece: str) -> Path:
        return self._directory(piece) / "data"
