"""Cases S48, S62 to S67, S70: what of a document becomes entries, and what becomes of them later."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from plugins.simulator import DAY, FEED, HOUR, Asked, World, always, hourly, item, ok, rss, says, script

Make = Callable[..., World]


@pytest.mark.parametrize("answer", [b"", b" \n\t ", None], ids=["200", "white space", "204"])
async def test_an_empty_answer_is_an_error_and_takes_nothing_away(world: Make, answer: bytes | None) -> None:
    """S48."""
    w = world(hourly())
    w.sites[FEED] = script(lambda: ok(rss("1")), lambda: says(204) if answer is None else ok(answer))

    await w.polls(2)

    assert w.row()["kind"] == "empty"
    assert w.titles() == ["Title 1"]


async def test_a_feed_without_items_is_well_and_takes_nothing_away(world: Make) -> None:
    """S48."""
    w = world(hourly())
    w.sites[FEED] = script(lambda: ok(rss("1")), lambda: ok(rss()))

    await w.polls(3)

    assert w.row()["state"] == "ok"
    assert w.titles() == ["Title 1"]


LINK = "https://a.example/{}".format


@pytest.mark.parametrize(
    ("first", "second", "titles", "links"),
    [
        ([item("g", link=LINK("old"))], [item("g", link=LINK("new"))], ["Title g"], [LINK("new")]),
        ([item("g", "Old")], [item("g", "New")], ["New"], [None]),
        (
            [item("g", f"T{n}", link=LINK(n)) for n in "123"],
            [item("g", f"T{n}", link=LINK(n)) for n in "123"],
            ["T1", "T2", "T3"],
            [LINK("1"), LINK("2"), LINK("3")],
        ),
        ([item(None, "Old", link=LINK("x"))], [item(None, "New", link=LINK("x"))], ["New"], [LINK("x")]),
        ([item("", "Old", link=LINK("x"))], [item("", "New", link=LINK("x"))], ["New"], [LINK("x")]),
        ([item("http://a.example/g", "T")], [item("https://a.example/g", "T")], ["T"], [None]),
    ],
    ids=["link moves", "title edited", "one guid thrice", "no guid", "empty guid", "http to https"],
)
async def test_an_entry_stays_the_one_that_it_is(
    world: Make, first: list[str], second: list[str], titles: list[str], links: list[str | None]
) -> None:
    """S62."""
    w = world(hourly())
    w.sites[FEED] = script(lambda: ok(rss(*first)), lambda: ok(rss(*second)))

    await w.poll()
    keys = {record.key for record in w.records()}
    await w.polls(2)

    assert sorted(w.titles()) == titles
    assert sorted(str(record.link) for record in w.records()) == sorted(map(str, links))
    assert {record.key for record in w.records()} == keys


async def test_a_guid_that_is_given_anew_after_a_year_makes_a_second_entry(world: Make) -> None:
    """S63."""
    w = world(hourly())
    old = item("7", "Old", link=LINK("old"), date="Sun, 01 Mar 2026 00:00:00 GMT")
    new = item("7", "New", link=LINK("new"), date="Mon, 01 Mar 2027 00:00:00 GMT")
    w.sites[FEED] = lambda asked: ok(rss(old if asked.at < w.log[0].at + 364 * DAY else new), {"ETag": '"a"'})

    await w.poll()
    w.now += 364 * DAY
    await w.polls(3)

    assert w.titles() == ["New", "Old"]


async def test_new_guids_for_a_whole_page_make_no_second_entry(world: Make) -> None:
    """S64."""
    w = world(hourly())
    pages = [
        rss(*(item(f"{age}-{n}", f"T{n}", link=LINK(n), text=f"Body {n}") for n in range(10))) for age in ("old", "new")
    ]
    w.sites[FEED] = script(lambda: ok(pages[0]), lambda: ok(pages[1]))

    await w.poll()
    before = {record.key: record.public_id for record in w.records()}
    await w.polls(3)

    assert {record.key: record.public_id for record in w.records()} == before
    assert {record.guid for record in w.records()} == {f"new-{n}" for n in range(10)}


async def test_undated_entries_keep_their_place_and_a_new_one_comes_on_top(world: Make) -> None:
    """S65."""
    w = world(hourly())
    twenty = [item(str(n), date=None) for n in range(20)]
    w.sites[FEED] = script(
        *[lambda: ok(rss(*twenty))] * 3,
        lambda: ok(rss(item("new", date=None), *twenty)),
        lambda: ok(rss(*twenty[::-1])),
    )

    await w.poll()
    dates = {record.key: record.published for record in w.records()}
    order = w.titles()
    await w.polls(5)

    assert order == [f"Title {n}" for n in range(20)]
    assert w.titles() == ["Title new", *order]
    assert {key: dates[key] for key in dates} == {
        record.key: record.published for record in w.records() if record.key in dates
    }


async def test_dates_that_cannot_be_pin_nothing_to_the_top(world: Make) -> None:
    """S66."""
    w = world(hourly())
    odd = {
        "future": "Mon, 03 Mar 2031 12:00:00 GMT",
        "epoch": "Thu, 01 Jan 1970 00:00:00 GMT",
        "zeros": "0000-00-00",
        "zoneless": "2026-02-20 10:00:00",
        "short": "Fri, 20 Feb 26 10:00:00 GMT",
        "chinese": "2026年2月20日 10:00",
    }
    later = item("later", date="Mon, 02 Mar 2026 13:30:00 GMT")
    dated = [item(name, date=date) for name, date in odd.items()]
    w.sites[FEED] = script(lambda: ok(rss(*dated)), lambda: ok(rss(*dated)), lambda: ok(rss(later, *dated)))

    await w.polls(4)

    published = {record.guid: record.published for record in w.records()}
    assert w.titles()[0] == "Title later"
    assert all(published[name] <= w.log[0].at for name in odd)
    assert published["epoch"] > datetime(2026, 3, 2, tzinfo=UTC)
    assert published["zeros"] > datetime(2026, 3, 2, tzinfo=UTC)
    assert published["short"] == datetime(2026, 2, 20, 10, tzinfo=UTC)
    assert published["zoneless"].date() == datetime(2026, 2, 20, tzinfo=UTC).date()
    assert published["chinese"].date() == datetime(2026, 2, 20, tzinfo=UTC).date()


async def test_noise_in_the_text_is_written_two_dozen_times_and_moves_nothing(world: Make) -> None:
    """S67."""
    w = world(hourly())
    w.sites[FEED] = lambda asked: ok(rss(item("n", text=f"Read by {asked.nth}"), item("calm")))

    await w.poll()
    before = w.titles()
    await w.polls(60)

    updates = [outcome for outcome in w.outcomes if outcome.saved.updated]
    assert len(updates) == 24
    assert w.titles() == before


def json_feed(*items: dict[str, object], **said: object) -> bytes:
    whole = {"version": "https://jsonfeed.org/version/1.1", "title": "J", "items": items, **said}
    return json.dumps(whole).encode()


async def test_a_json_feed_that_has_ended_is_asked_weekly_and_then_no_more(world: Make) -> None:
    """S70."""
    w = world(hourly())
    w.sites[FEED] = always(lambda: ok(json_feed({"id": "1", "content_text": "x"}, expired=True), {"ETag": '"a"'}))

    await w.pass_time(90 * DAY)

    assert set(w.hours()) == {168}
    assert len(w.log) == 5
    assert w.row()["state"] == "gone"
    assert "has ended" in str(w.row()["reason"])


async def test_a_number_is_an_id_like_any_other(world: Make) -> None:
    """S70."""
    w = world(hourly())

    def site(asked: Asked) -> httpx.Response:
        one: dict[str, object] = {"id": 7 if asked.nth == 0 else "7", "title": "T", "content_text": f"text {asked.nth}"}
        return ok(json_feed(one, hubs=[{"type": "WebSub", "url": "https://hub.example/"}]))

    w.sites[FEED] = site

    await w.polls(2)

    assert [record.guid for record in w.records()] == ["7"]


async def test_what_is_new_at_each_poll_is_stored_once_for_a_month(world: Make) -> None:
    """Nothing is lost or doubled over a month of new entries on a page of ten."""
    w = world(hourly())
    w.sites[FEED] = lambda asked: ok(
        rss(*(item(str(n), date=None) for n in range(asked.nth // 6, asked.nth // 6 + 10))),
        {"ETag": f'"{asked.nth // 6}"'},
    )

    await w.pass_time(30 * DAY)

    assert len(w.titles()) == len(set(w.titles())) == (len(w.log) - 1) // 6 + 10
    assert set(w.gaps()) == {timedelta(seconds=HOUR.total_seconds())}


@pytest.mark.parametrize("said", ["text/html", "application/octet-stream", None, "image/png"])
async def test_what_is_a_feed_is_read_whatever_it_is_called(world: Make, said: str | None) -> None:
    """S46."""
    w = world(hourly())
    w.sites[FEED] = always(lambda: ok(rss("1"), {"Content-Type": said} if said else {}))

    await w.poll()

    assert w.titles() == ["Title 1"]


async def test_a_json_feed_is_read_though_it_is_called_text(world: Make) -> None:
    """S46."""
    w = world(hourly())
    w.sites[FEED] = always(
        lambda: ok(json_feed({"id": "1", "title": "T", "content_text": "x"}), {"Content-Type": "text/plain"})
    )

    await w.poll()

    assert w.titles() == ["T"]


async def test_of_a_document_that_ends_early_all_but_the_last_entry_is_stored_and_it_is_asked_for_anew(
    world: Make,
) -> None:
    """S44: the cut shows in the document alone."""
    w = world(hourly())
    cut = rss("4", "3", "2", "1").rpartition(b"</item>")[0]
    w.sites[FEED] = script(
        lambda: ok(rss("1"), {"ETag": '"whole"'}),
        lambda: ok(cut, {"ETag": '"cut"'}),
        lambda: ok(rss("4", "3", "2", "1"), {"ETag": '"again"'}),
    )

    await w.polls(2)
    degraded, early = w.row()["state"], sorted(w.titles())
    await w.polls(2)

    assert degraded == "degraded"
    assert early == ["Title 1", "Title 2", "Title 3", "Title 4"]
    assert [asked.raw("If-None-Match") for asked in w.log] == [None, b'"whole"', b'"whole"', b'"again"']
    assert w.row()["state"] == "ok"
    assert sorted(w.titles()) == ["Title 1", "Title 2", "Title 3", "Title 4"]
