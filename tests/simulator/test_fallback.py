"""Sources with several addresses: which is asked, when the first is tried again, and that they stay one source."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from aggregator.model import Source
from aggregator.outcomes import FailureKind, PollError
from plugins.simulator import DAY, FEED, HOUR, MINUTE, World, always, hourly, moves, ok, rss, says, script, source

Make = Callable[..., World]

SECOND, THIRD = "https://b.example/feed", "https://c.example/feed"


def several(*fallback: str, **settings: object) -> Source:
    return hourly("a", FEED, fallback=fallback or (SECOND,), **settings)


def tagged(name: str, *guids: str) -> Callable[[object], object]:
    """A site that gives validators of its own."""
    tag = f'"{name}"'.encode()
    return lambda asked: says(304) if asked.has(tag) else ok(rss(*guids), {"ETag": tag.decode()})  # type: ignore[attr-defined]  # an Asked


async def test_while_the_first_works_no_other_is_asked(world: Make) -> None:
    w = world(several(SECOND, THIRD))
    w.sites[FEED] = tagged("a", "1")

    await w.pass_time(DAY)

    assert set(w.counted()) == {FEED}
    assert w.row()["state"] == "ok"
    assert w.row()["in_use"] == FEED


async def test_where_the_first_fails_the_second_is_asked_within_the_same_poll(world: Make) -> None:
    w = world(several())
    w.sites = {FEED: always(lambda: says(500)), SECOND: always(lambda: ok(rss("1")))}

    await w.poll()

    assert [(asked.url, asked.at) for asked in w.log] == [(FEED, w.now), (SECOND, w.now)]
    assert w.titles() == ["Title 1"]
    assert w.row()["in_use"] == SECOND
    assert w.row()["url"] == FEED


@pytest.mark.parametrize(
    "answer",
    [
        lambda: says(404),
        lambda: says(410),
        lambda: says(403),
        lambda: says(429),
        lambda: ok(b""),
        lambda: ok(b"<!doctype html><title>Parked</title>"),
        lambda: PollError(FailureKind.DNS, "no such host"),
        lambda: PollError(FailureKind.TIMEOUT, "nothing within 30 s"),
        lambda: moves(302, FEED),
    ],
)
async def test_whatever_the_first_fails_of_the_second_answers(world: Make, answer: Callable[[], object]) -> None:
    w = world(several())
    w.sites = {FEED: always(answer), SECOND: always(lambda: ok(rss("1")))}  # type: ignore[arg-type]  # answers of two kinds

    await w.poll()

    assert [asked.url for asked in w.log] == [FEED, SECOND]
    assert w.titles() == ["Title 1"]
    assert w.state().failures == 0


async def test_where_all_fail_the_source_does_and_each_address_is_named(world: Make) -> None:
    w = world(several(SECOND, THIRD))
    w.sites = {
        FEED: always(lambda: says(500)),
        SECOND: always(lambda: PollError(FailureKind.DNS, "b.example does not resolve")),
        THIRD: always(lambda: ok(b"<html><title>Gone fishing</title>")),
    }

    await w.poll()

    row = w.row()
    assert (row["state"], row["kind"], row["failures"]) == ("failing", "server-error", 1)
    for word in ("3 addresses", "500 Internal Server Error", "b.example does not resolve", "Gone fishing"):
        assert word in str(row["reason"])
    assert [asked.url for asked in w.log] == [FEED, SECOND, THIRD]
    assert w.state().address is None


async def test_where_all_fail_they_are_asked_as_rarely_as_a_source_with_one_address(world: Make) -> None:
    """Rule 46, for each address."""
    w = world(several())
    w.sites = {FEED: always(lambda: says(500)), SECOND: always(lambda: says(503))}

    await w.pass_time(3 * DAY)

    assert w.hours(FEED) == w.hours(SECOND) == [1, 2, 4, 8, 16, 24]


async def test_the_first_is_tried_again_after_its_backoff_and_taken_back(world: Make) -> None:
    w = world(several())
    back = w.now + 6 * HOUR
    w.sites = {
        FEED: lambda asked: ok(rss("1", "2")) if asked.at >= back else says(500),
        SECOND: always(lambda: ok(rss("1"))),
    }

    await w.pass_time(6 * HOUR + 30 * MINUTE)
    before = w.row()["in_use"]
    await w.pass_time(3 * HOUR)

    assert before == SECOND
    # Its backoff: after one, two, four hours, each from its last failure.
    assert [round((asked.at - w.log[0].at) / HOUR) for asked in w.asked(FEED)] == [0, 1, 3, 7, 8, 9]
    assert [round((asked.at - w.log[0].at) / HOUR) for asked in w.asked(SECOND)] == [0, 1, 2, 3, 4, 5, 6]
    assert w.row()["in_use"] == FEED
    assert w.state().rests == ()
    assert sorted(w.titles()) == ["Title 1", "Title 2"]


async def test_entries_are_the_same_ones_at_either_address(world: Make) -> None:
    w = world(several())
    w.sites = {
        FEED: script(lambda: ok(rss("1", "2")), lambda: says(500), lambda: ok(rss("1", "2", "3"))),
        SECOND: always(lambda: ok(rss("1", "2", "3"))),
    }

    await w.poll()
    keys = {record.title: (record.key, record.public_id) for record in w.records()}
    await w.pass_time(4 * HOUR)

    assert {asked.url for asked in w.log} == {FEED, SECOND}
    assert len(w.titles()) == 3
    found = {record.title: (record.key, record.public_id) for record in w.records()}
    assert {title: found[title] for title in keys} == keys


async def test_validators_go_to_no_other_address_than_the_one_that_gave_them(world: Make) -> None:
    """Rule 3."""
    w = world(several())
    down = (w.now + 90 * MINUTE, w.now + 5 * HOUR)
    first, second = tagged("first", "1"), tagged("second", "1")
    w.sites = {
        FEED: lambda asked: says(500) if down[0] < asked.at < down[1] else first(asked),  # type: ignore[dict-item,return-value]  # a Site
        SECOND: second,  # type: ignore[dict-item]  # a Site
    }

    await w.pass_time(9 * HOUR)

    assert {asked.raw("If-None-Match") for asked in w.asked(FEED)} == {None, b'"first"'}
    assert {asked.raw("If-None-Match") for asked in w.asked(SECOND)} == {None, b'"second"'}
    assert w.asked(SECOND)[0].raw("If-None-Match") is None
    assert w.row()["in_use"] == FEED


async def test_an_equal_body_at_another_address_is_known(world: Make) -> None:
    w = world(several())
    w.sites = {
        FEED: script(lambda: ok(rss("1")), lambda: says(500)),
        SECOND: always(lambda: ok(rss("1"))),
    }

    await w.poll()
    w.turn(w.now + HOUR)
    await w.poll()

    assert [type(outcome.result).__name__ for outcome in w.outcomes] == ["Updated", "Unchanged"]


async def test_a_429_holds_its_host_while_another_address_answers(world: Make) -> None:
    """Rules 24 and 45: for the whole host, and only for that one."""
    w = world(several(), hourly("neighbour", "https://www.a.example/other"))
    w.sites = {
        FEED: script(lambda: says(429, {"Retry-After": "21600"}), lambda: ok(rss("1"))),
        SECOND: always(lambda: ok(rss("1"))),
        "https://www.a.example/other": always(lambda: ok(rss("9"))),
    }

    await w.poll("a")
    start = w.now
    await w.pass_time(7 * HOUR + 5 * MINUTE)

    first = [asked.at - start for asked in w.log if "a.example" in asked.url][1:]
    assert min(first) >= 6 * HOUR
    assert [round((asked.at - start) / HOUR) for asked in w.asked(SECOND)] == [0, 1, 2, 3, 4, 5]
    assert w.row()["in_use"] == FEED


async def test_an_address_whose_host_is_to_be_left_alone_is_passed_over(world: Make) -> None:
    """Rule 24: another source was told so; nothing is asked there, and the next address answers at once."""
    w = world(hourly("neighbour", "https://www.a.example/other"), several())
    w.sites = {
        "https://www.a.example/other": script(lambda: says(429, {"Retry-After": "10800"}), lambda: ok(rss("9"))),
        FEED: always(lambda: ok(rss("1"))),
        SECOND: always(lambda: ok(rss("1"))),
    }

    await w.poll("neighbour")
    start = w.now
    await w.pass_time(2 * HOUR)
    meanwhile = w.row()["in_use"]
    await w.pass_time(2 * HOUR)

    assert meanwhile == SECOND
    assert w.asked(SECOND)[0].at == start
    assert w.asked(FEED)[0].at - start >= 3 * HOUR
    assert w.row()["in_use"] == FEED


async def test_addresses_on_one_host_take_its_turn_once_and_share_its_refusals(world: Make) -> None:
    other = "https://a.example/mirror"
    w = world(several(other))
    w.sites = {FEED: always(lambda: says(429, {"Retry-After": "7200"})), other: always(lambda: ok(rss("1")))}

    await w.poll()
    await w.pass_time(HOUR + 59 * MINUTE)
    quiet = len(w.log)
    await w.pass_time(2 * MINUTE)

    assert [asked.url for asked in w.log[:1]] == [FEED]
    assert quiet == 1
    assert len(w.log) == 2


async def test_no_address_is_asked_twice_in_a_poll(world: Make) -> None:
    w = world(several(SECOND, FEED, SECOND))
    w.sites = {FEED: always(lambda: moves(302, SECOND)), SECOND: always(lambda: says(500))}

    await w.poll()

    assert [asked.url for asked in w.log] == [FEED, SECOND]
    assert w.row()["state"] == "failing"


async def test_a_restart_keeps_the_address_in_use(world: Make) -> None:
    w = world(several())
    w.sites = {FEED: always(lambda: says(403)), SECOND: always(lambda: ok(rss("1")))}
    await w.poll()
    w.restart()

    await w.pass_time(3 * HOUR + 30 * MINUTE)

    assert len(w.asked(FEED)) == 1  # 403: four hours
    assert len(w.asked(SECOND)) == 4
    assert w.row()["in_use"] == SECOND


async def test_a_first_that_is_gone_is_asked_once_more_after_a_day_and_then_no_more(world: Make) -> None:
    """Rule 44, for an address."""
    w = world(several())
    w.sites = {FEED: always(lambda: says(410)), SECOND: always(lambda: ok(rss("1")))}

    await w.pass_time(10 * DAY)

    assert [round(hours) for hours in w.hours(FEED)] == [24]
    assert w.state().stopped is None
    assert w.row()["in_use"] == SECOND


async def test_a_source_stops_when_all_its_addresses_are_gone(world: Make) -> None:
    """Rule 44."""
    w = world(several())
    w.sites = {FEED: always(lambda: says(410)), SECOND: always(lambda: says(410))}

    await w.pass_time(10 * DAY)

    assert w.row()["state"] == "gone"
    assert [w.hours(FEED), w.hours(SECOND)] == [[24], [24]]


async def test_a_poll_by_hand_tries_the_first_again(world: Make) -> None:
    w = world(several())
    w.sites = {FEED: script(lambda: says(500), lambda: ok(rss("1", "2"))), SECOND: always(lambda: ok(rss("1")))}
    await w.poll()
    w.turn(w.now + 10 * MINUTE)

    await w.poll("a", due=False)

    assert [asked.url for asked in w.log] == [FEED, SECOND, FEED]
    assert w.row()["in_use"] == FEED


async def test_a_poll_by_hand_keeps_to_what_a_publisher_asked_for(world: Make) -> None:
    """Rule 27."""
    w = world(several())
    w.sites = {FEED: always(lambda: says(503, {"Retry-After": "7200"})), SECOND: always(lambda: ok(rss("1")))}
    await w.poll()
    w.turn(w.now + 10 * MINUTE)

    await w.poll("a", due=False, force=True)

    assert [asked.url for asked in w.log] == [FEED, SECOND, SECOND]


async def test_a_permanent_move_is_the_first_addresses_own(world: Make) -> None:
    """Rule 35: where a fallback leads is not where the source moved."""
    w = world(several())
    w.sites = {
        FEED: always(lambda: says(500)),
        SECOND: always(lambda: moves(301, THIRD)),
        THIRD: always(lambda: ok(rss("1"))),
    }

    await w.pass_time(5 * DAY)

    assert w.state().effective_url is None
    assert w.row()["in_use"] == SECOND
    assert w.asked(SECOND)[-1].at == w.asked(THIRD)[-1].at


async def test_headers_of_a_source_stay_with_its_first_address(world: Make) -> None:
    """Rule 39."""
    w = world(several(headers=(("X-Api-Key", "k"),)))
    w.sites = {FEED: always(lambda: says(500)), SECOND: always(lambda: ok(rss("1")))}

    await w.poll()

    assert [asked.headers.get("X-Api-Key") for asked in w.log] == ["k", None]


async def test_a_lost_network_is_nobodys_fault_and_not_asked_for_at_every_address(world: Make) -> None:
    """Rule 47."""
    names = [f"s{n}" for n in range(8)]
    mirrors = {name: f"https://{name}-mirror.example/feed" for name in names}
    w = world(*(hourly(name, fallback=(mirrors[name],)) for name in names))
    cut = (w.now + 90 * MINUTE, w.now + 7 * HOUR)
    for url in (*(f"https://{name}.example/feed" for name in names), *mirrors.values()):
        w.sites[url] = lambda asked: (
            PollError(FailureKind.DNS, "no such host") if cut[0] < asked.at < cut[1] else ok(rss("1"))
        )

    await w.live(6 * HOUR)
    during = [w.state(name) for name in names]
    lost = [asked for asked in w.log if cut[0] < asked.at < cut[1]]
    await w.live(3 * HOUR)

    assert {state.failures for state in during} == {0}
    assert {state.rests for state in during} == {()}
    assert len(lost) <= 2 * len(names) + 5 * 60
    assert {w.row(name)["state"] for name in names} == {"ok"}
    assert {w.row(name)["in_use"] for name in names} == {f"https://{name}.example/feed" for name in names}


async def test_twins_ride_together_when_they_have_the_same_fallbacks(world: Make) -> None:
    """S61."""
    w = world(several(), hourly("b", FEED, fallback=(SECOND,)), hourly("c", FEED))
    w.sites = {FEED: always(lambda: says(500)), SECOND: always(lambda: ok(rss("1")))}

    await w.poll()

    assert w.counted() == {FEED: 2, SECOND: 1}
    assert [w.titles(name) for name in "abc"] == [["Title 1"], ["Title 1"], []]


async def test_health_says_which_address_answers_and_why_not_the_first(world: Make) -> None:
    w = world(several(SECOND, THIRD))
    w.sites = {FEED: always(lambda: says(500)), SECOND: always(lambda: says(404)), THIRD: always(lambda: ok(rss("1")))}

    await w.poll()

    health = w.health()
    assert health.state == "degraded"
    assert health.reason == (
        "served by its fallback https://c.example/feed; the first address fails since 2026-03-02 12:00 UTC "
        "(server-error: 500 Internal Server Error), is tried again at 2026-03-02 13:00 UTC"
    )


async def test_an_own_rsshub_that_fails_tells_nothing_of_the_network(world: Make) -> None:
    own = "http://127.0.0.1:1200/route"
    w = world(source("a", own, every=HOUR, fallback=(SECOND,)), allow_private=frozenset({"127.0.0.1:1200"}))
    w.sites = {own: always(lambda: PollError(FailureKind.CONNECT, "refused")), SECOND: always(lambda: ok(rss("1")))}

    await w.pass_time(2 * HOUR + MINUTE)

    assert w.state().failures == 0
    assert w.row()["in_use"] == SECOND


async def test_a_clock_that_is_set_changes_no_rest_of_an_address(world: Make) -> None:
    """S57."""
    w = world(several())
    w.sites = {FEED: script(lambda: says(403), lambda: ok(rss("1"))), SECOND: always(lambda: ok(rss("1")))}
    await w.live(MINUTE)
    w.now += DAY

    await w.live(3 * HOUR + 30 * MINUTE)
    early = len(w.asked(FEED))
    await w.live(HOUR + 30 * MINUTE)

    assert early == 1
    assert w.row()["in_use"] == FEED


async def test_a_promise_holds_when_the_fallback_is_taken_out_of_feeds_yaml(world: Make) -> None:
    """Rule 24."""
    w = world(several())
    w.sites = {
        FEED: script(lambda: says(503, {"Retry-After": "18000"}), lambda: ok(rss("1"))),
        SECOND: always(lambda: ok(rss("1"))),
    }
    await w.poll()
    start = w.now
    w.restart(hourly("a", FEED))

    await w.pass_time(7 * HOUR)

    assert w.asked(FEED)[1].at - start >= 5 * HOUR
    assert w.row()["state"] == "ok"


async def test_a_dead_instance_with_many_sources_makes_no_herd_at_the_next(world: Make) -> None:
    """S52: 60 routes of one host, which is down, and their fallbacks on another one."""
    names = [f"s{n}" for n in range(60)]
    w = world(
        *(hourly(name, f"https://hub.example/{name}", fallback=(f"https://mirror.example/{name}",)) for name in names),
        host_delay=MINUTE / 60,
    )
    for name in names:
        w.sites[f"https://hub.example/{name}"] = always(lambda: PollError(FailureKind.CONNECT, "refused"))
        w.sites[f"https://mirror.example/{name}"] = always(lambda: ok(rss("1")))

    await w.live(3 * HOUR + 10 * MINUTE)

    for host in ("hub", "mirror"):
        times = [asked.at for asked in w.log if asked.url.startswith(f"https://{host}.example/")]
        assert min(later - earlier for earlier, later in pairwise(times)) >= MINUTE / 60
    assert {w.state(name).failures for name in names} == {0}
    assert {len(w.asked(f"https://mirror.example/{name}")) for name in names} <= {3, 4}
    assert {len(w.asked(f"https://hub.example/{name}")) for name in names} <= {2, 3}
