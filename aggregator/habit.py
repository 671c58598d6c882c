"""Tell from when a source's entries came how often it is worth asking (rule 27)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

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
    most = min(_most(ingest_times, last_new_at, now), at_most)
    recent = sorted(at for at in ingest_times if now - at <= _LOOKED_BACK)[-REMEMBERED:]
    if len(recent) < 2:
        return max(most, at_least)
    usual = timedelta(seconds=median((later - earlier).total_seconds() for earlier, later in pairwise(recent)))
    return max(min(usual / 2, most), at_least)


def remembered(ingest_times: Sequence[datetime], new: Sequence[datetime]) -> tuple[datetime, ...]:
    """Return the newest 20 of both, oldest first."""
    return tuple(sorted((*ingest_times, *new))[-REMEMBERED:])


def _most(ingest_times: Sequence[datetime], last_new_at: datetime | None, now: datetime) -> timedelta:
    """Return the longest interval that the time since the newest entry allows."""
    # Publishers with a wrong year in every date are as lively as what they bring, so arrival counts too.
    newest = max((*ingest_times, *([last_new_at] if last_new_at else [])), default=None)
    if newest is None:
        return _NEVER_ANYTHING
    idle = now - newest
    return next((most for quiet, most in _TIERS if idle <= quiet), _DORMANT)
