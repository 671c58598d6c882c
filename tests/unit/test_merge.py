from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from aggregator.merge import members, plan, select
from aggregator.model import View
from storage.record import DateSource, Record
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
    made = Record(
        key=key,
        public_id=f"urn:{key}",
        source_id=source,
        identity=key,
        alias=key,
        categories=("c", "Blog", "latest"),
        title=key,
        link=None,
        guid=key,
        author="Blog",
        writers=(),
        tags=(),
        published=date,
        updated=date,
        first_seen=seen,
        date_source=DateSource.PUBLISHED,
        publisher_date=date,
        image=None,
        html="",
        summary="",
        enclosures=(),
        language=None,
        digest="",
        cleaner=1,
        position=position,
        arrival=arrival,
    )
    return replace(made, **more)  # type: ignore[arg-type]


def keys(view: View, *records: Record, newest: datetime | None = NOW) -> list[str]:
    return [one.key for one in select(view, newest, records)]


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


def test_backlog_stands_only_in_a_sources_own_feed() -> None:
    shown, backlog = record("shown"), record("backlog", backlog=True, date=NOW - DAY)

    assert keys(ALL, shown, backlog) == ["shown"]
    assert keys(View("blog", "Blog", sources=("blog",), backlog=True), shown, backlog) == ["shown", "backlog"]


def test_backlog_does_not_make_a_sources_own_feed_longer() -> None:
    backlog = [record(f"{at:03}", date=NOW - at * HOUR, seen=NOW, backlog=True) for at in range(100)]

    assert len(keys(View("blog", "Blog", sources=("blog",), backlog=True), *backlog)) == 50


def test_a_hidden_record_stands_in_no_feed() -> None:
    assert keys(ALL, record("a", hidden="limit: 20"), record("b")) == ["b"]


def test_a_record_that_two_queries_gave_stands_once() -> None:
    assert keys(ALL, record("a"), record("a")) == ["a"]


def test_the_store_is_asked_for_the_newest_and_for_what_arrived() -> None:
    assert plan(ALL, NOW) == (
        RecordQuery(limit=50),
        RecordQuery(arrived_since=NOW - 48 * HOUR, limit=500),
    )


def test_an_empty_view_is_asked_for_its_newest_alone() -> None:
    assert plan(ALL, None) == (RecordQuery(limit=50),)
    assert keys(ALL, newest=None) == []


def test_a_source_counts_when_it_matches_any_list() -> None:
    view = View("product", "Product", sources=("blog",), categories=("news",))

    assert members(view) == (RecordQuery(sources=("blog",), limit=500), RecordQuery(categories=("news",), limit=500))
    assert len(plan(view, NOW)) == 4


def test_a_cap_per_source_is_given_enough_to_choose_from() -> None:
    assert plan(replace(ALL, per_source=2), None) == (RecordQuery(limit=500),)


def test_the_backlog_is_asked_for_by_date_alone() -> None:
    newest, arrived = plan(View("blog", "Blog", sources=("blog",), backlog=True), NOW)

    assert (newest.backlog, arrived.backlog) == (True, False)
