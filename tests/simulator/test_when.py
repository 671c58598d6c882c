"""Cases S16 to S22: what an answer and a document say of when to come again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from plugins.simulator import (
    DAY,
    FEED,
    HOUR,
    Asked,
    Headers,
    World,
    always,
    hourly,
    item,
    ok,
    rss,
    says,
    script,
    source,
)

Make = Callable[..., World]

SY = "xmlns:sy='http://purl.org/rss/1.0/modules/syndication/'"


@pytest.mark.parametrize(
    ("whole", "unchanged", "hours"),
    [
        ({"Cache-Control": "max-age=7200"}, {}, 2),
        ({}, {"Cache-Control": "max-age=7200"}, 2),
        ({"Cache-Control": 'MAX-AGE="7200"'}, {}, 2),
        ({"Cache-Control": "max-age=7200", "Age": "3600"}, {}, 1),
    ],
    ids=["on the whole answer", "on the 304 only", "in capitals and quotes", "less its age"],
)
async def test_freshness_is_waited_for(
    world: Make, whole: dict[str, str], unchanged: dict[str, str], hours: float
) -> None:
    """S16; what a whole answer said outlives the 304s that do not repeat it."""
    w = world(hourly())
    w.sites[FEED] = script(lambda: ok(rss("1"), {"ETag": '"a"'} | whole), lambda: says(304, unchanged))

    await w.polls(5)

    assert min(w.hours()[1:]) >= hours
    assert max(w.hours()) <= max(2, hours)


async def test_a_minute_of_freshness_does_not_bring_a_poll_within_the_hour(world: Make) -> None:
    """S17."""
    w = world()
    w.sites[FEED] = always(lambda: ok(rss("1"), {"ETag": '"a"', "Cache-Control": "max-age=60"}))

    await w.polls(4)

    assert min(w.hours()) >= 1


@pytest.mark.parametrize(
    ("max_age", "hours"), [("1000000000", 48), (str(2**63), 48), ("-5", 1), ("soon", 1), ("1e9", 1)]
)
async def test_freshness_is_capped_at_two_days_and_nonsense_is_none(world: Make, max_age: str, hours: float) -> None:
    """S18."""
    w = world(hourly())
    w.sites[FEED] = always(lambda: ok(rss("1"), {"ETag": '"a"', "Cache-Control": f"max-age={max_age}"}))

    await w.polls(2)

    assert w.hours() == [hours]
    assert ("capped at 2 d" in str(w.row()["next_reason"])) == (hours == 48)


async def test_expires_does_not_count_beside_max_age(world: Make) -> None:
    """S19."""
    w = world(hourly())
    said = {"Cache-Control": "max-age=600", "Expires": "Mon, 02 Mar 2026 22:00:00 GMT"}
    w.sites[FEED] = always(lambda: ok(rss("1"), {"ETag": '"a"'} | said))

    await w.polls(2)

    assert w.hours() == [1]


async def test_expires_is_counted_from_the_publishers_clock(world: Make) -> None:
    """S20: their clock is five hours ahead."""
    w = world(hourly())
    said = {"Date": "Mon, 02 Mar 2026 17:00:00 GMT", "Expires": "Mon, 02 Mar 2026 20:00:00 GMT"}
    w.sites[FEED] = always(lambda: ok(rss("1"), said))

    await w.polls(2)

    assert w.hours() == [3]


@pytest.mark.parametrize(
    ("said", "hours"),
    [
        ("<ttl>480</ttl>", 8),
        ("<ttl>60</ttl>", 3),
        ("<ttl>999999</ttl>", 24),
        ("<ttl>abc</ttl>", 3),
        (
            f"<sy:updatePeriod {SY}>hourly</sy:updatePeriod><sy:updateFrequency {SY}>2</sy:updateFrequency>",
            3,
        ),
    ],
    ids=["longer", "shorter", "capped", "nonsense", "twice an hour"],
)
async def test_ttl_lengthens_the_interval_and_never_shortens_it(world: Make, said: str, hours: float) -> None:
    """S21."""
    w = world()
    w.sites[FEED] = script(lambda: ok(rss("1", extra=said), {"ETag": '"a"'}), lambda: says(304))

    await w.polls(4)

    assert w.hours() == [hours] * 3


def skipping(hours: range, *days: str) -> str:
    listed = "".join(f"<hour>{hour}</hour>" for hour in hours)
    named = "".join(f"<day>{day}</day>" for day in days)
    return f"<skipHours>{listed}</skipHours><skipDays>{named}</skipDays>"


async def test_nothing_is_asked_in_the_hours_that_the_feed_skips(world: Make) -> None:
    """S22."""
    w = world(hourly())
    said = skipping(range(9))
    w.sites[FEED] = script(lambda: ok(rss("1", extra=said), {"ETag": '"a"'}), lambda: says(304))

    await w.pass_time(14 * DAY)

    assert min(one.at.hour for one in w.log) >= 9
    assert len(w.log) >= 14 * 14


async def test_nothing_is_asked_on_the_days_that_the_feed_skips(world: Make) -> None:
    """S22."""
    w = world(hourly())
    said = skipping(range(0), "Saturday", "Sunday")
    w.sites[FEED] = script(lambda: ok(rss("1", extra=said), {"ETag": '"a"'}), lambda: says(304))

    await w.pass_time(21 * DAY)

    assert {one.at.weekday() for one in w.log} == {0, 1, 2, 3, 4}
    assert len(w.log) >= 14 * 23


async def test_no_list_of_hours_and_days_keeps_a_feed_unasked_for_more_than_two_days(world: Make) -> None:
    """S22: from Friday night to Monday at nine would be 57 hours."""
    w = world(hourly())
    said = skipping(range(9), "Saturday", "Sunday")
    w.sites[FEED] = script(lambda: ok(rss("1", extra=said), {"ETag": '"a"'}), lambda: says(304))

    await w.pass_time(21 * DAY)

    assert {one.at.weekday() for one in w.log} == {0, 1, 2, 3, 4}
    assert max(w.hours()) <= 49


async def test_a_feed_that_skips_every_hour_and_day_skips_none(world: Make) -> None:
    """S22."""
    w = world(hourly())
    week = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    said = skipping(range(24), *week)
    w.sites[FEED] = script(lambda: ok(rss("1", extra=said), {"ETag": '"a"'}), lambda: says(304))

    await w.polls(30)

    assert set(w.hours()) == {1.0}


async def test_every_wait_is_stored_with_its_reason(world: Make) -> None:
    """Rule 20: the longest term decides, and its words are shown."""
    w = world(hourly())
    headers: list[Headers] = [{}, {"Cache-Control": "max-age=7200"}]
    w.sites[FEED] = lambda asked: ok(rss("1"), headers[asked.nth])

    await w.poll()
    first = w.row()["next_reason"]
    await w.polls(1)

    assert first == "every 1 h, as written"
    assert w.row()["next_reason"] == "max-age of 2 h"


async def test_entries_on_weekdays_come_within_the_hour_at_a_request_an_hour(world: Make) -> None:
    """The adaptive interval (rule 27) on a site with 20 entries a weekday, over two weeks."""
    w = world()
    made = [
        w.now.replace(hour=9) + day * DAY + n * (9 * HOUR / 20)
        for day in range(-1, 15)
        if (w.now + day * DAY).weekday() < 5
        for n in range(20)
    ]

    def site(asked: Asked) -> httpx.Response:
        come = [at for at in made if at <= asked.at][-30:]
        return ok(rss(*(item(f"{at:%d%H%M}", date=f"{at:%a, %d %b %Y %H:%M:%S} GMT") for at in come)), {"ETag": '"a"'})

    w.sites[FEED] = site

    await w.pass_time(14 * DAY)

    late = sorted(record.first_seen - record.published for record in w.records() if record.first_seen > made[20])
    assert len(w.log) / 14 <= 24
    assert late[int(len(late) * 0.95)] <= timedelta(hours=1.1)
    assert len(late) > 150


async def test_a_dormant_source_is_asked_a_few_times_a_day(world: Make) -> None:
    """The adaptive interval on a site that is silent for a hundred days."""
    w = world(source("a"))
    w.sites[FEED] = script(lambda: ok(rss("1"), {"ETag": '"a"'}), lambda: says(304))

    await w.pass_time(100 * DAY)

    last_month = [one for one in w.log if w.now - one.at <= 30 * DAY]
    assert 30 <= len(last_month) <= 120
