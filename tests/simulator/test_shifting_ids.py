"""Cases S62 to S64, S68, made worse: publishers that change, mix, swap and use again what entries are told by."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from plugins.simulator import DAY, FEED, HOUR, MINUTE, MONDAY, Asked, World, always, hourly, item, ok, rss, script

Make = Callable[..., World]


def post(n: int, guid: str | None = "{}", *, link: str = "https://a.example/{}", text: str = "Text {}") -> str:
    date = MONDAY + (n - 200) * MINUTE
    return item(
        guid.format(n) if guid else None,
        f"Title {n}",
        link=link.format(n),
        text=text.format(n),
        date=f"{date:%a, %d %b %Y %H:%M:%S} GMT",
    )


def titles(newest: int, oldest: int) -> list[str]:
    return [f"Title {n}" for n in range(newest, oldest - 1, -1)]


def counted_once(w: World) -> dict[str, str]:
    """Return the public id of each title; two records of one title fail the test."""
    ids = {record.title: record.public_id for record in w.records()}
    assert len(ids) == len(w.records())
    return ids


@pytest.mark.parametrize("shorter", [0, 3], ids=["pages of one length", "pages of two lengths"])
async def test_two_schemes_of_guids_in_turn_double_nothing(world: Make, shorter: int) -> None:
    """S64: two servers behind one address, a new entry at each second poll."""
    w = world(hourly())

    def site(asked: Asked) -> httpx.Response:
        newest, scheme = 100 + asked.nth // 2, ("{}", "urn:b:{}")[asked.nth % 2]
        count = 10 - shorter * (asked.nth % 2)
        return ok(rss(*(post(n, scheme) for n in range(newest, newest - count, -1))))

    w.sites[FEED] = site

    await w.poll()
    first = counted_once(w)
    await w.pass_time(2 * DAY)

    now = counted_once(w)
    assert w.titles() == titles(100 + (len(w.log) - 1) // 2, 91)
    assert {title: now[title] for title in first} == first


async def test_two_schemes_of_guids_beside_an_entry_that_has_none_double_nothing(world: Make) -> None:
    """S64: what is pinned on top is told by its link, in either scheme."""
    w = world(hourly())
    pinned = post(0, None)

    def site(asked: Asked) -> httpx.Response:
        newest, scheme = 100 + asked.nth // 2, ("{}", "urn:b:{}")[asked.nth % 2]
        return ok(rss(pinned, *(post(n, scheme) for n in range(newest, newest - 10, -1))))

    w.sites[FEED] = site

    await w.pass_time(DAY)

    assert w.titles() == [*titles(100 + (len(w.log) - 1) // 2, 91), "Title 0"]


async def test_a_guid_that_is_another_at_each_poll_doubles_nothing(world: Make) -> None:
    """S64."""
    w = world(hourly())
    w.sites[FEED] = lambda asked: ok(
        rss(*(post(n, f"{asked.nth}-{{}}") for n in range(100 + asked.nth, 90 + asked.nth, -1)))
    )

    await w.pass_time(DAY)

    assert w.titles() == titles(100 + len(w.log) - 1, 91)


@pytest.mark.parametrize("new", [0, 1, 3, 6, 7])
async def test_new_entries_above_a_page_with_new_guids_are_all_that_is_new(world: Make, new: int) -> None:
    """S64: the publisher moved house, and wrote on."""
    w = world(hourly())
    w.sites[FEED] = script(
        lambda: ok(rss(*(post(n) for n in range(100, 90, -1)))),
        lambda: ok(rss(*(post(n, "urn:b:{}") for n in range(100 + new, 90 + new, -1)))),
    )

    await w.poll()
    first = counted_once(w)
    await w.polls(2)

    now = counted_once(w)
    assert w.titles() == titles(100 + new, 91)
    assert {title: now[title] for title in first} == first


async def test_columns_at_fixed_addresses_are_new_each_day(world: Make) -> None:
    """S64: three columns, each day under new guids, below what is new: the same title and link, another day."""
    w = world(hourly())

    def site(asked: Asked) -> httpx.Response:
        date = f"{MONDAY + timedelta(days=asked.nth - 30):%a, %d %b %Y} 06:00:00 GMT"
        columns = [
            item(f"{name}-{asked.nth}", name, link=f"https://a.example/{name}", date=date, text=f"{name} {asked.nth}")
            for name in ("weather", "stars", "traffic")
        ]
        return ok(rss(*(post(n + 10 * asked.nth) for n in range(9, 0, -1)), *columns))

    w.sites[FEED] = site

    await w.polls(3)

    assert sorted(w.titles()).count("weather") == 3


@pytest.mark.parametrize("guid", ["{}", None], ids=["with guids", "by link"])
async def test_two_entries_that_swap_their_links_stay_two(world: Make, guid: str | None) -> None:
    """S62."""
    w = world(hourly())
    links = ("https://a.example/x", "https://a.example/y")
    w.sites[FEED] = lambda asked: ok(
        rss(post(2, guid, link=links[asked.nth % 2]), post(1, guid, link=links[1 - asked.nth % 2]))
    )

    await w.poll()
    keys = {record.key for record in w.records()}
    await w.polls(3)

    assert sorted(w.titles()) == ["Title 1", "Title 2"]
    assert {record.key for record in w.records()} == keys
    assert {str(record.link) for record in w.records()} == set(links)


async def test_a_guid_that_is_used_again_without_a_date_is_an_edit(world: Make) -> None:
    """S63: nothing tells that it is another entry, so that nothing is doubled; its place stays."""
    w = world(hourly())
    w.sites[FEED] = script(
        lambda: ok(rss(item("7", "Old", link="https://a.example/old", date=None), post(100))),
        lambda: ok(rss(item("7", "New", link="https://a.example/new", date=None), post(100))),
    )

    await w.poll()
    before = {record.guid: record.published for record in w.records()}
    await w.polls(2)

    assert sorted(w.titles()) == ["New", "Title 100"]
    assert {record.guid: record.published for record in w.records()} == before


async def test_a_guid_that_is_used_again_with_its_first_date_missing_is_told_by_when_it_came(world: Make) -> None:
    """S63."""
    w = world(hourly())
    late = "Mon, 01 Mar 2027 00:00:00 GMT"
    old = item("7", "Old", link="https://a.example/old", date=None)
    new = item("7", "New", link="https://a.example/new", date=late)
    w.sites[FEED] = lambda asked: ok(rss(old if asked.at < MONDAY + 364 * DAY else new))

    await w.poll()
    w.now += 365 * DAY
    await w.polls(3)

    assert w.titles() == ["New", "Old"]


# --- across older pages ---

OLDER = "https://a.example/older"
NEXT = f"<link xmlns='http://www.w3.org/2005/Atom' rel='next' href='{OLDER}'/>"


async def test_http_and_https_are_one_across_pages(world: Make) -> None:
    """S62, S68."""
    w = world()
    plain, safe = "http://a.example/{}", "https://a.example/{}"
    w.sites[FEED] = script(
        lambda: ok(rss(*(post(n, plain, link=plain) for n in range(100, 95, -1)))),
        lambda: ok(rss(*(post(n, safe, link=safe) for n in range(110, 105, -1)), extra=NEXT)),
    )
    w.sites[OLDER] = always(lambda: ok(rss(*(post(n, plain, link=plain) for n in range(107, 97, -1)))))

    await w.polls(3)

    counted_once(w)
    assert w.titles() == titles(110, 96)
    assert {record.guid for record in w.records()} >= {"https://a.example/107", "http://a.example/105"}


async def test_one_guid_for_all_is_parted_across_pages_too(world: Make) -> None:
    """S62, S68."""
    w = world()
    w.sites[FEED] = script(
        lambda: ok(rss(*(post(n, "g") for n in range(100, 95, -1)))),
        lambda: ok(rss(*(post(n, "g") for n in range(110, 105, -1)), extra=NEXT)),
        lambda: ok(rss(*(post(n, "g") for n in range(111, 106, -1)), extra=NEXT)),
    )
    w.sites[OLDER] = always(lambda: ok(rss(*(post(n, "g") for n in range(107, 97, -1)))))

    await w.polls(5)

    counted_once(w)
    assert w.titles() == titles(111, 96)
    assert len(w.asked(OLDER)) == 1


async def test_of_an_entry_on_two_pages_the_newer_is_kept(world: Make) -> None:
    """S68: RFC 5005 section 4."""
    w = world()
    w.sites[FEED] = script(
        lambda: ok(rss(*(post(n) for n in range(100, 95, -1)))),
        lambda: ok(rss(*(post(n, text="Right {}") for n in range(110, 105, -1)), extra=NEXT)),
    )
    w.sites[OLDER] = always(
        lambda: ok(rss(*(post(n, text="Wrong {}", link="https://old.a.example/{}") for n in range(108, 97, -1))))
    )

    await w.polls(3)

    texts = {str(record.guid): record.html for record in w.records()}
    counted_once(w)
    assert "Right" in texts["107"]
    assert "Wrong" in texts["105"]
    assert "Text" in texts["99"]


async def test_an_older_page_does_not_bring_back_what_was_let_go(world: Make) -> None:
    """S68: a tombstone, seen, is as good as what is stored."""
    w = world()
    w.sites[FEED] = script(
        lambda: ok(rss(*(post(n) for n in range(99, 94, -1)))),
        lambda: ok(rss(*(post(n) for n in range(104, 98, -1)))),
        lambda: ok(rss(*(post(n) for n in range(115, 110, -1)), extra=NEXT)),
    )
    w.sites[OLDER] = always(lambda: ok(rss(*(post(n) for n in range(110, 94, -1)))))

    await w.polls(2)
    w.now += 366 * DAY
    w.store.prune(w.now)
    w.now -= 366 * DAY
    await w.polls(1)

    assert w.titles() == titles(115, 99)


async def test_undated_entries_of_older_pages_stand_below_what_is_newer(world: Make) -> None:
    """S65, S68."""
    w = world(hourly())

    def undated(newest: int, oldest: int) -> list[str]:
        return [item(str(n), date=None) for n in range(newest, oldest - 1, -1)]

    w.sites[FEED] = script(
        lambda: ok(rss(*undated(100, 96))),
        lambda: ok(rss(*undated(110, 106), extra=NEXT)),
        lambda: ok(rss(*undated(111, 107))),
    )
    w.sites[OLDER] = always(lambda: ok(rss(*undated(105, 90))))

    await w.polls(4)

    assert w.titles()[:16] == titles(111, 96)
    assert {record.title for record in w.records() if record.backlog} == set(titles(95, 90))
    assert w.records()[0].published == MONDAY + 2 * HOUR
