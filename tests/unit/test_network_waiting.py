"""Attempts beside each other: a slow one holds up no other, a body waits for memory instead of failing."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

from aggregator.fetch import fetch
from aggregator.model import Fetched, Source
from aggregator.network import Network
from plugins.publisher import Asked, Publisher, Wire, reply
from storage.states import Validators

FEED = b"<rss><channel/></rss>"


async def get(network: Network, url: str, seconds: float = 20) -> Fetched:
    source = Source("s", url, "s", timeout=timedelta(seconds=seconds))
    answer = await fetch(network, source, url, Validators(), user_agent="test")
    assert isinstance(answer, Fetched)
    return answer


def test_a_hanging_source_holds_up_no_other(publisher: Publisher) -> None:
    hanging = publisher.plays("/hangs", lambda wire, asked: wire.silence())
    good = publisher.plays("/good", reply("200 OK", FEED))

    async def story() -> float:
        network = Network(frozenset({publisher.host}))
        waiting = [asyncio.create_task(get(network, hanging)) for _ in range(30)]
        await asyncio.sleep(0)
        started = time.monotonic()
        await asyncio.gather(*(get(network, good) for _ in range(50)))
        took = time.monotonic() - started
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        return took

    assert asyncio.run(story()) < 5


def test_a_flood_that_never_pauses_leaves_turns_to_others(publisher: Publisher) -> None:
    def flood(wire: Wire, asked: Asked) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(100):
            wire.send(b"x" * 100_000)

    url = publisher.plays("/flood", flood)

    async def story() -> float:
        longest, last = 0.0, time.monotonic()
        task = asyncio.create_task(get(Network(frozenset({publisher.host})), url))
        while not task.done():
            await asyncio.sleep(0)
            longest, last = max(longest, time.monotonic() - last), time.monotonic()
        await asyncio.gather(task, return_exceptions=True)
        return longest

    assert asyncio.run(story()) < 0.25


def test_a_body_that_waits_for_its_share_is_read_in_the_end(publisher: Publisher) -> None:
    large = publisher.plays("/large", reply("200 OK", b"x" * 700_000))

    async def story() -> int:
        network = Network(frozenset({publisher.host}), max_inflight_bytes=64 * 1024 * 1024)
        held = network.budget.share()
        await held.hold(1_000_000, 48 * 1024 * 1024)
        task = asyncio.create_task(get(network, large, seconds=0.5))
        done, _ = await asyncio.wait([task], timeout=0.8)  # longer than the attempt may take
        assert not done
        held.release()
        return len((await task).body)

    assert asyncio.run(story()) == 700_000


def test_a_share_that_was_lent_holds_the_body_until_it_is_given_back(publisher: Publisher) -> None:
    url = publisher.plays("/large", reply("200 OK", b"x" * 700_000))

    async def story() -> tuple[bool, bool]:
        network = Network(frozenset({publisher.host}))
        source = Source("s", url, "s")
        with network.budget.share() as share:
            await fetch(network, source, url, Validators(), user_agent="test", share=share)
            held = share.holds(700_000)
        return held, share.holds(700_000)

    assert asyncio.run(story()) == (True, False)
