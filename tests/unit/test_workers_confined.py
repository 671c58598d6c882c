"""What a worker may not: take the processor for long, write cores, stand before those who serve, answer Ctrl-C."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aggregator.model import Fetched, Reading, Source
from aggregator.outcomes import FailureKind, PollError
from aggregator.workers import NICE, WorkerLimits, Workers
from storage.states import Validators

pytestmark = pytest.mark.timeout(60)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SOURCE = Source(id="a", url="https://a.example/feed", name="A")


@pytest.fixture(autouse=True)
def told_of_processes(require: Callable[[str, bool], None]) -> None:
    require("what Linux tells of a process", Path("/proc/self/limits").exists())


@pytest.fixture
def workers() -> Iterator[Workers]:
    made = Workers(1, WorkerLimits(cpu=timedelta(), wall=timedelta(seconds=50)))
    yield made
    made.close()


async def read(workers: Workers, items: int) -> Reading:
    text = "<b><p></b>" * 300
    each = "".join(f"<item><guid>{n}</guid><description><![CDATA[{text}]]></description></item>" for n in range(items))
    body = f"<rss version='2.0'><channel><title>F</title>{each}</channel></rss>".encode()
    return await workers.read(SOURCE, Fetched(SOURCE.url, 200, {}, body, Validators()), NOON)


def told(pid: int, what: str) -> list[str]:
    """Return the lines that the system says of the process."""
    return Path(f"/proc/{pid}/{what}").read_text(encoding="ascii").splitlines()


async def test_a_body_that_takes_the_processor_for_too_long_costs_one_poll(workers: Workers) -> None:
    with pytest.raises(PollError, match=r"0 s of processor time \(polling.max_cpu\)") as refused:
        await read(workers, 2000)

    assert refused.value.kind is FailureKind.PARSE_LIMIT
    assert len((await read(workers, 1)).records) == 1


async def test_a_worker_is_confined(workers: Workers) -> None:
    await read(workers, 1)

    (pid,) = [child.pid for child in multiprocessing.active_children() if child.pid and "pebble" in child.name]
    bounds = {line[:25].strip(): line[26:].split()[0] for line in told(pid, "limits")[1:]}
    status = dict(line.split(":\t", 1) for line in told(pid, "status"))
    in_use = int(status["VmSize"].split()[0]) * 1024
    assert bounds["Max core file size"] == "0"
    assert in_use < int(bounds["Max address space"]) < in_use + 40 * 1024 * 1024
    assert int(bounds["Max cpu time"]) <= 3
    assert os.getpriority(os.PRIO_PROCESS, pid) == os.getpriority(os.PRIO_PROCESS, 0) + NICE
    assert int(status["SigIgn"], 16) & 1 << signal.SIGINT - 1
