"""Keep polls from coming in a herd: after a start, a sleep, a clock that was set, or hours without a network."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import NamedTuple

from aggregator import hints, silence
from aggregator.hints import MAX_SKIP, spoken
from aggregator.outcomes import FailureKind
from storage.states import HostState, PollState, Term

SPREAD_AT_MOST = timedelta(minutes=15)
SPREAD_APART = timedelta(seconds=1)
MOST_A_SECOND = 20
"""Of so many overdue sources that even a quarter of an hour would be a flood."""

JUMP = timedelta(minutes=10)
"""When more time than this passes between two looks, the machine slept."""
STEP = timedelta(seconds=5)
"""A clock that moves by so much more or less than the time that passed was set; what keeps clocks right moves them by less."""
FARTHEST = timedelta(days=7) + MAX_SKIP
"""Beyond the interval, the longest wait that an answer can ask for."""
CEILING = timedelta(hours=24)

UNREACHED = frozenset({FailureKind.DNS, FailureKind.CONNECT})
"""What also happens where our own network is down."""
OFFLINE_HOSTS = 5
OFFLINE_WITHIN = 300.0
"""Seconds in which that many hosts must fail and none be reached."""
PROBE_EVERY = 60.0


class Occasion(Enum):
    """What happened between two looks at the clocks."""

    NOTHING = auto()
    RETURN = auto()
    """We were away, and many sources may have come due meanwhile."""
    CLOCK_SET = auto()
    """The wall clock was set while we were running; no more time has passed than the monotonic clock says."""


class Look(NamedTuple):
    """What a look at the clocks tells: the occasion, and by how much the wall clock was set."""

    occasion: Occasion
    step: timedelta = timedelta()


class Clockwatch:
    """
    Compares the wall clock with the monotonic one, look by look (rule 31).

    A clock that was set counts from `adjusted` on: what is stored is of the time before until it has been moved along.
    """

    def __init__(self) -> None:
        self._before: tuple[datetime, float] | None = None
        self.moved = timedelta()
        """By how much the clock was set since the start."""

    def look(self, now: datetime, ticks: float) -> Look:
        """Return what happened since the last look; the first one is a return. `ticks` are monotonic seconds."""
        before = self._before
        if before is None:
            self._before = now, ticks
            return Look(Occasion.RETURN)
        if step := self._step(now, ticks):
            return Look(Occasion.CLOCK_SET, step)
        self._before = now, ticks
        return Look(Occasion.RETURN if ticks - before[1] > JUMP.total_seconds() else Occasion.NOTHING)

    def adjusted(self, step: timedelta) -> None:
        """Take in that what is stored was moved along with the clock."""
        if self._before is not None:
            self._before = self._before[0] + step, self._before[1]
        self.moved += step

    def instant(self, now: datetime, ticks: float) -> datetime:
        """Return the present by the clock that what is stored goes by: `now`, unless that was set and is not adjusted to."""
        return now - self._step(now, ticks)

    def _step(self, now: datetime, ticks: float) -> timedelta:
        """Return by how much the clock was set since the last look; nothing where it goes as it should."""
        if self._before is None:
            return timedelta()
        step = now - self._before[0] - timedelta(seconds=ticks - self._before[1])
        return step if abs(step) > STEP else timedelta()


class Reach:
    """
    Tells a network of ours that is down from hosts that are (rule 47).

    Down: within five minutes five hosts that were well could not be reached, and none was. One that is ends it.
    """

    def __init__(self) -> None:
        self.offline = False
        self._failed: dict[str, float] = {}
        self._suspects: dict[str, tuple[float, PollState]] = {}
        self._reached_at = -OFFLINE_WITHIN
        self._probed_at = 0.0

    def noted(self, before: PollState, *, reached: bool, ticks: float) -> None:
        """Take in whether the host of a source was reached; `before` is the source's state at the claim."""
        if reached:
            self.offline = False
            self._failed.clear()
            self._suspects.clear()
            self._reached_at = ticks
            return
        if before.failures:  # one that failed before says nothing of our network
            return
        self._failed[before.host] = ticks
        self._suspects[before.source.id] = (ticks, before)
        recent = sum(ticks - at < OFFLINE_WITHIN for at in self._failed.values())
        if not self.offline and recent >= OFFLINE_HOSTS and ticks - self._reached_at >= OFFLINE_WITHIN:
            self.offline = True
            self._probed_at = ticks

    def wronged(self) -> dict[str, PollState]:
        """Return, once, the states before their failure of the sources whose failures told that we are offline."""
        last = max((at for at, _ in self._suspects.values()), default=0.0)
        wronged = {name: state for name, (at, state) in self._suspects.items() if last - at < OFFLINE_WITHIN}
        self._suspects.clear()
        return wronged

    def moved(self, step: timedelta) -> None:
        """Move what may be taken back along with a clock that was set."""
        self._suspects = {name: (at, moved(state, step)) for name, (at, state) in self._suspects.items()}

    def may_probe(self, ticks: float) -> bool:
        """Return whether a host may be tried now, and take that turn: one a minute."""
        if ticks - self._probed_at < PROBE_EVERY:
            return False
        self._probed_at = ticks
        return True


def spread(states: Sequence[PollState], now: datetime) -> list[PollState]:
    """
    Return the overdue states with their next polls spread by rank, those never polled first (rule 30).

    They take a second each, a quarter of an hour at most, but never come at more than 20 a second. What is not due,
    stopped or leased is not among them. What a crash broke off keeps its floor.
    """
    overdue = [state for state in states if state.stopped is None and state.next_poll_at <= now]
    overdue.sort(key=lambda state: (state.last_attempt_at is not None, state.next_poll_at, state.source.position))
    window = max(timedelta(seconds=len(overdue) / MOST_A_SECOND), min(SPREAD_AT_MOST, len(overdue) * SPREAD_APART))
    words = f"one of {len(overdue)} that came due while nothing polled, spread over {spoken(window)}"
    placed = []
    for rank, state in enumerate(overdue):
        at = now + rank * window / len(overdue)
        if state.lease_until is not None and state.last_attempt_at is not None:
            at = max(at, state.last_attempt_at + state.source.floor)
        if at > now:
            placed.append(replace(_put_off(state, at, words), lease_until=None))
    return placed


def mended(states: Sequence[PollState], now: datetime) -> list[tuple[PollState, HostState]]:
    """
    Return the states that a wrong clock made, with instants that fit the present one (rule 31).

    A last attempt that lies ahead tells by how much the clock went back while we were away: what lies ahead with it
    was written by the clock that was wrong. A next poll that lies ahead farther than anything could ask for is moved to
    the interval from now.
    """
    found = []
    for state in states:
        ahead = (state.last_attempt_at or now) - now
        usual = state.every or state.source.floor
        if ahead > JUMP:
            state = moved(state, -ahead, beyond=now)  # noqa: PLW2901 - the same state, its instants mended
        elif state.next_poll_at <= now + max(usual, CEILING) + FARTHEST:
            continue
        if state.next_poll_at > now + max(usual, CEILING) + FARTHEST:
            reason = "the clock was set back; its usual interval from then"
            state = _put_off(state, now + usual, reason)  # noqa: PLW2901 - as above
        found.append((state, _host_of(state)))
    return found


def moved(state: PollState, step: timedelta, beyond: datetime | None = None) -> PollState:
    """
    Return the state as it is after the clock was set by `step`: each wait is as long as it was (rule 31).

    What lies behind is as long ago as it was, so that nobody is silent, lost or has ended for as long as the clock jumped.
    With `beyond`, what happened up to then stays: it is of a clock that was right.
    """

    def past(at: datetime) -> datetime:
        return at + step if beyond is None or at > beyond else at

    turned = state.profile and state.profile.turned_at and past(state.profile.turned_at)
    return replace(
        state,
        next_poll_at=state.next_poll_at + step,
        terms=tuple(Term(term.until + step, term.reason) for term in state.terms),
        last_attempt_at=state.last_attempt_at and past(state.last_attempt_at),
        last_success_at=state.last_success_at and past(state.last_success_at),
        last_new_at=state.last_new_at and past(state.last_new_at),
        failing_since=state.failing_since and past(state.failing_since),
        redirect_since=state.redirect_since and past(state.redirect_since),
        gap_at=state.gap_at and past(state.gap_at),
        fresh_until=state.fresh_until and state.fresh_until + step,
        retry_after_until=state.retry_after_until and state.retry_after_until + step,
        rests=tuple(
            rest._replace(until=rest.until and rest.until + step, since=past(rest.since)) for rest in state.rests
        ),
        ingest_times=tuple(sorted(map(past, state.ingest_times))),
        active_days=silence.moved(state.active_days, step, beyond),
        profile=state.profile and state.profile._replace(turned_at=turned),
        hints=hints.moved(state.hints, past),
    )


def host_moved(host: HostState, step: timedelta) -> HostState:
    """Return the wait of a host as `moved` does those of sources."""
    return replace(host, not_before=host.not_before and host.not_before + step)


def _put_off(state: PollState, at: datetime, reason: str) -> PollState:
    """Return the state with its next poll at another time, the reason before those of the time that it had."""
    return replace(state, next_poll_at=at, next_reason=reason, terms=(Term(at, reason), *state.terms))


def _host_of(state: PollState) -> HostState:
    """Return the wait of the host, which a rate limit of this source set, at its new instant."""
    if state.failure_kind != FailureKind.RATE_LIMITED:
        return HostState(state.source.host)
    return HostState(state.source.host, state.next_poll_at, state.failure_detail)


def others(states: Sequence[PollState], spared: Collection[str]) -> list[PollState]:
    """Return the states but those of the spared ids."""
    return [state for state in states if state.source.id not in spared]
