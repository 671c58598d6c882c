"""Attempts that are led from one host to another, and wait there for their turn (rule 61)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil, inf

from aggregator.hosts import host_key
from aggregator.outcomes import FailureKind, PollError
from aggregator.turns import Turns
from storage.contract import Store

MOST_WAIT = 120.0
"""Seconds that a poll may wait in all for the turns of hosts that it is led to; well within its lease."""


UNTIL_SAVED = 60.0
"""Seconds for which a host that answered 429 is left alone after the attempt, should the store not know of it yet."""


@dataclass(slots=True)
class Place:
    """Where an attempt is: it has the turn of one host at most, and of none while it waits for another's."""

    host: str | None
    waited: float = 0.0
    """Seconds, on all its way."""
    refused: set[str] = field(default_factory=set)
    """Hosts that answered 429 on it."""


@dataclass(frozen=True, slots=True)
class _Guest:
    place: Place
    host: str
    since: float
    turn: asyncio.Future[None]


class Visits:
    """
    Lets attempts move on to other hosts, one after the other as they came.

    Who waits holds neither a host nor one of the total, so that nobody waits for somebody who waits.
    """

    def __init__(
        self,
        turns: Turns,
        store: Store,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        wake: Callable[[], None],
    ) -> None:
        """`wake` is called when somebody begins to wait: `serve` is to be called then, and each second."""
        self._turns = turns
        self._store = store
        self._now = now
        self._monotonic = monotonic
        self._wake = wake
        self._guests: list[_Guest] = []
        self._visited: set[str] = set()
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many attempts wait for a turn."""
        return len(self._guests)

    async def visit(self, place: Place, url: str, *, again: bool = False) -> None:
        """
        Take the turn of the URL's host for an attempt, see `fetch.Visit`; `again`, also where it has it, for one more.

        A host that asked to be left alone, whichever source it told so, is not asked (rule 24).
        """
        host = host_key(url)
        if place.host == host and not again:
            return
        await self._refuse_held(host)
        try:
            await self._move(place, host)
        except PollError:
            await self._refuse_held(host)  # the store knows for how long
            raise
        await self._refuse_held(host)  # it may have asked so while we waited

    def hold(self, place: Place, url: str) -> None:
        """Let nothing more start on the host of a URL that answered 429, until the store knows of it."""
        place.refused.add(host_key(url))
        # The store hears of it when the attempt is over, which may go on elsewhere for minutes.
        self._turns.hold(host_key(url), inf)

    async def _refuse_held(self, host: str) -> None:
        """Raise PollError, with a Retry-After of what is left, where the store knows that the host is to be left alone."""
        wait, now = await asyncio.to_thread(self._store.host, host), self._now()
        if wait.not_before is None or wait.not_before <= now:
            return
        seconds = ceil((wait.not_before - now).total_seconds())
        said = f"{host} asked to be left alone until {wait.not_before:%Y-%m-%d %H:%M} UTC ({wait.reason})"
        raise PollError(FailureKind.RATE_LIMITED, said, headers={"retry-after": str(seconds)})

    async def _move(self, place: Place, host: str) -> None:
        """
        Give back the turn that the attempt has, and return when it has the host's.

        Raises PollError: interrupted where the turn does not come in time, rate-limited where the host is held.
        """
        self.leave(place)
        if self._closed:
            raise PollError(FailureKind.INTERRUPTED, "we stopped while it was under way")
        turn = asyncio.get_running_loop().create_future()
        guest = _Guest(place, host, self._monotonic(), turn)
        self._guests.append(guest)
        self._wake()
        try:
            await turn
        finally:
            if guest in self._guests:
                self._guests.remove(guest)

    def leave(self, place: Place) -> None:
        """Give back the turn that the attempt has, if it has one."""
        if place.host is not None:
            self._turns.finish(place.host)
            place.host = None

    def end(self, place: Place) -> None:
        """Give back all that the attempt, which is over, has."""
        self.leave(place)
        for host in place.refused:
            self._turns.hold(host, self._monotonic() + UNTIL_SAVED)

    def serve(self, wanted: Collection[str]) -> None:
        """
        Give whose turn has come its turn.

        On a host of `wanted`, where attempts that begin there wait too, the two take turns.
        """
        at = self._monotonic()
        for guest in list(self._guests):
            waited = guest.place.waited + at - guest.since
            if guest.turn.done():  # cancelled, and not away yet
                self._guests.remove(guest)
            elif self._turns.is_held(guest.host, at):
                self._refuse(guest, FailureKind.RATE_LIMITED, f"{guest.host} asked to be left alone a moment ago")
            elif waited > MOST_WAIT:
                said = f"its turn at {guest.host}, where it was led, did not come within {MOST_WAIT:g} s"
                self._refuse(guest, FailureKind.INTERRUPTED, said)
            elif self._turns.may_start(guest.host, at) and not (guest.host in wanted and guest.host in self._visited):
                self._guests.remove(guest)
                self._turns.start(guest.host, at)
                self._visited.add(guest.host)
                guest.place.host, guest.place.waited = guest.host, waited
                guest.turn.set_result(None)

    def began(self, host: str) -> None:
        """Take in that an attempt began on the host, so that the next turn there is a visitor's again."""
        self._visited.discard(host)

    def close(self) -> None:
        """End every wait, and let none begin: who waits has nothing under way that is worth a grace."""
        self._closed = True
        for guest in list(self._guests):
            self._refuse(guest, FailureKind.INTERRUPTED, "we stopped while it was under way")

    def _refuse(self, guest: _Guest, kind: FailureKind, said: str) -> None:
        self._guests.remove(guest)
        if not guest.turn.done():
            guest.turn.set_exception(PollError(kind, said))
