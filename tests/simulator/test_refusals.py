"""Cases S23 to S31: what statuses mean for a source, and for its host."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from aggregator.daemon.once import held, too_soon
from plugins.simulator import DAY, FEED, HOUR, MINUTE, World, always, hourly, ok, rss, says, script

Make = Callable[..., World]

B, C = "https://a.example/other", "https://c.example/feed"


async def test_a_429_keeps_everybody_from_its_host_until_its_time(world: Make) -> None:
    """S23."""
    w = world(hourly("a"), hourly("b", B), hourly("c", C))
    w.sites = {
        FEED: script(lambda: says(429, {"Retry-After": "7200"}), lambda: ok(rss("1"))),
        B: always(lambda: ok(rss("2"))),
        C: always(lambda: ok(rss("3"))),
    }

    await w.poll("a")
    refused = w.row()
    waiting = too_soon(w.store.states(), (), w.now + HOUR)
    also = held(w.store.states(), w.store.host, w.now + HOUR)
    await w.poll("a", "b", due=False)  # by hand, within the two hours
    await w.pass_time(119 * MINUTE)
    early = w.counted()
    await w.pass_time(2 * HOUR)

    assert refused["kind"] == "rate-limited"
    assert "14:00" in str(refused["next_reason"])
    assert list(waiting) == ["a"]
    assert also["b"] == "b: not asked; a.example wants to be left alone until 2026-03-02 14:00Z"
    assert "c" not in also
    assert early == {FEED: 1, C: 2}
    assert w.counted()[FEED] >= 2
    assert w.counted()[B] >= 1


@pytest.mark.parametrize(
    ("said", "hours"),
    [
        ({"Retry-After": "Mon, 02 Mar 2026 19:00:00 GMT"}, 7),
        ({"Retry-After": "Monday, 02-Mar-26 19:00:00 GMT"}, 7),
        ({"Retry-After": "Mon Mar  2 19:00:00 2026"}, 7),
        ({"Retry-After": "Mon, 02 Mar 2026 11:00:00 GMT"}, 4),
        ({"Retry-After": "-5"}, 4),
        ({"Retry-After": "1e3"}, 4),
        ({}, 4),
        ({"Retry-After": str(400 * 86400)}, 7 * 24),
        ({"Cache-Control": f"max-age={2 * 86400}"}, 48),
        ({"Retry-After": "7200", "Cache-Control": f"max-age={2 * 86400}"}, 48),
    ],
)
async def test_a_429_is_waited_for_as_long_as_it_says_in_any_form(
    world: Make, said: dict[str, str], hours: float
) -> None:
    """S24."""
    w = world(hourly())
    w.sites[FEED] = script(lambda: says(429, said), lambda: ok(rss("1")))

    await w.polls(2)

    assert hours <= w.hours()[0] <= hours + 0.02


async def test_a_503_is_waited_for_as_long_as_it_says(world: Make) -> None:
    """S25."""
    w = world(hourly("a"), hourly("b", B))
    w.sites = {
        FEED: script(lambda: says(503, {"Retry-After": "10800"}), lambda: says(503), lambda: ok(rss("1"))),
        B: always(lambda: ok(rss("2"))),
    }

    await w.pass_time(8 * HOUR)

    assert w.hours(FEED)[:2] == [3, 2]
    assert w.hours(B) == [1] * 8


async def test_errors_double_the_wait_to_a_day_and_one_good_answer_ends_them(world: Make) -> None:
    """S26."""
    w = world(hourly())
    w.sites[FEED] = script(*[lambda: says(500)] * 8, lambda: ok(rss("1")), lambda: says(500))

    await w.polls(11)

    assert w.hours() == [1, 2, 4, 8, 16, 24, 24, 24, 1, 1]
    assert w.titles() == ["Title 1"]


async def test_a_source_dead_for_two_months_is_asked_daily_and_comes_back_by_itself(world: Make) -> None:
    """S27."""
    w = world()
    w.jitter = lambda: 1.0
    w.sites[FEED] = lambda asked: says(502) if asked.at - w.log[0].at < 60 * DAY else ok(rss("1"))

    await w.pass_time(63 * DAY)

    assert max(w.hours()) <= 24.25
    assert w.titles() == ["Title 1"]
    assert w.row()["state"] == "ok"
    assert w.row()["failures"] == 0


async def test_what_is_not_found_is_asked_daily_then_weekly_and_its_entries_stay(world: Make) -> None:
    """S28."""
    w = world(hourly())
    w.sites[FEED] = script(lambda: ok(rss("1")), lambda: says(404))

    await w.pass_time(50 * DAY)

    assert w.hours()[:6] == [1, 1, 2, 4, 8, 16]
    assert w.hours()[6:19] == [24] * 13
    assert set(w.hours()[20:]) == {168}
    assert w.titles() == ["Title 1"]
    assert w.row()["state"] == "failing"


async def test_gone_once_is_asked_again_after_a_day_and_goes_on(world: Make) -> None:
    """S29."""
    w = world(hourly())
    w.sites[FEED] = script(lambda: ok(rss("1")), lambda: says(410), lambda: ok(rss("1", "2")))

    await w.polls(4)

    assert w.hours() == [1, 24, 1]
    assert w.row()["state"] == "ok"
    assert sorted(w.titles()) == ["Title 1", "Title 2"]


async def test_gone_twice_ends_it_until_somebody_polls_by_hand(world: Make) -> None:
    """S30."""
    w = world(hourly())
    w.sites[FEED] = script(lambda: ok(rss("1")), lambda: says(410), lambda: says(410), lambda: ok(rss("1", "2")))

    await w.pass_time(30 * DAY)
    asked, gone = len(w.log), w.row()
    await w.poll("a", due=False)
    await w.polls(1)

    assert asked == 3
    assert gone["state"] == "gone"
    assert gone["next_poll_at"] is None
    assert len(w.log) == 5
    assert w.row()["state"] == "ok"


@pytest.mark.parametrize(
    ("status", "headers", "state", "words"),
    [
        (401, {}, "blocked", "401 Unauthorized"),
        (403, {}, "blocked", "403 Forbidden"),
        (403, {"cf-mitigated": "challenge"}, "blocked", "a challenge for browsers"),
        (451, {}, "blocked", "451"),
    ],
)
async def test_a_refusal_is_one_request_under_one_name_and_a_wait_of_hours(
    world: Make, status: int, headers: dict[str, str], state: str, words: str
) -> None:
    """S31."""
    w = world(hourly())
    w.sites[FEED] = always(lambda: says(status, headers))

    await w.polls(5)

    assert w.hours() == [4, 8, 16, 24]
    assert len({asked.headers["User-Agent"] for asked in w.log}) == 1
    assert w.row()["state"] == state
    assert words in str(w.row()["reason"])
