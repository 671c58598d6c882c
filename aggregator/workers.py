"""Read bodies in processes that can be killed, so that one hostile feed costs one poll and nothing else."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import logging
import multiprocessing
import os
import resource
import signal
from collections import Counter
from collections.abc import AsyncIterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from aggregator import clock
from aggregator.model import Fetched, Polling, Reading, Source
from aggregator.outcomes import FailureKind, PollError

log = logging.getLogger(__name__)

_POLLING = Polling()
LARGE = 2 * 1024 * 1024
"""Bytes beyond which a body is read alone; hardly any real feed is larger."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
"""malloc.h: where freed memory at the end of the heap goes back, what has a mapping of its own, how many heaps."""
AHEAD = 2
"""Bodies a worker that are given to the pool at once: it has the next one at hand when it is done with one."""
POOLS = 3
"""Pools in which a body is tried: it may be another one that broke them."""
NICE = 10
"""How far a worker steps back where processors are short: who serves subscribers goes first."""
STUCK = 15.0
"""Seconds beyond the wall limit after which a pool that finishes nothing is given up."""


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """What reading one body may take before its worker is ended."""

    cpu: timedelta = _POLLING.max_cpu
    wall: timedelta = _POLLING.max_reading
    memory: int = _POLLING.max_memory
    """Bytes of address space beyond what the worker has when it starts."""
    together: int = 32 * 1024 * 1024
    """The same of a worker that reads beside others: what takes more is read again, alone, with `memory`."""
    tasks: int = 2000
    """Bodies after which a worker is replaced, so that what a library leaks is given back."""

    @classmethod
    def of(cls, polling: Polling) -> WorkerLimits:
        """Return what feeds.yaml says of it."""
        return cls(polling.max_cpu, polling.max_reading, polling.max_memory)


class Reader(Protocol):
    """Whatever turns a body into records; the one seam between the corridor and the worker processes."""

    async def read(self, source: Source, fetched: Fetched, seen_at: datetime) -> Reading:
        """Return what the body says; raise PollError where it cannot be read."""


class Workers:
    """A pool of killable reading processes; they start with the first body that needs one."""

    def __init__(self, count: int = 2, limits: WorkerLimits = WorkerLimits()) -> None:
        self._count = count
        self._limits = limits
        self._pools: dict[bool, ProcessPool] = {}
        """By whether it reads large bodies: one at a time, each in a worker of its own, which takes its memory along."""
        self._retired: set[ProcessPool] = set()
        """Pools of earlier limits, until what they read is read."""
        self._busy = Counter[ProcessPool]()
        """How many bodies each was given and has not read yet."""
        self._moved = 0.0
        self._large = asyncio.Semaphore()
        self._turns = asyncio.Semaphore(AHEAD * count)

    async def use(self, count: int, limits: WorkerLimits) -> None:
        """Read with so many workers and within these limits from now on; what is being read ends within the old ones."""
        if (count, limits) == (self._count, self._limits):
            return
        if count != self._count:
            self._turns = asyncio.Semaphore(AHEAD * count)
        self._count, self._limits = count, limits
        self._retired.update(self._pools.values())
        self._pools.clear()
        for pool in list(self._retired):
            await self._end_where_done(pool)

    async def read(self, source: Source, fetched: Fetched, seen_at: datetime) -> Reading:
        """
        Return what the body says, read in a worker.

        Raises PollError: what the stages raise, or PARSE_LIMIT where the worker had to be ended.
        """
        if len(fetched.body) <= LARGE:
            with suppress(MemoryError):  # it takes more than one that reads beside others may
                async with self._turns:
                    return await self._limited(source, fetched, seen_at, large=False)
        async with self._large, self._nearly_alone():
            memory = self._limits.memory
            try:
                return await self._limited(source, fetched, seen_at, large=True)
            except MemoryError:
                limit = f"{memory / 1024**2:g} MB of memory (polling.max_memory)"
                raise PollError(FailureKind.PARSE_LIMIT, f"reading it took more than {limit}") from None
            finally:
                await asyncio.to_thread(give_back_freed)

    @asynccontextmanager
    async def _nearly_alone(self) -> AsyncIterator[None]:
        """Leave one turn to small bodies: what a large one takes is then beside one of them, and not beside all."""
        turns, count = self._turns, AHEAD * self._count
        async with AsyncExitStack() as taken:
            for _ in range(max(0, count - 1)):
                await taken.enter_async_context(turns)
            yield

    async def _limited(self, source: Source, fetched: Fetched, seen_at: datetime, *, large: bool) -> Reading:
        """Return what the body says; raise PollError where it takes too long, MemoryError where too much memory."""
        cpu, wall = int(self._limits.cpu.total_seconds()), self._limits.wall.total_seconds()
        try:
            return await self._read(source, fetched, seen_at, cpu, large=large)
        except TimeoutError:
            detail = f"reading it took more than {wall:g} s (polling.max_reading)"
            raise PollError(FailureKind.PARSE_LIMIT, detail) from None
        except ProcessExpired as died:
            raise PollError(FailureKind.PARSE_LIMIT, _cause_of_death(died.exitcode, cpu)) from None

    async def _read(self, source: Source, fetched: Fetched, seen_at: datetime, cpu: int, *, large: bool) -> Reading:
        """
        Read it in the pool; in a new one where the pool broke.

        It does where a worker ends between two bodies, or while it takes one in, and takes no work any more then.
        """
        for _ in range(POOLS):
            pool, handed = self._running(large=large), [fetched]
            self._busy[pool] += 1
            try:
                return await self._watched(pool, pool.schedule(_read, args=(source, handed, seen_at, cpu)))
            except (BrokenProcessPool, _PoolError):
                if self._pools.get(large) is pool:
                    log.warning("the workers that read bodies broke down, and are replaced")
                    del self._pools[large]
                    await asyncio.to_thread(_end, pool)
            finally:
                handed.clear()  # the pool remembers its last task until the next one
                self._busy[pool] -= 1
                await self._end_where_done(pool)
        raise PollError(FailureKind.PARSE_LIMIT, f"the workers that read it broke down, {POOLS} times")

    async def _watched(self, pool: ProcessPool, future: ProcessFuture[Reading]) -> Reading:
        """
        Return what comes.

        Raises TimeoutError where this body takes too long: pebble's own limit goes by the clock of the day, and one
        that is set ahead would end whatever is being read. Raises _PoolError where nothing comes of any body.
        """
        reading, began, started = asyncio.wrap_future(future), clock.awake(), 0.0
        wall = self._limits.wall.total_seconds()
        try:
            while not (await asyncio.wait([reading], timeout=1))[0]:
                now = clock.awake()
                if not pool.active or now - max(began, self._moved) > wall + STUCK:
                    raise _PoolError
                started = started or (now if future.running() else 0.0)
                if started and now - started > wall:
                    raise TimeoutError
        finally:
            # Ends the worker that reads it; nothing to cancel where it is done.
            future.cancel()  # type: ignore[no-untyped-call]  # pebble leaves it untyped
            reading.cancel()
        self._moved = clock.awake()
        try:
            return reading.result()
        finally:
            # What it raises holds this frame, and with it the future that holds what it raises: and the whole body.
            del reading, future

    def close(self) -> None:
        """End the workers; what they were reading is lost."""
        for pool in (*self._pools.values(), *self._retired):
            _end(pool)
        self._pools.clear()
        self._retired.clear()

    async def _end_where_done(self, pool: ProcessPool) -> None:
        """End a pool that is not used any more and has nothing left to read."""
        if not self._busy[pool]:
            del self._busy[pool]
            if pool in self._retired:
                self._retired.remove(pool)
                await asyncio.to_thread(_end, pool)

    def _running(self, *, large: bool) -> ProcessPool:
        if large not in self._pools:
            # forkserver: a fork of the daemon itself would copy its threads' locks in whatever state they are in.
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload(["aggregator.intake", "aggregator.workers"])
            self._pools[large] = _Pool(
                max_workers=1 if large else self._count,
                max_tasks=1 if large else self._limits.tasks,
                initializer=_confine,
                initargs=(self._limits.memory if large else min(self._limits.together, self._limits.memory),),
                context=context,
            )
        return self._pools[large]


class _PoolError(Exception):
    """The pool takes no work, or does none."""


class _Pool(ProcessPool):
    """pebble's pool, which says by a type of its own that it takes no work."""

    def _check_pool_status(self) -> None:
        try:
            super()._check_pool_status()  # type: ignore[no-untyped-call]  # as above
        except RuntimeError as error:
            raise _PoolError from error


def _end(pool: ProcessPool) -> None:
    pool.stop()  # type: ignore[no-untyped-call]  # pebble leaves it untyped
    pool.join()


def _cause_of_death(exitcode: int, cpu: int) -> str:
    if exitcode in (-signal.SIGXCPU, signal.SIGXCPU):
        return f"reading it took more than {cpu} s of processor time (polling.max_cpu)"
    if exitcode in (
        -signal.SIGABRT,
        1,
    ):  # a library that gets no memory aborts; so does what would say that there is none
        return f"the worker that read it ran out of memory, by its end (exit code {exitcode}, polling.max_memory)"
    return f"the worker that read it died (exit code {exitcode})"


def _confine(memory: int) -> None:
    """Bound what this worker may take and say; a terminal's Ctrl-C is the daemon's to answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What a library writes where memory ends is no line of our log; how the worker ended is told by who started it.
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)
    os.close(silence)
    os.nice(NICE)
    gc.freeze()  # a collection writes to all that it looks at, and what it writes to is shared no more
    give_back_memory()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    statm = Path("/proc/self/statm")
    if statm.exists():  # Linux; elsewhere the wall limit alone bounds a worker
        in_use = int(statm.read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        _lower(resource.RLIMIT_AS, in_use + memory)


def _lower(limit: int, soft: int) -> None:
    """Set the limit, as far as the one that we were started under allows."""
    _, hard = resource.getrlimit(limit)
    resource.setrlimit(limit, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _read(source: Source, handed: list[Fetched], seen_at: datetime, cpu: int) -> Reading:
    """Run in the worker: give the one body `cpu` seconds of processor time, then read it, holding on to it no longer."""
    from aggregator.intake import read  # noqa: PLC0415 - feedparser and nh3 are loaded in the workers only

    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + 1 + cpu
    _lower(resource.RLIMIT_CPU, soft)
    return read(source, handed.pop(), seen_at)


def give_back_freed() -> None:
    """Give what is free back to the system, also where what is in use lies above it; milliseconds, for a thread."""
    gc.collect()
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def give_back_memory() -> None:
    """
    Let the C library give what is freed back to the system, where it is glibc's.

    By itself it learns from each large body that was freed to keep the next one: after an hour of bombs 150 MB of
    nothing. And every thread has an arena of its own, of which each keeps some.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return
    mallopt(_M_MMAP_THRESHOLD, 128 * 1024)
    mallopt(_M_TRIM_THRESHOLD, 1024 * 1024)
    mallopt(_M_ARENA_MAX, 2)
