"""Cases S52 and S23 behind a redirect: a host that answers lead to is asked as gently as one that feeds.yaml names."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise

import pytest

from plugins.simulator import HOUR, World, always, hourly, moves, ok, rss, says, script, until

Make = Callable[..., World]

SECOND = timedelta(seconds=1)
HUB = "https://hub.example"


def led_to_the_hub(w: World, count: int) -> None:
    """Let `s0` to `s<count>`, each on a host of its own, redirect to paths of one host."""
    for n in range(count):
        w.sites[f"https://s{n}.example/feed"] = always(lambda n=n: moves(302, f"{HUB}/{n}"))  # type: ignore[misc]  # bound early
        w.sites[f"{HUB}/{n}"] = always(lambda: ok(rss("1")))


def at_the_hub(w: World) -> list[timedelta]:
    """The times between two requests at the hub."""
    hub = [asked for asked in w.log if asked.url.startswith(HUB)]
    return [later.at - earlier.at for earlier, later in pairwise(hub)]


async def test_forty_sources_that_redirect_to_one_host_are_a_second_apart_there(world: Make) -> None:
    """S52: they are polled by hand, all at once."""
    w = world(*(hourly(f"s{n}") for n in range(40)), host_delay=SECOND)
    led_to_the_hub(w, 40)

    await w.poll_by_hand()

    assert len(at_the_hub(w)) == 39
    assert min(at_the_hub(w)) >= SECOND
    assert {w.row(f"s{n}")["state"] for n in range(40)} == {"ok"}


async def test_a_host_that_is_led_to_while_it_is_asked_waits_and_delays_nobody_else(world: Make) -> None:
    """S52: who waits for a host holds no place of the total."""
    w = world(hourly("hub", f"{HUB}/own"), hourly("s0"), hourly("other"), concurrency=2, host_delay=timedelta())
    led_to_the_hub(w, 1)
    w.sites |= {f"{HUB}/own": always(lambda: ok(rss("1"))), "https://other.example/feed": always(lambda: ok(rss("1")))}
    w.waits[f"{HUB}/own"] = asyncio.Event()
    polling = asyncio.create_task(w.poll())

    await until(lambda: bool(w.outcomes and w.poller.waiting))
    during = [asked.url for asked in w.log]
    w.waits[f"{HUB}/own"].set()
    await polling

    assert sorted(during) == [f"{HUB}/own", "https://other.example/feed", "https://s0.example/feed"]
    assert [asked.url for asked in w.log][3:] == [f"{HUB}/0"]
    assert {w.row(name)["state"] for name in ("hub", "s0", "other")} == {"ok"}


async def test_the_sources_of_a_host_and_those_that_are_led_there_take_turns(world: Make) -> None:
    """S52: neither crowd starves the other."""
    crowd = [hourly(f"s{n}") for n in range(20)]
    own = [hourly(f"own{n}", f"{HUB}/own{n}") for n in range(20)]
    w = world(*crowd, *own, host_delay=SECOND)
    led_to_the_hub(w, 20)
    for one in own:
        w.sites[one.url] = always(lambda: ok(rss("1")))

    await w.poll_by_hand()

    early = [asked.url for asked in w.log if asked.url.startswith(HUB)][:20]
    assert min(at_the_hub(w)) >= SECOND
    assert sum("own" in url for url in early) >= 7
    assert sum("own" not in url for url in early) >= 7
    assert len(w.outcomes) == 40


async def test_a_host_that_asked_to_be_left_alone_is_not_asked_behind_a_redirect(world: Make) -> None:
    """S23."""
    w = world(hourly("hub", f"{HUB}/own"), hourly("s0"))
    led_to_the_hub(w, 1)
    w.sites[f"{HUB}/own"] = script(lambda: says(429, {"Retry-After": "7200"}), lambda: ok(rss("1")))

    await w.poll("hub")
    start = w.now
    await w.poll("s0")
    row = w.row("s0")
    await w.pass_time(3 * HOUR)

    assert row["kind"] == "rate-limited"
    assert "2026-03-02 14:00 UTC" in str(row["reason"])
    assert [asked.at - start for asked in w.asked("https://s0.example/feed")][1] >= 2 * HOUR
    assert min(asked.at - start for asked in w.asked(f"{HUB}/0")) >= 2 * HOUR
    assert w.row("s0")["state"] == "ok"


async def test_a_429_behind_a_redirect_holds_for_the_host_that_gave_it(world: Make) -> None:
    """S23: the one that the redirect led to, and not the one that redirected."""
    w = world(hourly("s0"), hourly("neighbour", "https://www.s0.example/other"), hourly("hub", f"{HUB}/own"))
    led_to_the_hub(w, 1)
    w.sites |= {
        f"{HUB}/0": always(lambda: says(429, {"Retry-After": "10800"})),
        "https://www.s0.example/other": always(lambda: ok(rss("1"))),
        f"{HUB}/own": always(lambda: ok(rss("1"))),
    }

    await w.poll("s0")
    start = w.now
    await w.pass_time(2 * HOUR)

    assert w.asked("https://www.s0.example/other")[0].at == start
    assert w.asked(f"{HUB}/own") == []


async def test_one_that_waits_is_ended_at_once_when_we_stop(world: Make) -> None:
    w = world(hourly("hub", f"{HUB}/own"), hourly("s0"))
    led_to_the_hub(w, 1)
    w.sites[f"{HUB}/own"] = always(lambda: ok(rss("1")))
    w.waits[f"{HUB}/own"] = asyncio.Event()
    polling = asyncio.create_task(w.poll())
    await until(lambda: bool(w.poller.waiting))

    polling.cancel()
    await asyncio.wait([polling])
    await w.poller.stop(grace=0.05)

    assert w.state("s0").failures == 0
    assert w.state("s0").lease_until is None
    assert w.state("s0").next_poll_at == w.now + HOUR  # the redirect was asked for: its floor holds
    assert w.asked(f"{HUB}/0") == []


@pytest.mark.parametrize("per_host", [1, 4])
async def test_a_redirect_within_a_site_needs_no_second_turn(world: Make, per_host: int) -> None:
    w = world(hourly("s0"), per_host=per_host, host_delay=SECOND)
    w.sites = {
        "https://s0.example/feed": always(lambda: moves(301, "https://www.s0.example/feed")),
        "https://www.s0.example/feed": always(lambda: ok(rss("1"))),
    }

    await w.poll()

    assert len(w.log) == 2
    assert w.row("s0")["state"] == "ok"


async def test_a_clock_that_is_set_ends_no_wait_of_a_host_behind_a_redirect(world: Make) -> None:
    """S57."""
    w = world(hourly("s0"), hourly("hub", f"{HUB}/own"))
    led_to_the_hub(w, 1)
    w.sites |= {
        f"{HUB}/0": script(lambda: says(429, {"Retry-After": "10800"}), lambda: ok(rss("1"))),
        f"{HUB}/own": always(lambda: ok(rss("1"))),
    }
    await w.poll("s0")
    await w.tick()
    w.now += 30 * HOUR

    await w.live(2 * HOUR)
    early = len(w.asked(f"{HUB}/own"))
    await w.live(2 * HOUR)

    assert early == 0
    assert len(w.asked(f"{HUB}/own")) >= 1
