from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from aggregator.merge import MOST, may_stand, order, told
from aggregator.merge import select as selected
from aggregator.model import View
from plugins.records import plain_record
from storage.record import Record

NOW = datetime(2021, 9, 30, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def record(key: int, hours: int, seen: int, arrival: int, position: int, source: int, backlog: bool) -> Record:
    date, name = NOW - hours * HOUR, f"{key:04}"
    return plain_record(
        at=date,
        key=name,
        public_id=name,
        source_id=f"s{source}",
        identity=name,
        title=name,
        first_seen=NOW - seen * HOUR,
        publisher_date=date,
        position=position,
        arrival=arrival,
        backlog=backlog,
    )


RECORDS = st.lists(
    st.builds(
        record,
        key=st.integers(0, 30),
        hours=st.integers(0, 3),
        seen=st.integers(0, 80),
        arrival=st.integers(1, 3),
        position=st.integers(0, 3),
        source=st.integers(0, 3),
        backlog=st.booleans(),
    ),
    max_size=30,
    unique_by=lambda one: one.key,
)
VIEWS = st.builds(
    View,
    name=st.just("v"),
    title=st.just("V"),
    entries=st.integers(1, 12),
    window=st.integers(0, 90).map(lambda hours: hours * HOUR),
    per_source=st.none() | st.integers(1, 5),
    backlog=st.booleans(),
)


def select(view: View, newest: datetime | None, records: list[Record]) -> tuple[Record, ...]:
    shown = selected(view, newest, [told(view, (one,)) for one in records if may_stand(view, one)])
    return tuple(one.record for one in shown)


@given(view=VIEWS, records=RECORDS, data=st.data())
def test_a_feed_does_not_depend_on_the_order_in_which_its_records_come(
    view: View, records: list[Record], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(records))

    assert select(view, NOW, shuffled) == select(view, NOW, records)


@given(view=VIEWS, records=RECORDS)
def test_a_feed_is_in_one_total_order(view: View, records: list[Record]) -> None:
    feed = select(view, NOW, records)

    assert all(order(one) < order(other) for one, other in pairwise(feed))
    assert len(feed) <= MOST


@given(view=VIEWS, records=RECORDS)
def test_without_a_cap_nothing_that_arrived_within_the_window_is_missing(view: View, records: list[Record]) -> None:
    view = View(view.name, view.title, entries=view.entries, window=view.window)

    feed = select(view, NOW, records)

    assert {one for one in records if not one.backlog and NOW - one.first_seen <= view.window} <= set(feed)


@given(view=VIEWS, records=RECORDS)
def test_a_longer_feed_begins_with_the_same_records(view: View, records: list[Record]) -> None:
    short = View("v", "V", entries=view.entries, window=timedelta(), per_source=view.per_source)
    long = View("v", "V", entries=view.entries + 5, window=timedelta(), per_source=view.per_source)
    newest = NOW + 999 * HOUR

    assert select(long, newest, records)[: view.entries] == select(short, newest, records)
