from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from aggregator.merge import Shown, first_arrived, judged, lasting, may_stand, members, select, told
from aggregator.model import Condition, Filter, FilterKind, View
from plugins.records import plain_record
from storage.record import Record
from storage.values import RecordQuery

NOW = datetime(2021, 9, 30, 12, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ALL = View("all", "Everything")


def record(
    key: str,
    *,
    date: datetime = NOW,
    arrival: int = 1,
    position: int = 0,
    seen: datetime = NOW - 30 * DAY,
    source: str = "blog",
    **more: object,
) -> Record:
    made = plain_record(
        at=date,
        key=key,
        public_id=f"urn:{key}",
        source_id=source,
        identity=key,
        categories=("c", "Blog", "latest"),
        title=key,
        guid=key,
        author="Blog",
        first_seen=seen,
        publisher_date=date,
        position=position,
        arrival=arrival,
    )
    return replace(made, **more)  # type: ignore[arg-type]


def keys(view: View, *records: Record, newest: datetime | None = NOW) -> list[str]:
    return [one.record.key for one in select(view, newest, [told(view, (one,)) for one in records])]


def test_newest_first_then_later_arrivals_then_the_publishers_order_then_the_key() -> None:
    feed = keys(
        ALL,
        record("f", date=NOW - HOUR, arrival=9),
        record("e", arrival=1, position=1),
        record("d", arrival=1, position=0),
        record("c", arrival=2, position=1),
        record("b2", arrival=2, position=0),
        record("b1", arrival=2, position=0),
        record("a", date=NOW + HOUR, arrival=1),
    )

    assert feed == ["a", "b1", "b2", "c", "d", "e", "f"]


def test_the_newest_entries_are_kept() -> None:
    records = [record(f"{at:02}", date=NOW - at * HOUR) for at in range(9)]

    assert keys(replace(ALL, entries=3), *records) == ["00", "01", "02"]


def test_what_arrived_within_the_window_is_never_cut_off() -> None:
    old_news = record("late", date=NOW - 900 * DAY, seen=NOW - 47 * HOUR)
    too_late = record("later", date=NOW - 900 * DAY, seen=NOW - 49 * HOUR)
    records = [record(f"{at:02}", date=NOW - at * HOUR) for at in range(9)]

    assert keys(replace(ALL, entries=3), *records, old_news, too_late) == ["00", "01", "02", "late"]


def test_the_window_counts_from_the_newest_arrival_and_not_from_the_clock() -> None:
    quiet_for_years = NOW - 900 * DAY
    records = [record(f"{at:02}", date=quiet_for_years - at * HOUR, seen=quiet_for_years) for at in range(9)]

    assert len(keys(replace(ALL, entries=3), *records, newest=quiet_for_years)) == 9


def test_no_feed_holds_more_than_five_hundred() -> None:
    records = [record(f"{at:03}", date=NOW - at * HOUR, seen=NOW) for at in range(600)]

    assert len(keys(ALL, *records)) == 500
    assert len(keys(replace(ALL, entries=10_000), *records, newest=None)) == 500


def test_no_source_floods_a_view_that_caps_it() -> None:
    flood = [record(f"f{at}", date=NOW - at * HOUR, seen=NOW, source="flood") for at in range(9)]
    quiet = record("q", date=NOW - 900 * DAY, source="quiet")

    assert keys(replace(ALL, per_source=2), *flood, quiet) == ["f0", "f1", "q"]


def test_backlog_and_hidden_records_may_stand_in_no_merged_feed() -> None:
    own = View("blog", "Blog", sources=("blog",), backlog=True)
    backlog, hidden = record("backlog", backlog=True), record("hidden", hidden="limit: 20")

    assert (may_stand(ALL, record("a")), may_stand(ALL, backlog), may_stand(ALL, hidden)) == (True, False, False)
    assert (may_stand(own, backlog), may_stand(own, hidden)) == (True, False)


def test_backlog_does_not_make_a_sources_own_feed_longer() -> None:
    backlog = [record(f"{at:03}", date=NOW - at * HOUR, seen=NOW, backlog=True) for at in range(100)]

    assert len(keys(View("blog", "Blog", sources=("blog",), backlog=True), *backlog)) == 50


def test_a_record_that_two_queries_gave_stands_once() -> None:
    assert keys(ALL, record("a"), record("a")) == ["a"]


def test_an_empty_view_is_empty() -> None:
    assert keys(ALL, newest=None) == []


def test_a_source_counts_when_it_matches_any_list() -> None:
    view = View("product", "Product", sources=("blog",), categories=("news",))

    assert members(view) == (RecordQuery(sources=("blog",), limit=500), RecordQuery(categories=("news",), limit=500))
    assert may_stand(view, record("a"))
    assert may_stand(view, record("a", source="x", categories=("news", "", "")))
    assert not may_stand(view, record("a", source="x"))


def test_what_parameters_choose_must_match_all_of_them() -> None:
    view = View("", "", sources=("blog",), categories=("news",), in_all=True)

    assert members(view) == (RecordQuery(sources=("blog",), categories=("news",), limit=500),)
    assert may_stand(view, record("a", categories=("news", "", "")))
    assert not may_stand(view, record("a"))
    assert not may_stand(view, record("a", source="x", categories=("news", "", "")))


# --- stories ----------------------------------------------------------------------------------------------------


def test_of_a_story_the_first_is_shown_and_the_others_are_named() -> None:
    preferred, other, third = record("a"), record("b", source="x"), record("c", source="y")

    assert told(ALL, (preferred, other, third)) == Shown(preferred, "urn:a", (other, third))


def test_a_story_keeps_the_id_under_which_it_was_first_shown() -> None:
    preferred = record("a", story=1, story_id="urn:b")

    assert told(ALL, (preferred, record("b", source="x", story=1))).id == "urn:b"


def test_a_sources_own_feed_knows_no_story_ids() -> None:
    own = View("blog", "Blog", sources=("blog",), backlog=True)

    assert told(own, (record("a", story=1, story_id="urn:b"),)).id == "urn:a"


def test_a_story_has_its_place_in_an_archive_where_its_first_record_arrived() -> None:
    first = record("z", arrival=3, position=1)

    assert first_arrived([record("a", arrival=4), first, record("b", arrival=3, position=2)]) == first


def test_a_story_counts_for_the_source_that_it_is_shown_from() -> None:
    view = replace(ALL, per_source=1)
    story = told(view, (record("a"), record("b", source="x")))
    feed = select(view, None, [story, told(view, (record("c", source="x", date=NOW - HOUR),))])

    assert [one.record.key for one in feed] == ["a", "c"]


# --- rules ------------------------------------------------------------------------------------------------------


def aged(kind: FilterKind, *more: Condition) -> View:
    return replace(ALL, filters=(Filter(kind, "rule", (Condition("age", older=DAY), *more)),))


def test_of_what_says_the_same_the_newest_stands_and_counts_alone_for_the_cap() -> None:
    view = replace(ALL, per_source=2, filters=(Filter(FilterKind.UNIQUE, "rule", field="title"),))
    records = [record(key, title=key[1], date=NOW - at * HOUR) for at, key in enumerate(["aX", "bx", "cY", "dZ"])]

    assert keys(view, *records) == ["aX", "cY"]


def test_an_archive_leaves_out_what_was_old_when_it_came_and_nothing_that_became_old() -> None:
    view = aged(FilterKind.DROP)
    became_old, was_old = record("a", date=NOW, seen=NOW), record("b", date=NOW - 2 * DAY, seen=NOW)

    assert not judged(became_old, view, NOW + 9 * DAY)
    assert judged(became_old, lasting(view), became_old.first_seen)
    assert not judged(was_old, lasting(view), was_old.first_seen)


def test_an_archive_has_what_is_going_to_be_old_enough() -> None:
    fresh = record("a", date=NOW, seen=NOW)

    assert not judged(fresh, aged(FilterKind.KEEP), NOW)
    assert judged(fresh, lasting(aged(FilterKind.KEEP)), NOW)
    assert not judged(fresh, lasting(aged(FilterKind.KEEP, Condition("title", words=("elsewhere",)))), NOW)
