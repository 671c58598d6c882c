"""The corridor: take what is due, fetch, read, reconcile, schedule, save. All concurrency of polling lives here."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from aggregator.archive import Archive
from aggregator.calm import Look, Occasion
from aggregator.hints import spoken
from aggregator.model import Settings
from aggregator.network import Network
from aggregator.pacer import Pacer
from aggregator.roster import Roster, roster
from aggregator.settling import Clocks, Finished, Outcome, Settler
from aggregator.trip import Rider, Road, Trip
from aggregator.turns import Turns
from aggregator.visits import Place, Visits
from aggregator.workers import Reader
from storage.contract import Store, StoreError
from storage.states import Claim

log = logging.getLogger(__name__)

PAUSE_AFTER_TROUBLE = 30.0
"""Seconds for which nothing is claimed after the store could not be written."""

MOST_WAITING = 1000
"""Attempts that wait for a host which they were led to: each holds a task and a lease, and none a turn."""

MOMENT = 0.005
"""Seconds; up to four of them pass until fewer polls than half of those under way are saved."""


class Poller:
    """
    Polls the sources of the store: everything that is due, for as long as it runs, or a given set once.

    `report` hears of each outcome after it was saved; `saved` is set whenever records changed.
    """

    def __init__(
        self,
        *,
        store: Store,
        network: Network,
        reader: Reader,
        settings: Settings,
        user_agent: str,
        clocks: Clocks,
        report: Callable[[Outcome], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._network = network
        self._reader = reader
        self._pacer = Pacer(store)
        self._set_clocks = clocks
        """As they are; all else goes by the clock that what is stored goes by."""
        self._clocks = clocks = replace(clocks, now=self.now)
        self._report = report
        self._queue: deque[Claim] = deque()
        self._tasks: dict[asyncio.Task[None], list[Claim]] = {}
        self._finished: list[Finished] = []
        self._settled: set[str] = set()
        """Ids of those under way whose outcome is saved: only their tasks are not at their end yet."""
        self._wake = asyncio.Event()
        self._saving = asyncio.Lock()
        self._claiming: asyncio.Task[list[Claim]] | None = None
        self._stopped = False
        self._paused_until = 0.0
        self.trouble: str | None = None
        self.changed = asyncio.Event()
        self._turns = Turns(0, 0, 0)
        self._visits = Visits(self._turns, store, clocks.now, clocks.monotonic, self._wake.set)
        self._places: dict[asyncio.Task[None], Place] = {}
        self._settler = Settler(store, self._pacer, clocks)
        self.use(settings, user_agent)

    def use(self, settings: Settings, user_agent: str, known: Roster | None = None) -> None:
        """
        Poll by these settings from now on; attempts under way end by the old ones.

        `known` is `roster(settings)` where it was worked out apart: half a second of 36,000 sources.
        """
        self._roster, polling = known or roster(settings), settings.polling
        self._user_agent = user_agent
        self._network.permit(polling.allow_private)
        self._network.bound(polling.max_in_flight)
        self._per_host = polling.per_host
        self._turns.bound(polling.concurrency, polling.per_host, polling.host_delay.total_seconds())
        self._pacer.use(polling, self._roster.sources, self._roster.own)
        self._settler.use(settings)

    def wake(self) -> None:
        """Look for due sources soon."""
        self._wake.set()

    @property
    def under_way(self) -> int:
        """How many attempts are running."""
        return len(self._tasks)

    @property
    def waiting(self) -> int:
        """How many of them were led to another host and wait for its turn."""
        return self._visits.waiting

    @property
    def _asking(self) -> set[str]:
        """Ids of the sources that are being polled."""
        return {claim.state.source.id for claims in self._tasks.values() for claim in claims}

    async def run(self, stopping: asyncio.Event) -> None:
        """Poll what is due until `stopping` is set; `wake` makes it look again."""
        while not stopping.is_set():
            await self.tick()
            await self._pause(at_most=1.0)

    async def tick(self) -> None:
        """Look once for what is due, so that neither a return nor a lost network makes a herd (rules 30, 31, 47)."""
        now, ticks = self._set_clocks.now(), self._set_clocks.monotonic()
        look = self._pacer.look(now, ticks)
        if look.occasion is not Occasion.NOTHING:
            try:
                await self._bring_in_order(look, now)
            except StoreError as error:
                self._store_failed(error)
        if not self._pacer.offline:
            await self._step(only=None, due=True, force=False)
            return
        probes = self._pacer.may_probe(ticks)
        await self._step(only=None if probes else self._pacer.own, due=True, force=False, at_most=1 if probes else None)

    async def _bring_in_order(self, look: Look, now: datetime) -> None:
        """Write the times of polls anew. Raises StoreError."""
        if look.occasion is not Occasion.CLOCK_SET:
            busy = {claim.state.source.id for claim in self._queue} | self._asking
            await asyncio.to_thread(self._pacer.bring_in_order, look, now, busy)
            return
        # Nothing is saved meanwhile: it would be of one clock, and moved to the other once more.
        async with self._saving:
            waiting, self._queue = list(self._queue), deque()
            await self._give_back(waiting)
            await asyncio.to_thread(self._pacer.bring_in_order, look, now, self._asking - self._settled)
        way = "ahead" if look.step > timedelta() else "back"
        log.info("the clock was set %s by %s: all waits were moved along with it", way, spoken(abs(look.step)))

    def mend(self) -> None:
        """Mend what a clock that was set back between two runs left, before `poll_once`; blocks. Raises StoreError."""
        self._pacer.mend(self._clocks.now())

    def now(self) -> datetime:
        """Return the present by the clock that what is stored goes by; one that was set, once that was moved along."""
        return self._pacer.instant(self._set_clocks.now(), self._set_clocks.monotonic())

    async def poll_once(self, source_ids: Collection[str], *, due: bool = True, force: bool = False) -> None:
        """
        Poll these sources once each, as far as they are due; with `due=False` also those that are not.

        With `force` no validators are sent and an unchanged body is read again.
        """
        remaining = set(source_ids)
        while True:
            # Asked before claiming: a host that is busy while we claim may be free when the claim returns.
            idle = not (self._queue or self._tasks or self._finished)
            delayed = self._turns.next_start(self._clocks.monotonic()) is not None
            claimed = await self._step(only=remaining, due=due, force=force, by_hand=not due)
            remaining.difference_update(claim.state.source.id for claim in claimed)
            if idle and not claimed and (not delayed or not remaining or self.trouble):
                return
            await self._pause(at_most=1.0)

    async def stop(self, grace: float) -> None:
        """
        End the attempts under way: wait `grace` seconds for them, cancel the rest, save what each came to.

        What was claimed and has not begun is given back unpolled.
        """
        self._stopped = True
        self._visits.close()
        if self._claiming is not None:
            await asyncio.wait([self._claiming])
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=2)
        await self._settle()
        unpolled = list(self._queue)
        self._queue.clear()
        await self._give_back(unpolled)

    # --- taking turns ---

    async def _step(
        self,
        *,
        only: Collection[str] | None,
        due: bool,
        force: bool,
        by_hand: bool = False,
        at_most: int | None = None,
    ) -> list[Claim]:
        """Claim what may be claimed, start what may start; return what was claimed."""
        self._wake.clear()
        claimed: list[Claim] = []
        if len(self._queue) <= self._turns.free // 2 and (only is None or only):
            # Shielded: a claim that is on disk is ours to poll or to give back, whatever becomes of this step.
            self._claiming = asyncio.create_task(self._claim(only, due=due, at_most=at_most))
            claimed = await asyncio.shield(self._claiming)
        await self._start_ready(force=force, by_hand=by_hand)
        return claimed

    async def _claim(self, only: Collection[str] | None, *, due: bool, at_most: int | None) -> list[Claim]:
        """Claim what may be claimed, put it into the queue and return it."""
        at = self._clocks.monotonic()
        room = 2 * self._turns.total - self._turns.running - len(self._queue)
        if room <= 0 or at < self._paused_until or self._stopped or self._visits.waiting >= MOST_WAITING:
            return []
        room = room if at_most is None else min(room, at_most)
        waiting = Counter(claim.host.host for claim in self._queue)
        busy = self._turns.busy(at, waiting)
        try:
            claimed = await asyncio.to_thread(self._claimed, room, busy, only, due=due)
        except StoreError as error:
            self._store_failed(error)
            return []
        # A clock that was set ahead makes leases look passed; what is under way is not begun a second time.
        under_way = self._asking
        claimed = [claim for claim in claimed if claim.state.source.id not in under_way]
        self._queue.extend(claimed)
        return claimed

    def _claimed(self, room: int, busy: Mapping[str, int], only: Collection[str] | None, *, due: bool) -> list[Claim]:
        """Claim from the store; with each source those that have its address come along, due or not."""
        now, lease = self._clocks.now(), self._roster.lease
        claimed = self._store.claim_due(
            now, limit=room, lease=lease, per_host=self._per_host, busy=busy, only=only, due=due
        )
        if twins := self._drawn_along(claimed, only):
            claimed += self._store.claim_due(
                now, limit=len(twins), lease=lease, per_host=len(twins), only=twins, due=False
            )
        return claimed

    def _drawn_along(self, claimed: Sequence[Claim], only: Collection[str] | None) -> frozenset[str]:
        """Return those that would share the request of one of the claimed; others wait for a time of their own."""
        twins = self._roster.twins_of({claim.state.source.id for claim in claimed})
        twins = twins if only is None else twins.intersection(only)
        now = self._clocks.now()
        return frozenset(
            state.source.id
            for state in (self._store.states(only=twins) if twins else ())
            if any(self._roster.ask_alike(state, claim.state, now) for claim in claimed)
        )

    async def _start_ready(self, *, force: bool, by_hand: bool) -> None:
        """Start what may start: attempts that were led to another host and wait there, then those that begin."""
        if self._stopped:
            return
        self._visits.serve({claim.host.host for claim in self._queue})
        at = self._clocks.monotonic()
        waiting, self._queue = self._queue, deque()
        held = []
        while waiting:
            claim = waiting.popleft()
            host = claim.host.host
            if self._turns.is_held(host, at):
                held.append(claim)
                continue
            if not self._turns.may_start(host, at):
                self._queue.append(claim)
                continue
            self._turns.start(host, at)
            self._visits.began(host)
            together = [claim, *self._twins_among(waiting, claim)]
            place = Place(host)
            task = asyncio.create_task(self._poll(together, place, force=force, by_hand=by_hand))
            self._tasks[task], self._places[task] = together, place
            task.add_done_callback(self._ended)
        await self._give_back(held)

    async def _give_back(self, claims: Collection[Claim]) -> None:
        """Give claimed sources back unpolled."""
        if claims:
            with suppress(StoreError):  # the leases pass by themselves
                await asyncio.to_thread(self._store.release, claims, self._clocks.now())

    def _twins_among(self, waiting: deque[Claim], claim: Claim) -> list[Claim]:
        """Take those out of the queue that would ask for the same."""
        twins, now = self._roster.twins.get(claim.state.source.id), self._clocks.now()
        if not twins:
            return []
        alike = [one for one in waiting if one.state.source.id in twins]
        found = [one for one in alike if self._roster.ask_alike(one.state, claim.state, now)]
        for one in found:
            waiting.remove(one)
        return found

    def _ended(self, task: asyncio.Task[None]) -> None:
        claims = self._tasks.pop(task)
        self._settled.difference_update(claim.state.source.id for claim in claims)
        self._visits.end(self._places.pop(task))
        self._wake.set()
        if task.cancelled():
            self._queue.extend(claims)  # ended before it had begun: `stop` gives it back
        elif error := task.exception():
            log.error("a poll ended outside the corridor", exc_info=error)

    async def _pause(self, at_most: float) -> None:
        """Wait for an attempt to end, for `wake`, for a host's delay to pass, or for `at_most` seconds."""
        at = self._clocks.monotonic()
        if (start := self._turns.next_start(at)) is not None:
            at_most = min(at_most, start - at)
        with suppress(TimeoutError):
            # Not `wait_for`, which in Python 3.11 loses a cancellation that comes together with the wake.
            async with asyncio.timeout(at_most):
                await self._wake.wait()

    # --- one poll ---

    async def _poll(self, claims: Sequence[Claim], place: Place, *, force: bool, by_hand: bool) -> None:
        """Walk sources at one address down the corridor; whatever happens, one outcome of each is saved."""
        # Before anything is waited for: it is the clock by which they were claimed.
        began, seen_at, moved = self._clocks.monotonic(), self._clocks.now(), self._pacer.moved
        riders = [rider for claim in claims if (rider := self._rider(claim))]
        riding = {rider.source.id for rider in riders}
        await self._give_back([claim for claim in claims if claim.state.source.id not in riding])
        self._settled.update(claim.state.source.id for claim in claims if claim.state.source.id not in riding)
        if not riders:
            return
        road = Road(
            self._network,
            self._reader,
            self._user_agent,
            visit=partial(self._visits.visit, place),
            turn=partial(self._visits.visit, place, again=True),
            hold=partial(self._visits.hold, place),
            offline=lambda: self._pacer.offline,
        )
        journeys = await Trip(road, riders, force=force, by_hand=by_hand).journeys(seen_at)
        older = Archive(
            road.network, road.reader, self._store, road.user_agent, turn=road.turn, visit=road.visit, hold=road.hold
        )
        journeys = await older.extended(riders, journeys, seen_at)
        ended = self._clocks.monotonic()
        took = timedelta(seconds=ended - began)
        for (claim, source), journey in zip(riders, journeys, strict=True):
            self._finished.append(Finished(claim, source, journey, seen_at, took, ended, moved))
        await asyncio.shield(self._settle())
        # The store holds those hosts from here on, but not who was claimed before, should we sleep now for a while.
        held = [claim for claim in self._queue if claim.host.host in place.refused]
        self._queue = deque(claim for claim in self._queue if claim.host.host not in place.refused)
        await self._give_back(held)

    def _rider(self, claim: Claim) -> Rider | None:
        """Return the claim with its source; None where feeds.yaml was changed after it was claimed."""
        source = self._roster.sources.get(claim.state.source.id)
        return Rider(claim, source) if source and source.url == claim.state.source.url else None

    # --- saving ---

    async def _settle(self) -> None:
        """Save what has finished, everything that waits in one transaction; a late caller finds nothing left to do."""
        async with self._saving:
            if self._finished:
                await self._gathered()
            finished, self._finished = self._finished, []
            if not finished:
                return
            try:
                outcomes = await asyncio.to_thread(self._settler.save, finished)
            except StoreError as error:
                # Nothing of the batch is on disk: validators neither, so the same bodies will come again.
                self._store_failed(error)
                return
            self._settled.update(one.source.id for one in finished)
        self.trouble = None
        for outcome in outcomes:
            self._report(outcome)
        if any(outcome.saved.new or outcome.saved.updated for outcome in outcomes):
            self.changed.set()

    async def _gathered(self) -> None:
        """Wait a moment for others to finish: a transaction costs as much as all that is done for a 304."""
        for _ in range(4):
            if 2 * len(self._finished) >= len(self._tasks) - self._visits.waiting:
                return
            await asyncio.sleep(MOMENT)

    def _store_failed(self, error: StoreError) -> None:
        if self.trouble != str(error):
            log.error("the store cannot be written, nothing is polled meanwhile: %s", error)
        self.trouble = str(error)
        self._paused_until = self._clocks.monotonic() + PAUSE_AFTER_TROUBLE
