"""The daemon's few jobs, each at its interval however the clock of the day is set."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from aggregator import clock

log = logging.getLogger(__name__)

LOOK = 1.0
"""Seconds between two looks whether a job waits for a time that the clock was set back from."""


class Jobs:
    """
    Runs jobs; what is polled when is none of them, that lies in the store.

    A job that is late runs once as soon as it can, never several times and never not at all; one that takes longer than
    its interval is not begun beside itself. The scheduler goes by the clock of the day: one that is set ahead makes a
    job come early, once; one that is set back keeps none waiting.
    """

    def __init__(self) -> None:
        self._scheduler = AsyncIOScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        self._running: dict[Callable[[], Awaitable[None]], asyncio.Task[None]] = {}

    def every(self, interval: timedelta, job: Callable[[], Awaitable[None]], *, first: timedelta | None = None) -> None:
        """Run the job every `interval`, for the first time after `first` where that is given."""
        at = clock.now() + (interval if first is None else first)
        self._scheduler.add_job(self._begin, _Every(interval), args=[job], next_run_time=at)

    def start(self) -> None:
        """Run them from now on."""
        self._scheduler.start()
        self._minding = asyncio.create_task(self._mind())

    def stop(self) -> None:
        """Begin no other run, and break off what runs where it waits for something; what it does in a thread is done."""
        self._minding.cancel()
        self._scheduler.shutdown(wait=False)
        for task in self._running.values():
            task.cancel()

    async def _begin(self, job: Callable[[], Awaitable[None]]) -> None:
        """
        Begin the job, where it is not under way.

        The scheduler does no more than this. Of jobs of its own it logs each time at which one is still under way, and
        a traceback of each that it ends.
        """
        before = self._running.get(job)
        if before is None or before.done():
            self._running[job] = asyncio.create_task(_run(job))

    async def _mind(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            now = clock.now()
            for job in self._scheduler.get_jobs():
                if job.next_run_time > now + max(job.trigger.interval, timedelta(seconds=2 * LOOK)):
                    job.modify(next_run_time=now + job.trigger.interval)


async def _run(job: Callable[[], Awaitable[None]]) -> None:
    try:
        await job()
    except Exception:  # it is to come again, whatever became of it this time
        log.exception("%s, a job of the daemon, failed", getattr(job, "__name__", job))


class _Every(BaseTrigger):  # type: ignore[misc]  # apscheduler ships no types
    """
    Comes once an interval after it last came.

    Not apscheduler's own, which counts up every run that a clock set ahead left out: the seconds of a year take it
    most of a minute, and 1.7 GB.
    """

    def __init__(self, interval: timedelta) -> None:
        self.interval = interval

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        """Return when it comes next: in step with the last time, where that is not behind."""
        following = (previous or now) + self.interval
        return following if following > now else now + self.interval
