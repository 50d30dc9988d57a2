"""Who answers: the addresses of a population that listen on the discovery port."""

from mailcensus.discovery.connect import Tally
from mailcensus.discovery.stage import HitSink, Progress, discover

__all__ = ["HitSink", "Progress", "Tally", "discover"]
