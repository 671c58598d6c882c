"""Poll once and end: the `poll` command; look once and store nothing: `preview`."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cache

from aggregator import clock, indexing
from aggregator.agent import user_agent
from aggregator.daemon.build import Plant, judge, plant
from aggregator.daemon.lists import refresh
from aggregator.fetch import fetch
from aggregator.hosts import host_and_port
from aggregator.model import Fetched, Polling, Reading, Settings, Source
from aggregator.network import Network
from aggregator.outcomes import FailureKind, PollError
from aggregator.settling import Outcome
from aggregator.watching import watch
from aggregator.workers import WorkerLimits, Workers
from storage.contract import StoreError
from storage.sqlite import SqliteStore
from storage.states import HostState, PollState, Validators

LEAST_APART = timedelta(minutes=5)
"""Nobody's impatience asks a publisher twice within it (rule 27)."""


async def poll_once(
    settings: Settings,
    source_ids: Collection[str],
    *,
    due: bool,
    named: bool,
    force: bool,
    index: bool,
    report: Callable[[Outcome], None],
) -> list[str]:
    """
    Poll these sources once, write the record files, and return a sentence for each source that has to wait.

    `named`: somebody named them, so that what is gone is tried again too.
    `index` False leaves the search index to whoever polls next.
    SIGINT and SIGTERM end what is under way, save what it came to, and raise KeyboardInterrupt.
    Raises StoreError where the outcome could not be saved or a file not be written.
    """
    async with plant(settings, report) as built:
        if fault := await asyncio.to_thread(judge, built.store, built.filer, settings):
            raise StoreError(fault)
        await asyncio.to_thread(built.poller.mend)
        states, now = await asyncio.to_thread(built.store.states), clock.now()
        if due:
            states = [state for state in states if state.next_poll_at <= now and state.stopped is None]
        waiting = too_soon(states, settings.polling.allow_private, now)
        if not due:
            waiting = await asyncio.to_thread(held, states, cache(built.store.host), now) | waiting
            waiting |= {} if named else no_more(states)
        wanted = set(source_ids) - waiting.keys()
        interrupted = await _until_signalled(built, wanted, due=due, force=force)
        if built.filer:
            await asyncio.to_thread(built.filer.bring_up_to_date, settings)
        if index and not interrupted:
            await asyncio.to_thread(indexing.bring_up_to_date, built.store)
        await asyncio.to_thread(watch, built.store, settings, clock.now())
        if interrupted:
            raise KeyboardInterrupt
        if trouble := built.poller.trouble or (built.filer and built.filer.trouble):
            raise StoreError(trouble)
    return [waiting[source_id] for source_id in source_ids if source_id in waiting]


async def refresh_lists(settings: Settings) -> None:
    """Ask for the lists of sources whose time has come, and keep what they say. Raises StoreError."""
    store = await asyncio.to_thread(SqliteStore.open, settings.storage.path)
    network = Network(settings.polling.allow_private)
    try:
        await refresh(store, network, settings.lists, user_agent(settings.polling.user_agent, settings.server.base_url))
    finally:
        await network.aclose()
        await asyncio.to_thread(store.close)


async def _until_signalled(built: Plant, wanted: Collection[str], *, due: bool, force: bool) -> bool:
    """Poll; return whether a signal came before all was done."""
    polling = asyncio.create_task(built.poller.poll_once(wanted, due=due, force=force))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, polling.cancel)
    with suppress(asyncio.CancelledError):
        await polling
    if polling.cancelled():
        await built.poller.stop(grace=0)
    return polling.cancelled()


def too_soon(states: Collection[PollState], allow_private: Collection[str], now: datetime) -> dict[str, str]:
    """
    Return by source id why it may not be asked now: it was asked within five minutes, or asked us to wait.

    A host of `allow_private` is the operator's own and may be asked at any time, unless it asked us to wait.
    """
    waiting = {}
    for state in states:
        source, last = state.source, state.last_attempt_at
        if state.retry_after_until and state.retry_after_until > now:
            until = f"{state.retry_after_until:%Y-%m-%d %H:%M}Z"
            waiting[source.id] = f"{source.id}: not asked; its publisher wants to be left alone until {until}"
        elif last and now - last < LEAST_APART and host_and_port(state.address or source.url) not in allow_private:
            ago = int((now - last).total_seconds())
            waiting[source.id] = f"{source.id}: not asked; it was asked {ago} s ago, and five minutes are the least"
    return waiting


def held(states: Collection[PollState], wait_of: Callable[[str], HostState], now: datetime) -> dict[str, str]:
    """Return by source id why it may not be asked now: another source of its host was told to wait (rule 24)."""
    waiting = {}
    for state in states:
        one, wait = state.source.id, wait_of(state.host)
        elsewhere = any(other != state.host for other in state.source.other_hosts)
        if wait.not_before and wait.not_before > now and not elsewhere:
            until = f"{wait.not_before:%Y-%m-%d %H:%M}Z"
            waiting[one] = f"{one}: not asked; {wait.host} wants to be left alone until {until}"
    return waiting


def no_more(states: Collection[PollState]) -> dict[str, str]:
    """Return by source id why it is asked no more unless somebody names it (rules 32 and 44)."""
    stopped = (state for state in states if state.stopped)
    return {
        (one := state.source.id): f"{one}: not asked; it is {state.stopped}: `aggregator poll {one}` tries again"
        for state in stopped
    }


async def look(url: str) -> tuple[Fetched, Reading]:
    """
    Fetch and read a feed's address once, storing nothing.

    The operator named the address, so a private one is looked at too. Raises PollError, or ValueError for
    what is no http(s) URL.
    """
    if not url.lower().startswith(("http://", "https://")):
        raise ValueError(f"{url!r} is no address of a feed; it begins with https:// or http://")
    source = Source(id="preview", url=url, name=url)
    return await look_at(source, frozenset({host_and_port(url)}), user_agent(Polling().user_agent, None))


async def look_at(
    source: Source, allow_private: frozenset[str], usual_agent: str, limits: WorkerLimits = WorkerLimits()
) -> tuple[Fetched, Reading]:
    """Fetch and read a source's first address once, as a poll would but without validators. Raises PollError, ValueError."""
    network, workers = Network(allow_private), Workers(1, limits)
    try:
        answer = await fetch(network, source, source.url, Validators(), user_agent=usual_agent)
        if not isinstance(answer, Fetched):  # rule 15: a 304 to a request without validators is PROTOCOL already
            raise PollError(FailureKind.PROTOCOL, "it says that nothing changed, though nothing was asked about")
        return answer, await workers.read(source, answer, clock.now())
    finally:
        await asyncio.to_thread(workers.close)
        await network.aclose()
