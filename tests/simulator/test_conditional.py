"""Cases S01 to S13, S15: what is sent back, and what of it is believed."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from random import Random

import httpx
import pytest

from plugins.simulator import DAY, FEED, HOUR, MONDAY, Asked, World, always, hourly, item, ok, rss, says, script, source

Make = Callable[..., World]


def tags(w: World) -> list[bytes | None]:
    return [asked.raw("If-None-Match") for asked in w.log]


def dates(w: World) -> list[bytes | None]:
    return [asked.raw("If-Modified-Since") for asked in w.log]


async def test_a_tag_is_sent_back_and_no_poll_comes_before_its_hour(world: Make) -> None:
    """S01."""
    w = world(hourly())
    w.jitter = Random(1).random
    w.sites[FEED] = lambda asked: says(304) if asked.has(b'"a"') else ok(rss("1"), {"ETag": '"a"'})

    await w.pass_time(10 * DAY)

    assert tags(w)[0] is None
    assert set(tags(w)[1:]) == {b'"a"'}
    assert all(1 <= hours <= 1.1 for hours in w.hours())
    assert 218 <= len(w.log) <= 241
    assert w.row()["state"] == "ok"


async def test_a_source_without_a_written_interval_is_asked_between_its_floor_and_its_ceiling(world: Make) -> None:
    """S01, the interval being ours."""
    w = world()
    w.jitter = Random(2).random
    w.sites[FEED] = lambda asked: says(304) if asked.has(b'"a"') else ok(rss("1"), {"ETag": '"a"'})

    await w.pass_time(120 * DAY)

    assert min(w.hours()) >= 1
    assert max(w.hours()) <= 24.25


@pytest.mark.parametrize("tag", [b'W/"a"', b'"a,b"', b"abc", b'"' + b"x" * 2048 + b'"', b'"caf\xe9"'])
async def test_any_tag_comes_back_byte_for_byte(world: Make, tag: bytes) -> None:
    """S02."""
    w = world()
    w.sites[FEED] = always(lambda: ok(rss("1"), [(b"ETag", tag)]))

    await w.polls(3)

    assert tags(w) == [None, tag, tag]


@pytest.mark.parametrize("date", [b"Sun, 01 Mar 2026 00:00:00 GMT", b"Tue, 31 Foo", b"sun, 01 mar 2026 00:00:00 gmt"])
async def test_any_last_modified_comes_back_byte_for_byte(world: Make, date: bytes) -> None:
    """S03."""
    w = world()
    w.sites[FEED] = always(lambda: ok(rss("1"), [(b"Last-Modified", date)]))

    await w.polls(3)

    assert dates(w) == [None, date, date]
    assert tags(w) == [None, None, None]


async def test_both_validators_are_sent_at_every_poll(world: Make) -> None:
    """S04."""
    w = world()
    w.sites[FEED] = script(lambda: ok(rss("1"), {"ETag": '"a"', "Last-Modified": "then"}), lambda: says(304))

    await w.polls(4)

    assert list(zip(tags(w), dates(w), strict=True))[1:] == [(b'"a"', b"then")] * 3


async def test_a_feed_that_is_only_touched_gives_its_newest_validators(world: Make) -> None:
    """S05."""
    w = world()
    w.sites[FEED] = lambda asked: ok(rss("1"), {"ETag": f'"{asked.nth}"', "Last-Modified": f"day {asked.nth}"})

    await w.polls(4)

    assert tags(w) == [None, b'"0"', b'"1"', b'"2"']
    assert dates(w) == [None, b"day 0", b"day 1", b"day 2"]
    assert w.titles() == ["Title 1"]


@pytest.mark.parametrize(("etag", "date"), [('"{n}"', "same"), ('"same"', "day {n}")])
async def test_each_validator_is_renewed_on_its_own(world: Make, etag: str, date: str) -> None:
    """S06."""
    w = world()

    w.sites[FEED] = lambda asked: ok(
        rss("1"), {"ETag": etag.format(n=asked.nth), "Last-Modified": date.format(n=asked.nth)}
    )

    await w.polls(3)

    assert tags(w)[1:] == [etag.format(n=n).encode() for n in (0, 1)]
    assert dates(w)[1:] == [date.format(n=n).encode() for n in (0, 1)]


async def test_a_304_may_give_a_new_tag(world: Make) -> None:
    """S07."""
    w = world()
    w.sites[FEED] = script(lambda: ok(rss("1"), {"ETag": '"a"'}), lambda: says(304, {"ETag": '"b"'}))

    await w.polls(3)

    assert tags(w) == [None, b'"a"', b'"b"']


async def test_a_bare_304_changes_no_validator(world: Make) -> None:
    """S08."""
    w = world()
    w.sites[FEED] = script(lambda: ok(rss("1"), {"ETag": '"a"', "Last-Modified": "then"}), lambda: says(304))

    await w.polls(5)

    assert set(tags(w)[1:]) == {b'"a"'}
    assert set(dates(w)[1:]) == {b"then"}


async def test_validators_that_vanish_are_not_raised_from_the_dead(world: Make) -> None:
    """S09."""
    w = world()
    w.sites[FEED] = script(lambda: ok(rss("1"), {"ETag": '"a"', "Last-Modified": "then"}), lambda: ok(rss("1", "2")))

    await w.polls(4)

    assert tags(w) == [None, b'"a"', None, None]
    assert dates(w) == [None, b"then", None, None]


async def test_a_body_counts_though_its_tag_never_changes(world: Make) -> None:
    """S10."""
    w = world()
    w.sites[FEED] = lambda asked: ok(rss(*map(str, range(asked.nth + 1))), {"ETag": '"a"', "Last-Modified": "then"})

    await w.polls(4)

    assert sorted(w.titles()) == ["Title 0", "Title 1", "Title 2", "Title 3"]


async def test_an_edit_and_an_undated_entry_show_though_the_newest_date_stays(world: Make) -> None:
    """S11."""
    w = world()
    newest, old = item("new"), item("old", date="Thu, 01 Jan 2026 00:00:00 GMT")
    edited = item("old", "Edited", date="Thu, 01 Jan 2026 00:00:00 GMT")
    w.sites[FEED] = script(lambda: ok(rss(newest, old)), lambda: ok(rss(newest, edited, item("undated", date=None))))

    await w.polls(2)

    assert sorted(w.titles()) == ["Edited", "Title new", "Title undated"]


async def test_a_source_without_validators_is_asked_every_two_hours_and_never_twice_stored(world: Make) -> None:
    """S12."""
    w = world()

    def lively(asked: Asked) -> httpx.Response:
        # An entry each half an hour: nothing but the missing validators keeps us away.
        count = int((asked.at - MONDAY) / (HOUR / 2)) + 1
        return ok(rss(*(item(str(n), date=None) for n in range(count))))

    w.sites[FEED] = lively

    await w.pass_time(2 * DAY)

    assert set(w.hours()[-10:]) == {2.0}
    assert len(w.titles()) == len(set(w.titles())) == 97


@pytest.mark.parametrize(
    "said", [{"Expires": "0"}, {"Cache-Control": "no-store"}, {"Cache-Control": "no-cache, max-age=0"}]
)
async def test_what_must_not_be_cached_keeps_its_validators_and_the_usual_interval(
    world: Make, said: dict[str, str]
) -> None:
    """S13."""
    w = world(hourly())
    w.sites[FEED] = script(lambda: ok(rss("1"), {"ETag": '"a"'} | said), lambda: says(304, said))

    await w.polls(4)

    assert tags(w) == [None, b'"a"', b'"a"', b'"a"']
    assert w.hours() == [1, 1, 1]


async def test_a_304_that_nobody_asked_for_is_an_error_and_backs_off(world: Make) -> None:
    """S15."""
    w = world(hourly())
    w.sites[FEED] = always(lambda: says(304, {"ETag": '"a"'}))

    await w.polls(4)

    assert w.row()["kind"] == "protocol"
    assert tags(w) == [None] * 4
    assert w.hours() == [1, 2, 4]
    assert all(later >= earlier for earlier, later in pairwise(w.hours()))


async def test_every_request_says_who_asks_and_nothing_that_it_need_not(world: Make) -> None:
    """What holds in all cases: rules 53 to 56."""
    w = world(source("a"), source("b"))
    w.sites = dict.fromkeys((FEED, "https://b.example/feed"), always(lambda: ok(rss("1"), {"Set-Cookie": "id=1"})))

    await w.pass_time(DAY)

    for asked in w.log:
        assert "+https://news.example.org/" in asked.headers["User-Agent"]
        assert asked.headers["Accept-Encoding"] == "gzip, deflate"
        assert not {"cookie", "referer", "range", "cache-control", "pragma"} & set(asked.headers)
        assert "?" not in asked.url


async def test_cookies_are_never_sent_back_however_often_they_are_set(world: Make) -> None:
    """S59."""
    w = world()
    w.sites[FEED] = lambda asked: ok(rss(str(asked.nth)), {"Set-Cookie": f"id={asked.nth}; Path=/"})

    await w.polls(5)

    assert [asked.headers.get("Cookie") for asked in w.log] == [None] * 5
