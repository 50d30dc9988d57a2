"""Pieces of a study: a shard of its population each, with all that a vantage needs to ask it.

Where the study limits autonomous systems, all networks of one are in one piece. A piece is asked by one vantage at a
time, so that limit holds as those of networks do, without anybody having to agree on it. A system that is larger than
a piece should be is no slower for it: its own limit is what it takes its time by.

Whoever has a piece needs no database, no list and no other file of the study: whom to ask stands in it as prefixes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mailcensus.discovery.responders import canaries_of
from mailcensus.population import Population, PrefixSet
from mailcensus.population.shard import Owners, Shard
from mailcensus.study import Settings, Study
from mailcensus.study.sections import DomainsSection, PopulationSection
from mailcensus.vantages.known import SERVER_NAMES, SYSTEMS, Known
from mailcensus.vantages.opt_outs import EXCLUSIONS

_PREFIXES = "prefixes.txt"
_SLICE_S = 60.0
"""A packet engine has one rate for a slice: so long others may wait for what it is to leave them."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A shard of a population."""

    name: str
    everyone: PrefixSet
    """Its addresses before exclusions: those that have positions in its order."""
    sample: int | None
    """How many of them are asked; None: all."""
    noise_sample: int
    """How many of them are asked on noise ports."""


def pieces_of(
    population: Population, count: int, noise_sample: int, owners: Owners | None = None
) -> tuple[Piece, ...]:
    """The pieces of a population that have anybody in them; the same ones every time.

    Of a sample, each has its share, and at least one address.

    Args:
        count: into how many to cut; small populations fall into fewer.
        noise_sample: how many addresses of all are asked on noise ports.
        owners: of networks that are to be in one piece.
    """
    total = population.everyone.count

    def of_sample(sample: int, everyone: PrefixSet) -> int:
        return max(1, round(sample / total * everyone.count))

    positions = population.order.positions if population.order.is_sample else None
    numbers = range(1, count + 1)
    shards = [(number, Shard(number, count, owners).of(population.everyone)) for number in numbers]
    return tuple(
        Piece(
            f"{number:05}",
            everyone,
            None if positions is None else of_sample(positions, everyone),
            of_sample(min(noise_sample, total), everyone),
        )
        for number, everyone in shards
        if everyone.count
    )


def identity_of(pieces: Iterable[Piece]) -> str:
    """Names a way to cut a population up: changes when anybody goes over to another piece."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece.name.encode())
        digest.update("".join(f" {prefix}" for prefix, _ in piece.everyone.blocks()).encode())
    return digest.hexdigest()


def settings_of(study: Study, piece: Piece, files: Collection[str], most_at_once: int) -> Settings:
    """The settings of the study that a piece is to its vantage.

    The limits are the whole study's: the lease says which share of them holds. A canary is asked by every vantage, so
    each lets it rest longer.

    Args:
        files: the files of that study, by their path in its directory.
    """
    settings = study.settings
    canaries = tuple(str(responder) for responder in canaries_of(study))
    rest_s = settings.canaries.rest_s * most_at_once
    followups, politeness = settings.followups, settings.politeness
    if SYSTEMS not in files:
        politeness = politeness.model_copy(update={"as_connections_per_s": None})
    if followups.server_names_file is not None:
        followups = followups.model_copy(update={"server_names_file": Path(SERVER_NAMES)})
    population = PopulationSection(
        prefixes=Path(_PREFIXES),
        sample=piece.sample,
        seed=settings.population.seed,
        as_database=Path(SYSTEMS) if SYSTEMS in files else None,
        exclusions=tuple(Path(name) for name in files if PurePosixPath(name).parts[0] == EXCLUSIONS),
    )
    return settings.model_copy(
        update={
            "population": population,
            "discovery": settings.discovery.model_copy(
                update={"slice_s": min(settings.discovery.slice_s, _SLICE_S)}
            ),
            "politeness": politeness,
            "canaries": settings.canaries.model_copy(
                update={"hosts": canaries, "file": None, "rest_s": rest_s}
            ),
            "domains": DomainsSection(),
            "followups": followups,
            "noise": settings.noise.model_copy(update={"sample": piece.noise_sample}),
        }
    )


def files_of(piece: Piece, known: Known, exclusions: Mapping[str, str]) -> dict[str, str]:
    """The files of that study, by their path in its directory."""
    prefixes = "".join(f"{prefix}\n" for prefix, _ in piece.everyone.blocks())
    return {_PREFIXES: prefixes, **known.files(piece.everyone), **exclusions}


def write_files(directory: Path, files: Mapping[str, str]) -> None:
    """Put such files into a directory; a reader sees the old content of one or the new.

    Raises:
        ValueError: a path leads out of the directory.
        OSError: one cannot be written.
    """
    for name, text in files.items():
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise ValueError(f"not a path in a study: {name!a}")
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.tmp")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
