"""`python -m bench.reading [folder]`: what reading real feeds costs, beside feedparser alone and through a worker."""

from __future__ import annotations

import asyncio
import io
import os
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import feedparser

from aggregator.intake import read
from aggregator.model import Fetched, Source
from aggregator.outcomes import PollError
from aggregator.parse import parse
from aggregator.workers import Workers
from storage.states import Validators

ROUNDS = 3
SOURCE = Source("bench", "http://bench.example/feed", "bench")
SEEN_AT = datetime(2026, 1, 1, tzinfo=UTC)


def answer(body: bytes) -> Fetched:
    """Return the body as HTTP brings it, whole."""
    headers = {"content-type": "application/xml", "content-length": str(len(body))}
    return Fetched(SOURCE.url, 200, headers, body, Validators())


def spent(work: Callable[[bytes], object], bodies: Iterable[bytes]) -> float:
    """Return the processor seconds of one pass over the bodies; one that cannot be read counts too."""
    began = time.process_time()
    for body in bodies:
        try:
            work(body)
        except (PollError, AttributeError, ValueError, LookupError):  # the last three: feedparser on odd bodies
            continue
    return time.process_time() - began


def cut(bodies: Iterable[bytes]) -> tuple[int, int]:
    """Return how many documents end before their root does, and in how many of them the last entry is kept."""
    ended = kept = 0
    for body in bodies:
        fetched = answer(body)
        unsized = Fetched(fetched.url, 200, {"content-type": "application/xml"}, body, Validators())
        try:
            whole, careful = parse(fetched), parse(unsized)
        except PollError:
            continue
        ended += whole.truncated
        kept += len(whole.entries) > len(careful.entries)
    return ended, kept


async def through_workers(bodies: list[bytes]) -> tuple[float, float]:
    """Return the seconds until the first body is read, and this process's processor seconds for all others."""
    workers = Workers()
    waiting = iter(bodies[1:])

    async def one() -> None:
        for body in waiting:
            try:
                await workers.read(SOURCE, answer(body), SEEN_AT)
            except PollError:
                continue

    try:
        began = time.perf_counter()
        await workers.read(SOURCE, answer(bodies[0]), SEEN_AT)
        first = time.perf_counter() - began
        spent_here = time.process_time()
        await asyncio.gather(one(), one())
        return first, time.process_time() - spent_here
    finally:
        workers.close()


def main() -> None:
    """Measure each way of reading, one after the other, and print medians a feed."""
    corpus = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["FEED_CORPUS"]) / "feeds"
    bodies = [path.read_bytes() for path in sorted(corpus.iterdir())]
    feeds = [body for body in bodies if body.lstrip()[:1] != b"{"]
    print(f"{len(feeds)} XML feeds, {sum(map(len, feeds)) / 2**20:.1f} MiB, medians of {ROUNDS}")
    ways: dict[str, Callable[[bytes], object]] = {
        "feedparser, as it comes": lambda body: feedparser.parse(io.BytesIO(body)),
        "feedparser, without its cleaning": lambda body: feedparser.parse(
            io.BytesIO(body), sanitize_html=False, resolve_relative_uris=False
        ),
        "parse": lambda body: parse(answer(body)),
        "parse and normalise": lambda body: read(SOURCE, answer(body), SEEN_AT),
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, work in ways.items():
            found[name].append(spent(work, feeds))
    for name, seconds in found.items():
        print(f"  {name:34} {1000 * median(seconds) / len(feeds):7.2f} ms of processor time a feed")
    rounds = [asyncio.run(through_workers(feeds)) for _ in range(ROUNDS)]
    first, rest = (median(column) for column in zip(*rounds, strict=True))
    print(f"  {'the daemon, where workers read':34} {1000 * rest / len(feeds):7.2f} ms of processor time a feed")
    print(f"  first feed after {first:.2f} s, the workers' start included")
    ended, kept = cut(feeds)
    print(f"{ended} documents end before their root does; in {kept} of them the last entry is kept")


if __name__ == "__main__":
    main()
