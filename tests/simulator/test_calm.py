"""Cases S23, S54 to S58: what must not become a herd, and what must not stand still."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise

import pytest

from aggregator.health import State
from aggregator.model import Source
from aggregator.outcomes import FailureKind, PollError
from aggregator.watching import watch
from plugins.simulator import (
    DAY,
    FEED,
    HOUR,
    MINUTE,
    Answer,
    Asked,
    World,
    always,
    hourly,
    item,
    ok,
    rss,
    says,
    script,
    source,
    until,
)
from storage.contract import StoreFullError
from storage.states import HostState

Make = Callable[..., World]


def many(count: int, **settings: object) -> list[Source]:
    return [source(f"s{n}", f"https://s{n}.example/feed", **settings) for n in range(count)]


def unchanging(asked: Asked) -> Answer:
    return says(304) if asked.has(b'"a"') else ok(rss("1"), {"ETag": '"a"'})


def minutes(w: World, since: int = 0) -> list[int]:
    """How many requests fell into each minute, from the request of that number on."""
    asked = w.log[since:]
    counted = Counter(int((one.at - asked[0].at) / MINUTE) for one in asked)
    return [counted[minute] for minute in range(max(counted) + 1)]


async def set_within_a_poll(w: World, step: timedelta) -> None:
    """Set the clock while the second request of all is under way."""
    going_on = w.waits[FEED] = asyncio.Event()
    by_hand = asyncio.create_task(w.poll("a", due=False))
    await until(lambda: len(w.log) == 2)
    w.now += step
    await w.tick()
    going_on.set()
    await by_hand


async def test_a_start_asks_nobody_who_is_not_due(world: Make) -> None:
    """S54."""
    w = world(*many(200, every=HOUR))
    w.everywhere(unchanging)
    await w.poll()
    w.turn(w.now + 10 * MINUTE)
    w.restart()

    await w.live(49 * MINUTE)

    assert len(w.log) == 200


async def test_a_first_start_spreads_its_sources(world: Make) -> None:
    """S56."""
    w = world(*many(300))
    w.everywhere(unchanging)

    await w.live(10 * MINUTE)

    assert len(w.log) == 300
    assert w.log[-1].at - w.log[0].at == timedelta(seconds=299)
    assert max(minutes(w)) <= 61


async def test_a_single_source_does_not_wait_at_a_first_start(world: Make) -> None:
    """S56."""
    w = world()
    w.everywhere(unchanging)

    await w.live(timedelta(seconds=1))

    assert len(w.log) == 1


async def test_after_two_days_off_a_thousand_come_back_over_a_quarter_of_an_hour(world: Make) -> None:
    """S55: and an interval later there is no second herd."""
    w = world(*many(1000, every=HOUR))
    w.everywhere(unchanging)
    await w.poll()
    w.turn(w.now + 2 * DAY)
    w.restart()

    await w.live(20 * MINUTE)
    back = minutes(w, 1000)
    await w.live(70 * MINUTE)

    assert sum(back) == 1000
    assert sum(back[:15]) >= 990
    assert max(back) <= 68
    assert max(minutes(w, 1000)) <= 75


async def test_what_was_never_asked_comes_first(world: Make) -> None:
    """S56."""
    w = world(*many(30, every=HOUR))
    w.everywhere(unchanging)
    await w.poll()
    w.turn(w.now + DAY)
    new = [source(f"new{n}", every=HOUR) for n in range(5)]
    w.restart(*w.sources, *new)
    w.everywhere(unchanging)

    await w.live(2 * MINUTE)

    assert {asked.url for asked in w.log[30:35]} == {one.url for one in new}


async def test_restarts_one_after_the_other_ask_nobody_twice(world: Make) -> None:
    """S55, rule 30."""
    w = world(*many(200, every=HOUR))
    w.everywhere(unchanging)
    await w.poll()
    w.turn(w.now + DAY)

    for _ in range(5):
        w.restart()
        await w.live(timedelta(seconds=20))
    await w.live(5 * MINUTE)

    assert set(w.counted().values()) == {2}


async def test_a_start_keeps_a_host_waiting_that_asked_for_it(world: Make) -> None:
    """S23, rule 27."""
    w = world(hourly("a"), *many(3, every=HOUR))
    w.everywhere(unchanging)
    w.sites[FEED] = script(lambda: says(429, {"Retry-After": "7200"}), lambda: ok(rss("1")))
    await w.poll()
    w.turn(w.now + 110 * MINUTE)
    w.restart()

    await w.live(9 * MINUTE)
    early = w.counted()[FEED]
    await w.live(5 * MINUTE)

    assert early == 1
    assert w.counted()[FEED] == 2


async def test_polling_by_hand_waits_for_no_spreading(world: Make) -> None:
    w = world(*many(50))
    w.everywhere(unchanging)

    await w.poll()

    assert {one.at for one in w.log} == {w.now}


async def test_a_private_host_is_asked_at_once(world: Make) -> None:
    own = [source(f"o{n}", f"http://127.0.0.1:8{n:03}/feed", every=HOUR) for n in range(20)]
    w = world(*own, allow_private=frozenset(f"127.0.0.1:8{n:03}" for n in range(20)))
    w.everywhere(unchanging)

    await w.live(timedelta(seconds=1))

    assert len(w.log) == 20


@pytest.mark.parametrize("step", [DAY, -DAY, -365 * DAY, 365 * DAY], ids=["+1 d", "-1 d", "-1 y", "+1 y"])
async def test_a_clock_that_is_set_changes_no_wait(world: Make, step: timedelta) -> None:
    """S57, while the daemon runs."""
    w = world(*many(20, every=HOUR))
    w.everywhere(unchanging)
    await w.live(30 * MINUTE)
    before = {one.url: one.ticks for one in w.log}

    w.now += step
    await w.live(5 * HOUR)

    for one in w.sources:
        times = [asked.ticks for asked in w.asked(one.url)]
        assert times[0] == before[one.url]
        assert all(3600 <= later - earlier <= 3661 for earlier, later in pairwise(times))
        assert len(times) == 6


async def test_a_clock_that_is_set_back_does_not_end_what_a_host_asked_for(world: Make) -> None:
    """S57 and S23."""
    w = world(hourly())
    w.sites[FEED] = script(lambda: says(429, {"Retry-After": "10800"}), lambda: ok(rss("1")))
    await w.live(10 * MINUTE)

    w.now -= 2 * DAY
    await w.live(4 * HOUR)

    assert [round((later.ticks - earlier.ticks) / 3600, 1) for earlier, later in pairwise(w.log)] == [3.0, 1.0]


async def test_a_host_waits_no_longer_where_the_clock_is_set_back_while_every_source_is_under_way(world: Make) -> None:
    w = world(hourly())
    end = w.now + HOUR
    w.store.save_hosts([HostState("other.example", end, "429")], w.now)
    w.waits[FEED] = asyncio.Event()
    w.sites[FEED] = always(lambda: ok(rss("1")))
    await w.tick()

    w.now -= 365 * DAY
    await w.tick()
    w.waits[FEED].set()
    await w.live(MINUTE)

    assert w.store.host("other.example") == HostState("other.example", end - 365 * DAY, "429")


@pytest.mark.parametrize("back", [DAY, 365 * DAY])
async def test_a_clock_that_was_set_back_between_two_starts_freezes_nobody(world: Make, back: timedelta) -> None:
    """S57, while nothing runs."""
    w = world(*many(20, every=HOUR))
    w.everywhere(unchanging)
    await w.live(10 * MINUTE)

    w.now -= back
    w.restart()
    await w.live(5 * HOUR)

    for one in w.sources:
        times = [asked.ticks for asked in w.asked(one.url)]
        assert all(later - earlier >= 3600 for earlier, later in pairwise(times))
        assert len(times) >= 4


async def test_a_next_poll_beyond_anything_that_could_be_asked_for_is_brought_near(world: Make) -> None:
    """S57: a clock that stood far ahead when the source was polled last, and was right before."""
    w = world(hourly())
    w.everywhere(unchanging)
    w.now += 400 * DAY
    await w.poll()
    w.now -= 400 * DAY
    w.restart()

    await w.live(2 * HOUR)

    assert len(w.log) >= 2


async def test_a_machine_that_wakes_up_asks_as_after_a_start(world: Make) -> None:
    """S57: eight hours of sleep, which both clocks saw."""
    w = world(*many(120, every=HOUR))
    w.everywhere(unchanging)
    await w.live(10 * MINUTE)

    w.turn(w.now + 8 * HOUR)
    await w.live(5 * MINUTE)

    assert max(minutes(w, 120)) <= 61
    assert set(w.counted().values()) == {2}


def cut(asked: Asked) -> PollError:
    return PollError(FailureKind.DNS, f"the name of {asked.url} does not resolve")


async def test_a_lost_network_counts_against_nobody_and_costs_a_probe_a_minute(world: Make) -> None:
    """S58."""
    w = world(*many(60, every=HOUR))
    w.everywhere(unchanging)
    await w.live(50 * MINUTE)
    began = len(w.log)
    w.everywhere(cut)

    await w.live(6 * HOUR)
    down = w.log[began:]
    states = w.store.states()
    healths = {w.row(one.id)["kind"] for one in w.sources}
    rows = [w.row(one.id) for one in w.sources]
    w.everywhere(unchanging)
    back = len(w.log)
    await w.live(30 * MINUTE)

    assert {state.failures for state in states} == {0}
    assert 300 <= len(down) <= 6 * 60 + 10
    assert "offline" in healths
    assert healths <= {"offline", None}
    assert {row["state"] for row in rows} == {"ok"}
    assert {str(row["reason"]).partition(":")[0] for row in rows} == {"offline"}
    assert max(minutes(w, back)) <= 61
    assert {one.url for one in w.log[back:]} == {one.url for one in w.sources}
    assert {w.row(one.id)["state"] for one in w.sources} == {"ok"}


async def test_health_says_offline_and_not_that_the_source_fails(world: Make) -> None:
    """S58."""
    w = world(*many(8, every=HOUR))
    w.everywhere(cut)

    await w.live(30 * MINUTE)

    rows = [w.row(one.id) for one in w.sources]
    assert {row["state"] for row in rows} == {"ok"}
    assert any("no host could be reached" in str(row["reason"]) for row in rows)


async def test_where_nothing_polls_any_more_no_lost_network_excuses_it(world: Make) -> None:
    """S58, the other side of it: the daemon ends while it is offline."""
    w = world(*many(60, every=HOUR))
    w.everywhere(cut)
    await w.live(2 * HOUR)

    w.turn(w.now + HOUR)

    assert "late" in {w.row(one.id)["state"] for one in w.sources}


async def test_hosts_that_are_down_are_not_taken_for_a_lost_network_while_one_answers(world: Make) -> None:
    """S58, the other side of it."""
    w = world(*many(12, every=HOUR))
    w.everywhere(cut)
    w.sites["https://s11.example/feed"] = unchanging

    await w.live(2 * HOUR)

    failing = [w.state(f"s{n}").failures for n in range(11)]
    assert min(failing) >= 1
    assert max(w.counted().values()) <= 4


async def test_four_hosts_that_are_down_are_no_lost_network(world: Make) -> None:
    """S58, the other side of it."""
    w = world(*many(4, every=HOUR))
    w.everywhere(cut)

    await w.live(30 * MINUTE)

    assert {w.state(one.id).failures for one in w.sources} == {1}


async def test_the_own_hosts_are_asked_while_the_internet_cannot_be_reached(world: Make) -> None:
    """S58: a feed generator on this machine says nothing of the network, and is not kept from us by it."""
    own = source("own", "http://127.0.0.1:1200/feed", every=HOUR)
    w = world(own, *many(8, every=HOUR), allow_private=frozenset({"127.0.0.1:1200"}))
    w.everywhere(cut)
    w.sites[own.url] = unchanging

    await w.live(5 * HOUR)

    assert len(w.asked(own.url)) >= 5
    assert w.state("s3").failures == 0


async def test_a_poll_under_way_is_not_begun_anew_when_the_clock_is_set_ahead(world: Make) -> None:
    w = world(hourly())
    going_on = asyncio.Event()

    w.waits[FEED] = going_on
    w.sites[FEED] = always(lambda: ok(rss("1")))
    await w.tick()
    w.now += DAY
    await w.tick()
    await w.tick()
    going_on.set()
    await w.live(MINUTE)

    assert len(w.log) == 1


async def test_a_crowd_on_one_host_keeps_its_distance_and_holds_up_nobody(world: Make) -> None:
    """S52: 300 sources on one host, 300 on hosts of their own."""
    crowd = [source(f"c{n}", f"https://crowd.example/{n}", every=6 * HOUR) for n in range(300)]
    alone = many(300, every=6 * HOUR)
    w = world(*crowd, *alone, host_delay=timedelta(seconds=1))
    w.everywhere(unchanging)
    await w.live(15 * MINUTE)
    w.turn(w.now + 5 * HOUR)
    began = len(w.log)

    await w.live(2 * HOUR)

    shared = [one.ticks for one in w.log if "crowd" in one.url]
    assert min(later - earlier for earlier, later in pairwise(shared)) >= 1
    assert set(w.counted().values()) == {2}
    lonely = [one for one in w.log[began:] if "crowd" not in one.url]
    assert max(w.gaps(one.url)[0] for one in lonely) <= 6 * HOUR + 11 * MINUTE


@pytest.mark.parametrize("step", [365 * DAY, -365 * DAY], ids=["+1 y", "-1 y"])
async def test_a_poll_that_a_step_overtakes_is_due_an_interval_after_it(world: Make, step: timedelta) -> None:
    """S57: it began by the clock as it was, and is saved before anybody looked at the clock again."""
    w = world(hourly(), hourly("b"))
    w.everywhere(unchanging)
    going_on = w.waits[FEED] = asyncio.Event()
    await w.tick()

    w.now += step
    going_on.set()
    await w._until_all_wait()
    await w.live(3 * HOUR)

    for one in w.sources:
        times = [asked.ticks for asked in w.asked(one.url)]
        assert all(3600 <= later - earlier <= 3661 for earlier, later in pairwise(times))
        assert len(times) >= 3


@pytest.mark.parametrize("step", [365 * DAY, -365 * DAY], ids=["+1 y", "-1 y"])
async def test_a_poll_that_goes_on_while_the_clock_is_set_is_due_an_interval_after_it(
    world: Make, step: timedelta
) -> None:
    """S57 and S23: what it was promised before holds for as long as it was to."""
    w = world(hourly())
    w.sites[FEED] = script(
        lambda: ok(rss("1"), {"Cache-Control": "max-age=10800"}), lambda: says(500), lambda: says(304)
    )
    await w.live(HOUR)

    await set_within_a_poll(w, step)
    await w.live(3 * HOUR)

    assert [round((later.ticks - earlier.ticks) / 3600, 1) for earlier, later in pairwise(w.log)] == [1.0, 2.0]


@pytest.mark.parametrize("step", [365 * DAY, -365 * DAY], ids=["+1 y", "-1 y"])
async def test_who_waits_for_a_turn_while_the_clock_is_set_is_not_forgotten(world: Make, step: timedelta) -> None:
    crowd = [source(f"c{n}", f"https://crowd.example/{n}", every=HOUR) for n in range(20)]
    w = world(*crowd, host_delay=timedelta(seconds=10))
    w.everywhere(unchanging)
    await w.live(timedelta(seconds=30))

    w.now += step
    await w.live(5 * MINUTE)
    asked = len(w.log)
    await w.live(2 * HOUR)

    assert asked == 20
    assert all(3600 <= b.ticks - a.ticks <= 3900 for one in w.sources for a, b in pairwise(w.asked(one.url)))
    assert min(w.counted().values()) >= 2


async def test_a_clock_that_jitters_changes_no_wait(world: Make) -> None:
    w = world(*many(20, every=10 * MINUTE))
    w.everywhere(unchanging)
    await w.live(2 * MINUTE)

    for step in [90, -90, -90, 90, 60, -300, 599, -599, 300, -60]:
        w.now += timedelta(seconds=step)
        await w.live(MINUTE)
    await w.live(HOUR)

    times = [[asked.ticks for asked in w.asked(one.url)] for one in w.sources]
    assert all(600 <= later - earlier <= 661 for one in times for earlier, later in pairwise(one))
    assert min(map(len, times)) >= 6


async def test_a_clock_that_is_set_ahead_makes_nobody_silent_lost_or_ended(world: Make) -> None:
    w = world(source("daily"), source("lost"), source("ended"))
    feed, lost, ended = (one.url for one in w.sources)
    over = b'{"version": "https://jsonfeed.org/version/1.1", "title": "F", "expired": true, "items": []}'
    w.sites[feed] = lambda asked: ok(rss(*(item(str(n), date=None) for n in range(int(asked.ticks // 86400), -1, -1))))
    w.sites[lost] = lambda _: says(404)
    w.sites[ended] = lambda _: ok(over, {"Content-Type": "application/feed+json"})
    await w.live(8 * DAY)

    w.now += 365 * DAY
    await w.live(25 * HOUR)

    assert w.row("daily")["state"] == "ok"
    assert "two weeks" not in str(w.row("lost")["next_reason"])
    assert w.state("ended").stopped is None


async def test_nobody_is_called_silent_for_days_on_which_nothing_polled(world: Make) -> None:
    """S55 and S57: six days of sleep, before those who are spread have been asked again."""
    w = world(*many(6))
    w.everywhere(lambda asked: ok(rss(*(item(str(n), date=None) for n in range(int(asked.ticks // 43200), -1, -1)))))
    for _ in range(8):
        w.turn(w.now + DAY / 2)
        await w.poll()

    w.turn(w.now + 6 * DAY)
    await w.live(timedelta(seconds=3))

    assert len(w.log) < 9 * 6
    assert {w.row(one.id)["state"] for one in w.sources} == {"ok"}


async def test_who_polls_by_a_timer_is_not_stopped_by_a_clock_that_was_set_back(world: Make) -> None:
    """S57, between two runs of `poll`."""
    w = world(*many(5, every=HOUR))
    w.everywhere(unchanging)
    await w.poll()

    w.now -= 365 * DAY
    for _ in range(3):
        w.restart()
        w.poller.mend()
        await w.poll()
        w.turn(w.now + 61 * MINUTE)

    assert set(w.counted().values()) == {3}
    assert all(3600 <= b.ticks - a.ticks <= 7320 for one in w.sources for a, b in pairwise(w.asked(one.url)))


async def test_a_clock_that_is_set_while_the_disk_is_full_is_gone_by_once_there_is_space(world: Make) -> None:
    w = world(*many(3, every=HOUR))
    w.everywhere(unchanging)
    await w.live(30 * MINUTE)
    save_polls = w.store.save_polls

    def full(*_: object) -> object:
        raise StoreFullError("no space left in /data")

    w.store.save_polls = full  # type: ignore[method-assign,assignment]  # a disk that fills up in between
    w.now -= 365 * DAY
    await w.live(5 * MINUTE)
    trouble = w.poller.trouble
    w.store.save_polls = save_polls  # type: ignore[method-assign]  # space has returned
    await w.live(2 * HOUR)

    assert trouble == "no space left in /data"
    assert all(3600 <= b.ticks - a.ticks <= 3661 for one in w.sources for a, b in pairwise(w.asked(one.url)))
    assert set(w.counted().values()) == {3}


async def test_a_clock_that_was_ahead_for_one_run_makes_nobody_silent_by_the_next(world: Make) -> None:
    """S57: what was written before that run is of a clock that was right."""
    w = world(source("daily"))
    w.everywhere(lambda asked: ok(rss(*(item(str(n), date=None) for n in range(int(asked.ticks // 86400), -1, -1)))))
    await w.live(8 * DAY)

    w.now += 365 * DAY
    w.restart()
    await w.live(HOUR)
    w.now -= 365 * DAY
    w.restart()
    await w.live(3 * HOUR)

    assert w.row("daily")["state"] == "ok"


@pytest.mark.parametrize("step", [365 * DAY, -365 * DAY], ids=["+1 y", "-1 y"])
async def test_what_a_poll_brings_while_the_clock_is_set_came_now(world: Make, step: timedelta) -> None:
    """S57: an entry of next year would keep its source from ever being silent, and stand above all others."""
    w = world(hourly())
    w.sites[FEED] = script(
        lambda: ok(rss(item("1", date=None))), lambda: ok(rss(item("2", date=None), item("1", date=None)))
    )
    await w.live(30 * MINUTE)

    await set_within_a_poll(w, step)

    [came] = [record for record in w.records() if record.guid == "2"]
    assert [w.now - came.first_seen, w.now - came.published, w.now - w.state().ingest_times[-1]] == [timedelta()] * 3


async def test_nobody_is_late_for_a_clock_that_was_set_before_waits_were_moved_along(world: Make) -> None:
    """S57: what is told each minute is looked at as soon as the clock jumps, and so before the poller has seen to it."""
    w = world(hourly())
    w.everywhere(unchanging)
    await w.live(HOUR)

    w.now += 2 * DAY
    seen = watch(w.store, w.settings, w.poller.now())

    assert (seen.told, seen.states) == ((), {State.OK: 1})
