"""Case S61: sources that ask for the same are asked for once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from random import Random

import pytest

from plugins.simulator import DAY, FEED, HOUR, Answer, Asked, World, always, hourly, item, ok, rss, says, script, source

Make = Callable[..., World]


def growing(asked: Asked) -> Answer:
    count = asked.nth // 3 + 1
    tag = f'"{count}"'
    if asked.has(tag.encode()):
        return says(304)
    return ok(rss(*(item(str(n), date=None) for n in range(count))), {"ETag": tag})


async def test_two_sources_at_one_address_cost_one_request_a_poll_and_both_have_the_entries(world: Make) -> None:
    """S61."""
    w = world(hourly("a", FEED), hourly("b", FEED))
    w.jitter = Random(3).random
    w.sites[FEED] = growing

    await w.pass_time(3 * DAY)

    assert min(w.hours()) >= 1
    assert 65 <= len(w.log) <= 73
    assert len(w.titles("a")) >= 22
    assert w.titles("a") == w.titles("b")
    assert len({record.key for name in "ab" for record in w.records(name)}) == 2 * len(w.titles("a"))


async def test_so_it_is_in_the_daemon_and_for_three_with_intervals_of_their_own(world: Make) -> None:
    """S61: the shortest interval asks for all."""
    w = world(hourly("a", FEED), source("b", FEED, every=2 * HOUR), source("c", FEED))
    w.jitter = Random(4).random
    w.sites[FEED] = growing

    await w.live(DAY)

    assert min(w.hours()) >= 1
    assert w.titles("a") == w.titles("b") == w.titles("c")


async def test_one_that_joins_later_costs_one_whole_answer_and_nothing_beyond(world: Make) -> None:
    """S61."""
    w = world(hourly("a", FEED))
    w.sites[FEED] = lambda asked: says(304) if asked.has(b'"a"') else ok(rss("1"), {"ETag": '"a"'})
    await w.pass_time(2 * HOUR)
    w.restart(hourly("a", FEED), hourly("b", FEED))

    await w.pass_time(3 * HOUR)

    assert w.titles("b") == ["Title 1"]
    assert [asked.raw("If-None-Match") for asked in w.log] == [None, *[b'"a"'] * 2, None, *[b'"a"'] * 3]


async def test_sources_with_headers_of_their_own_are_asked_for_one_by_one(world: Make) -> None:
    """S61, the other side of it: what they are shown may differ."""
    w = world(hourly("a", FEED), hourly("b", FEED, headers=(("X-Api-Key", "b"),)))
    w.sites[FEED] = lambda asked: ok(rss(f"for {asked.headers.get('X-Api-Key')}"))

    await w.poll()

    assert len(w.log) == 2
    assert w.titles("a") == ["Title for None"]
    assert w.titles("b") == ["Title for b"]


@pytest.mark.parametrize("status", [429, 500, 404])
async def test_a_failure_is_shared_too(world: Make, status: int) -> None:
    """S61."""
    w = world(hourly("a", FEED), hourly("b", FEED))
    w.sites[FEED] = script(lambda: says(status), lambda: ok(rss("1")))

    await w.poll()
    failures = [w.state(name).failures for name in "ab"]
    await w.pass_time(5 * HOUR)

    assert failures == [1, 1]
    assert w.log[1].at - w.log[0].at >= timedelta(hours=1)
    assert [w.row(name)["state"] for name in "ab"] == ["ok", "ok"]


async def test_a_page_instead_of_a_feed_fails_both(world: Make) -> None:
    """S61."""
    w = world(hourly("a", FEED), hourly("b", FEED))
    w.sites[FEED] = always(lambda: ok(b"<!doctype html><title>Log in</title>"))

    await w.poll()

    assert len(w.log) == 1
    assert [w.row(name)["kind"] for name in "ab"] == ["not-a-feed"] * 2


async def test_a_poll_by_hand_of_one_leaves_the_other_alone(world: Make) -> None:
    """S61."""
    w = world(hourly("a", FEED), hourly("b", FEED))
    w.sites[FEED] = always(lambda: ok(rss("1")))

    await w.poll("a")

    assert w.titles("a") == ["Title 1"]
    assert w.titles("b") == []
