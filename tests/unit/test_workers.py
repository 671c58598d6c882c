"""Real worker processes: one hostile feed costs one poll, and nothing that happens to a worker costs two."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from aggregator.model import Fetched, Reading, Source
from aggregator.outcomes import FailureKind, PollError
from aggregator.workers import WorkerLimits, Workers
from storage.states import Validators

pytestmark = pytest.mark.timeout(60)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SOURCE = Source(id="a", url="https://a.example/feed", name="A")
MIB = 1024 * 1024
UNDER_A_LIMIT = """
import asyncio, resource
from datetime import UTC, datetime
from aggregator.model import Fetched, Source
from aggregator.workers import Workers
from storage.states import Validators

if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (4 * 1024**3, 4 * 1024**3))
    resource.setrlimit(resource.RLIMIT_CPU, (600, 600))
    body = b"<rss version='2.0'><channel><title>F</title><item><title>T</title></item></channel></rss>"
    workers = Workers(1)
    fetched = Fetched("https://a.example/feed", 200, {}, body, Validators())
    reading = asyncio.run(workers.read(Source(id="a", url=fetched.url, name="A"), fetched, datetime.now(UTC)))
    workers.close()
    print(len(reading.records))
"""


def feed(padding: str = "") -> bytes:
    return (
        f"<rss version='2.0'><channel><title>F</title><item><title>T</title>{padding}</item></channel></rss>".encode()
    )


def demanding() -> bytes:
    """A body that takes some hundred megabytes to read: an element with 400,000 attributes."""
    attributes = " ".join(f"a{n}='1'" for n in range(400_000))
    return feed(f"<description {attributes}>x</description>")


async def read(workers: Workers, body: bytes) -> Reading:
    return await workers.read(SOURCE, Fetched(SOURCE.url, 200, {}, body, Validators()), NOON)


def pids() -> list[int]:
    return [child.pid for child in multiprocessing.active_children() if child.pid and "pebble" in child.name]


@pytest.fixture
def limits() -> WorkerLimits:
    return WorkerLimits()


@pytest.fixture
def workers(limits: WorkerLimits) -> Iterator[Workers]:
    made = Workers(1, limits)
    yield made
    made.close()


async def test_a_worker_that_is_killed_between_two_bodies_costs_none(workers: Workers) -> None:
    await read(workers, feed())
    for pid in pids():
        os.kill(pid, signal.SIGKILL)

    readings = [await read(workers, feed()) for _ in range(3)]

    assert [len(reading.records) for reading in readings] == [1, 1, 1]


async def test_a_pool_that_broke_down_while_nothing_was_read_is_replaced(workers: Workers) -> None:
    await read(workers, feed())
    for pid in pids():
        os.kill(pid, signal.SIGKILL)
    await asyncio.sleep(0.5)  # pebble finds out, and takes no work from then on

    assert len((await read(workers, feed())).records) == 1


@pytest.mark.parametrize("limits", [WorkerLimits(memory=64 * MIB)])
async def test_a_body_that_takes_too_much_memory_costs_one_poll(workers: Workers) -> None:
    with pytest.raises(PollError) as refused:
        await read(workers, demanding())

    assert refused.value.kind is FailureKind.PARSE_LIMIT
    assert len((await read(workers, feed())).records) == 1


@pytest.mark.parametrize("limits", [WorkerLimits(memory=64 * MIB)])
async def test_limits_that_are_raised_hold_for_the_next_body(workers: Workers) -> None:
    with pytest.raises(PollError, match=r"more than 64 MB of memory \(polling.max_memory\)"):
        await read(workers, demanding())
    await read(workers, feed())
    before = set(pids())

    await workers.use(2, WorkerLimits(memory=512 * MIB))

    assert len((await read(workers, demanding())).records) == 1
    assert before.isdisjoint(pids())


async def test_what_is_read_when_limits_change_is_read_to_its_end(workers: Workers) -> None:
    reading = await begun(workers)
    before = set(pids())

    await workers.use(1, WorkerLimits(memory=96 * MIB))

    assert len((await read(workers, feed())).records) == 1
    assert len(set(pids()) - before) == 1
    assert len((await reading).records) == 2000
    assert before.isdisjoint(pids())


async def test_the_same_limits_again_leave_the_workers_as_they_are(workers: Workers) -> None:
    await read(workers, feed())
    before = pids()

    await workers.use(1, WorkerLimits())
    await read(workers, feed())

    assert pids() == before


async def test_a_reading_of_earlier_limits_that_is_given_up_leaves_no_worker(workers: Workers) -> None:
    reading = await begun(workers)
    await workers.use(1, WorkerLimits(memory=96 * MIB))

    reading.cancel()

    with pytest.raises(asyncio.CancelledError):
        await reading
    assert pids() == []


@pytest.mark.parametrize("limits", [WorkerLimits(memory=24 * MIB)])
async def test_a_body_that_no_worker_can_even_take_in_costs_one_poll(workers: Workers) -> None:
    with pytest.raises(PollError) as refused:
        await read(workers, feed(" " * 30 * MIB))

    assert refused.value.kind is FailureKind.PARSE_LIMIT
    assert len((await read(workers, feed())).records) == 1


@pytest.mark.parametrize("limits", [WorkerLimits(memory=96 * MIB)])
async def test_a_large_body_leaves_nothing_behind_for_the_next(workers: Workers) -> None:
    texts = "".join(
        f"<item><guid>urn:x:{n}</guid><title>{n}</title><description>{'产品 ' * 900}</description></item>"
        for n in range(1500)
    )
    body = f"<rss version='2.0'><channel><title>F</title>{texts}</channel></rss>".encode()

    readings = [await read(workers, body) for _ in range(4)]

    assert [len(reading.records) for reading in readings] == [1500] * 4


@pytest.mark.parametrize("limits", [WorkerLimits(wall=timedelta(seconds=1))])
async def test_a_pool_that_does_nothing_any_more_is_replaced(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aggregator.workers.STUCK", 1.0)
    await read(workers, feed())
    for pid in pids():
        os.kill(pid, signal.SIGSTOP)

    assert len((await asyncio.wait_for(read(workers, feed()), 20)).records) == 1


def long() -> bytes:
    """A body that takes some seconds to read."""
    text = "<b><p></b>" * 300
    items = "".join(f"<item><guid>{n}</guid><description><![CDATA[{text}]]></description></item>" for n in range(2000))
    return f"<rss version='2.0'><channel><title>F</title>{items}</channel></rss>".encode()


async def begun(workers: Workers) -> asyncio.Task[Reading]:
    """Return the reading of a long body, which a worker has begun."""
    reading = asyncio.create_task(read(workers, long()))
    await asyncio.sleep(1.2)  # the pool hands it over, and notes when
    assert not reading.done()
    return reading


@pytest.mark.parametrize("limits", [WorkerLimits(cpu=timedelta(seconds=60), wall=timedelta(seconds=60))])
@pytest.mark.parametrize("days", [-1, 365])
async def test_a_clock_that_is_set_ends_no_reading(
    workers: Workers, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    now = time.time
    reading = await begun(workers)

    monkeypatch.setattr(time, "time", lambda: now() + days * 86400)

    assert len((await reading).records) == 2000


@pytest.mark.parametrize("limits", [WorkerLimits(together=24 * MIB)])
async def test_a_small_body_that_takes_much_memory_is_read_again_alone(workers: Workers) -> None:
    attributes = " ".join(f"a{n}='1'" for n in range(120_000))

    reading = await read(workers, feed(f"<description {attributes}>x</description>"))

    assert len(reading.records) == 1
    assert len(workers._pools) == 2


@pytest.mark.parametrize("limits", [WorkerLimits(wall=timedelta(seconds=2))])
@pytest.mark.parametrize("days", [-1, 0])
async def test_a_reading_that_stands_still_is_ended_though_the_clock_was_set_back(
    workers: Workers, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    now = time.time
    reading = await begun(workers)

    for pid in pids():
        os.kill(pid, signal.SIGSTOP)
    monkeypatch.setattr(time, "time", lambda: now() + days * 86400)

    with pytest.raises(PollError, match="more than 2 s") as ended:
        await asyncio.wait_for(reading, 20)
    assert ended.value.kind is FailureKind.PARSE_LIMIT
    assert len((await read(workers, feed())).records) == 1


def test_it_reads_under_a_limit_of_memory_that_it_may_not_raise() -> None:
    command = [sys.executable, "-c", UNDER_A_LIMIT]

    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=50)

    assert (done.stdout, done.stderr) == ("1\n", "")


@pytest.mark.parametrize(
    ("text", "of"),
    [("文章内容很长", 15), ("plain words ", 15), ("😀 and words", 10), ("&lt;p&gt;this & that&lt;/p&gt;", 6)],
    ids=["Chinese", "plain", "with an emoji", "escaped, and a stray ampersand"],
)
async def test_what_an_honest_publisher_may_send_is_read_within_the_bounds(
    workers: Workers, text: str, of: int
) -> None:
    body = feed(f"<description>{text * (of * MIB // len(text.encode()) // 20)}</description></item><item>" * 20)

    reading = await read(workers, body)

    assert len(reading.records) == 20


async def test_what_a_library_says_as_it_dies_is_no_line_of_ours(
    workers: Workers, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(PollError) as caught:
        await read(workers, feed(f"<description><![CDATA[{'<' * 9 * MIB}]]></description>"))

    assert caught.value.kind is FailureKind.PARSE_LIMIT
    assert "memory" in caught.value.detail
    assert capfd.readouterr().err == ""
