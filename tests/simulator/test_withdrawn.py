"""Rule 75: absence deletes nothing; what a publisher says it took back is marked, and stays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from plugins.simulator import FEED, HOUR, MONDAY, World, always, hourly, ok, rss, script

Make = Callable[..., World]

COMPLETE = "<fh:complete xmlns:fh='http://purl.org/syndication/history/1.0'/>"


def deleted(ref: str, when: str | None = "2026-03-02T12:30:00Z") -> str:
    said = f" when='{when}'" if when else ""
    return f"<at:deleted-entry xmlns:at='http://purl.org/atompub/tombstones/1.0' ref='{ref}'{said}/>"


def withdrawn(w: World) -> dict[str, datetime | None]:
    """Return when each entry was withdrawn, by its guid."""
    facts = {str(record.guid): w.store.facts(record.key) for record in w.records()}
    return {guid: one.withdrawn_at for guid, one in facts.items() if one and one.withdrawn_at}


async def test_what_a_complete_document_does_not_have_is_marked_and_stays(world: Make) -> None:
    w = world(hourly())
    w.sites[FEED] = script(
        lambda: ok(rss("1", "2", "3", extra=COMPLETE)), lambda: ok(rss("1", "3", "4", extra=COMPLETE))
    )

    await w.polls(2)

    assert withdrawn(w) == {"2": MONDAY + HOUR}
    assert sorted(w.titles()) == ["Title 1", "Title 2", "Title 3", "Title 4"]
    assert w.row()["state"] == "ok"


async def test_what_comes_back_into_the_document_loses_its_mark(world: Make) -> None:
    w = world(hourly())
    w.sites[FEED] = script(
        lambda: ok(rss("1", "2", extra=COMPLETE)),
        lambda: ok(rss("1", extra=COMPLETE)),
        lambda: ok(rss("1", "2", extra=COMPLETE)),
    )

    await w.polls(2)
    before = withdrawn(w)
    await w.polls(1)

    assert before == {"2": MONDAY + HOUR}
    assert withdrawn(w) == {}
    assert len(w.titles()) == 2


async def test_a_complete_document_may_change_at_a_stroke(world: Make) -> None:
    """RFC 5005 section 2: a list of ten; that is no gap, and its archive is not asked for."""
    w = world(hourly())
    link = "<link xmlns='http://www.w3.org/2005/Atom' rel='prev-archive' href='/1'/>"
    w.sites[FEED] = script(lambda: ok(rss("1", "2", extra=COMPLETE)), lambda: ok(rss("3", "4", extra=COMPLETE + link)))

    await w.polls(2)

    assert set(withdrawn(w)) == {"1", "2"}
    assert w.state().gap_at is None
    assert w.counted() == {FEED: 2}


@pytest.mark.parametrize(
    "second",
    [rss("1"), rss(extra=COMPLETE), rss("1", "2", extra=COMPLETE).rpartition(b"<item>")[0]],
    ids=["a window", "empty", "cut"],
)
async def test_absence_from_anything_else_says_nothing(world: Make, second: bytes) -> None:
    w = world(hourly())
    w.sites[FEED] = script(lambda: ok(rss("1", "2", extra=COMPLETE)), lambda: ok(second))

    await w.polls(2)

    assert withdrawn(w) == {}
    assert len(w.titles()) == 2


async def test_a_named_entry_is_marked_though_it_is_not_listed_any_more(world: Make) -> None:
    """RFC 6721; http and https in the id are one."""
    w = world(hourly())
    w.sites[FEED] = script(
        lambda: ok(rss("http://a.example/1", "2")),
        lambda: ok(rss("2", "3")),
        lambda: ok(rss("2", "3", extra=deleted("https://a.example/1") + deleted("unheard of"))),
    )

    await w.polls(4)

    assert withdrawn(w) == {"http://a.example/1": MONDAY + 2 * HOUR}
    assert len(w.titles()) == 3


@pytest.mark.parametrize(
    ("when", "marked"), [("2026-03-02T12:30:00Z", True), ("2020-01-01T00:00:00Z", False), (None, False)]
)
async def test_an_entry_that_is_there_is_marked_only_where_its_tombstone_is_newer(
    world: Make, when: str | None, marked: bool
) -> None:
    w = world(hourly())
    w.sites[FEED] = script(lambda: ok(rss("1", "2")), lambda: ok(rss("1", "2", extra=deleted("1", when))))

    await w.polls(3)

    assert (withdrawn(w) == {"1": MONDAY + HOUR}) == marked
    assert len(w.titles()) == 2


async def test_a_tombstone_alone_brings_no_record(world: Make) -> None:
    w = world(hourly())
    w.sites[FEED] = always(lambda: ok(rss("1", extra=deleted("2"))))

    await w.polls(2)

    assert w.titles() == ["Title 1"]
    assert w.hours() == [timedelta(hours=1) / HOUR]
