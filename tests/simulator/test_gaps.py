"""Case S68: a page on which nothing is known any more, and where what went by is to be had."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Literal

import httpx
import pytest

from plugins.simulator import (
    DAY,
    FEED,
    HOUR,
    MINUTE,
    MONDAY,
    Asked,
    Site,
    World,
    always,
    hourly,
    item,
    ok,
    rss,
    says,
    source,
)

Make = Callable[..., World]

ARCHIVE = "https://a.example/archive/{}".format


def entry(n: int) -> str:
    """Entry n of a publisher that writes one a minute, number 100 on Monday at noon."""
    date = MONDAY + (n - 100) * MINUTE
    return item(str(n), date=f"{date:%a, %d %b %Y %H:%M:%S} GMT", link=f"https://a.example/{n}")


def page(newest: int, count: int = 10, *, previous: str | None = None, rel: str = "prev-archive") -> bytes:
    link = f"<link xmlns='http://www.w3.org/2005/Atom' rel='{rel}' href='{previous}'/>" if previous else ""
    return rss(*(entry(n) for n in range(newest, newest - count, -1)), extra=link)


def titles(newest: int, oldest: int) -> list[str]:
    return [f"Title {n}" for n in range(newest, oldest - 1, -1)]


def jumping(*newest: int, previous: str | None = None, rel: str = "prev-archive") -> Site:
    """Return a site whose page ends with another entry at each request, the last one from then on."""
    return lambda asked: ok(
        page(newest[min(asked.nth, len(newest) - 1)], previous=previous if asked.nth else None, rel=rel),
        {"ETag": f'"{min(asked.nth, len(newest) - 1)}"'},
    )


def words(w: World) -> str:
    return str(w.row()["reason"])


async def test_a_page_that_was_replaced_is_a_gap_and_its_archive_is_read_until_it_meets_what_is_stored(
    world: Make,
) -> None:
    """S68."""
    w = world()
    w.sites[FEED] = jumping(100, 125, previous="/archive/1")
    w.sites[ARCHIVE(1)] = always(lambda: ok(page(115, previous="/archive/2")))
    w.sites[ARCHIVE(2)] = always(lambda: ok(page(105, previous="/archive/3")))

    await w.polls(2)

    assert w.titles() == titles(125, 91)
    assert [one.url for one in w.log] == [FEED, FEED, ARCHIVE(1), ARCHIVE(2)]
    assert w.row()["state"] == "degraded"
    assert words(w).startswith("gap: ")
    assert "read from 2 pages before it" in words(w)
    assert [len(outcome.saved.new) for outcome in w.outcomes] == [10, 25]


async def test_no_condition_goes_to_an_archive(world: Make) -> None:
    """S68: a page before was never asked for, so nothing of it can be unchanged."""
    w = world()
    w.sites[FEED] = jumping(100, 125, previous="/archive/1")
    w.sites[ARCHIVE(1)] = always(lambda: ok(page(115, 20), {"ETag": '"0"'}))

    await w.polls(4)

    (asked,) = w.asked(ARCHIVE(1))
    assert [asked.raw(name) for name in ("If-None-Match", "If-Modified-Since", "A-IM", "Cookie", "Referer")] == [
        None
    ] * 5
    assert w.state().validators.etag == b'"1"'
    assert w.state().validators.url == FEED


async def test_no_more_than_three_pages_are_read(world: Make) -> None:
    """S68: the chain is longer than that."""
    w = world()
    w.sites[FEED] = jumping(100, 200, previous="/archive/190")
    for newest in range(190, 100, -10):
        w.sites[ARCHIVE(newest)] = always(lambda newest=newest: ok(page(newest, previous=f"/archive/{newest - 10}")))  # type: ignore[misc]  # bound early

    await w.polls(3)

    assert [one.url for one in w.log] == [FEED, FEED, ARCHIVE(190), ARCHIVE(180), ARCHIVE(170), FEED]
    assert w.titles() == [*titles(200, 161), *titles(100, 91)]
    assert "no more are asked for; 3 pages before it were read" in words(w)


@pytest.mark.parametrize("to", ["/archive/1", "https://a.example/feed", "/archive/1#again"])
async def test_a_chain_that_comes_back_to_where_it_was_ends(world: Make, to: str) -> None:
    """S68."""
    w = world()
    w.sites[FEED] = jumping(100, 125, previous="/archive/1")
    w.sites[ARCHIVE(1)] = always(lambda: ok(page(115, 5, previous=to)))

    await w.polls(2)

    assert w.counted() == {FEED: 2, ARCHIVE(1): 1}
    assert w.titles() == [*titles(125, 111), *titles(100, 91)]
    assert "leads back" in words(w)


@pytest.mark.parametrize(
    "to", ["https://b.example/1", "http://127.0.0.1/1", "//169.254.169.254/", "https://a.example:8443/1"]
)
async def test_no_other_site_is_asked(world: Make, to: str) -> None:
    """S68."""
    w = world()
    w.sites[FEED] = jumping(100, 125, previous=to)

    await w.polls(2)

    assert w.counted() == {FEED: 2}
    assert w.titles() == [*titles(125, 116), *titles(100, 91)]
    assert "lies at another site" in words(w)


async def test_a_page_that_redirects_to_another_site_is_not_read(world: Make) -> None:
    """S68."""
    w = world()
    w.sites[FEED] = jumping(100, 125, previous="/archive/1")
    w.sites[ARCHIVE(1)] = always(lambda: httpx.Response(302, headers={"Location": "https://b.example/1"}))
    w.sites["https://b.example/1"] = always(lambda: ok(page(115)))

    await w.polls(2)

    assert w.titles() == [*titles(125, 116), *titles(100, 91)]
    assert "another site, https://b.example/1" in words(w)


async def test_a_part_of_the_site_may_have_the_archive(world: Make) -> None:
    """S68: a site is a registrable domain."""
    w = world()
    w.sites[FEED] = jumping(100, 115, previous="https://old.a.example/1")
    w.sites["https://old.a.example/1"] = always(lambda: ok(page(105)))

    await w.polls(2)

    assert w.titles() == titles(115, 91)


async def test_a_page_that_fails_costs_nothing_of_what_was_read(world: Make) -> None:
    """S68: the second page answers 500."""
    w = world()
    w.sites[FEED] = jumping(100, 125, previous="/archive/1")
    w.sites[ARCHIVE(1)] = always(lambda: ok(page(115, 5, previous="/archive/2")))
    w.sites[ARCHIVE(2)] = always(lambda: says(500))

    await w.polls(3)

    assert w.titles() == [*titles(125, 111), *titles(100, 91)]
    assert w.counted() == {FEED: 3, ARCHIVE(1): 1, ARCHIVE(2): 1}
    assert w.log[-1].raw("If-None-Match") == b'"1"'
    assert "could not be read: 500 Internal Server Error (server-error)" in words(w)
    assert w.row()["failures"] == 0


@pytest.mark.parametrize(
    "answer",
    [
        lambda: ok(b"<html><title>Log in</title></html>"),
        lambda: ok(page(115).rpartition(b"</item>")[0]),
        lambda: ok(b""),
        lambda: says(304),
        lambda: says(410),
    ],
    ids=["a page for people", "cut", "empty", "304", "410"],
)
async def test_whatever_a_page_answers_the_document_is_kept(world: Make, answer: Callable[[], httpx.Response]) -> None:
    """S68."""
    w = world()
    w.sites[FEED] = jumping(100, 125, previous="/archive/1")
    w.sites[ARCHIVE(1)] = always(answer)

    await w.polls(2)

    assert w.titles() == [*titles(125, 116), *titles(100, 91)]
    assert "could not be read: " in words(w)
    assert w.row()["failures"] == 0


async def test_a_page_that_answers_429_holds_for_all_of_the_host(world: Make) -> None:
    """S68, S23."""
    w = world(source("a"), source("other", "https://a.example/other"))
    w.sites[FEED] = jumping(100, 125, previous="/archive/1")
    w.sites[ARCHIVE(1)] = always(lambda: says(429, {"Retry-After": "36000"}))
    w.sites["https://a.example/other"] = always(lambda: ok(rss("1"), {"ETag": '"x"'}))

    await w.pass_time(30 * HOUR)

    refused = w.asked(ARCHIVE(1))[0].at
    assert min(one.at for one in w.log if one.at > refused) >= refused + 10 * HOUR


def json_page(newest: int, **said: object) -> bytes:
    items = [{"id": str(n), "title": f"Title {n}", "content_text": "x"} for n in range(newest, newest - 10, -1)]
    return json.dumps({"version": "https://jsonfeed.org/version/1.1", "title": "J", "items": items, **said}).encode()


async def test_the_next_url_of_a_json_feed_is_followed(world: Make) -> None:
    """S68, S70; entries without dates stand behind what is newer, in their order."""
    w = world()
    hubs = [{"type": "WebSub", "url": "https://hub.example/"}]

    def site(asked: Asked) -> httpx.Response:
        return ok(json_page(115 if asked.nth else 100, next_url="/p2", hubs=hubs))

    w.sites[FEED] = site
    w.sites["https://a.example/p2"] = always(lambda: ok(json_page(105, next_url="/p3")))

    await w.polls(2)

    assert w.titles() == titles(115, 91)
    assert [one.url for one in w.log] == [FEED, FEED, "https://a.example/p2"]


async def test_the_next_page_of_a_paged_feed_is_followed(world: Make) -> None:
    """S68."""
    w = world()
    w.sites[FEED] = jumping(100, 112, previous="?page=2", rel="next")
    w.sites[f"{FEED}?page=2"] = always(lambda: ok(page(102)))

    await w.polls(2)

    assert w.titles() == titles(112, 91)


async def test_without_any_link_there_is_a_gap_and_nothing_more_is_asked(world: Make) -> None:
    """S68."""
    w = world()
    w.sites[FEED] = jumping(100, 125)

    await w.polls(2)

    assert w.counted() == {FEED: 2}
    assert words(w).startswith("gap: ")
    assert "names no older page" in words(w)


async def test_a_first_import_follows_nothing(world: Make) -> None:
    """S68."""
    w = world()
    w.sites[FEED] = always(lambda: ok(page(100, previous="/archive/1")))

    await w.polls(3)

    assert w.counted() == {FEED: 3}
    assert w.row()["state"] == "ok"


async def test_what_is_older_than_what_was_stored_floods_nothing(world: Make) -> None:
    """S68: a publisher that begins anew, with an archive of years that has nothing in common with the old one."""
    w = world()
    w.sites[FEED] = jumping(100, 125, previous="/archive/1")
    w.sites[ARCHIVE(1)] = always(lambda: ok(page(50, 30)))

    await w.polls(2)

    old = [record for record in w.records() if int(str(record.guid)) <= 50]
    assert len(old) == 30
    assert all(record.backlog for record in old)
    assert not any(record.backlog for record in w.records() if int(str(record.guid)) > 50)


# --- the interval ---


async def test_a_gap_halves_the_interval_and_a_calm_week_takes_it_back(world: Make) -> None:
    """S68: after a month of silence the page is full of entries that are dated days apart."""
    w = world(source("a", at_least=HOUR))
    late = [MONDAY + day * DAY for day in (38, 36, 34)]
    pages = [
        rss("1", "2", "3"),
        rss(*(item(f"late {at:%d}", date=f"{at:%a, %d %b %Y %H:%M:%S} GMT") for at in late)),
    ]

    def site(asked: Asked) -> httpx.Response:
        at = int(asked.at >= MONDAY + 40 * DAY)
        tag = f'"{at}"'
        return says(304) if asked.has(tag.encode()) else ok(pages[at], {"ETag": tag})

    w.sites[FEED] = site

    await w.pass_time(50 * DAY)

    gap = next(one.at for one in w.log if one.at >= MONDAY + 40 * DAY)
    after = [one.at - gap for one in w.log if one.at >= gap]
    hours = [((later - earlier) / HOUR, earlier / DAY) for earlier, later in pairwise(after)]
    assert {apart for apart, since in hours if since < 7} == {1.5}
    assert {apart for apart, since in hours if since >= 7} == {3.0, 6.0}
    assert w.state().gap_at == gap
    assert w.row()["state"] != "degraded"


async def test_no_interval_is_halved_below_its_floor(world: Make) -> None:
    """S68: gap after gap."""
    w = world(source("a", at_least=HOUR))
    w.sites[FEED] = lambda asked: ok(page(100 + 20 * asked.nth), {"ETag": f'"{asked.nth}"'})

    await w.pass_time(2 * DAY)

    assert min(w.hours()) == 1.0
    assert words(w).startswith("gap: ")


async def test_a_written_interval_stands(world: Make) -> None:
    """S68: the operator's word is not ours to halve; health says what would help."""
    w = world(hourly())
    w.sites[FEED] = lambda asked: ok(page(100 + 20 * asked.nth), {"ETag": f'"{asked.nth}"'})

    await w.polls(5)

    assert set(w.hours()) == {1.0}
    assert "a smaller `at_least` or `every` would help" in words(w)


# --- what is no gap ---


async def test_after_days_without_us_it_is_no_gap_and_what_went_by_is_read(world: Make) -> None:
    """S68: asking more often would not have helped."""
    w = world()
    w.sites[FEED] = jumping(100, 125, previous="/archive/1")
    w.sites[ARCHIVE(1)] = always(lambda: ok(page(115, 20)))
    await w.poll()

    w.now += 3 * DAY
    w.ticks += 3 * DAY.total_seconds()
    w.restart()
    await w.polls(1)

    assert "gap" not in words(w)
    assert (w.state().gaps, w.state().gap_at) == (0, None)
    assert w.titles() == titles(125, 91)


async def test_after_failures_it_is_no_gap(world: Make) -> None:
    """S68."""
    w = world()

    def site(asked: Asked) -> httpx.Response:
        return says(503) if asked.nth == 1 else ok(page(125 if asked.nth else 100))

    w.sites[FEED] = site

    await w.polls(3)

    assert w.row()["state"] == "ok"
    assert w.state().gap_at is None


async def test_where_the_publisher_asked_us_to_wait_it_is_no_gap(world: Make) -> None:
    """S68."""
    w = world()
    w.sites[FEED] = lambda asked: ok(page(100 + 20 * asked.nth), {"Cache-Control": "max-age=86400"})

    await w.polls(3)

    assert set(w.hours()) == {24.0}
    assert w.state().gap_at is None


async def test_a_page_of_one_entry_is_replaced_and_not_missed(world: Make) -> None:
    """S68."""
    w = world()
    w.sites[FEED] = lambda asked: ok(page(100 + asked.nth, 1), {"ETag": f'"{asked.nth}"'})

    await w.polls(4)

    assert w.state().gap_at is None
    assert w.titles() == titles(103, 100)


async def test_a_month_that_begins_with_one_entry_and_an_archive_is_no_gap(world: Make) -> None:
    """S68: RFC 5005 lets the document begin anew; the page before has all that is stored and nothing else."""
    w = world()
    w.sites[FEED] = lambda asked: ok(page(101, 1, previous="/archive/1") if asked.nth else page(100))
    w.sites[ARCHIVE(1)] = always(lambda: ok(page(100)))

    await w.polls(2)

    assert w.counted() == {FEED: 2, ARCHIVE(1): 1}
    assert w.state().gap_at is None
    assert w.titles() == titles(101, 91)


async def test_a_source_with_a_new_address_has_no_gap_and_follows_nothing(world: Make) -> None:
    """S68: another feed has another page."""
    w = world()
    w.sites[FEED] = always(lambda: ok(page(100)))
    w.sites["https://a.example/new"] = always(lambda: ok(page(200, previous="/archive/1")))
    await w.poll()

    w.restart(source("a", "https://a.example/new"))
    await w.polls(1)

    assert w.counted() == {FEED: 1, "https://a.example/new": 1}
    assert w.state().gap_at is None


async def test_new_ids_for_a_page_and_its_archive_are_no_gap_to_fill_twice(world: Make) -> None:
    """S64, S68: the publisher moved house, wrote ten entries, and its archive has the old ones under new ids."""
    w = world()

    def renamed(newest: int, count: int = 10, **more: str) -> bytes:
        return page(newest, count, **more).replace(b"'false'>", b"'false'>urn:new:")

    w.sites[FEED] = lambda asked: ok(renamed(112, previous="/archive/1") if asked.nth else page(100))
    w.sites[ARCHIVE(1)] = always(lambda: ok(renamed(102)))
    await w.poll()
    before = {record.key: record.public_id for record in w.records()}

    await w.polls(3)

    after = {record.key: record.public_id for record in w.records()}
    assert w.titles() == titles(112, 91)
    assert {key: after[key] for key in before} == before


async def test_twins_read_a_page_once(world: Make) -> None:
    """S61, S68."""
    w = world(source("a"), source("b", FEED))
    w.sites[FEED] = jumping(100, 115, previous="/archive/1")
    w.sites[ARCHIVE(1)] = always(lambda: ok(page(105)))

    await w.polls(4)

    assert w.counted() == {FEED: 2, ARCHIVE(1): 1}
    assert w.titles("a") == w.titles("b") == titles(115, 91)


async def test_what_is_stored_is_neither_redated_nor_edited_by_a_page_before(world: Make) -> None:
    """S68: the archive has an old state of what is stored, and what is newer wins."""
    w = world()
    w.sites[FEED] = jumping(100, 115, previous="/archive/1")
    w.sites[ARCHIVE(1)] = always(
        lambda: ok(page(107).replace(b"Text", b"Draft").replace(b"https://a.example/9", b"http://a.example/9"))
    )
    await w.poll()
    before = {record.guid: record for record in w.records()}

    await w.polls(2)

    after = {record.guid: record for record in w.records()}
    assert {guid: after[guid] for guid in before} == before
    assert w.titles() == titles(115, 91)
    assert "Draft" in after["105"].html
    assert "Text" in after["107"].html


async def test_each_page_takes_a_turn_of_its_host(world: Make) -> None:
    """S68, S52: a second apart, and nobody else on the site waits for all of them."""
    others = [source(f"o{n}", f"https://a.example/o{n}", every=3 * HOUR) for n in range(3)]
    w = world(source("a"), *others, host_delay=timedelta(seconds=1))
    w.sites |= {one.url: always(lambda: ok(rss("1"), {"ETag": '"x"'})) for one in others}
    w.sites[FEED] = jumping(100, 125, previous="/archive/1")
    w.sites[ARCHIVE(1)] = always(lambda: ok(page(115, previous="/archive/2")))
    w.sites[ARCHIVE(2)] = always(lambda: ok(page(105)))

    await w.live(4 * HOUR)

    ticks = [one.ticks for one in w.log]
    between = [one.url for one in w.log if w.asked(FEED)[1].ticks < one.ticks < w.asked(ARCHIVE(2))[0].ticks]
    assert min(later - earlier for earlier, later in pairwise(ticks)) >= 1
    assert len(w.asked(ARCHIVE(1))) == len(w.asked(ARCHIVE(2))) == 1
    assert set(between) - {ARCHIVE(1)}
    assert w.titles() == titles(125, 91)


async def test_a_stop_amid_the_pages_keeps_what_was_read(world: Make) -> None:
    """S68."""
    w = world()
    w.sites[FEED] = jumping(100, 125, previous="/archive/1")
    w.sites[ARCHIVE(1)] = always(lambda: ok(page(115, 5, previous="/archive/2")))
    w.sites[ARCHIVE(2)] = always(lambda: ok(page(110)))
    reached = asyncio.Event()

    class Gate(asyncio.Event):
        async def wait(self) -> Literal[True]:
            reached.set()
            return await super().wait()

    w.waits[ARCHIVE(2)] = Gate()
    await w.poll()
    w.turn(w.now + 3 * HOUR)

    polling = asyncio.create_task(w.poll())
    await reached.wait()
    await w.poller.stop(0)
    polling.cancel()

    assert w.titles() == [*titles(125, 111), *titles(100, 91)]
    assert "as we stopped" in words(w)
    assert w.state().lease_until is None
