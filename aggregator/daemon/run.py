"""The daemon: poll what is due, write the files, serve the feed, mind feeds.yaml and the signals, until stopped."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from aggregator import clock, hiding, indexing
from aggregator.agent import user_agent
from aggregator.daemon.believing import Belief, is_new
from aggregator.daemon.build import Plant, judge, plant
from aggregator.daemon.care import backup_if_due, most_visitors, within_descriptors
from aggregator.daemon.configuration import Configuration
from aggregator.daemon.courtesy import Courtesy
from aggregator.daemon.jobs import Jobs
from aggregator.daemon.lists import refresh, stored_lists
from aggregator.daemon.notifying import Notifier
from aggregator.daemon.serving import WebServer, greeting, listening, located, web_server
from aggregator.health import Facts, unready
from aggregator.logs import say
from aggregator.metrics import Metrics
from aggregator.model import Settings
from aggregator.outcomes import Failed, FailureKind, Unchanged, Updated
from aggregator.roster import Roster, roster
from aggregator.rows import source_rows
from aggregator.settling import Outcome
from aggregator.watching import watch
from aggregator.workers import WorkerLimits
from storage.contract import Store, StoreError

log = logging.getLogger(__name__)

GRACE = 6.0
"""Seconds that attempts under way have to end by themselves after a signal; all is over within 10."""
LAST_FILES = 1.0
"""Seconds that record files are still written for after that; the next start writes the rest."""

FIRST_MAINTENANCE = timedelta(seconds=10)
"""After the start: the first polls go before."""

UNREACHED = {FailureKind.DNS, FailureKind.CONNECT, FailureKind.OFFLINE}


class Daemon:
    """One run of the daemon, from the first claim to the last save."""

    def __init__(self, settings: Settings, data: Path | None) -> None:
        self._settings = settings
        self._started_with = settings
        """What feeds.yaml said then: its `listen`, `path` and `records` hold until the daemon starts again."""
        self._configuration = Configuration(settings, data)
        self._stopping = asyncio.Event()
        self._reloads = asyncio.Lock()
        self._ticked: float | None = None
        """When the scheduler last looked for what is due, by the clock of the loop: it neither is set nor counts sleep."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reached = self._unreached = 0
        self._judged_by: object = None
        """The settings and the state of the operator's list by which what is stored was judged."""
        self._unjudged: str | None = None
        self._rules_changed = asyncio.Event()
        self._plant: Plant | None = None
        self._server: WebServer | None = None
        self._notifier = Notifier()
        self._belief = Belief()
        self._metrics = Metrics(under_way=lambda: self._plant.poller.under_way if self._plant else 0)

    async def run(self, announce: Callable[[str], None]) -> int:
        """Run until SIGINT or SIGTERM; return 0. Raises StoreError, ListenError before anything is polled."""
        bound = listening(self._settings.server)
        self._settings = located(self._settings, bound)
        self._loop = asyncio.get_running_loop()
        async with plant(self._settings, self._report) as built:
            self._plant = built
            most = most_visitors(self._settings.polling.concurrency)
            self._server = web_server(built.store, lambda: self._settings, self._facts, self._metrics, most)
            self._answer_signals()
            jobs = self._jobs()
            jobs.start()
            serving = asyncio.create_task(self._server.serve(sockets=[bound]))
            polling = asyncio.create_task(built.poller.run(self._stopping))
            filing = asyncio.create_task(self._file())
            judging = asyncio.create_task(self._keep_judged(built))
            count = len(self._settings.sources)
            announce(greeting(self._settings.server, bound, f"polling {count} source{'' if count == 1 else 's'}"))
            self._notifier.ready(f"polling {count} sources")
            stopping = asyncio.create_task(self._stopping.wait())
            await asyncio.wait([serving, polling, stopping], return_when=asyncio.FIRST_COMPLETED)
            self._stopping.set()
            self._notifier.stopping()
            self._server.should_exit = True
            jobs.stop()
            await built.poller.stop(GRACE)
            self._rules_changed.set()
            await asyncio.gather(serving, polling, judging)
            await self._last_files(filing, built)
            say(log, logging.INFO, "stopped")
        return 0

    # --- jobs ---

    def _jobs(self) -> Jobs:
        """Return the jobs; what is due lies in the store."""
        jobs, at_once = Jobs(), timedelta()
        jobs.every(timedelta(seconds=1), self._tick, first=at_once)
        jobs.every(timedelta(seconds=2), self._reload)
        jobs.every(timedelta(seconds=30), self._refresh_lists, first=at_once)
        jobs.every(timedelta(minutes=1), self._watch)
        # The first soon: one that is started anew every half hour lets go of records and makes copies as well.
        jobs.every(timedelta(hours=1), self._maintain, first=FIRST_MAINTENANCE)
        return jobs

    async def _tick(self) -> None:
        self._ticked = asyncio.get_running_loop().time()
        self._notifier.alive()
        assert self._plant is not None  # noqa: S101 - jobs run inside run() only
        self._plant.poller.wake()

    async def _reload(self) -> None:
        """Take in a changed feeds.yaml; a broken one leaves the good one in force."""
        assert self._plant is not None  # noqa: S101 - jobs run inside run() only
        store = self._plant.store
        async with self._reloads:
            try:
                settings = await asyncio.to_thread(
                    self._configuration.changed, lambda: stored_lists(store), store.sources
                )
            except StoreError as error:
                self._configuration.refuse(f"feeds.yaml cannot be read anew, as the store cannot be read: {error}")
                return
            if settings is not None:
                await self._take(settings, self._plant)

    async def _refresh_lists(self) -> None:
        """Ask for the lists of sources whose time has come, and take in what they say."""
        assert self._plant is not None  # noqa: S101 - jobs run inside run() only
        settings, built = self._settings, self._plant
        agent = user_agent(settings.polling.user_agent, settings.server.base_url)
        if settings.lists and await refresh(built.store, built.network, settings.lists, agent):
            self._configuration.look_again()
            await self._reload()

    async def _take(self, settings: Settings, built: Plant) -> None:
        old = self._settings
        for name in ("listen", "path", "records"):
            part = "server" if name == "listen" else "storage"
            if getattr(getattr(self._started_with, part), name) != getattr(getattr(settings, part), name):
                log.warning("%s.%s was changed: that takes effect when the daemon starts again", part, name)
        storage = replace(settings.storage, path=old.storage.path, records=old.storage.records)
        settings = replace(settings, storage=storage, server=replace(settings.server, listen=old.server.listen))
        try:
            known = await asyncio.to_thread(_synced, built.store, settings)
        except StoreError as error:
            self._configuration.refuse(
                f"feeds.yaml was changed, and is taken in once the store can be written: {error}"
            )
            return
        self._settings = settings
        self._configuration.taken_in()
        able = within_descriptors(settings)
        built.poller.use(able, user_agent(settings.polling.user_agent, settings.server.base_url), known)
        if self._server is not None:
            self._server.let_in(most_visitors(able.polling.concurrency))
        await built.workers.use(settings.polling.workers, WorkerLimits.of(settings.polling))
        built.poller.wake()
        if set(settings.lists) - set(old.lists):
            self._listing = asyncio.create_task(self._refresh_lists())
        self._rules_changed.set()
        for warning in settings.warnings:
            if warning not in old.warnings:
                log.warning("%s", warning)
        say(log, logging.INFO, "feeds.yaml taken in", sources=len(settings.sources))

    async def _keep_judged(self, built: Plant) -> None:
        """Judge what is stored at the start and whenever rules or the operator's list change; nobody waits for it."""
        while not self._stopping.is_set():
            self._rules_changed.clear()
            await self._judge(built)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._rules_changed.wait(), 2)

    async def _judge(self, built: Plant) -> None:
        """Hide and show again by the rules in force and the operator's list, where either has changed."""
        settings = self._settings
        by = settings, hiding.stamp(settings.storage.path)
        if self._judged_by == by:
            return

        def go_on() -> bool:
            return not self._stopping.is_set() and self._settings is settings

        fault = await asyncio.to_thread(judge, built.store, built.filer, settings, go_on)
        if fault and fault != self._unjudged:
            log.error("%s", fault)
        self._unjudged = fault
        if fault is None:
            self._judged_by = by
        built.poller.changed.set()  # the files of what is shown again, or seen otherwise, are to be written

    async def _watch(self) -> None:
        """Look how the sources are, and tell what happened to them."""
        assert self._plant is not None  # noqa: S101 - jobs run inside run() only
        now = self._plant.poller.now()  # a clock that was set makes all look late, until waits were moved along with it
        try:
            seen = await asyncio.to_thread(watch, self._plant.store, self._settings, now)
        except StoreError as error:
            log.error("what happened to sources could not be kept: %s", error)
            self._notifier.status(str(error))
            return
        self._notifier.status("; ".join([seen.line, *unready(self._facts(), clock.now())]))
        for one in seen.told:
            level = logging.INFO if one.ended_at else logging.WARNING
            say(
                log,
                level,
                "well again" if one.ended_at else "incident",
                source=one.source_id,
                state=one.state,
                reason=one.reason,
            )

    async def _maintain(self) -> None:
        """Let go of old records, compact the files, copy the store."""
        assert self._plant is not None  # noqa: S101 - jobs run inside run() only
        store = self._plant.store
        try:
            pruned = await asyncio.to_thread(self._pruned, store)
            await asyncio.to_thread(store.checkpoint)
            copied = await asyncio.to_thread(backup_if_due, store, self._settings.storage, clock.now())
        except (StoreError, OSError) as error:
            log.error("maintenance was put off: %s", error)
            return
        say(log, logging.INFO, "maintained", pruned=pruned, backup=copied)

    def _pruned(self, store: Store) -> int | None:
        """Let go of old records, where the clock is believed when it says that they are old; return how many."""
        now = clock.now()
        if self._belief.holds(store, now, clock.monotonic()):
            return store.prune(now)
        if not is_new(store, now):
            log.info(
                "nothing is let go of yet: by the clock nothing was polled in the days before; looked at again hourly"
            )
        return None

    # --- record files ---

    async def _file(self) -> None:
        """Write the record files of each change and index it; once at the start for what an earlier run left."""
        assert self._plant is not None  # noqa: S101 - runs inside run() only
        store, filer, changed = self._plant.store, self._plant.filer, self._plant.poller.changed
        courtesy = Courtesy(lambda: bool(self._server and self._server.is_making()))
        while not self._stopping.is_set():
            if filer is not None:
                await asyncio.to_thread(
                    filer.bring_up_to_date, self._settings, lambda: not self._stopping.is_set(), courtesy.give_way
                )
            # The files of what comes meanwhile are not kept waiting by a long index, as after an upgrade.
            await asyncio.to_thread(
                indexing.bring_up_to_date,
                store,
                lambda: not (self._stopping.is_set() or changed.is_set()),
                courtesy.give_way,
            )
            with suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), 60)
            changed.clear()

    async def _last_files(self, filing: asyncio.Task[None], built: Plant) -> None:
        built.poller.changed.set()
        await filing
        until = clock.monotonic() + LAST_FILES
        if built.filer is not None:
            await asyncio.to_thread(built.filer.bring_up_to_date, self._settings, lambda: clock.monotonic() < until)

    # --- signals and what is said ---

    def _answer_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._signalled)
        loop.add_signal_handler(signal.SIGHUP, self._reload_now)

    def _signalled(self) -> None:
        if self._stopping.is_set():
            os._exit(130)  # a second signal: at once; the store's transactions are whole at any moment
        say(log, logging.INFO, "stopping", under_way=self._plant.poller.under_way if self._plant else 0)
        self._stopping.set()

    def _reload_now(self) -> None:
        self._configuration.look_again()
        self._reloading = asyncio.create_task(self._reload_and_say())

    async def _reload_and_say(self) -> None:
        self._notifier.reloading()
        try:
            await self._reload()
        finally:
            self._notifier.ready(f"polling {len(self._settings.sources)} sources")

    def _facts(self) -> Facts:
        trouble = None
        if self._plant is not None:
            filer = self._plant.filer
            trouble = self._plant.poller.trouble or (filer.trouble if filer else None)
        return Facts(last_tick_at=self._tick_at(), config_fault=self._configuration.fault, store_fault=trouble)

    def _tick_at(self) -> datetime | None:
        """Return when the scheduler last ticked, by the clock of the day as it is set now."""
        if self._ticked is None or self._loop is None:
            return None
        return clock.now() - timedelta(seconds=self._loop.time() - self._ticked)

    def _report(self, outcome: Outcome) -> None:
        """Count a poll and log its line, and once that no publisher can be reached, where that is so."""
        self._count(outcome)
        state = outcome.state
        fields = {
            "source": outcome.source.id,
            "new": len(outcome.saved.new) or None,
            "updated": len(outcome.saved.updated) or None,
            "seconds": round(outcome.took.total_seconds(), 2),
            "next": f"{state.next_poll_at:%Y-%m-%dT%H:%M:%SZ}",
            "why": state.next_reason,
        }
        match outcome.result:
            case Failed(kind, detail):
                say(log, logging.WARNING, "failed", kind=str(kind), detail=detail, **fields)
                self._unreached += kind in UNREACHED
                self._reached += kind not in UNREACHED
            case Unchanged():
                say(log, logging.INFO, "unchanged", **fields)
                self._reached += 1
            case Updated(gap=gap):
                gone_by = state.gap_note if gap else None
                say(log, logging.INFO, "updated", degraded=state.degraded, gap=gone_by, **fields)
                self._reached += 1
        if not self._reached and self._unreached == min(3, len(self._settings.sources)):
            log.warning(
                "no publisher can be reached: is there a network? `aggregator demo` (or `make demo`) needs none"
            )

    def _count(self, outcome: Outcome) -> None:
        seconds, told = outcome.took.total_seconds(), outcome.attempt
        if told is None:
            self._metrics.polled(str(FailureKind.INTERRUPTED), seconds)
        else:
            self._metrics.polled(told.result, seconds, size=told.size, new=told.new, updated=told.updated)


def _synced(store: Store, settings: Settings) -> Roster:
    """Let the store know sources and views; return who is polled: both take their time of many, apart from the loop."""
    store.sync_sources(source_rows(settings), clock.now())
    store.note_views([view.name for view in settings.views])
    return roster(settings)


async def run(settings: Settings, *, data: Path | None, announce: Callable[[str], None]) -> int:
    """Run the daemon on these settings until it is stopped; `data` stands in for storage.path after a reload too."""
    return await Daemon(settings, data).run(announce)
