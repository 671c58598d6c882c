"""Case S14: a publisher that answers with what is new alone (RFC 3229)."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from plugins.simulator import DAY, FEED, HOUR, Asked, Site, World, hourly, item, ok, rss, source

Make = Callable[..., World]


def growing(*, tagged: bool = True, said: str = "feed", whole_again: int = 99) -> Site:
    """Return a site with one entry more at each request, that sends those since the tag to who asks for them."""

    def site(asked: Asked) -> httpx.Response:
        newest = asked.nth + 10
        headers = {"ETag": f'"{newest}"'} if tagged or not asked.nth else {}
        known = (asked.raw("If-None-Match") or b"").strip(b'"')
        if asked.raw("A-IM") != b"feed" or not known or asked.nth >= whole_again:
            return ok(rss(*(str(n) for n in range(newest, newest - 10, -1))), headers)
        new = [item(str(n), link=f"https://a.example/{n}") for n in range(newest, int(known), -1)]
        return ok(rss(*new), {**headers, "IM": said}, status=226)

    return site


def titles(newest: int, oldest: int) -> set[str]:
    return {f"Title {n}" for n in range(oldest, newest + 1)}


async def test_what_is_new_alone_is_merged_and_its_tag_is_the_next_one_sent(world: Make) -> None:
    """S14."""
    w = world(hourly())
    w.sites[FEED] = growing()

    await w.polls(4)

    assert [asked.raw("A-IM") for asked in w.log] == [None, b"feed", b"feed", b"feed"]
    assert [asked.raw("If-None-Match") for asked in w.log] == [None, b'"10"', b'"11"', b'"12"']
    assert set(w.titles()) == titles(13, 1)
    assert [len(outcome.saved.new) for outcome in w.outcomes] == [10, 1, 1, 1]


async def test_what_a_difference_does_not_have_is_not_gone(world: Make) -> None:
    """S14: all that was listed still is, and nothing went by between the polls."""
    w = world(hourly())
    w.sites[FEED] = growing()

    await w.polls(4)

    assert w.row()["state"] == "ok"
    assert w.state().gap_at is None
    assert all(entry.listed for entry in w.store.known("a", [], [], []).entries)
    assert len(w.store.known("a", [], [], []).entries) == 13


async def test_a_tag_that_is_missing_beside_a_difference_makes_the_next_question_an_open_one(world: Make) -> None:
    """S14: the stored tag is of a document that is not the newest any more."""
    w = world(hourly())
    w.sites[FEED] = growing(tagged=False)

    await w.polls(3)

    assert [asked.raw("If-None-Match") for asked in w.log] == [None, b'"10"', None]
    assert set(w.titles()) == titles(12, 1)


async def test_a_whole_document_after_differences_is_read(world: Make) -> None:
    """S14: also one that has the bytes of the last difference."""
    w = world(hourly())
    one = rss(item("new"))

    def site(asked: Asked) -> httpx.Response:
        if asked.nth == 0:
            return ok(rss("1", "2"), {"ETag": '"0"'})
        if asked.nth == 1:
            return ok(one, {"ETag": '"1"', "IM": "feed"}, status=226)
        return ok(one, {"ETag": '"2"'})

    w.sites[FEED] = site

    await w.polls(2)
    listed = {entry.guid for entry in w.store.known("a", [], [], []).entries}
    await w.polls(1)

    assert listed == {"1", "2", "new"}
    assert {entry.guid for entry in w.store.known("a", [], [], []).entries} == {"new"}
    assert len(w.titles()) == 3


async def test_a_226_that_does_not_say_feed_is_a_whole_document(world: Make) -> None:
    """S14."""
    w = world(hourly())
    w.sites[FEED] = growing(said="vcdiff")

    await w.polls(2)

    assert {entry.guid for entry in w.store.known("a", [], [], []).entries} == {"11"}
    assert set(w.titles()) == titles(11, 1)


async def test_an_entry_in_a_difference_that_looks_like_a_stored_one_is_not_taken_for_it(world: Make) -> None:
    """S14, S64: of one entry nothing tells that the publisher changed all its ids."""
    w = world(hourly())
    first, second = (item(guid, "Minutes", link="https://a.example/minutes") for guid in ("x", "y"))

    def site(asked: Asked) -> httpx.Response:
        if asked.nth == 0:
            return ok(rss(first, "2"), {"ETag": '"0"'})
        return ok(rss(second), {"ETag": '"1"', "IM": "feed"}, status=226)

    w.sites[FEED] = site

    await w.polls(2)

    assert {record.guid for record in w.records()} == {"x", "y", "2"}


async def test_a_difference_of_nothing_is_no_trouble(world: Make) -> None:
    """S14."""
    w = world(source("a", every=HOUR))
    w.sites[FEED] = lambda asked: (
        ok(rss(), {"ETag": '"1"', "IM": "feed"}, status=226) if asked.nth else ok(rss("1", "2"), {"ETag": '"0"'})
    )

    await w.pass_time(DAY)

    assert w.row()["state"] == "ok"
    assert len(w.titles()) == 2
    assert len(w.log) == 25
