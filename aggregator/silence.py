"""Tell from when a source's entries came whether it has fallen silent: how long its pauses are, and on which weekdays it rests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from storage.states import ActiveDay

FEWEST = 5
"""Pauses that must be known before a source has a habit."""
TIMES = 3
"""Nothing for this many times the usual pause is silence."""
LEAST = timedelta(hours=22)
"""Less than a day is no silence; with the time until the next poll it is told within one."""
WEEKEND = timedelta(hours=62)
"""Less than this is no silence of a source whose weekends are not known yet."""
HOLIDAY = timedelta(days=9)
"""While many sources rest at once, a pause may be this much longer: a week of holidays and its weekends."""

_BURST = timedelta(minutes=30)
_STEADY = 1.5
"""Where no pause is longer than this many usual ones, two of the longest are silence."""
_STEADY_FROM = 12
_DAYLONG = timedelta(hours=20)
"""Who pauses for less writes every day: half as long again as the longest night is enough."""
_WEEKS = 4
"""Weeks over which a weekday is to have been empty before it counts as a day of rest."""
_DAY = timedelta(days=1)
_STEP = timedelta(minutes=10)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Habit(NamedTuple):
    """How a source usually brings entries."""

    pause: timedelta
    """Nine of ten of its pauses are shorter, days of rest not counted."""
    patience: timedelta
    """After a pause of this length, days of rest not counted, it has fallen silent."""
    resting: frozenset[int]
    """Weekdays (0 is Monday, UTC) on which it brings nothing."""


def habit(ingest_times: Sequence[datetime], days: Sequence[ActiveDay]) -> Habit | None:
    """
    Return the habit of a source; None where too little is known.

    `ingest_times` are the newest entries one by one, `days` reach further back; oldest first, both. The usual pause
    is the one that nine of ten stay under: entries that come at random, one a day on average, pause for seven days
    once in three years, and a mean would call them silent every month.
    """
    resting = days_of_rest(days)
    pauses = sorted(awake(earlier, later, resting) for earlier, later in _pauses(ingest_times, days))
    if len(pauses) < FEWEST:
        return None
    usual = pauses[min(len(pauses) - 1, len(pauses) * 9 // 10)]
    # Of few pauses the longest ones have not been seen yet.
    doubt = 1 + 2 / len(pauses)
    if len(pauses) >= _STEADY_FROM and pauses[-1] <= _STEADY * usual:
        patience = pauses[-1] * (2 if pauses[-1] >= _DAYLONG else _STEADY)
    else:
        patience = TIMES * usual * doubt
    return Habit(usual, max(patience, LEAST if _known_for_weeks(days) else WEEKEND), resting)


def silent_for(
    ingest_times: Sequence[datetime], days: Sequence[ActiveDay], now: datetime, *, holiday: bool = False
) -> tuple[timedelta, Habit] | None:
    """Return how long nothing has come, and the habit that this breaks; None where it breaks none."""
    if not ingest_times or (known := habit(ingest_times, days)) is None:
        return None
    quiet = awake(ingest_times[-1], now, known.resting)
    if quiet <= known.patience + (HOLIDAY if holiday else timedelta()):
        return None
    return now - ingest_times[-1], known


def days_of_rest(days: Sequence[ActiveDay]) -> frozenset[int]:
    """Return the weekdays that were empty for the last four weeks and more, of a source that the others are usual of."""
    if not _known_for_weeks(days):
        return frozenset()
    counted = Counter((one.day + 3) % 7 for one in days)  # the day 0 was a Thursday
    weeks = (days[-1].day - days[0].day + 1) / 7
    usual = {weekday for weekday, count in counted.items() if count >= weeks / 2}
    empty = frozenset(range(7)) - counted.keys()
    return empty if len(usual) + len(empty) >= 6 and len(empty) <= 3 else frozenset()


def _known_for_weeks(days: Sequence[ActiveDay]) -> bool:
    return bool(days) and days[-1].day - days[0].day >= 7 * _WEEKS - 1


def awake(since: datetime, until: datetime, resting: frozenset[int]) -> timedelta:
    """Return the time between, without days of rest."""
    if not resting or until <= since:
        return max(until - since, timedelta())
    weeks = (until - since) // (7 * _DAY)
    total = weeks * (7 - len(resting)) * _DAY
    start = since + weeks * 7 * _DAY
    while start < until:
        end = min(until, (start + _DAY).replace(hour=0, minute=0, second=0, microsecond=0))
        if start.weekday() not in resting:
            total += end - start
        start = end
    return total


def most_rest(waits: Sequence[tuple[timedelta, timedelta]]) -> bool:
    """
    Return whether so many sources are silent at once that it is a holiday rather than the sources.

    `waits` are, of every source with a habit of less than a week, how long nothing came, and its patience.
    """
    if len(waits) < 8:
        return False
    late = sum(quiet > patience for quiet, patience in waits)
    return late >= len(waits) * 0.3


def noted(days: Sequence[ActiveDay], new: Sequence[datetime], most: int = 60) -> tuple[ActiveDay, ...]:
    """Return the days with those on which the new entries came, the newest `most` of them, oldest first."""
    known = {one.day: one for one in days}
    for at in new:
        day, within = divmod(at - _EPOCH, _DAY)
        step = within // _STEP
        had = known.get(day)
        known[day] = ActiveDay(day, min(had.first, step), max(had.last, step)) if had else ActiveDay(day, step, step)
    return tuple(known[day] for day in sorted(known)[-most:])


def moved(days: Sequence[ActiveDay], step: timedelta, beyond: datetime | None = None) -> tuple[ActiveDay, ...]:
    """Return the days after our clock was set by `step`, by weeks, as weekdays stay true; up to `beyond` as they are."""
    by = round(step / (7 * _DAY)) * 7
    stays = -1 if beyond is None else (beyond - _EPOCH) // _DAY
    return tuple(sorted(one if one.day <= stays else one._replace(day=one.day + by) for one in days))


def _pauses(ingest_times: Sequence[datetime], days: Sequence[ActiveDay]) -> Iterator[tuple[datetime, datetime]]:
    """Yield the pauses that are known: between days for long, between entries for the newest ones."""
    entries = sorted(ingest_times)
    begun = entries[0] if entries else None
    for earlier, later in pairwise(days):
        since, until = _at(earlier.day, earlier.last), _at(later.day, later.first)
        if (begun is None or until <= begun) and until - since > _BURST:
            yield since, until
    yield from ((earlier, later) for earlier, later in pairwise(entries) if later - earlier > _BURST)


def _at(day: int, step: int) -> datetime:
    return _EPOCH + day * _DAY + step * _STEP
