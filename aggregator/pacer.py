"""Brings the stored times of polls in order where they would make a herd or stand still: what `calm` says, done."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from aggregator.calm import UNREACHED, Clockwatch, Look, Occasion, Reach, host_moved, mended, moved, others, spread
from aggregator.hosts import host_and_port
from aggregator.model import Polling, Source
from aggregator.outcomes import Failed, FailureKind, Journey, PollResult, Updated
from aggregator.schedule import after
from storage.contract import Store
from storage.states import HostState, PollState
from storage.values import Poll

_OURS = {FailureKind.INTERRUPTED, FailureKind.INTERNAL, FailureKind.OFFLINE, FailureKind.STORAGE}
_SILENT = {FailureKind.TIMEOUT, FailureKind.REFUSED_ADDRESS}


class Ended(NamedTuple):
    """A poll that ended: its source, the state that it was claimed with, and what it came to."""

    source: Source
    before: PollState
    journey: Journey
    ticks: float
    """When, in monotonic seconds."""


class Pacer:
    """
    Minds the clocks and the network between polls.

    The operator's own hosts (`polling.allow_private`) are never made to wait: nobody else is troubled by them, and
    they say nothing of the network. What it does to the store it does in the caller's thread.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._clocks = Clockwatch()
        self._reach = Reach()
        self._returned = False
        self._private: frozenset[str] = frozenset()
        self._sources: Mapping[str, Source] = {}
        self.own: frozenset[str] = frozenset()
        """Ids of the sources on the operator's own hosts."""

    def use(self, polling: Polling, sources: Mapping[str, Source], own: frozenset[str]) -> None:
        """Go by these settings; what they add is spread like what comes due while nothing polls."""
        self._private = polling.allow_private
        self._sources = sources
        self.own = own
        self._returned = True

    @property
    def offline(self) -> bool:
        """Whether no host of the internet can be reached."""
        return self._reach.offline

    def may_probe(self, ticks: float) -> bool:
        """Return whether a host may be tried while offline, and take that turn."""
        return self._reach.may_probe(ticks)

    @property
    def moved(self) -> timedelta:
        """By how much the clock was set since the start, and what is stored moved along."""
        return self._clocks.moved

    def instant(self, now: datetime, ticks: float) -> datetime:
        """Return the present by the clock that what is stored goes by."""
        return self._clocks.instant(now, ticks)

    def look(self, now: datetime, ticks: float) -> Look:
        """
        Return what there is to bring in order; costs nothing where nothing happened.

        A clock that was set is told of at each look until what is stored was moved along with it.
        """
        look = self._clocks.look(now, ticks)
        returned, self._returned = self._returned, False
        if look.occasion is Occasion.CLOCK_SET:
            self._returned = returned
            return look
        return Look(Occasion.RETURN) if returned and look.occasion is Occasion.NOTHING else look

    def bring_in_order(self, look: Look, now: datetime, busy: Collection[str]) -> None:
        """Write the times of polls anew, those of the `busy` ids aside. Raises StoreError."""
        states = others(self._store.states(), busy)
        if look.occasion is Occasion.CLOCK_SET:
            self._move(states, look.step, now)
            return
        waiting = self._mend(states, now) | self.own
        herd = spread(others(states, waiting), now)
        self._write([(state, HostState(state.source.host)) for state in herd], now)

    def mend(self, now: datetime) -> None:
        """Mend what a wrong clock left between two runs, and spread nothing. Raises StoreError."""
        self._mend(self._store.states(), now)

    def _mend(self, states: Sequence[PollState], now: datetime) -> set[str]:
        right = mended(states, now)
        self._write(right, now)
        return {state.source.id for state, _ in right}

    def _move(self, states: Sequence[PollState], step: timedelta, now: datetime) -> None:
        polls = [Poll(moved(state, step), HostState(state.source.host)) for state in states]
        waits = tuple(host_moved(host, step) for host in self._store.hosts())
        if polls:
            polls[0] = replace(polls[0], also_held=waits)  # all in one transaction, or nothing
            self._store.save_polls(polls, now)
        elif waits:  # every source is under way: what comes of it is moved as it is saved
            self._store.save_hosts(waits, now)
        self._reach.moved(step)
        self._clocks.adjusted(step)

    def _write(self, states: Sequence[tuple[PollState, HostState]], now: datetime) -> None:
        if states:
            self._store.save_polls([Poll(state, host) for state, host in states], now)

    def judged(self, ended: Sequence[Ended], now: datetime) -> list[PollResult]:
        """
        Return the results with failures that only our own network explains as `offline`, which count against nobody.

        The failures that told so, and were saved before, are taken back. Raises StoreError.
        """
        was_offline = self._reach.offline
        for one in ended:
            if (reached := self._reached(one.journey)) is not None:
                self._reach.noted(one.before, reached=reached, ticks=one.ticks)
        if was_offline and not self._reach.offline:
            self._returned = True
        if not was_offline and self._reach.offline:
            self._take_back({one.source.id for one in ended}, now)
        if not self._reach.offline:
            return [one.journey.result for one in ended]
        return [self._offline(one.journey) for one in ended]

    def _reached(self, journey: Journey) -> bool | None:
        """
        Return whether the poll reached a host of the internet; None where it tells neither way.

        The operator's own hosts among its addresses say nothing of the network.
        """
        if not isinstance(journey.result, Failed):
            answer = journey.result.fetched if isinstance(journey.result, Updated) else journey.result.answer
            if any(not self._is_own(url) for url in (answer.url, *(hop.url for hop in answer.hops))):
                return True
        tried = [one for one in journey.missed if not self._is_own(one.url)]
        if any(not _says_nothing(one.failure) and not _unreached(one.failure) for one in tried):
            return True
        return False if any(_unreached(one.failure) for one in tried) else None

    def _is_own(self, url: str) -> bool:
        return host_and_port(url) in self._private

    def _offline(self, journey: Journey) -> PollResult:
        result = journey.result
        if not isinstance(result, Failed) or result.kind in _OURS or self._reached(journey) is not False:
            return result
        return Failed(FailureKind.OFFLINE, f"no host could be reached, so not its fault ({result.detail})")

    def _take_back(self, ended: Collection[str], now: datetime) -> None:
        wronged = self._reach.wronged()
        polls = []
        for state in self._store.states() if wronged.keys() - set(ended) else ():
            before, source = wronged.get(state.source.id), self._sources.get(state.source.id)
            # One that was polled again since has a newer story than the one to be taken back.
            if before is None or source is None or state.polls != before.polls + 1 or state.lease_until is not None:
                continue
            verdict = Failed(FailureKind.OFFLINE, "no host could be reached, so not its fault")
            polls.append(Poll(*after(before, HostState(before.source.host), source, verdict, now, 0.0)))
        if polls:
            self._store.save_polls(polls, now)


def _unreached(failure: Failed) -> bool:
    return failure.kind in UNREACHED and not failure.hops


def _says_nothing(failure: Failed) -> bool:
    """Return whether a failure may be our own, or the network's as well as the host's."""
    unasked = failure.kind is FailureKind.RATE_LIMITED and failure.status is None
    return (unasked or failure.kind in _OURS or failure.kind in _SILENT) and not failure.hops
