"""Sixty days of six kinds of publishers, polled as the schedule says: how many requests, and how late entries come."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from statistics import median, quantiles

import pytest

from aggregator.habit import adaptive
from aggregator.model import Fetched, NotModified, Reading, Source
from aggregator.outcomes import Unchanged, Updated
from aggregator.schedule import after
from storage.states import FeedInfo, HostState, PollState, SourceRow, Validators

START = datetime(2021, 3, 1, tzinfo=UTC)  # a Monday
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DAYS = 60
URL = "https://blog.example/feed"
SOURCE = Source(id="blog", url=URL, name="Blog")
TAGS = Validators(etag=b'"a"', url=URL)

Pattern = Callable[[random.Random], list[datetime]]


def every(gap: timedelta, since: timedelta = timedelta()) -> Pattern:
    """About every `gap`, at random within it."""

    def entries(dice: random.Random) -> list[datetime]:
        count = int((DAYS * DAY - since) / gap)
        return [START + since + (at + dice.random()) * gap for at in range(count)]

    return entries


def working_days(dice: random.Random) -> list[datetime]:
    """Twenty a working day, between 9 and 18 h."""
    days = [START + at * DAY for at in range(DAYS) if (START + at * DAY).weekday() < 5]
    return [day + (9 + 9 * dice.random()) * HOUR for day in days for _ in range(20)]


def nothing(dice: random.Random) -> list[datetime]:
    """Not one entry since it was added."""
    return []


@dataclass(frozen=True)
class Lived:
    """What sixty days came to."""

    requests_a_day: float
    delays: list[float]
    """Hours from an entry's publication to the poll that found it."""

    @property
    def p95(self) -> float:
        return quantiles(self.delays, n=20)[-1]


def live(pattern: Pattern, seed: int = 7) -> Lived:
    dice = random.Random(seed)
    published = sorted(pattern(dice))
    state = PollState(SourceRow("blog", "Blog", URL, "blog.example", 0, 365, 5000, "x"), START, last_new_at=START)
    host = HostState("blog.example")
    now, seen, polls, delays = START, 0, 0, []
    while now < START + DAYS * DAY:
        polls += 1
        new = tuple(published[seen : bisect_right(published, now)])
        seen += len(new)
        delays += [(now - at) / HOUR for at in new]
        answer = Updated(Fetched(URL, 200, {}, b"", TAGS), Reading(FeedInfo(), ()), new)
        result = answer if new else Unchanged(NotModified(URL, {}, TAGS))
        state, host = after(replace(state, last_attempt_at=now), host, SOURCE, result, now, dice.random())
        now = state.next_poll_at
    return Lived(polls / DAYS, delays)


# Requests a day and hours of delay at most: the table of the design, with a little room for other dice.
@pytest.mark.parametrize(
    ("pattern", "requests", "middle", "p95"),
    [
        pytest.param(every(DAY / 100), 24, 0.6, 1.1, id="a hundred a day"),
        pytest.param(working_days, 24, 0.6, 1.1, id="twenty a working day"),
        pytest.param(every(DAY), 8, 1.7, 3.2, id="one a day"),
        pytest.param(every(7 * DAY), 8, 2.6, 6.1, id="one a week"),
        pytest.param(every(DAY / 10, since=40 * DAY), 9.5, 0.7, 1.6, id="silent for 40 days, then ten a day"),
    ],
)
def test_entries_come_soon_at_few_requests(pattern: Pattern, requests: float, middle: float, p95: float) -> None:
    lived = [live(pattern, seed) for seed in range(5)]
    delays = [delay for one in lived for delay in one.delays]

    assert max(one.requests_a_day for one in lived) <= requests
    assert median(delays) <= middle
    assert quantiles(delays, n=20)[-1] <= p95


def test_a_dormant_source_is_asked_four_times_a_day_at_most() -> None:
    assert live(nothing).requests_a_day <= 4


def test_a_source_whose_entries_are_all_dated_at_midnight_is_asked_hourly() -> None:
    midnights = [START] * 9 + [START + DAY] * 9

    assert adaptive(midnights, None, START + 1.5 * DAY, at_least=HOUR, at_most=DAY) == HOUR


def test_a_source_that_never_brought_anything_is_asked_every_six_hours() -> None:
    assert adaptive((), None, START, at_least=HOUR, at_most=DAY) == 6 * HOUR


def test_the_floor_stands_above_the_ceiling_of_habit() -> None:
    assert adaptive((), START, START, at_least=4 * HOUR, at_most=2 * HOUR) == 4 * HOUR


if __name__ == "__main__":
    for name, pattern in {
        "100/day": every(DAY / 100),
        "20/weekday": working_days,
        "1/day": every(DAY),
        "1/week": every(7 * DAY),
        "dormant": nothing,
        "silent 40 d, then 10/day": every(DAY / 10, since=40 * DAY),
    }.items():
        one = live(pattern)
        late = f"{median(one.delays):.1f} / {one.p95:.1f}" if len(one.delays) > 1 else "-"
        print(f"{name:26} {one.requests_a_day:5.1f} requests a day, delay {late} h")
