"""
A year of sources of all habits through the pure functions of schedule, health and incidents.

Planted are outages, silences and a holiday that most keep; asked is what was named, how soon, and what was named for
nothing. 36 sources here; with LONG=1 the 200 of which docs/operations.md gives the figures.
"""

from __future__ import annotations

import heapq
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import quantiles

import pytest

from aggregator.habit import remembered
from aggregator.health import Weather, health_of, weather_of
from aggregator.incidents import followed
from aggregator.model import Fetched, NotModified, Reading, Source
from aggregator.outcomes import Failed, FailureKind, PollResult, Unchanged, Updated
from aggregator.schedule import after
from aggregator.silence import noted
from storage.states import FeedInfo, HostState, Incident, PollState, SourceRow, Validators

LONG = "LONG" in os.environ
NUMBER = 200 if LONG else 36
BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
YEAR, DAY, HOUR = timedelta(days=365), timedelta(days=1), timedelta(hours=1)
BEFORE = 3
"""Days that the daemon runs before the year begins; of what came earlier it remembers what it would."""
HISTORY = 70
"""Days of which the publishers' own past is made up."""
HOLIDAY = (BEGIN + 40 * DAY, BEGIN + 49 * DAY)
LOOK = 6 * HOUR
"""The daemon looks by the minute; a year of minutes would be long to wait for."""
UNTOUCHED = Validators(etag=b'"1"')
READING = Reading(FeedInfo(), (object(),))  # type: ignore[arg-type]  # that there is a record is all that counts here

Habit = Callable[[random.Random], Iterator[datetime]]


# --- publishers -------------------------------------------------------------------------------------------------


def busy(dice: random.Random) -> Iterator[datetime]:
    """Bring 10 to 60 entries a day in waking hours, half as many on weekends."""
    number, wakes = dice.randint(10, 60), dice.randint(0, 23) * HOUR
    for day in _days():
        for _ in range(number if day.weekday() < 5 else number // 2):
            yield day + wakes + dice.random() * 14 * HOUR


def on_workdays(dice: random.Random) -> Iterator[datetime]:
    """Bring one to eight entries in office hours from Monday to Friday."""
    number, opens = dice.randint(1, 8), dice.randint(0, 15) * HOUR
    for day in _days():
        for _ in range(max(1, round(dice.gauss(number, 1))) if day.weekday() < 5 else 0):
            yield day + opens + dice.random() * 8 * HOUR


def daily(dice: random.Random) -> Iterator[datetime]:
    """Bring one entry a day at about the same hour."""
    hour = dice.randint(0, 23) * HOUR
    return (day + hour + dice.gauss(0, 1) * HOUR for day in _days())


def at_random(dice: random.Random) -> Iterator[datetime]:
    """Bring entries at any time, one in 3 to 168 hours on average."""
    usual, at = dice.choice([3, 8, 24, 72, 168]), BEGIN - 200 * DAY
    while at < BEGIN + YEAR:
        at += dice.expovariate(1 / usual) * HOUR
        yield at


def weekly(dice: random.Random) -> Iterator[datetime]:
    """Bring an entry on one day of the week."""
    day = dice.randint(0, 6)
    return (BEGIN + (7 * week + day) * DAY + dice.gauss(12, 4) * HOUR for week in range(-30, 53))


def monthly(dice: random.Random) -> Iterator[datetime]:
    """Bring an entry a month, give or take five days."""
    at = BEGIN - 400 * DAY
    while at < BEGIN + YEAR:
        at += max(1.0, dice.gauss(30, 5)) * DAY
        yield at


def _days() -> Iterator[datetime]:
    return (BEGIN + n * DAY for n in range(-HISTORY, 366))


HABITS: dict[str, tuple[Habit, int]] = {
    "busy": (busy, 20),
    "on workdays": (on_workdays, 20),
    "daily": (daily, 20),
    "at random": (at_random, 20),
    "weekly": (weekly, 20),
    "monthly": (monthly, 20),
}
"""How they write, and for how many days a planted silence lasts at least: five times the usual pause where that is longer."""


@dataclass
class Trouble:
    """What was planted, and when it was named."""

    silent: bool
    since: datetime
    until: datetime
    named_at: datetime | None = None


@dataclass
class Publisher:
    """A source, what it brings, what befalls it, and what the product knows of it."""

    source: Source
    kind: str
    entries: list[datetime]
    planted: list[Trouble]
    failure: FailureKind
    state: PollState
    read: int = 0
    incidents: list[Incident] = field(default_factory=list)


def usual_pause(entries: list[datetime]) -> timedelta:
    """Return the pause that nine of ten of the true pauses before the year's events stay under."""
    ends = sorted(at for at in entries if at < HOLIDAY[0])[-80:]
    pauses = [(later - earlier) / HOUR for earlier, later in pairwise(ends)]
    return quantiles([pause for pause in pauses if pause > 0.5], n=10)[-1] * HOUR


def publisher(number: int, dice: random.Random) -> Publisher:
    """Return one of the publishers; the number says of which habit."""
    kind = list(HABITS)[number % len(HABITS)]
    writes, quiet_for = HABITS[kind]
    entries = sorted(writes(dice))
    if kind in ("busy", "on workdays", "daily") and dice.random() < 0.6:
        entries = [at for at in entries if not HOLIDAY[0] <= at < HOLIDAY[1]]
    planted = []
    if dice.random() < 0.5:
        at = BEGIN + dice.randint(80, 190) * DAY + dice.random() * DAY
        last = max(entry for entry in entries if entry < at)
        until = at + max(quiet_for * DAY, 5 * usual_pause(entries))
        planted.append(Trouble(True, last, until))
        entries = [entry for entry in entries if not at <= entry < until]
    if dice.random() < 0.5:
        at = BEGIN + dice.randint(320, 340) * DAY + dice.random() * DAY
        planted.append(Trouble(False, at, at + 10 * DAY))
    id_ = f"s{number}"
    row = SourceRow(id_, id_, f"https://{id_}.example/feed", f"{id_}.example", number, 365, 5000, "d")
    failure = dice.choice([FailureKind.DNS, FailureKind.TIMEOUT, FailureKind.NOT_FOUND, FailureKind.SERVER_ERROR])
    source = Source(id=id_, url=row.url, name=id_, at_least=HOUR if LONG else 4 * HOUR)  # fewer polls take less long
    began = BEGIN - BEFORE * DAY
    past = [at for at in entries if at < began]
    state = PollState(row, began, last_success_at=began, ingest_times=remembered((), past), active_days=noted((), past))
    return Publisher(source, kind, entries, planted, failure, state, read=len(past))


# --- a year -----------------------------------------------------------------------------------------------------


def answer(one: Publisher, now: datetime) -> PollResult:
    """Return what a poll comes to."""
    if any(not trouble.silent and trouble.since <= now < trouble.until for trouble in one.planted):
        return Failed(one.failure, "planted", 500)
    first = one.read
    while one.read < len(one.entries) and one.entries[one.read] <= now:
        one.read += 1
    if first == one.read:
        return Unchanged(NotModified(one.source.url, {}, UNTOUCHED))
    new = tuple(one.entries[first : one.read])
    return Updated(Fetched(one.source.url, 200, {}, b"x", UNTOUCHED), READING, new=new)


def poll(one: Publisher, now: datetime, jitter: float) -> None:
    """Poll a publisher."""
    one.state, _ = after(one.state, HostState(one.state.source.host), one.source, answer(one, now), now, jitter)


def look(publishers: list[Publisher], now: datetime, weather: Weather) -> None:
    """Look how all are, as the daemon does."""
    for one in publishers:
        health = health_of(one.state, now, weather=weather)
        for told in followed(one.incidents, {one.source.id: (one.state, health)}, now):
            if told.number:
                one.incidents[told.number - 1] = told
            else:
                one.incidents.append(replace(told, number=len(one.incidents) + 1))
            if told.ended_at is None:
                _named(one, told, now)


def _named(one: Publisher, told: Incident, now: datetime) -> None:
    for trouble in one.planted:
        fits = (told.state == "silent") == trouble.silent
        if fits and trouble.named_at is None and trouble.since <= now < trouble.until + DAY:
            trouble.named_at = now


def lived(seed: int) -> list[Publisher]:
    """Return the publishers after their year."""
    dice = random.Random(seed)
    publishers = [publisher(number, dice) for number in range(NUMBER)]
    due = [(one.state.next_poll_at, number) for number, one in enumerate(publishers)]
    heapq.heapify(due)
    looked, weather = BEGIN, Weather()
    while due[0][0] < BEGIN + YEAR:
        now, number = heapq.heappop(due)
        while looked <= now:
            if (looked - BEGIN) % (12 * HOUR) < LOOK:
                weather = weather_of([one.state for one in publishers], looked)
            look(publishers, looked, weather)
            looked += LOOK
        poll(publishers[number], now, dice.random())
        heapq.heappush(due, (publishers[number].state.next_poll_at, number))
    return publishers


@pytest.mark.timeout(900)
def test_what_befalls_sources_is_named_in_time_and_hardly_ever_what_does_not() -> None:
    publishers = lived(1)

    planted = [(one, trouble) for one in publishers for trouble in one.planted]
    in_time = [
        trouble.named_at is not None
        and trouble.named_at - trouble.since <= max(4 * usual_pause(one.entries), DAY) + LOOK + _weekends(one)
        for one, trouble in planted
    ]
    false = [
        (one.kind, told)
        for one in publishers
        for told in one.incidents
        if not any(trouble.since <= told.changed_at and told.began_at <= trouble.until for trouble in one.planted)
    ]
    late = [(one.kind, trouble) for (one, trouble), well in zip(planted, in_time, strict=True) if not well]
    print(f"{len(planted)} planted, {sum(in_time)} named in time, {len(false)} false alarms of {NUMBER} source-years")
    assert len(planted) > NUMBER / 2
    assert sum(in_time) >= 0.95 * len(planted), late
    assert len(false) < NUMBER, false
    assert all(one.incidents[-1].ended_at for one in publishers if one.incidents and not _goes_on(one))


def _weekends(one: Publisher) -> timedelta:
    """Return the days of rest that may lie within: who writes on workdays alone is not silent on a Saturday."""
    return 2 * DAY if one.kind == "on workdays" else timedelta()


def _goes_on(one: Publisher) -> bool:
    """Return whether something still is the matter at the end: what was planted late, or a pause of its own."""
    return any(trouble.until > BEGIN + YEAR - 40 * DAY for trouble in one.planted) or one.kind in (
        "monthly",
        "at random",
    )
