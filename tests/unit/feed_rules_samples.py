"""A record and a feed to change for tests of what is served; texts of our own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aggregator.render import MergedFeed, SourceInfo
from storage.record import DateSource, Record, key_of
from storage.sqlite import SqliteStore
from storage.states import FeedInfo, HostState, PollState, SourceRow
from storage.values import Changes, Poll

SOURCE = SourceInfo(
    id="https://paper.example/id",
    title="The Paper",
    url="https://paper.example/feed",
    home="https://paper.example/",
    type="application/rss+xml",
)


def a_record(**changes: Any) -> Record:
    """Return a record in which every field that is not named is ordinary."""
    record = Record(
        key="aaaaaaaaaaaaaaaa",
        public_id="https://paper.example/1",
        source_id="paper",
        identity="https://paper.example/1",
        alias="//paper.example/1",
        categories=("Press", "The Paper", "latest"),
        title="A bridge opens",
        link="https://paper.example/1",
        guid="https://paper.example/1",
        author="The Paper",
        writers=("Ann Writer",),
        tags=("bridges",),
        published=datetime(2026, 3, 1, 8, 30, tzinfo=UTC),
        updated=datetime(2026, 3, 2, 9, 0, tzinfo=UTC),
        first_seen=datetime(2026, 3, 1, 9, 0, tzinfo=UTC),
        date_source=DateSource.PUBLISHED,
        publisher_date=datetime(2026, 3, 1, 8, 30, tzinfo=UTC),
        image=None,
        html="<p>It opens at noon.</p>",
        summary="",
        enclosures=(),
        language="en",
        digest="d",
        cleaner=1,
        arrival=1,
    )
    return replace(record, **changes)


def a_feed(*records: Record, **changes: Any) -> MergedFeed:
    """Return a merged feed of these records."""
    feed = MergedFeed(
        id="urn:uuid:6ba7b811-9dad-11d1-80b4-00c04fd430c8",
        title="All the papers",
        self_url="https://news.example/feed.atom",
        home_url="https://news.example/",
        records=records,
        sources={"paper": SOURCE},
        style="/static/abc/feed.css",
    )
    return replace(feed, **changes)


NOW = datetime(2026, 3, 5, 12, 0, tzinfo=UTC)


def a_state(source_id: str = "paper", **changes: Any) -> PollState:
    """Return the state of a source that was polled well a minute ago."""
    row = SourceRow(
        id=source_id,
        name=f"My {source_id}",
        url=f"https://{source_id}.example/feed",
        host=f"{source_id}.example",
        position=0,
        keep_days=365,
        keep_entries=5000,
        settings_digest="",
    )
    state = PollState(
        source=row,
        next_poll_at=NOW + timedelta(hours=1),
        next_reason="as usual",
        last_attempt_at=NOW - timedelta(minutes=1),
        last_success_at=NOW - timedelta(minutes=1),
        last_status=200,
        every=timedelta(hours=1),
        feed=FeedInfo(title="The Paper", link=f"https://{source_id}.example/", format="rss20"),
        polls=1,
    )
    return replace(state, **changes)


def a_store(folder: Path, *records: Record, states: Sequence[PollState] | None = None) -> SqliteStore:
    """Return a store in the folder that holds these records, all of sources that are polled."""
    store = SqliteStore.open(folder)
    add(store, *records, states=states or [a_state()])
    return store


def add(store: SqliteStore, *records: Record, states: Sequence[PollState]) -> None:
    """Save one poll of each source with the records that are its own."""
    store.sync_sources([state.source for state in states], NOW)
    polls = [
        Poll(
            state=state,
            host=HostState(state.source.host),
            changes=Changes(new=tuple(record for record in records if record.source_id == state.source.id)),
        )
        for state in states
    ]
    failed = [saved.error for saved in store.save_polls(polls, NOW) if saved.error]
    assert failed == []


def numbered(count: int, **changes: Any) -> list[Record]:
    """Return so many records, the first the newest, a minute apart."""
    return [
        a_record(
            key=key_of("paper", str(place)),
            public_id=f"https://paper.example/{place}",
            identity=str(place),
            alias=str(place),
            title=f"Entry {place}",
            position=place,
            published=NOW - timedelta(days=10, minutes=place),
            updated=NOW - timedelta(days=10, minutes=place),
            **changes,
        )
        for place in range(count)
    ]
