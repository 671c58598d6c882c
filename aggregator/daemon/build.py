"""Build what polling needs from one feeds.yaml, and let go of it in the right order."""

from __future__ import annotations

import asyncio
import gc
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aggregator import clock, hiding
from aggregator.agent import user_agent
from aggregator.daemon.care import within_descriptors
from aggregator.model import Settings
from aggregator.network import Network
from aggregator.poll import Poller
from aggregator.rows import source_rows
from aggregator.settling import Clocks, Outcome
from aggregator.workers import WorkerLimits, Workers, give_back_memory
from storage.contract import Store, StoreError
from storage.sqlite import SqliteStore

if TYPE_CHECKING:
    from aggregator.filing import Filer

FIRST_FILES = 2.0
"""Seconds for what an earlier run left unwritten, before the first poll; those that it may have written come first."""


@dataclass(frozen=True, slots=True)
class Plant:
    """Everything that polling needs."""

    store: SqliteStore
    poller: Poller
    filer: Filer | None
    """None where feeds.yaml names no records folder."""
    network: Network
    workers: Workers


@asynccontextmanager
async def plant(settings: Settings, report: Callable[[Outcome], None]) -> AsyncIterator[Plant]:
    """Build what polling needs, and let go of it at the end. Raises StoreError where the store cannot be used."""
    _collect_less()
    give_back_memory()
    store = await asyncio.to_thread(SqliteStore.open, settings.storage.path)
    workers = Workers(settings.polling.workers, WorkerLimits.of(settings.polling))
    network = Network(settings.polling.allow_private)
    try:
        await asyncio.to_thread(store.sync_sources, source_rows(settings), clock.now())
        await asyncio.to_thread(store.note_views, [view.name for view in settings.views])
        poller = Poller(
            store=store,
            network=network,
            reader=workers,
            settings=within_descriptors(settings),
            user_agent=user_agent(settings.polling.user_agent, settings.server.base_url),
            clocks=Clocks(now=clock.now, monotonic=clock.monotonic, jitter=random.random),
            report=report,
        )
        filer = _filer(store, settings)
        if filer is not None:
            # Before the first poll: a file that was written just before a crash, and not noted, is recognised as
            # ours only while its record is still the same.
            await asyncio.to_thread(filer.sweep)
            until = clock.monotonic() + FIRST_FILES
            await asyncio.to_thread(filer.bring_up_to_date, settings, lambda: clock.monotonic() < until)
        yield Plant(store, poller, filer, network, workers)
    finally:
        await asyncio.to_thread(workers.close)
        await network.aclose()
        await asyncio.to_thread(store.close)


def judge(
    store: Store, filer: Filer | None, settings: Settings, go_on: Callable[[], bool] = lambda: True
) -> str | None:
    """
    Hide and show again what is stored, where rules or the operator's list say otherwise than before; blocks.

    Returns why that could not be done, None where it was: nobody is kept from polling by it.
    """
    try:
        judged = hiding.bring_up_to_date(store, settings, go_on)
    except (StoreError, OSError) as error:
        return f"what is hidden could not be judged again: {error}"
    if filer is not None:
        filer.take_away(judged.taken_out)
    return None


def settle(store: Store, settings: Settings) -> None:
    """
    Bring marks and record files in line with what was just stored, as a poll does; blocks.

    Raises StoreError where something of it could not be done.
    """
    filer = _filer(store, settings)
    if fault := judge(store, filer, settings):
        raise StoreError(fault)
    if filer is not None:
        filer.bring_up_to_date(settings)
        if filer.trouble:
            raise StoreError(filer.trouble)


def _filer(store: Store, settings: Settings) -> Filer | None:
    if settings.storage.records is None:
        return None
    # It loads all that reads and writes record files: who keeps none starts without that.
    from aggregator.filing import Filer  # noqa: PLC0415 - as said
    from storage.posts import Posts  # noqa: PLC0415 - as said

    return Filer(store, Posts(settings.storage.records))


def _collect_less() -> None:
    """Leave what was imported out of every collection, and collect less often: a twentieth of the time of a poll."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
