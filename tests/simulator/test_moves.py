"""Cases S32 to S40: where answers lead, and when they are believed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from plugins.simulator import DAY, FEED, HOUR, World, always, hourly, moves, ok, rss, says, script, source

Make = Callable[..., World]

NEW = "https://new.example/feed"


async def test_a_permanent_move_is_believed_after_three_polls_over_two_days(world: Make) -> None:
    """S32."""
    w = world(hourly())
    w.sites = {
        FEED: always(lambda: moves(301, NEW)),
        NEW: lambda asked: says(304) if asked.has(b'"n"') else ok(rss("1"), {"ETag": '"n"'}),
    }

    await w.poll()
    key = w.records()[0].key
    await w.pass_time(4 * DAY)

    proof = [asked.at - w.log[0].at for asked in w.asked(FEED)]
    assert 48 * HOUR <= proof[-1] <= 50 * HOUR
    assert len(proof) >= 3
    assert all(asked.raw("If-None-Match") is None for asked in w.asked(FEED))
    assert {asked.raw("If-None-Match") for asked in w.asked(NEW)[1:]} == {b'"n"'}
    assert [record.key for record in w.records()] == [key]
    assert w.row()["in_use"] == NEW
    assert w.row()["url"] == FEED
    assert w.row()["state"] == "moved"


async def test_a_move_that_is_taken_back_is_never_believed(world: Make) -> None:
    """S33."""
    w = world(hourly())
    w.sites = {FEED: script(lambda: moves(301, NEW), lambda: ok(rss("1"))), NEW: always(lambda: ok(rss("1")))}

    await w.pass_time(5 * DAY)

    assert len(w.asked(NEW)) == 1
    assert w.row()["in_use"] == FEED
    assert w.row()["moved_to"] is None
    assert w.titles() == ["Title 1"]


async def test_a_portal_that_takes_everybody_in_is_never_believed(world: Make) -> None:
    """S34: for a day, twenty sources are led to a page to log in at."""
    names = [f"s{n}" for n in range(20)]
    w = world(*(hourly(name) for name in names))
    portal = "https://portal.example/login"
    day = (w.now + DAY, w.now + 2 * DAY)
    for name in names:
        w.sites[f"https://{name}.example/feed"] = lambda asked: (
            moves(301, portal) if day[0] <= asked.at <= day[1] else ok(rss("1"), {"ETag": '"a"'})
        )
    w.sites[portal] = always(lambda: ok(b"<!doctype html><html><title>Log in</title>", {"Content-Type": "text/html"}))

    await w.pass_time(DAY + 30 * HOUR)
    during = w.row("s7")
    await w.pass_time(3 * DAY)

    assert during["kind"] == "not-a-feed"
    assert {str(w.row(name)["in_use"]) for name in names} == {f"https://{name}.example/feed" for name in names}
    assert {w.row(name)["state"] for name in names} == {"ok"}
    assert [len(w.titles(name)) for name in names] == [1] * 20


async def test_a_portal_that_gives_a_feed_is_not_believed_either(world: Make) -> None:
    """S34, the worse portal: what it gives is a feed, for a week."""
    names = [f"s{n}" for n in range(5)]
    w = world(*(hourly(name) for name in names))
    for name in names:
        w.sites[f"https://{name}.example/feed"] = always(lambda: moves(301, NEW))
    w.sites[NEW] = always(lambda: ok(rss("portal"), {"ETag": '"p"'}))

    await w.pass_time(7 * DAY)

    assert {str(w.row(name)["in_use"]) for name in names} == {f"https://{name}.example/feed" for name in names}


@pytest.mark.parametrize("status", [302, 303, 307])
async def test_a_temporary_move_is_followed_anew_every_time(world: Make, status: int) -> None:
    """S35."""
    w = world()
    w.sites = {
        FEED: always(lambda: moves(status, NEW)),
        NEW: lambda asked: says(304) if asked.has(b'"n"') else ok(rss("1"), {"ETag": '"n"'}),
    }

    await w.pass_time(90 * DAY)

    assert len(w.asked(FEED)) == len(w.asked(NEW)) >= 100
    assert [asked.url for asked in w.log[::2]] == [FEED] * len(w.asked(FEED))
    assert w.row()["in_use"] == FEED


async def test_a_chain_is_believed_up_to_its_first_temporary_step(world: Make) -> None:
    """S36."""
    w = world(hourly())
    last = "https://last.example/feed"
    w.sites = {
        FEED: always(lambda: moves(301, NEW)),
        NEW: always(lambda: moves(302, last)),
        last: always(lambda: ok(rss("1"), {"ETag": '"l"'})),
    }

    await w.pass_time(5 * DAY)

    assert w.row()["in_use"] == NEW
    assert w.log[-1].url == last


@pytest.mark.parametrize(
    ("target", "kind", "requests"),
    [
        ("https://b.example/back", "redirect-loop", 2),
        (FEED, "redirect-loop", 1),
        ("https://c.example/1", "redirect", 6),
        ("", "redirect", 1),
        ("file:///etc/passwd", "refused-address", 1),
    ],
)
async def test_a_chain_without_an_end_is_left_early(world: Make, target: str, kind: str, requests: int) -> None:
    """S37; that private addresses are not contacted is shown over sockets."""
    w = world(hourly())
    w.sites = {FEED: always(lambda: moves(301, target)), "https://b.example/back": always(lambda: moves(301, FEED))}
    for n in range(1, 8):
        w.sites[f"https://c.example/{n}"] = always(lambda n=n: moves(302, f"https://c.example/{n + 1}"))  # type: ignore[misc]  # bound early

    await w.poll()

    assert len(w.log) == requests
    assert w.row()["kind"] == kind
    assert w.row()["in_use"] == FEED


async def test_an_upgrade_to_https_is_believed_at_once(world: Make) -> None:
    """S38."""
    w = world(hourly("a", "http://a.example/feed"))
    w.sites = {"http://a.example/feed": always(lambda: moves(301, FEED)), FEED: always(lambda: ok(rss("1")))}

    await w.polls(3)

    assert [asked.url for asked in w.log] == ["http://a.example/feed", FEED, FEED, FEED]


async def test_no_secret_goes_to_another_host(world: Make) -> None:
    """S39."""
    secrets = (("Authorization", "Bearer x"), ("X-Api-Key", "k"), ("Cookie", "id=1"))
    w = world(hourly(headers=secrets))
    w.sites = {FEED: always(lambda: moves(302, NEW)), NEW: always(lambda: ok(rss("1")))}

    await w.poll()

    own, other = w.log
    assert {name: own.headers.get(name) for name, _ in secrets} == dict(secrets)
    assert {name: other.headers.get(name) for name, _ in secrets} == dict.fromkeys(dict(secrets))


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("other", "https://a.example/other"),
        ("/x y", "https://a.example/x%20y"),
        ("//b.example/x", "https://b.example/x"),
        ("/feed.xml#top", "https://a.example/feed.xml"),
        ("/caf\u00e9", "https://a.example/caf%C3%A9"),
    ],
)
async def test_a_location_is_read_as_browsers_read_it(world: Make, location: str, url: str) -> None:
    """S40."""
    w = world(hourly())
    w.sites = {
        FEED: always(lambda: ok(b"", [(b"Location", location.encode())], 302)),
        url: always(lambda: ok(rss("1"))),
    }

    await w.poll()

    assert [asked.url for asked in w.log] == [FEED, url]
    assert w.titles() == ["Title 1"]


async def test_a_page_in_the_place_of_the_feed_changes_nothing_but_health(world: Make) -> None:
    """S47."""
    page = (
        b"<!doctype html><html><head><title>Moved in</title><link rel=alternate type='application/rss+xml' href='/new'>"
    )
    w = world(source("a", every=HOUR))
    w.sites[FEED] = script(lambda: ok(rss("1"), {"ETag": '"a"'}), lambda: ok(page, {"ETag": '"page"'}))

    await w.polls(3)

    assert w.row()["kind"] == "not-a-feed"
    assert "Moved in" in str(w.row()["reason"])
    assert [asked.raw("If-None-Match") for asked in w.log] == [None, b'"a"', b'"a"']
    assert {asked.url for asked in w.log} == {FEED}
    assert w.titles() == ["Title 1"]
