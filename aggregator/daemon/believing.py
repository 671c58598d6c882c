"""Whether the clock is believed when it says that records are old: one that is set a year ahead must not cost a record."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from storage.contract import Store
from storage.states import PollState

DAY = timedelta(days=1)
LONGEST_PAUSE = timedelta(days=7)
"""Off for longer than this, we believe the clock after a day only; a shorter jump lets go of records so much too soon."""
LOOKED_AT = 20
"""Sources whose polls are looked at, those that are polled least often: theirs reach back furthest."""


class Belief:
    """
    Believes a clock that has gone on for a day as a steady one did, or at whose word we polled days ago.

    After a jump neither is so, not after a new start either: what was polled before it lies too far back, and what was
    polled since lies in the last day.
    """

    def __init__(self) -> None:
        self._began: tuple[datetime, float] | None = None

    def holds(self, store: Store, now: datetime, ticks: float) -> bool:
        """Return whether `now` is believed; `ticks` are monotonic seconds. Raises StoreError."""
        if self._began is None or abs(now - self._began[0] - timedelta(seconds=ticks - self._began[1])) > DAY:
            self._began = now, ticks
        if timedelta(seconds=ticks - self._began[1]) >= DAY:
            return True
        return any(DAY <= now - at <= LONGEST_PAUSE for at in _seen(store))


def is_new(store: Store, now: datetime) -> bool:
    """Return whether nothing was polled before the last day: then there is nothing to let go of either."""
    return all(now - at < DAY for at in _seen(store))


def _seen(store: Store) -> Iterable[datetime]:
    """Return when sources were polled, as the clock showed it then: what their states say is moved along with the clock."""
    for state in sorted(store.states(), key=_often)[-LOOKED_AT:]:
        yield from (attempt.at for attempt in store.attempts(state.source.id, limit=1000))


def _often(state: PollState) -> timedelta:
    return state.every or timedelta()
