"""Tell whether entries went by between two polls, and how much more often a source is asked for that (rule 76)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from aggregator.hosts import same_site
from aggregator.matching import meets
from aggregator.outcomes import Updated
from storage.states import PollState
from storage.values import Changes, Known

CALM = timedelta(days=7)
"""So long without a gap takes one halving back: a week, as publishers have busy days."""

MOST = 5
"""Halvings at most: a day becomes three quarters of an hour."""

UNNAMED = "entries may have gone by unseen, and it names no older page"

_LATE = timedelta(minutes=15)
"""What jitter and other sources of the host may add to a wait."""


def went_by(before: PollState, known: Known, changes: Changes, result: Updated, seen_at: datetime) -> bool:
    """
    Return whether the document has nothing in common with what was stored, though it was asked for in time.

    Only what asking more often would have helped counts. So it says nothing where the document is the first, is not
    whole, or is `complete`, so that it may change at a stroke; where it came from another site than the last one;
    where polls failed, or more than twice the interval passed (we did not run, or the publisher asked for it). A
    single entry is followed by another, not missed, unless the pages before it had more that is new.
    """
    reading = result.reading
    if changes.listed is None or reading.complete or not any(entry.listed for entry in known.entries):
        return False
    if not _in_time(before, seen_at) or not _same_place(before, result):
        return False
    if len(reading.records) < 2 and not changes.unlisted:
        return False
    new = {record.key for record in changes.new}
    return changes.listed <= new and not meets(known, replace(reading, older=()))


def _in_time(before: PollState, seen_at: datetime) -> bool:
    if before.failures or before.last_success_at is None or before.every is None:
        return False
    return seen_at - before.last_success_at <= 2 * before.every + _LATE


def _same_place(before: PollState, result: Updated) -> bool:
    """Return whether the last whole document came from this site: after a move all may be new, and nothing is missing."""
    last = before.validators.url
    return last is not None and same_site(last, result.fetched.url)


def may_follow(before: PollState, result: Updated) -> bool:
    """
    Return whether the pages before the document may be read, where it has nothing in common with what is stored.

    Also after days without a poll, as that is when most is missing; never behind a first document, a part of one, or
    one of another place than the last: there, all is new, and what was stored is not to be found.
    """
    reading = result.reading
    whole = not (reading.truncated or reading.delta or reading.complete or result.fetched.truncated)
    return whole and bool(reading.records) and reading.previous is not None and _same_place(before, result)


def noted(state: PollState, result: Updated, now: datetime, *, floor: timedelta) -> PollState:
    """Return the state with the gap in it, if it is one; what cannot be asked for more often is not halved on."""
    if not result.gap:
        return state
    below = state.every is not None and state.every <= floor
    times = halvings(state, now) + (0 if below else 1)
    return replace(state, gaps=min(times, MOST), gap_at=now, gap_note=result.reading.followed or UNNAMED)


def halvings(state: PollState, now: datetime) -> int:
    """Return how often the interval is halved now: once less for each calm week since the last gap."""
    if state.gap_at is None:
        return 0
    return max(0, state.gaps - max(now - state.gap_at, timedelta()) // CALM)


def is_recent(state: PollState, now: datetime) -> bool:
    """Return whether the last gap is not a calm week ago."""
    return state.gap_at is not None and now - state.gap_at < CALM
