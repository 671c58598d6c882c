"""Read bodies in processes that can be killed, so that one hostile feed costs one poll and nothing else."""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
import signal
from concurrent.futures import TimeoutError as WallTimeout
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from pebble import ProcessExpired, ProcessPool

from aggregator.model import FailureKind, Fetched, PollError, Reading, Source


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """What reading one body may take before its worker is ended."""

    cpu: timedelta = timedelta(seconds=5)
    wall: timedelta = timedelta(seconds=30)
    """Longer than `cpu`, as a worker waits for its core where the machine is busy."""
    memory: int = 512 * 1024 * 1024
    """Bytes of address space beyond what the worker has when it starts."""
    tasks: int = 2000
    """Bodies after which a worker is replaced, so that what a library leaks is given back."""


class Reader(Protocol):
    """Whatever turns a body into records; the one seam between the corridor and the worker processes."""

    async def read(self, source: Source, fetched: Fetched, seen_at: datetime) -> Reading:
        """Return what the body says; raise PollError where it cannot be read."""


class Workers:
    """A pool of killable reading processes; they start with the first body that needs one."""

    def __init__(self, count: int = 2, limits: WorkerLimits = WorkerLimits()) -> None:
        self._count = count
        self._limits = limits
        self._pool: ProcessPool | None = None

    async def read(self, source: Source, fetched: Fetched, seen_at: datetime) -> Reading:
        """
        Return what the body says, read in a worker.

        Raises PollError: what the stages raise, or PARSE_LIMIT where the worker had to be ended.
        """
        cpu = int(self._limits.cpu.total_seconds())
        future = self._running().schedule(
            _read, args=(source, fetched, seen_at, cpu), timeout=self._limits.wall.total_seconds()
        )
        try:
            reading: Reading = await asyncio.wrap_future(future)
        except WallTimeout:
            wall = self._limits.wall.total_seconds()
            raise PollError(FailureKind.PARSE_LIMIT, f"reading it took more than {wall:g} s") from None
        except ProcessExpired as died:
            raise PollError(FailureKind.PARSE_LIMIT, _cause_of_death(died.exitcode, cpu)) from None
        except MemoryError:
            limit = self._limits.memory // (1024 * 1024)
            raise PollError(FailureKind.PARSE_LIMIT, f"reading it took more than {limit} MB of memory") from None
        return reading

    def close(self) -> None:
        """End the workers; what they were reading is lost."""
        if self._pool is not None:
            self._pool.stop()  # type: ignore[no-untyped-call]  # pebble leaves it untyped
            self._pool.join()
            self._pool = None

    def _running(self) -> ProcessPool:
        if self._pool is None:
            # forkserver: a fork of the daemon itself would copy its threads' locks in whatever state they are in.
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload(["aggregator.intake"])
            self._pool = ProcessPool(
                max_workers=self._count,
                max_tasks=self._limits.tasks,
                initializer=_confine,
                initargs=(self._limits.memory,),
                context=context,
            )
        return self._pool


def _cause_of_death(exitcode: int, cpu: int) -> str:
    if exitcode in (-signal.SIGXCPU, signal.SIGXCPU):
        return f"reading it took more than {cpu} s of processor time"
    return f"the worker that read it died (exit code {exitcode})"


def _confine(memory: int) -> None:
    """Bound what this worker may take; a terminal's Ctrl-C is the daemon's to answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    statm = Path("/proc/self/statm")
    if statm.exists():  # Linux; elsewhere the wall limit alone bounds a worker
        in_use = int(statm.read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (in_use + memory, resource.RLIM_INFINITY))


def _read(source: Source, fetched: Fetched, seen_at: datetime, cpu: int) -> Reading:
    """Run in the worker: give this body `cpu` seconds of processor time, then read it."""
    from aggregator.intake import read  # noqa: PLC0415 - feedparser and nh3 are loaded in the workers only

    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + 1 + cpu
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))
    return read(source, fetched, seen_at)
