"""What a publisher asked for holds on side roads too: fallbacks, redirects, sources that share an address, waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

from plugins.simulator import DAY, FEED, HOUR, MINUTE, World, always, hourly, moves, ok, rss, says, script, until

Make = Callable[..., World]

SECOND = timedelta(seconds=1)
OTHER = "https://b.example/feed"


async def test_a_fallback_that_the_first_address_led_to_keeps_its_retry_after(world: Make) -> None:
    """S25: it was asked behind the redirect, and is not asked again as the next address, but what it said is its own."""
    w = world(hourly("a", FEED, fallback=(OTHER,)))
    w.sites = {FEED: always(lambda: moves(302, OTHER)), OTHER: always(lambda: says(503, {"Retry-After": "21600"}))}

    await w.pass_time(5 * HOUR + 59 * MINUTE)

    assert [asked.url for asked in w.log] == [FEED, OTHER]


async def test_a_fallback_that_failed_behind_a_redirect_is_not_asked_before_its_time_where_another_answers(
    world: Make,
) -> None:
    """S25: the poll was content with the address between the two, until that failed."""
    between = "https://c.example/feed"
    w = world(hourly("a", FEED, fallback=(between, OTHER)))
    w.sites = {
        FEED: always(lambda: moves(302, OTHER)),
        OTHER: always(lambda: says(503, {"Retry-After": "21600"})),
        between: script(lambda: ok(rss("1")), lambda: says(500)),
    }

    await w.pass_time(5 * HOUR + 59 * MINUTE)

    assert len(w.asked(OTHER)) == 1
    assert len(w.asked(between)) == 4


async def test_two_addresses_on_one_host_are_asked_a_second_apart(world: Make) -> None:
    """S52."""
    mirror = "https://a.example/mirror"
    w = world(hourly("a", FEED, fallback=(mirror,)), host_delay=SECOND)
    w.sites = {FEED: always(lambda: says(500)), mirror: always(lambda: ok(rss("1")))}

    await w.live(MINUTE)

    assert [asked.url for asked in w.log] == [FEED, mirror]
    assert w.log[1].ticks - w.log[0].ticks >= 1.0


async def test_a_source_that_fails_is_not_drawn_along_by_one_that_has_moved(world: Make) -> None:
    """S61, S32: one URL in feeds.yaml, of which one source knows where it went; the other asks where nothing is left."""
    w = world(hourly("a", FEED))
    w.sites = {FEED: always(lambda: moves(301, OTHER)), OTHER: always(lambda: ok(rss("1")))}
    await w.pass_time(3 * DAY)
    w.sites[FEED] = always(lambda: says(500))
    w.restart(hourly("a", FEED), hourly("b", FEED))
    before = len(w.asked(FEED))

    await w.pass_time(DAY)

    assert w.state("a").effective_url == OTHER
    assert len(w.asked(FEED)) - before == 5
    assert w.hours(FEED)[before:] == [1, 2, 4, 8]


async def test_a_429_holds_its_host_for_as_long_as_its_poll_goes_on_elsewhere(world: Make) -> None:
    """S23: the wait is on disk when the poll ends, which other addresses may put off."""
    hub = "https://hub.example"
    w = world(hourly("a", f"{hub}/a", fallback=(OTHER,)), hourly("b", f"{hub}/b"), host_delay=SECOND)
    w.sites = {
        f"{hub}/a": always(lambda: says(429, {"Retry-After": "7200"})),
        f"{hub}/b": always(lambda: ok(rss("1"))),
        OTHER: always(lambda: ok(rss("1"))),
    }
    w.waits[OTHER] = asyncio.Event()
    await w.tick()
    await until(lambda: w.poller.waiting == 1)

    for _ in range(100):
        w.now, w.ticks = w.now + SECOND, w.ticks + 1
        await w.tick()
        await asyncio.sleep(0.002)
    w.waits[OTHER].set()
    await until(lambda: bool(w.outcomes))

    assert [asked.url for asked in w.log] == [f"{hub}/a", OTHER]
    assert w.state("a").address == OTHER


async def test_an_older_page_that_was_not_asked_for_says_nothing_of_how_long_its_host_waits(world: Make) -> None:
    """S68, S23: another source of the host was told a minute, and so it is a minute."""
    hub = "https://hub.example"
    before = "<atom:link xmlns:atom='http://www.w3.org/2005/Atom' rel='prev-archive' href='{}'/>"
    w = world(hourly("a", f"{hub}/a"), hourly("b", f"{hub}/b"), host_delay=SECOND, per_host=2)
    w.sites = {
        f"{hub}/a": script(lambda: ok(rss("1", "2")), lambda: ok(rss("8", "9", extra=before.format(f"{hub}/1")))),
        f"{hub}/b": script(lambda: ok(rss("1")), lambda: says(429, {"Retry-After": "60"})),
        f"{hub}/1": always(lambda: ok(rss("6", "7", extra=before.format(f"{hub}/2")))),
    }
    await w.live(HOUR - MINUTE)

    await w.live(2 * MINUTE)

    host = w.store.host("hub.example")
    assert [asked.url for asked in w.log][2:] == [f"{hub}/a", f"{hub}/1", f"{hub}/b"]
    assert host.not_before is not None
    assert host.not_before - w.log[-1].at <= 2 * MINUTE


async def test_a_poll_that_ends_after_a_429_does_not_end_the_wait_with_one_that_has_passed(world: Make) -> None:
    """S23: it began when an earlier wait of the host was over, which it brings back."""
    hub = "https://hub.example"
    w = world(hourly("a", f"{hub}/a"), hourly("b", f"{hub}/b"), per_host=2)
    w.sites = {
        f"{hub}/a": script(lambda: ok(rss("1")), lambda: says(500)),
        f"{hub}/b": script(lambda: says(429, {"Retry-After": "60"}), lambda: says(429, {"Retry-After": "7200"})),
    }
    await w.poll()
    w.turn(w.now + HOUR)
    w.waits[f"{hub}/a"] = asyncio.Event()
    polling = asyncio.create_task(w.poll())
    await until(lambda: len(w.outcomes) == 3)
    w.waits[f"{hub}/a"].set()
    await polling

    assert w.outcomes[-1].source.id == "a"
    assert w.store.host("hub.example").not_before == w.now + 2 * HOUR


async def test_of_two_429s_of_a_host_the_longer_wait_holds(world: Make) -> None:
    """S23: both were under way when the first came."""
    hub = "https://hub.example"
    w = world(hourly("a", f"{hub}/a"), hourly("b", f"{hub}/b"), per_host=2)
    w.sites = {
        f"{hub}/a": always(lambda: says(429, {"Retry-After": "60"})),
        f"{hub}/b": always(lambda: says(429, {"Retry-After": "7200"})),
    }
    w.waits[f"{hub}/a"] = asyncio.Event()
    polling = asyncio.create_task(w.poll())
    await until(lambda: len(w.outcomes) == 1)
    w.waits[f"{hub}/a"].set()
    await polling

    assert w.store.host("hub.example").not_before == w.now + 2 * HOUR


async def test_who_was_in_line_when_a_host_answered_429_is_not_asked_after_a_sleep(world: Make) -> None:
    """S23: claimed before, while nothing was known of it."""
    hub = "https://hub.example"
    w = world(hourly("a", f"{hub}/a"), hourly("b", f"{hub}/b"), host_delay=SECOND, per_host=2)
    w.sites = {
        f"{hub}/a": script(lambda: ok(rss("1")), lambda: says(429, {"Retry-After": "7200"})),
        f"{hub}/b": always(lambda: ok(rss("1"))),
    }
    await w.live(HOUR - MINUTE)
    w.turn(w.now + 5 * MINUTE)

    await w.tick()
    await until(lambda: not w.poller.under_way)
    w.turn(w.now + 5 * MINUTE)
    await w.tick()
    await until(lambda: not w.poller.under_way)

    assert [asked.url for asked in w.log][2:] == [f"{hub}/a"]
    assert w.state("b").lease_until is None
