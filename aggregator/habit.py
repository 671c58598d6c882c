"""Tell from when a source's entries came how often it is worth asking (rule 27)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import NamedTuple

REMEMBERED = 20
"""Ingest times that are kept of a source."""

_LOOKED_BACK = timedelta(days=30)
_TIERS = (
    (timedelta(days=7), timedelta(hours=3)),
    (timedelta(days=30), timedelta(hours=6)),
    (timedelta(days=90), timedelta(hours=12)),
)
"""A source that was idle no longer than the first is asked at least every second."""
_DORMANT = timedelta(hours=24)
_NEVER_ANYTHING = timedelta(hours=6)


class Worked(NamedTuple):
    """The adaptive interval, and what it was worked out from."""

    interval: timedelta
    gap: timedelta | None
    """The usual time between two entries; None where too few came within 30 days."""
    entries: int
    """How many the gap is told from."""
    most: timedelta
    """The longest interval that the time since the newest entry allows, before the source's own bounds."""
    idle: timedelta | None
    """The time since the newest entry; None where none ever came."""


def adaptive(
    ingest_times: Sequence[datetime],
    last_new_at: datetime | None,
    now: datetime,
    *,
    at_least: timedelta,
    at_most: timedelta,
) -> timedelta:
    """
    Return half the usual gap between new entries, within what the time since the newest allows and the bounds.

    `ingest_times` are instants at which entries came, the first import left out; `last_new_at` is when anything
    came at all, also then. Half the median gap found a one-a-day source within 3 h at 8 requests a day, where a
    share of the idle time missed mornings after quiet nights by 6 h (tests/unit/test_schedule_habit.py).
    """
    return worked_out(ingest_times, last_new_at, now, at_least=at_least, at_most=at_most).interval


def worked_out(
    ingest_times: Sequence[datetime],
    last_new_at: datetime | None,
    now: datetime,
    *,
    at_least: timedelta,
    at_most: timedelta,
) -> Worked:
    """Return what `adaptive` does, with what it is worked out from."""
    # Publishers with a wrong year in every date are as lively as what they bring, so arrival counts too.
    newest = max((*ingest_times, *([last_new_at] if last_new_at else [])), default=None)
    idle = None if newest is None else now - newest
    most = _most(idle)
    recent = sorted(at for at in ingest_times if now - at <= _LOOKED_BACK)[-REMEMBERED:]
    if len(recent) < 2:
        return Worked(max(min(most, at_most), at_least), None, len(recent), most, idle)
    usual = timedelta(seconds=median((later - earlier).total_seconds() for earlier, later in pairwise(recent)))
    return Worked(max(min(usual / 2, most, at_most), at_least), usual, len(recent), most, idle)


def remembered(ingest_times: Sequence[datetime], new: Sequence[datetime]) -> tuple[datetime, ...]:
    """Return the newest 20 of both, oldest first."""
    return tuple(sorted((*ingest_times, *new))[-REMEMBERED:])


def _most(idle: timedelta | None) -> timedelta:
    """Return the longest interval that the time since the newest entry allows."""
    if idle is None:
        return _NEVER_ANYTHING
    return next((most for quiet, most in _TIERS if idle <= quiet), _DORMANT)
