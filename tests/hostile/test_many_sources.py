"""A list as long as they come, a hundredth of it hostile: every source is polled in its time, and what it costs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import pytest

from hostile.documents import CASES
from hostile.hell import FULL, Hell
from hostile.watching import Seen as Watched
from hostile.watching import Watch, quantile

SOURCES, EVERY = (10_000, 300.0) if FULL else (300, 20.0)
"""How many there are, and their interval in seconds."""
ROUNDS = 2.2
"""Intervals that are watched."""
MEMORY = 300
"""MB of all processes together."""
LAG = 0.25 if FULL else 1.5
"""Seconds: p99 of how long the event loop keeps a request waiting; in a round of CI other tests take the processors."""

pytestmark = pytest.mark.timeout(ROUNDS * EVERY + 300)


@dataclass(frozen=True)
class Seen:
    """What the publishers and a visitor saw."""

    asked: dict[str, list[float]]
    """When each honest source was asked, in seconds since the daemon served."""
    hostile: int
    """Hostile sources that were polled."""
    watch: Watched
    log: str


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    hostile = [case for case in CASES if FULL or not case.heavy][: SOURCES // 100]
    hell = Hell(
        tmp_path_factory.mktemp("many"),
        hostile,
        every=f"{EVERY:g}s",
        healthy=SOURCES - len(hostile),
        healthy_every=f"{EVERY:g}s",
        healthy_entries=5,
    )
    try:
        hell.prepare()
        with hell.start() as running:
            watch = Watch(running.process.pid, running.base)
            began = time.monotonic()
            time.sleep(ROUNDS * EVERY)
            watched = watch.stop()
            asked = {path: [at - began for at in times] for path, times in hell.asked().items()}
            yield Seen(asked, len(hell.polled(running)), watched, "".join(running.log))
    finally:
        hell.close()


def test_every_source_is_polled_within_an_interval_of_its_time(seen: Seen) -> None:
    first = [times[0] if times else float("inf") for times in seen.asked.values()]
    gaps = [later - earlier for times in seen.asked.values() for earlier, later in pairwise(times)]
    print(f"{len(first)} honest sources: the first poll of the last after {max(first):.0f} s")
    print(
        f"{len(gaps)} gaps: p50 {quantile(gaps, 0.5):.0f} s, p99 {quantile(gaps, 0.99):.0f} s, {max(gaps):.0f} s at most"
    )

    assert max(first) < EVERY
    assert max(gaps) < 2 * EVERY
    assert all(times[-1] > (ROUNDS - 2) * EVERY for times in seen.asked.values())
    assert len(gaps) >= len(first)


def test_every_hostile_source_was_polled(seen: Seen) -> None:
    assert seen.hostile == SOURCES // 100
    assert "kind=internal" not in seen.log


def test_all_processes_together_stay_small(seen: Seen) -> None:
    print(f"memory: {max(seen.watch.memory):.0f} MB at the peak; {seen.watch.largest}")

    assert max(seen.watch.memory) < MEMORY


def test_nobody_waits_for_the_loop(seen: Seen) -> None:
    alive, served = seen.watch.alive, seen.watch.served
    print(f"/healthz p50 {quantile(alive, 0.5):.3f} p99 {quantile(alive, 0.99):.3f} max {max(alive):.3f} s")
    print(f"/feed.atom p50 {quantile(served, 0.5):.3f} p99 {quantile(served, 0.99):.3f} max {max(served):.3f} s")

    assert quantile(alive, 0.99) < LAG
