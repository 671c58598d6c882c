"""The daemon's jobs under what a job may do: take longer than its interval, fail, be under way when the daemon stops."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from aggregator.daemon.jobs import Jobs

SOON = timedelta(milliseconds=5)


class Work:
    """A job that goes on until it is let."""

    def __init__(self, ends: int = 0) -> None:
        self.begun, self.ended = 0, False
        self.often, self.go_on = asyncio.Event(), asyncio.Event()
        self._often = ends

    async def job(self) -> None:
        """Be counted, and wait."""
        self.begun += 1
        if self.begun > self._often:
            self.often.set()
        try:
            await self.go_on.wait()
        finally:
            self.ended = True


@asynccontextmanager
async def running(*works: Work) -> AsyncIterator[Jobs]:
    jobs = Jobs()
    for work in works:
        jobs.every(SOON, work.job, first=timedelta())
    jobs.start()
    yield jobs
    jobs.stop()


async def test_a_job_that_takes_longer_than_its_interval_is_begun_once_and_told_to_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    long, short = Work(ends=1), Work(ends=5)
    short.go_on.set()

    async with running(long, short):
        await asyncio.wait_for(short.often.wait(), 5)
        begun = long.begun
        long.go_on.set()
        await asyncio.wait_for(long.often.wait(), 5)

    assert begun == 1
    assert caplog.records == []


async def test_a_job_under_way_ends_without_a_word_when_the_daemon_stops(caplog: pytest.LogCaptureFixture) -> None:
    work = Work()
    async with running(work):
        await asyncio.wait_for(work.often.wait(), 5)
    await asyncio.sleep(0)

    assert work.ended
    assert caplog.records == []


async def test_a_job_that_fails_is_told_of_and_comes_again(caplog: pytest.LogCaptureFixture) -> None:
    often = asyncio.Event()
    count = 0

    async def failing() -> None:
        nonlocal count
        count += 1
        if count == 2:
            often.set()
        raise LookupError("a fault of ours")

    jobs = Jobs()
    jobs.every(SOON, failing, first=timedelta())
    jobs.start()
    await asyncio.wait_for(often.wait(), 5)
    await asyncio.sleep(0)
    jobs.stop()

    assert {(one.levelno, one.getMessage()) for one in caplog.records} == {
        (logging.ERROR, "failing, a job of the daemon, failed")
    }
