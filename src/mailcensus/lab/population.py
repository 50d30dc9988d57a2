"""Draws the plan of a lab from a seed: who is there, at which address, with whose keys."""

from __future__ import annotations

import ipaddress
import random

from mailcensus.lab.drafting import Drafter
from mailcensus.lab.groups import RECIPES, Recipe
from mailcensus.lab.networks import settle
from mailcensus.lab.plan import Plan
from mailcensus.lab.products import LISTENERS
from mailcensus.lab.sharing import Unit
from mailcensus.study import StudyError

DEFAULT_BLOCK = "127.10.0.0/22"
DEFAULT_PORT_OFFSET = 20_000
"""High ports, so that no root is needed."""
SERVICES = ("ssh", "smtp", "pop3", "imap", "https", "submission", "imaps", "smtps", "pop3s")
"""What a study of a lab asks: everything a lab has."""


def make_plan(
    seed: int = 2026,
    size: int = 400,
    *,
    block: str = DEFAULT_BLOCK,
    port_offset: int = DEFAULT_PORT_OFFSET,
) -> Plan:
    """A plan of `size` hosts in `block`. The same arguments give the same plan.

    Raises:
        StudyError: the block is no IPv4 prefix or too small, or a number is out of range.
    """
    network = _network(block, size)
    highest = max(row.port for row in LISTENERS)
    if not 0 <= port_offset <= 65_535 - highest:
        raise StudyError(f"port offset {port_offset}: take one from 0 to {65_535 - highest}")
    rng = random.Random(f"mailcensus lab {seed}")
    drafter = Drafter(rng, seed, port_offset)
    units = _draw(drafter, size)
    hosts, networks = settle(units, network, rng)
    return Plan(
        seed=seed,
        block=str(network),
        port_offset=port_offset,
        services=SERVICES,
        keys=tuple(drafter.keys),
        certificates=tuple(drafter.certificates),
        hosts=hosts,
        networks=networks,
    )


def _network(block: str, size: int) -> ipaddress.IPv4Network:
    try:
        network = ipaddress.IPv4Network(block)
    except ValueError as error:
        raise StudyError(
            f"lab block {block!r}: {error}; write an IPv4 prefix such as {DEFAULT_BLOCK}"
        ) from None
    if size < 1:
        raise StudyError(f"lab size {size}: a lab has at least one host")
    if size > network.num_addresses:
        raise StudyError(
            f"lab size {size}: {block} has only {network.num_addresses} addresses; take a larger block"
        )
    return network


def _draw(drafter: Drafter, size: int) -> list[Unit]:
    units: list[Unit] = []
    queue = list(RECIPES)
    group, left = 0, size
    while left:
        recipe = queue.pop(0) if queue else _any_recipe(drafter)
        if recipe.least > left:
            continue
        made = recipe.make(drafter, f"{recipe.cause.value}-{group}", left)
        units += made
        group += 1
        left -= sum(len(unit) for unit in made)
    return units


def _any_recipe(drafter: Drafter) -> Recipe:
    return drafter.rng.choices(RECIPES, [recipe.weight for recipe in RECIPES])[0]
