"""Weigh what has a say in when a source is polled next: the longest wait decides, all are kept with their reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from aggregator import hints as said
from aggregator.habit import Worked
from aggregator.hints import spoken
from storage.states import Term

MAX_JITTER = timedelta(minutes=15)


class Wait(NamedTuple):
    """How long the next poll waits, the words for it, and how it was come by where the words do not say."""

    time: timedelta
    reason: str
    detail: str = ""


class Weighed(NamedTuple):
    """When the next poll is, why in a few words, and everything that had a say, the deciding wait first."""

    at: datetime
    reason: str
    terms: tuple[Term, ...]


def weighed(
    waits: Sequence[Wait], now: datetime, *, jitter: float, jittered: timedelta, hints: Mapping[str, str]
) -> Weighed:
    """
    Return when the next poll is: after the longest wait, a share of `jittered` later, outside the skipped hours (rule 20).

    Of equal waits the first decides. What moves the time after the waits (jitter, skipped hours) ends the terms.
    """
    longest = max(waits, key=lambda wait: wait.time)
    rest = sorted((wait for wait in waits if wait is not longest), key=lambda wait: wait.time, reverse=True)
    later = jitter * min(jittered / 10, MAX_JITTER)
    at = now + longest.time + later
    allowed, skipped = said.allowed_from(at, hints, jitter)

    terms = [_term(wait, now) for wait in (longest, *rest)]
    if later >= timedelta(seconds=1):
        terms.append(Term(at, f"jitter: {spoken(later)} later, so that sources do not come in a herd"))
    if allowed != at:
        terms.append(Term(allowed, f"skipHours and skipDays: {_minute(at)} is one of the hours that the feed skips"))
    return Weighed(allowed, f"{longest.reason}{skipped}", tuple(terms))


def _term(wait: Wait, now: datetime) -> Term:
    return Term(now + wait.time, f"{wait.reason}: {wait.detail}" if wait.detail else wait.reason)


def capped(time: timedelta, most: timedelta, reason: str) -> Wait:
    """Return the wait, at most `most` of it; a cap is named."""
    return Wait(time, reason) if time <= most else Wait(most, f"{reason}, capped at {spoken(most)}")


def arithmetic(worked: Worked, *, floor: timedelta, at_most: timedelta, floor_from: str = "at_least") -> str:
    """Return how the adaptive interval was come by (rule 27): gap, ceiling, floor, in the order in which they count."""
    if worked.gap is None:
        parts = ["too few entries within 30 days to tell a habit"]
    else:
        half = f"half the usual gap of {spoken(worked.gap)} is {spoken(worked.gap / 2)}"
        parts = [f"{half} ({worked.entries} entries within 30 days)"]
    ceiling = min(worked.most, at_most)
    why = "at_most" if at_most < worked.most else "as nothing new ever came"
    if at_most >= worked.most and worked.idle is not None:
        why = (
            f"as the newest came {spoken(worked.idle)} ago"
            if worked.idle >= timedelta(seconds=1)
            else "as it is lively"
        )
    return "; ".join([*parts, f"at most {spoken(ceiling)}, {why}", f"at least {spoken(floor)}, {floor_from}"])


def _minute(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
