"""Whom to ask: sources of addresses, what is left out of them and why, and the order of asking."""

from mailcensus.population.exclusions import Exclusions
from mailcensus.population.population import Population, load_population
from mailcensus.population.prefixes import PrefixSet
from mailcensus.population.sources import Part
from mailcensus.population.special import SPECIAL_PREFIXES, SPECIAL_PURPOSE, is_special

__all__ = [
    "SPECIAL_PREFIXES",
    "SPECIAL_PURPOSE",
    "Exclusions",
    "Part",
    "Population",
    "PrefixSet",
    "is_special",
    "load_population",
]
