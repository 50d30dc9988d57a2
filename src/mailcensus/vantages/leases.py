"""Who may ask how much now: the rate and the open connections of a study, shared out among those who ask.

A study's limits are cut into equal units, one for each connection a second. A holder renews its lease again and again
and is told how many units it has. Units that one holder gives up are another's only once nobody can be using them:

- a holder that is told to use fewer goes on being charged for what it had before, until it says that it has kept to
  the new number;
- one that falls silent is charged until its lease has run out, and it stops asking before that.

So the units in use never add up to more than there are, whatever messages are lost and whoever dies.
Source: C. Gray, D. Cheriton, Leases: an efficient fault-tolerant mechanism for distributed file cache consistency,
SOSP 1989.

Pure: times are arguments, in seconds on any steady scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mailcensus.study.sections import PolitenessSection

LEASE_S = 10.0
"""How long a holder may ask without hearing from the office."""


class LeaseLost(Exception):
    """The lease has run out, or somebody else has taken the piece over; nobody may be asked under it."""


@dataclass(frozen=True, slots=True)
class Lease:
    """What one holder may use for the next LEASE_S seconds."""

    number: int
    """Rises with every change; the holder names the last one that it has kept to."""
    units: int
    """0: nothing yet."""


@dataclass(slots=True)
class _Holder:
    ends_at: float
    wants: int | None = None
    """Of one at rest: the units that it makes do with."""
    outstanding: list[Lease] = field(default_factory=list)
    """Everything that it may still be using; the newest last."""

    @property
    def charge(self) -> int:
        return max((lease.units for lease in self.outstanding), default=0)


class Leases:
    """The units of one study and who holds them."""

    def __init__(self, units: int, most_at_once: int) -> None:
        """Share out.

        Args:
            units: how many there are (`units_of`).
            most_at_once: holders that ask at the same time, those at rest not counted; later ones wait.
        """
        self.units = units
        self._most_at_once = min(units, most_at_once)
        self._holders: dict[str, _Holder] = {}
        self._number = 0

    @property
    def charged(self) -> int:
        """Units that may be in use; never more than there are."""
        return sum(holder.charge for holder in self._holders.values())

    def begin(self, name: str, now: float) -> None:
        """Let somebody in, with nothing at first. Names are for one use."""
        self._holders[name] = _Holder(now + LEASE_S)

    def holds(self, name: str, now: float) -> bool:
        """Whether somebody may still be asking."""
        return name in self._holders and now < self._holders[name].ends_at

    def renew(self, name: str, now: float, *, kept_to: int, wants: int | None) -> Lease:
        """The lease from now on.

        Args:
            kept_to: number of the newest lease that the holder has kept to; 0: none.
            wants: None: as much as there is for it. A number: it is at rest from now on, since it mostly waits, and
                makes do with so many units; it may say another number later.

        Raises:
            LeaseLost: it has run out.
        """
        self._end_silent(now)
        holder = self._holders.get(name)
        if holder is None:
            raise LeaseLost(name)
        holder.ends_at = now + LEASE_S
        holder.wants = holder.wants if wants is None else max(1, wants)
        holder.outstanding = [lease for lease in holder.outstanding if lease.number >= kept_to]
        units = min(self._fair_share(holder), self.units - (self.charged - holder.charge))
        if not holder.outstanding or holder.outstanding[-1].units != units:
            self._number += 1
            holder.outstanding.append(Lease(self._number, units))
        return holder.outstanding[-1]

    def end(self, name: str) -> None:
        """The holder asks nobody any more."""
        self._holders.pop(name, None)

    def _fair_share(self, holder: _Holder) -> int:
        """Those at rest get what they want, of half of everything where others ask; the others, the same each.

        Nothing for those who came when there were enough of them.
        """
        asking = [other for other in self._holders.values() if other.wants is None][: self._most_at_once]
        wanted = [other.wants for other in self._holders.values() if other.wants is not None]
        most = _most_each(self.units // 2 if asking else self.units, wanted)
        if holder.wants is not None:
            return min(holder.wants, most)
        if not any(other is holder for other in asking):
            return 0
        return max(1, (self.units - sum(min(want, most) for want in wanted)) // len(asking))

    def _end_silent(self, now: float) -> None:
        for name in [name for name, holder in self._holders.items() if now >= holder.ends_at]:
            del self._holders[name]


def _most_each(units: int, wanted: Sequence[int]) -> int:
    """What each may have at most, and at least one, so that together they have no more than there is.

    Max-min fairness: who wants less than that gets it, and leaves the more to the others.
    """
    for others, want in zip(range(len(wanted), 0, -1), sorted(wanted), strict=True):
        if want * others > units:
            return max(1, units // others)
        units -= want
    return max(wanted, default=1)


def units_of(politeness: PolitenessSection) -> int:
    """Into how many units the limits of a study are cut: one for each whole connection a second, and at least one.

    A gate lets through its rate times a time, rounded up, so parts of a connection would add up to more.
    """
    return max(1, min(int(politeness.connections_per_s), politeness.in_flight))


def share_of_unit(politeness: PolitenessSection) -> float:
    """Which share of the limits one unit is. Nobody has a part of a limit of less than one connection a second."""
    return 1.0 / max(1.0, politeness.connections_per_s)
