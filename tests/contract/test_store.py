"""What every store promises (storage.contract), asked of every store that there is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.records import plain_record
from storage.contract import Store, StoreError, StoreFullError, StoreLockedError, StoreMissingError
from storage.record import DateSource, Element, Enclosure, Record, key_of, podcast_digest
from storage.sqlite import SqliteStore
from storage.states import (
    ActiveDay,
    Attempt,
    Claim,
    Earlier,
    FeedInfo,
    HostState,
    Incident,
    ListState,
    PollState,
    Profile,
    Rest,
    SourceRow,
    Term,
    Validators,
)
from storage.values import Archived, Changes, Circumstances, Page, Poll, RecordFile, RecordQuery

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
HOUR = timedelta(hours=1)
LEASE = timedelta(minutes=2)


@dataclass(frozen=True)
class Kind:
    """A kind of store: how it is opened, and how its disk is filled and freed."""

    open: Callable[[Path], Any]
    open_readonly: Callable[[Path], Any]
    fill: Callable[[Any], None]
    free: Callable[[Any], None]


def _limit_pages(store: SqliteStore, spare: int | None) -> None:
    def limit() -> None:
        pages = store._engine.writing.execute("PRAGMA page_count").fetchone()[0]
        store._engine.writing.execute(f"PRAGMA max_page_count = {1 << 30 if spare is None else pages + spare}")

    store._engine.on_writer(limit)


KINDS = [
    pytest.param(
        Kind(
            open=SqliteStore.open,
            open_readonly=SqliteStore.open_readonly,
            fill=lambda store: _limit_pages(store, 3),
            free=lambda store: _limit_pages(store, None),
        ),
        id="sqlite",
    )
]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


@pytest.fixture
def store(kind: Kind, tmp_path: Path) -> Iterator[Store]:
    with closing(kind.open(tmp_path)) as store:
        yield store


# --- the world of these tests -----------------------------------------------------------------------------------


def source(source_id: str = "one", **changes: Any) -> SourceRow:
    row = SourceRow(
        id=source_id,
        name=source_id.title(),
        url=f"https://{source_id}.example/feed",
        host=f"{source_id}.example",
        position=0,
        keep_days=365,
        keep_entries=5000,
        settings_digest="first",
    )
    return replace(row, **changes)


def record(name: str, source_id: str = "one", **changes: Any) -> Record:
    identity = f"https://{source_id}.example/{name}"
    base = plain_record(
        at=NOW,
        key=key_of(source_id, identity),
        public_id=identity,
        source_id=source_id,
        identity=identity,
        alias=identity.removeprefix("https:"),
        categories=("新媒体", source_id, "latest"),
        title=f"标题 {name}",
        link=identity,
        guid=identity,
        author=source_id,
        publisher_date=NOW,
        html=f"<p>{name}</p>",
        digest=f"digest of {name}",
    )
    return replace(base, **changes)


def poll(
    store: Store, source_id: str, *new: Record, now: datetime = NOW, host: HostState | None = None, **changes: Any
) -> Poll:
    """Return the poll of a source with these new entries; `listed` is all of them unless `changes` says otherwise."""
    state = next(state for state in store.states() if state.source.id == source_id)
    changes = {"new": new, "listed": frozenset(entry.key for entry in new), **changes}
    return Poll(
        state=replace(state, next_poll_at=now + HOUR, polls=state.polls + 1),
        host=host or HostState(state.source.host),
        changes=Changes(**changes),
    )


def bring(store: Store, source_id: str, *new: Record, now: datetime = NOW, **changes: Any) -> None:
    [saved] = store.save_polls([poll(store, source_id, *new, now=now, **changes)], now)
    assert saved.error is None


def ids(claims: list[Any]) -> list[str]:
    return [claim.state.source.id for claim in claims]


def titles(store: Store, **query: Any) -> list[str]:
    return [found.title.removeprefix("标题 ") for found in store.page(RecordQuery(**query)).records]


def all_pages(store: Store, **query: Any) -> list[Record]:
    found: list[Record] = []
    page = store.page(RecordQuery(**query))
    found += page.records
    while page.next:
        page = store.page(RecordQuery(**query, before=page.next))
        assert page.records
        found += page.records
    return found


class TestSources:
    def test_a_new_source_is_due_at_once(self, store: Store) -> None:
        store.sync_sources([source()], NOW)

        [state] = store.states()
        assert state == PollState(source(), next_poll_at=NOW)
        assert store.next_due_at() == NOW

    def test_sources_stand_in_the_order_of_feeds_yaml(self, store: Store) -> None:
        store.sync_sources([source("b", position=0), source("a", position=1)], NOW)
        store.sync_sources([source("a", position=0), source("b", position=1)], NOW)

        assert [state.source.id for state in store.states()] == ["a", "b"]

    def test_a_source_that_stays_keeps_its_state(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        bring(store, "one")
        [before] = store.states()
        store.sync_sources([source(name="Other name", keep_days=3)], NOW + HOUR)

        assert store.states() == [replace(before, source=source(name="Other name", keep_days=3))]

    def test_changed_settings_drop_the_validators_alone(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        whole = poll(store, "one")
        whole = replace(whole, state=replace(whole.state, validators=Validators(b'"v1"'), effective_url="https://x/"))
        store.save_polls([whole], NOW)
        store.sync_sources([source(settings_digest="second")], NOW)

        [state] = store.states()
        assert state.validators == Validators()
        assert state.effective_url == "https://x/"
        assert state.next_poll_at == NOW + HOUR

    def test_validators_got_under_old_settings_are_not_kept(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        under_way = poll(store, "one")
        store.sync_sources([source(settings_digest="second")], NOW)
        store.save_polls([replace(under_way, state=replace(under_way.state, validators=Validators(b'"v1"')))], NOW)

        [state] = store.states()
        assert state.validators == Validators()
        assert state.source.settings_digest == "second"
        assert state.polls == 1

    def test_a_source_with_a_new_url_forgets_the_old_one_and_is_due(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        moved = poll(store, "one", record("a"))
        store.save_polls([replace(moved, state=replace(moved.state, effective_url="https://x/", stopped="gone"))], NOW)
        store.sync_sources([source(url="https://two.example/feed")], NOW + HOUR)

        [state] = store.states()
        assert (state.effective_url, state.stopped, state.next_poll_at) == (None, None, NOW + HOUR)
        assert titles(store, sources=["one"]) == ["a"]

    def test_a_gap_of_the_old_url_is_not_of_the_new_one(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        had = poll(store, "one", record("a"))
        store.save_polls([replace(had, state=replace(had.state, gaps=2, gap_at=NOW, gap_note="read"))], NOW)
        store.sync_sources([source(url="https://two.example/feed")], NOW + HOUR)

        [state] = store.states()
        assert (state.gaps, state.gap_at, state.gap_note) == (0, None, None)

    def test_a_poll_of_the_old_url_leaves_the_state_of_the_new_one_alone(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        under_way = poll(store, "one", record("a"))
        [claim] = store.claim_due(NOW, limit=1, lease=LEASE)
        store.sync_sources([source(url="https://two.example/feed", settings_digest="second")], NOW + HOUR)
        late = replace(claim.state, effective_url="https://x/", next_poll_at=NOW + 9 * HOUR, failures=3)
        [saved] = store.save_polls([replace(under_way, state=late)], NOW + HOUR)

        [state] = store.states()
        assert saved.error is None
        assert (state.effective_url, state.next_poll_at, state.failures) == (None, NOW + HOUR, 0)
        assert titles(store) == ["a"]
        assert ids(store.claim_due(NOW + 2 * HOUR, limit=1, lease=LEASE)) == ["one"]

    def test_sources_are_known_in_their_order_and_removed_ones_after_them(self, store: Store) -> None:
        store.sync_sources([source("c", position=0), source("a", position=1), source("b", position=2)], NOW)
        store.sync_sources([source("a", position=0), source("c", position=1)], NOW + HOUR)
        store.sync_sources([source("c", position=0, url="https://two.example/feed", name="Two")], NOW + 2 * HOUR)

        assert [(one.id, one.placed) for one in store.sources()] == [("c", True), ("a", False), ("b", False)]
        assert store.sources()[0] == Earlier("c", "https://two.example/feed", "Two")

    def test_a_paused_source_is_not_polled_and_known_in_its_place(self, store: Store) -> None:
        three = [source(name, position=place) for place, name in enumerate("abc")]
        store.sync_sources(three, NOW)
        store.sync_sources([three[0], three[2], replace(three[1], paused=True)], NOW)

        assert [state.source.id for state in store.states()] == ["a", "c"]
        assert [(one.id, one.placed) for one in store.sources()] == [("a", True), ("b", True), ("c", True)]

    def test_a_paused_source_that_is_taken_out_is_known_as_removed(self, store: Store) -> None:
        store.sync_sources([source("a"), source("b", position=1, paused=True)], NOW)
        before = [(one.id, one.placed) for one in store.sources()]
        store.sync_sources([source("a")], NOW)

        assert before == [("a", True), ("b", True)]
        assert [(one.id, one.placed) for one in store.sources()] == [("a", True), ("b", False)]

    def test_a_paused_source_resumes_its_state_and_a_url_changed_meanwhile_is_asked(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        bring(store, "one", record("a"))
        store.sync_sources([source(paused=True)], NOW)
        store.sync_sources([source(paused=True, url="https://two.example/feed")], NOW + HOUR)
        store.sync_sources([source(url="https://two.example/feed")], NOW + 2 * HOUR)

        [state] = store.states()
        assert (state.source, state.polls) == (source(url="https://two.example/feed"), 1)
        assert state.next_poll_at == NOW + HOUR

    def test_a_removed_source_is_not_polled_and_its_records_stay(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        bring(store, "one", record("a"))
        store.sync_sources([], NOW)

        assert store.states() == []
        assert store.claim_due(NOW + 2 * HOUR, limit=9, lease=LEASE, only=["one"], due=False) == []
        assert store.next_due_at() is None
        assert titles(store) == ["a"]
        assert store.counts() == {"one": 1}

    def test_entries_are_counted_by_the_day_of_their_date(self, store: Store) -> None:
        store.sync_sources([source(), source("two"), source("three")], NOW)
        midnight = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
        times = (midnight, midnight + HOUR, midnight - timedelta(microseconds=1), midnight - timedelta(days=3))
        bring(store, "one", *(record(f"a{n}", published=at) for n, at in enumerate(times)))
        bring(store, "one", record("old", published=midnight, backlog=True), record("no", published=midnight))
        bring(store, "two", record("b", "two", published=midnight))
        store.mark_hidden({key_of("one", "https://one.example/no"): "by hand"})

        today = midnight.date()

        assert store.days(["one", "three", "nobody"], today - timedelta(days=2)) == {
            "one": {today: 2, today - timedelta(days=1): 1}
        }
        assert store.days([], today) == {}

    def test_a_source_that_comes_back_is_not_due_before_its_time(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        bring(store, "one", record("a"))
        store.sync_sources([], NOW)
        store.sync_sources([source()], NOW)

        assert store.claim_due(NOW, limit=9, lease=LEASE) == []
        assert store.next_due_at() == NOW + HOUR

    def test_a_poll_that_ends_after_its_source_was_removed_is_saved(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        under_way = poll(store, "one", record("a"))
        store.sync_sources([], NOW)
        store.save_polls([under_way], NOW)

        assert titles(store) == ["a"]
        assert store.states() == []

    def test_two_sources_with_one_id_are_refused(self, store: Store) -> None:
        with pytest.raises(ValueError, match="one id"):
            store.sync_sources([source(), source()], NOW)

    def test_the_states_of_some_sources_come_in_the_order_of_the_file(self, store: Store) -> None:
        store.sync_sources([source(name, position=place) for place, name in enumerate(("one", "two", "three"))], NOW)

        assert [state.source.id for state in store.states({"three", "one", "unknown"})] == ["one", "three"]
        assert store.states(()) == []


class TestClaims:
    def test_a_claim_is_on_disk_when_it_is_given(self, kind: Kind, store: Store, tmp_path: Path) -> None:
        store.sync_sources([source()], NOW)
        [claim] = store.claim_due(NOW, limit=9, lease=LEASE)

        with closing(kind.open_readonly(tmp_path)) as beside:
            [state] = beside.states()
        assert claim.state == state
        assert (state.lease_until, state.last_attempt_at) == (NOW + LEASE, NOW)
        assert claim.host == HostState("one.example")

    def test_never_polled_sources_come_first_then_the_longest_due(self, store: Store) -> None:
        store.sync_sources([source(name, position=n) for n, name in enumerate("abcd")], NOW)
        for name, late in (("a", 1), ("b", 3)):
            store.claim_due(NOW, limit=1, lease=LEASE, only=[name])
            old = poll(store, name)
            store.save_polls([replace(old, state=replace(old.state, next_poll_at=NOW - late * HOUR))], NOW)

        assert ids(store.claim_due(NOW, limit=9, lease=LEASE)) == ["c", "d", "b", "a"]

    def test_no_more_than_the_limit_are_taken(self, store: Store) -> None:
        store.sync_sources([source(name, position=n) for n, name in enumerate("abcd")], NOW)

        assert ids(store.claim_due(NOW, limit=3, lease=LEASE)) == ["a", "b", "c"]
        assert ids(store.claim_due(NOW, limit=3, lease=LEASE)) == ["d"]
        assert store.claim_due(NOW, limit=0, lease=LEASE) == []

    def test_a_leased_source_is_left_alone_until_its_lease_has_passed(self, store: Store) -> None:
        store.sync_sources([source(floor=timedelta(minutes=1))], NOW)
        store.claim_due(NOW, limit=9, lease=LEASE)

        assert store.claim_due(NOW + LEASE - timedelta(microseconds=1), limit=9, lease=LEASE) == []
        assert store.next_due_at() is None
        assert store.next_due_at(NOW + LEASE) == NOW
        assert ids(store.claim_due(NOW + LEASE, limit=9, lease=LEASE)) == ["one"]

    def test_leases_of_a_process_that_is_gone_hold_nobody_up_beyond_the_floor(self, kind: Kind, tmp_path: Path) -> None:
        floor = timedelta(minutes=1)
        with closing(kind.open(tmp_path)) as store:
            store.sync_sources([source(floor=floor)], NOW)
            store.claim_due(NOW, limit=9, lease=9 * HOUR)

        with closing(kind.open(tmp_path)) as store:
            early = store.claim_due(NOW + floor - timedelta(microseconds=1), limit=9, lease=LEASE)
            assert early == []
            assert ids(store.claim_due(NOW + floor, limit=9, lease=LEASE)) == ["one"]

    def test_after_a_crash_a_source_is_left_alone_for_its_floor(self, store: Store) -> None:
        floor = timedelta(hours=1)
        store.sync_sources([source(floor=floor)], NOW)
        store.claim_due(NOW, limit=9, lease=LEASE)

        assert store.claim_due(NOW + floor - timedelta(microseconds=1), limit=9, lease=LEASE) == []
        assert ids(store.claim_due(NOW + floor, limit=9, lease=LEASE)) == ["one"]

    def test_after_a_crash_a_source_is_polled_by_name_once_its_lease_has_passed(self, store: Store) -> None:
        store.sync_sources([source(floor=timedelta(hours=1))], NOW)
        store.claim_due(NOW, limit=9, lease=LEASE)

        assert ids(store.claim_due(NOW + LEASE, limit=9, lease=LEASE, only=["one"], due=False)) == ["one"]

    def test_a_released_source_is_due_as_before(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        claims = store.claim_due(NOW, limit=9, lease=LEASE)
        store.release([*claims, Claim(PollState(source("unknown"), NOW), HostState(""))], NOW)

        [state] = store.states()
        assert state == PollState(source(), next_poll_at=NOW)
        assert ids(store.claim_due(NOW, limit=9, lease=LEASE)) == ["one"]

    def test_a_released_source_was_last_attempted_when_it_was_before(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        bring(store, "one")
        [before] = store.states()
        claims = store.claim_due(NOW + HOUR, limit=9, lease=LEASE, due=False, only=["one"])

        store.release(claims, NOW + HOUR)

        assert claims[0].attempted_before == before.last_attempt_at
        assert store.states() == [before]

    def test_a_source_with_an_address_elsewhere_is_claimed_though_its_host_is_to_be_left_alone(
        self, store: Store
    ) -> None:
        two = replace(source("two", position=1), host="one.example", other_hosts=("other.example",))
        store.sync_sources([source(), two], NOW)
        held = HostState("one.example", NOW + HOUR, "429")
        [claim] = store.claim_due(NOW, limit=9, lease=LEASE, only=["one"])
        store.save_polls([Poll(replace(claim.state, next_poll_at=NOW), HostState("x.example"), also_held=(held,))], NOW)

        claims = store.claim_due(NOW, limit=9, lease=LEASE)

        assert [(claim.state.source.id, claim.host) for claim in claims] == [("two", HostState("other.example"))]
        assert store.host("one.example") == held
        assert store.hosts() == [held]

    def test_waits_of_hosts_are_saved_apart_from_polls(self, store: Store) -> None:
        held = HostState("one.example", NOW + HOUR, "429")

        store.save_hosts([held], NOW)
        store.save_hosts([HostState("one.example"), HostState("two.example")], NOW)

        assert store.hosts() == [held]

    def test_a_claim_takes_the_turn_of_the_address_in_use(self, store: Store) -> None:
        store.sync_sources([source(), source("two", position=1)], NOW)
        for state in store.states():
            store.save_polls([Poll(replace(state, at_host="other.example"), HostState("one.example"))], NOW)

        claims = store.claim_due(NOW, limit=9, lease=LEASE, busy={"one.example": 1})

        assert [claim.host.host for claim in claims] == ["other.example"]

    def test_saving_a_poll_ends_its_lease(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        [claim] = store.claim_due(NOW, limit=9, lease=LEASE)
        store.save_polls([Poll(claim.state, claim.host)], NOW)

        assert store.states()[0].lease_until is None

    def test_three_hundred_due_on_one_host_do_not_hold_up_the_others(self, store: Store) -> None:
        crowd = [source(f"crowd{n}", host="crowd.example", position=n) for n in range(300)]
        others = [source(f"other{n}", position=300 + n) for n in range(5)]
        store.sync_sources(crowd + others, NOW)

        assert ids(store.claim_due(NOW, limit=6, lease=LEASE)) == ["crowd0", *(f"other{n}" for n in range(5))]

    def test_a_host_gets_what_is_left_of_its_share(self, store: Store) -> None:
        store.sync_sources([source(f"s{n}", host="h.example", position=n) for n in range(6)], NOW)

        assert ids(store.claim_due(NOW, limit=9, lease=LEASE, per_host=3, busy={"h.example": 1})) == ["s0", "s1"]
        assert store.claim_due(NOW, limit=9, lease=LEASE, per_host=3, busy={"h.example": 3}) == []

    def test_a_host_that_asked_for_a_wait_gives_none(self, store: Store) -> None:
        store.sync_sources([source("a", host="h.example"), source("b", host="h.example", position=1)], NOW)
        wait = HostState("h.example", NOW + HOUR, "429 with Retry-After: 3600")
        store.save_polls([poll(store, "a", host=wait)], NOW)

        assert store.claim_due(NOW, limit=9, lease=LEASE) == []
        assert store.claim_due(NOW, limit=9, lease=LEASE, only=["b"], due=False) == []
        [claim] = store.claim_due(NOW + HOUR, limit=1, lease=LEASE, only=["b"])
        assert claim.host == wait

    def test_a_poll_that_knows_of_no_wait_does_not_end_one(self, store: Store) -> None:
        store.sync_sources([source("a", host="h.example"), source("b", host="h.example", position=1)], NOW)
        store.save_polls([poll(store, "a", host=HostState("h.example", NOW + HOUR, "429"))], NOW)
        store.save_polls([poll(store, "b", host=HostState("h.example"))], NOW)

        assert store.claim_due(NOW, limit=9, lease=LEASE, due=False) == []

    def test_due_false_takes_what_is_not_due_but_nothing_before_its_retry_after(self, store: Store) -> None:
        store.sync_sources([source("a"), source("b", position=1)], NOW)
        told = poll(store, "b")
        told = replace(told, state=replace(told.state, retry_after_until=NOW + HOUR))
        store.save_polls([poll(store, "a"), told], NOW)

        assert store.claim_due(NOW, limit=9, lease=LEASE) == []
        assert ids(store.claim_due(NOW, limit=9, lease=LEASE, due=False)) == ["a"]

    def test_a_stopped_source_is_taken_only_where_it_is_named(self, store: Store) -> None:
        store.sync_sources([source("a"), source("b", position=1)], NOW)
        gone = poll(store, "a")
        store.save_polls([replace(gone, state=replace(gone.state, stopped="gone"))], NOW)

        assert ids(store.claim_due(NOW + HOUR, limit=9, lease=LEASE, due=False)) == ["b"]
        assert ids(store.claim_due(NOW + HOUR, limit=9, lease=LEASE, only=["a"])) == ["a"]

    def test_claims_of_many_threads_never_overlap(self, store: Store) -> None:
        store.sync_sources([source(f"s{n}", position=n) for n in range(120)], NOW)
        taken: list[str] = []

        def claim_all() -> None:
            while claims := store.claim_due(NOW, limit=7, lease=LEASE):
                taken.extend(ids(claims))

        threads = [threading.Thread(target=claim_all) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sorted(taken) == sorted(f"s{n}" for n in range(120))


class TestSaving:
    def test_a_record_comes_back_as_it_was_saved(self, store: Store) -> None:
        full = record(
            "full",
            writers=("Ann", "Bö"),
            tags=("x", "标签"),
            published=NOW - timedelta(days=20000),
            updated=NOW + timedelta(microseconds=1),
            date_source=DateSource.FUTURE,
            publisher_date=NOW + timedelta(days=400),
            image="https://one.example/i.png",
            summary="in short",
            enclosures=(
                Enclosure("https://one.example/a.mp3", "audio/mpeg", 12, "Episode", timedelta(seconds=61.5)),
                Enclosure("https://one.example/b"),
            ),
            language="zh-CN",
            podcast=(Element("itunes:episode", "7"), Element("podcast:person", "Ann", (("role", "host"),))),
            story_id="tag:other.example,2026-01-01:x",
            raw_html="<P>full\x00",
            marked_html='<p class="a">full',
            position=7,
            updates=3,
            backlog=True,
            hidden="drop: {title: ad}",
        )
        store.sync_sources([source()], NOW)
        bring(store, "one", full)

        assert {field.name for field in fields(Record) if getattr(full, field.name) == getattr(record("full"), field.name)} == {
            "story", "key", "public_id", "source_id", "identity", "alias", "categories", "title", "link", "guid", "author",
            "first_seen", "html", "digest", "cleaner", "arrival",
        }  # fmt: skip
        assert store.get(full.key) == replace(full, arrival=1)
        assert store.get("unknown") is None

    def test_a_state_comes_back_as_it_was_saved(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        later = iter(NOW + n * HOUR for n in range(1, 99))
        full = PollState(
            source=source(),
            next_poll_at=next(later),
            next_reason="max-age",
            validators=Validators(b'W/"\xff"', b"yesterday", b"\0" * 32, "https://one.example/feed"),
            effective_url="https://new.example/",
            fresh_until=next(later),
            retry_after_until=next(later),
            last_attempt_at=next(later),
            last_success_at=next(later),
            last_new_at=next(later),
            last_status=503,
            failures=3,
            failure_kind="server-error",
            failure_detail="503 again",
            failing_since=next(later),
            degraded="a bad byte",
            redirect_target="https://new.example/",
            redirect_seen=2,
            redirect_since=next(later),
            without_validators=4,
            every=timedelta(minutes=90),
            ingest_times=(next(later), next(later)),
            stopped="gone",
            feed=FeedInfo(
                "Title", "https://one.example/", "tag:one", "zh", "rss20", next(later), "https://one.example/i"
            ),
            polls=9,
            hints={"ttl": "60"},
            terms=(Term(next(later), "max-age of 3 h"), Term(next(later), "every 2 h")),
            address="https://other.example/feed",
            rests=(
                Rest("https://one.example/feed", next(later), 2, "timeout", "nothing within 30 s", NOW, promised=True),
                Rest("https://gone.example/feed", None, 2, "gone", "410 Gone", NOW),
            ),
            at_host="other.example",
            gaps=1,
            gap_at=next(later),
            gap_note="its archive ends",
            profile=Profile("zh", 100, 90, 80, "entries have no text any more", NOW),
            active_days=(ActiveDay(20_000, 0, 143), ActiveDay(20_003, 55, 55)),
        )
        store.save_polls([Poll(full, HostState("one.example"))], NOW)

        blank = PollState(source(), next_poll_at=NOW)
        same = {field.name for field in fields(PollState) if getattr(full, field.name) == getattr(blank, field.name)}
        assert same == {"source", "lease_until"}
        assert store.states() == [full]

    def test_arrival_rises_by_one_a_poll_that_brings_something(self, store: Store) -> None:
        store.sync_sources([source("one"), source("two", position=1)], NOW)
        bring(store, "one", record("a"), record("b"))
        bring(store, "two")
        bring(store, "two", record("c", "two"))

        assert [(found.title, found.arrival) for found in store.records()] == [
            ("标题 a", 1), ("标题 b", 1), ("标题 c", 2),
        ]  # fmt: skip

    def test_an_update_changes_content_and_nothing_that_was_fixed(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        bring(store, "one", record("a", position=3))
        changed = record("a", title="new", html="<p>new</p>", digest="new", updates=1)
        late = replace(changed, first_seen=NOW + HOUR, public_id="other", position=9, arrival=9)
        [saved] = store.save_polls([poll(store, "one", updated=(late,), listed=None)], NOW)

        assert saved.updated == (changed.key,)
        assert store.get(changed.key) == replace(changed, position=3, arrival=1)

    def test_a_rekeyed_record_is_found_under_its_new_identity(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        bring(store, "one", record("a"))
        bring(store, "one", rekeyed=(record("a", identity="new", alias="new too", guid="new"),), listed=None)

        assert [entry.key for entry in store.known("one", ["new"], [], []).entries] == [record("a").key]
        assert store.page(RecordQuery()).records == (
            record("a", identity="new", alias="new too", guid="new", arrival=1),
        )

    def test_an_update_of_what_was_removed_meanwhile_is_passed_over(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        [saved] = store.save_polls([poll(store, "one", updated=(record("a"),), rekeyed=(record("b"),))], NOW)

        assert saved.error is None
        assert saved.updated == ()
        assert titles(store) == []

    def test_a_poll_that_cannot_be_saved_spoils_no_other(self, store: Store) -> None:
        store.sync_sources([source(name, position=n) for n, name in enumerate("abc")], NOW)
        good, last = poll(store, "a", record("1", "a")), poll(store, "c", record("3", "c"))
        bad = poll(store, "b", record("2", "b"), record("half", "b", html="\ud800", position=1))
        saved = store.save_polls([good, bad, last], NOW)

        assert [result.error is None for result in saved] == [True, False, True]
        assert "surrogates" in (saved[1].error or "")
        assert saved[1].new == ()
        assert [found.arrival for found in store.records()] == [1, 2]
        assert [state.polls for state in store.states()] == [1, 0, 1]

    def test_a_poll_of_an_unknown_source_is_named_in_its_error(self, store: Store) -> None:
        [saved] = store.save_polls([Poll(PollState(source(), NOW), HostState("one.example"))], NOW)

        assert saved.source_id == "one"
        assert "'one'" in (saved.error or "")

    def test_the_same_poll_saved_twice_brings_nothing_twice(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        bring(store, "one", record("a"))
        [saved] = store.save_polls([poll(store, "one", record("a"), record("b", position=1))], NOW)

        assert saved.new == (record("b").key,)
        assert sorted(titles(store)) == ["a", "b"]

    def test_two_sources_with_one_entry_in_a_batch_have_an_id_each(self, store: Store) -> None:
        store.sync_sources([source("one"), source("two", position=1)], NOW)
        first = record("a", "one", public_id="https://shared.example/1")
        second = record("a", "two", public_id="https://shared.example/1")
        saved = store.save_polls([poll(store, "one", first), poll(store, "two", second)], NOW)

        assert [result.error for result in saved] == [None, None]
        stored = {found.source_id: found.public_id for found in store.records()}
        assert stored == {"one": "https://shared.example/1", "two": f"tag:two.example,2026-03-01:{second.key}"}

    def test_a_source_that_foretells_anothers_minted_id_keeps_none_of_its_entries_out(self, store: Store) -> None:
        store.sync_sources([source("one"), source("two", position=1)], NOW)
        wanted = record("a", "one")
        minted = f"tag:one.example,2026-03-01:{wanted.key}"
        thief = [record(name, "two", public_id=name) for name in (minted, f"{minted}-1", f"{minted}-2")]
        bring(store, "two", *thief)
        [saved] = store.save_polls([poll(store, "one", replace(wanted, public_id=minted))], NOW)

        assert saved.error is None
        stored = {found.public_id for found in store.records() if found.source_id == "one"}
        assert stored == {f"{minted}-3"}

    def test_an_archive_comes_back_whole_though_another_source_has_its_ids(self, store: Store) -> None:
        store.sync_sources([source("one"), source("two", position=1)], NOW)
        wanted = record("a", "one")
        minted = f"tag:one.example,2026-03-01:{wanted.key}"
        bring(store, "two", record("thief", "two", public_id=minted))
        store.restore([Archived(replace(wanted, public_id=minted))], [], NOW)

        stored = {found.source_id: found.public_id for found in store.records()}
        assert stored == {"one": f"{minted}-1", "two": minted}

    def test_an_old_guid_with_another_entry_gets_a_key_of_its_own(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        bring(store, "one", record("a"))
        bring(store, "one", rekeyed=(record("a", identity="b", alias="b"),))
        again = record("a", title="another")
        [saved] = store.save_polls([poll(store, "one", again)], NOW)

        [key] = saved.new
        assert key not in ("", again.key)
        found = store.get(key)
        assert found is not None
        assert (found.title, found.identity) == ("another", again.identity)
        assert [entry.key for entry in store.known("one", [again.identity], [], []).entries if entry.listed][-1] == key

    def test_equal_content_is_not_written(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        bring(store, "one", record("a"))
        revision = store.revision()
        store.wrote_files([RecordFile(record("a").key, "a.md", "00")])
        [saved] = store.save_polls([poll(store, "one", updated=(record("a"),), rekeyed=(record("a"),))], NOW)

        assert saved.updated == ()
        assert store.revision() == revision
        assert store.unwritten() == []

    def test_the_revision_rises_with_what_a_reader_sees_and_with_nothing_else(self, store: Store) -> None:
        seen = [store.revision()]

        def rises() -> bool:
            seen.append(store.revision())
            return seen[-1] > seen[-2]

        store.sync_sources([source()], NOW)
        assert rises()
        store.sync_sources([source(keep_days=9, settings_digest="x")], NOW)
        assert not rises()
        store.sync_sources([source(name="Renamed")], NOW)
        assert rises()
        store.claim_due(NOW, limit=1, lease=LEASE)
        bring(store, "one", listed=None)
        assert not rises()
        bring(store, "one", record("a"))
        assert rises()
        bring(store, "one", now=NOW + HOUR)
        assert not rises()
        bring(store, "one", updated=(record("a", title="new"),))
        assert rises()
        told = poll(store, "one")
        store.save_polls([replace(told, state=replace(told.state, feed=FeedInfo(title="Title")))], NOW)
        assert rises()
        store.wrote_files([RecordFile(record("a").key, "a.md", "00")])
        store.forget_files()
        store.prune(NOW)
        store.checkpoint()
        assert not rises()
        assert store.prune(NOW + timedelta(days=9999)) == 1
        assert rises()

    def test_a_full_disk_loses_nothing_and_the_same_call_works_when_there_is_space(
        self, kind: Kind, store: Store
    ) -> None:
        store.sync_sources([source(f"s{n}", position=n) for n in range(8)], NOW)
        bring(store, "s0", record("kept", "s0"))
        batch = [poll(store, f"s{n}", record("big", f"s{n}", html="x" * 100_000)) for n in range(1, 8)]
        kind.fill(store)
        with pytest.raises(StoreFullError, match="no space"):
            store.save_polls(batch, NOW)

        assert titles(store) == ["kept"]
        assert [state.polls for state in store.states()] == [1, 0, 0, 0, 0, 0, 0, 0]
        kind.free(store)
        assert [saved.error for saved in store.save_polls(batch, NOW)] == [None] * 7
        assert len(titles(store)) == 8


class TestHistories:
    def test_the_polls_of_a_source_come_back_the_last_first(self, store: Store) -> None:
        store.sync_sources([source(), source("two")], NOW)
        first = Attempt(NOW, timedelta(milliseconds=120), "updated", 200, 9_000, new=3, updated=1)
        failed = Attempt(NOW + timedelta(hours=1), timedelta(seconds=30), "timeout", detail="no answer in 30 s")
        for attempt in (first, failed):
            store.save_polls([replace(poll(store, "one"), attempt=attempt)], attempt.at)

        assert store.attempts("one") == [failed, first]
        assert store.attempts("one", limit=1) == [failed]
        assert store.attempts("two") == []

    def test_only_the_newest_polls_are_kept_of_each_source(self, store: Store) -> None:
        store.sync_sources([source(), source("two")], NOW)
        for minute in range(203):
            attempt = Attempt(NOW + timedelta(minutes=minute), timedelta(seconds=1), "unchanged", 304)
            store.save_polls([replace(poll(store, "one"), attempt=attempt)], NOW)
        store.save_polls([replace(poll(store, "two"), attempt=Attempt(NOW, timedelta(), "unchanged", 304))], NOW)

        store.prune(NOW)

        assert [one.at for one in store.attempts("one", 1000)][:: 199] == [
            NOW + timedelta(minutes=202), NOW + timedelta(minutes=3),
        ]  # fmt: skip
        assert len(store.attempts("two")) == 1

    def test_an_incident_is_told_anew_until_it_has_ended(self, store: Store) -> None:
        store.sync_sources([source(), source("two")], NOW)
        began = Incident(0, "one", "failing", "dns", "no such host", NOW, NOW)
        other = Incident(0, "two", "silent", None, "nothing new for 30d", NOW + timedelta(days=1), NOW)
        store.save_incidents([began, other])
        (stored,) = store.incidents("one")
        over = replace(stored, changed_at=NOW + timedelta(days=2), ended_at=NOW + timedelta(days=2))

        store.save_incidents([over])

        assert stored == replace(began, number=1)
        assert store.incidents() == [replace(other, number=2), over]
        assert store.incidents(open_only=True) == [replace(other, number=2)]

    def test_a_purged_source_has_no_history(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        store.save_polls([replace(poll(store, "one"), attempt=Attempt(NOW, timedelta(), "unchanged", 304))], NOW)
        store.save_incidents([Incident(0, "one", "failing", "dns", "no such host", NOW, NOW)])

        store.purge("one")

        store.sync_sources([source()], NOW)
        assert (store.attempts("one"), store.incidents()) == ([], [])


class TestLists:
    def test_a_list_of_sources_comes_back_as_it_was_saved_last(self, store: Store) -> None:
        first = ListState("https://one.example/blogroll.opml", NOW, failures=1, fault="404 Not Found")
        full = ListState(
            "https://one.example/blogroll.opml",
            NOW + HOUR,
            Validators(b'"a"', b"yesterday", b"\0" * 32, "https://one.example/blogroll.opml"),
            b"<opml/>",
            read_at=NOW,
            asked_at=NOW,
        )
        another = ListState("https://a.example/", NOW)

        for state in (first, full, another):
            store.save_list(state)

        assert store.lists() == [another, full]

    def test_a_list_is_no_reason_to_render_a_feed_anew(self, store: Store) -> None:
        before = store.revision()

        store.save_list(ListState("https://one.example/", NOW))

        assert store.revision() == before


class TestKnown:
    def test_of_a_new_source_nothing_is_known(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        known = store.known("one", ["x"], ["x"], ["x"])

        assert (known.entries, known.tombstones, known.taken, known.empty) == ((), frozenset(), frozenset(), True)
        assert store.known("unknown", ["x"], ["x"], ["x"]) == known

    def test_entries_are_known_by_identity_by_alias_and_by_being_listed(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        bring(store, "one", *(record(name, position=n) for n, name in enumerate("abcd")))
        bring(store, "one", listed=frozenset([record("c").key]))
        known = store.known("one", [record("a").identity], [record("b").alias], [])

        assert {entry.title: entry.listed for entry in known.entries} == {
            "标题 a": False, "标题 b": False, "标题 c": True,
        }  # fmt: skip
        assert not known.empty

    def test_an_alias_that_is_the_identity_itself_is_found(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        bring(store, "one", record("a", identity="guid 1", alias="guid 1"))
        bring(store, "one")

        assert len(store.known("one", [], ["guid 1"], []).entries) == 1
        assert len(store.known("one", ["guid 1"], [], []).entries) == 1
        assert store.known("one", ["guid"], ["guid"], []).entries == ()

    def test_an_identity_is_not_taken_for_an_alias(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        bring(store, "one", record("a", identity="x", alias="y"))
        bring(store, "one")

        assert store.known("one", ["y"], ["x"], []).entries == ()

    def test_names_are_compared_character_by_character(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        bring(store, "one", record("a", identity="a\0b", alias="a\0b"))
        bring(store, "one")

        assert len(store.known("one", ["a\0b"], [], []).entries) == 1
        assert store.known("one", ["a", "a\0c", "A\0b"], ["a"], []).entries == ()

    def test_a_known_entry_says_what_reconciling_needs(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        entry = record(
            "a",
            position=2,
            updates=1,
            backlog=True,
            hidden="rule",
            publisher_date=None,
            podcast=(Element("itunes:episode", "7"),),
        )
        bring(store, "one", entry)
        [known] = store.known("one", [], [], []).entries

        assert known.listed
        expected = replace(entry, arrival=1)
        for field in fields(known):
            if field.name not in {"listed", "withdrawn_at", "podcast"}:
                assert getattr(known, field.name) == getattr(expected, field.name)
        assert known.podcast == podcast_digest(entry.podcast) != ""

    def test_thousands_of_names_are_looked_up(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        many = [record(f"{n}", position=n) for n in range(2500)]
        bring(store, "one", *many)
        bring(store, "one")
        names = [entry.identity for entry in many]

        assert len(store.known("one", names, [entry.alias for entry in many], names).entries) == 2500

    def test_public_ids_of_other_sources_are_taken(self, store: Store) -> None:
        store.sync_sources([source("one"), source("two", position=1)], NOW)
        bring(store, "one", record("a", "one"))
        asked = [record("a", "one").public_id, record("b", "one").public_id]

        assert store.known("two", [], [], asked).taken == {record("a", "one").public_id}
        assert store.known("one", [], [], asked).taken == frozenset()

    def test_entries_of_other_sources_are_not_known(self, store: Store) -> None:
        store.sync_sources([source("one"), source("two", position=1)], NOW)
        bring(store, "one", record("a", "one"))

        assert store.known("two", [record("a", "one").identity], [record("a", "one").alias], []).entries == ()

    def test_a_document_that_was_not_read_whole_unlists_nothing(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        bring(store, "one", record("a"))
        bring(store, "one", listed=None)

        assert [entry.listed for entry in store.known("one", [], [], []).entries] == [True]

    def test_what_is_withdrawn_is_marked_and_stays(self, store: Store) -> None:
        store.sync_sources([source("one")], NOW)
        bring(store, "one", record("a"), record("b"))
        bring(store, "one", listed=frozenset([record("b").key]), withdrawn=frozenset([record("a").key]))
        bring(store, "one", listed=None, now=NOW + HOUR, withdrawn=frozenset([record("a").key]))

        marked, other = store.facts(record("a").key), store.facts(record("b").key)
        assert marked
        assert other
        assert (marked.withdrawn_at, marked.listed) == (NOW, False)
        assert (other.withdrawn_at, other.listed) == (None, True)
        assert titles(store) == ["a", "b"]
        assert store.facts("none") is None

    def test_what_is_listed_again_is_not_withdrawn_any_more(self, store: Store) -> None:
        store.sync_sources([source("one")], NOW)
        both = frozenset([record("a").key, record("b").key])
        bring(store, "one", record("a"), record("b"))
        bring(store, "one", listed=frozenset(), withdrawn=frozenset([record("a").key]))
        bring(store, "one", listed=both, withdrawn=frozenset([record("b").key]))
        bring(store, "one", listed=both, now=NOW + HOUR, withdrawn=frozenset([record("b").key]))
        kept = [entry.withdrawn_at for key in sorted(both) if (entry := store.facts(key))]
        bring(store, "one", listed=both)

        assert sorted(kept, key=str) == [NOW, None]
        again = [store.facts(key) for key in both]
        assert [entry and entry.withdrawn_at for entry in again] == [None, None]

    def test_new_records_of_older_pages_arrive_before_the_others_and_are_not_listed(self, store: Store) -> None:
        store.sync_sources([source("one")], NOW)
        new = [record("new", position=0), record("old", position=1)]
        bring(store, "one", *new, unlisted=frozenset([new[1].key]), listed=frozenset([new[0].key]))

        first, last = store.facts(new[1].key), store.facts(new[0].key)
        assert first
        assert last
        assert (first.arrival, first.listed) == (last.arrival - 1, False)
        assert last.listed
        assert store.page(RecordQuery()).records[0].title.endswith("new")

    def test_an_entry_that_comes_back_is_listed_again(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        bring(store, "one", record("a"))
        bring(store, "one")
        bring(store, "one", listed=frozenset([record("a").key]))

        assert [entry.listed for entry in store.known("one", [], [], []).entries] == [True]


class TestPages:
    def test_newest_first_then_arrival_then_the_publishers_order_then_key(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        bring(store, "one", record("first1", position=1), record("first0", position=0))
        twins = sorted((record("twin1", position=5), record("twin2", position=5)), key=lambda twin: twin.key)
        bring(store, "one", twins[1], twins[0], record("newer", published=NOW + HOUR, position=9))

        assert [found.key for found in store.page(RecordQuery()).records] == [
            record("newer").key, twins[0].key, twins[1].key, record("first0").key, record("first1").key,
        ]  # fmt: skip

    def test_records_come_by_arrival_the_publishers_order_and_key(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        bring(store, "one", record("b", position=1, published=NOW - HOUR), record("a", position=0, hidden="rule"))
        bring(store, "one", record("d", position=4, first_seen=NOW + HOUR), record("c", position=0))

        assert [found.title for found in store.records()] == ["标题 b", "标题 c", "标题 d"]
        assert [found.title for found in store.records(since=NOW + HOUR)] == ["标题 d"]
        assert list(store.records(since=NOW + 2 * HOUR)) == []

    def test_records_are_read_while_polls_are_saved(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        bring(store, "one", *(record(f"{n}", position=n) for n in range(5)))
        reading = store.records()
        first = next(reading)
        bring(store, "one", record("late"))

        assert first.title == "标题 0"
        assert [found.title for found in reading] == ["标题 1", "标题 2", "标题 3", "标题 4"]

    def test_hidden_and_backlog_records_stand_in_no_merged_page(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        bring(store, "one", record("a"), record("hidden", hidden="rule"), record("old", backlog=True, position=1))

        assert titles(store) == ["a"]
        assert titles(store, sources=["one"], backlog=True) == ["a", "old"]
        assert store.get(record("hidden").key) == record("hidden", hidden="rule", arrival=1)

    def test_sources_and_categories_narrow_a_page(self, store: Store) -> None:
        store.sync_sources([source(name, position=n) for n, name in enumerate(("one", "two", "three"))], NOW)
        bring(store, "one", record("1", "one", categories=("X", "s", "f")))
        bring(store, "two", record("2", "two", categories=("Y", "s", "f")))
        bring(store, "three", record("3", "three", categories=("X", "s", "f")))

        assert titles(store, sources=["one", "two", "unknown"]) == ["2", "1"]
        assert titles(store, categories=["X"]) == ["3", "1"]
        assert titles(store, sources=["two", "three"], categories=["X", "Z"]) == ["3"]
        assert titles(store, sources=["one", "one", "two"], limit=2) == ["2", "1"]
        assert titles(store, categories=["X", "X"], limit=1) == ["3"]
        assert titles(store, sources=[]) == []
        assert titles(store, categories=[]) == []

    def test_a_page_can_be_narrowed_by_date_and_by_arrival(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        bring(store, "one", record("old", published=NOW - HOUR), record("late", first_seen=NOW + HOUR))

        assert titles(store, since=NOW) == ["late"]
        assert titles(store, arrived_since=NOW + HOUR) == ["late"]
        assert titles(store, arrived_since=NOW) == ["late", "old"]
        assert titles(store, arrived_since=NOW + HOUR, categories=["新媒体"]) == ["late"]
        assert titles(store, arrived_since=NOW + HOUR, sources=["one"]) == ["late"]

    def test_a_cursor_leads_on_though_newer_records_came_meanwhile(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        bring(store, "one", *(record(f"{n}", position=n) for n in range(4)))
        first = store.page(RecordQuery(limit=2))
        bring(store, "one", record("late"))

        assert [found.title for found in first.records] == ["标题 0", "标题 1"]
        assert titles(store, before=first.next) == ["2", "3"]

    def test_the_last_page_has_no_next(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        assert store.page(RecordQuery()).next is None
        bring(store, "one", record("a"), record("b"))

        assert store.page(RecordQuery(limit=2)).next is None
        assert store.page(RecordQuery(limit=1)).next is not None

    @pytest.mark.parametrize(
        "cursor", ["", "x", "é", "\ud800", "W10", "WzEsMiwzXQ", "WzEsMiwzLDRd", "W3RydWUsMSwxLCJrIl0", "A" * 9999,
                   "WzFlOTksMSwxLCJrIl0", "W251bGwsMSwxLCJrIl0", "WzEwMDAwMDAwMDAwMDAwMDAwMDAwMDAsMSwxLCJrIl0"],
    )  # fmt: skip
    def test_a_cursor_that_no_page_gave_is_refused_in_words(self, store: Store, cursor: str) -> None:
        with pytest.raises(ValueError, match="not a place in a feed"):
            store.page(RecordQuery(before=cursor))

    def test_a_page_of_nothing_is_refused(self, store: Store) -> None:
        with pytest.raises(ValueError, match="at least 1"):
            store.page(RecordQuery(limit=0))

    def test_the_newest_arrival_is_that_of_the_query(self, store: Store) -> None:
        store.sync_sources([source("one"), source("two", position=1)], NOW)
        assert store.newest_arrival() is None
        bring(store, "one", record("a", "one", categories=("X", "s", "f")))
        bring(store, "two", record("b", "two", first_seen=NOW + HOUR, published=NOW - 9 * HOUR))
        bring(store, "two", record("c", "two", first_seen=NOW + 2 * HOUR, backlog=True))
        bring(store, "two", record("d", "two", first_seen=NOW + 2 * HOUR, hidden="rule"))

        assert store.newest_arrival() == NOW + HOUR
        assert store.newest_arrival(RecordQuery(sources=["one"])) == NOW
        assert store.newest_arrival(RecordQuery(categories=["X"])) == NOW
        assert store.newest_arrival(RecordQuery(sources=["two"], categories=["X"])) is None
        assert store.newest_arrival(RecordQuery(sources=[])) is None

    def test_a_view_of_many_sources_is_read_in_order(self, store: Store) -> None:
        names = [f"s{n}" for n in range(150)]
        store.sync_sources([source(name, position=n) for n, name in enumerate(names)], NOW)
        store.save_polls(
            [
                poll(store, name, record(f"{n:03}", name, published=NOW - n * HOUR, categories=(f"c{n}", "s", "f")))
                for n, name in enumerate(names)
            ],
            NOW,
        )

        half = names[::2]
        assert titles(store, sources=half, limit=3) == ["000", "002", "004"]
        assert titles(store, sources=half[:20], limit=3) == ["000", "002", "004"]
        assert titles(store, categories=[f"c{n}" for n in range(1, 150)], limit=2) == ["001", "002"]
        assert titles(store, sources=half, categories=["c2", "c3"]) == ["002"]
        assert store.newest_arrival(RecordQuery(sources=half)) == NOW


ENTRIES = st.lists(
    st.tuples(
        st.sampled_from(["one", "two", "three"]),
        st.integers(0, 3),  # published
        st.integers(0, 4),  # position
        st.sampled_from(["X", "Y"]),
        st.booleans(),  # backlog
        st.booleans(),  # hidden
    ),
    max_size=30,
)
QUERIES = st.fixed_dictionaries(
    {},
    optional={
        "sources": st.lists(st.sampled_from(["one", "two", "three"]), max_size=3),
        "categories": st.lists(st.sampled_from(["X", "Y"]), max_size=2),
        "backlog": st.booleans(),
        "since": st.integers(0, 3).map(lambda hours: NOW + hours * HOUR),
        "arrived_since": st.integers(0, 3).map(lambda hours: NOW + hours * HOUR),
    },
)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None)
@given(polls=st.lists(ENTRIES, max_size=4), query=QUERIES, limit=st.integers(1, 7))
def test_pages_partition_the_whole_in_order(
    kind: Kind, polls: list[list[tuple[Any, ...]]], query: dict[str, Any], limit: int
) -> None:
    def wanted(entry: Record) -> bool:
        return (
            entry.hidden is None
            and (query.get("backlog", False) or not entry.backlog)
            and ("sources" not in query or entry.source_id in query["sources"])
            and ("categories" not in query or entry.categories[0] in query["categories"])
            and ("since" not in query or entry.published >= query["since"])
            and ("arrived_since" not in query or entry.first_seen >= query["arrived_since"])
        )

    stored: list[Record] = []
    arrival = 0
    with tempfile.TemporaryDirectory() as folder, closing(kind.open(Path(folder))) as store:
        store.sync_sources([source(name, position=n) for n, name in enumerate(("one", "two", "three"))], NOW)
        for number, entries in enumerate(polls):
            batch = []
            for name in ("one", "two", "three"):
                new = [
                    record(
                        f"{number}-{n}", name, published=NOW + hours * HOUR, position=position, backlog=backlog,
                        first_seen=NOW + number * HOUR, categories=(category, "s", "f"), hidden="rule" if hidden else None,
                    )
                    for n, (of, hours, position, category, backlog, hidden) in enumerate(entries)
                    if of == name
                ]  # fmt: skip
                batch.append(poll(store, name, *new))
                arrival += bool(new)
                stored += [replace(entry, arrival=arrival) for entry in new]
            store.save_polls(batch, NOW)
        pages = all_pages(store, **query, limit=limit)
        whole = list(store.records())

    expected = sorted(
        filter(wanted, stored),
        key=lambda entry: (-entry.published.timestamp(), -entry.arrival, entry.position, entry.key),
    )
    assert pages == expected
    assert whole == sorted(
        (entry for entry in stored if not entry.hidden), key=lambda entry: (entry.arrival, entry.position, entry.key)
    )


class TestFinding:
    def test_a_record_is_found_by_key_public_id_link_guid_and_the_beginning_of_its_key(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        bring(store, "one", record("a", link="https://one.example/a", guid="urn:a"), record("b"))
        key = next(one.key for one in store.page(RecordQuery()).records if one.guid == "urn:a")
        public_id = next(one.public_id for one in store.page(RecordQuery()).records if one.guid == "urn:a")

        meant = [key, public_id, "https://one.example/a", "http://one.example/a", "urn:a", key[:8]]

        assert [store.find(wanted) for wanted in meant] == [[key]] * 6
        assert store.find("https://one.example/nowhere") == []

    def test_a_record_knows_those_of_other_sources_with_its_link_or_its_id(self, store: Store) -> None:
        store.sync_sources([source("one"), source("two", position=1), source("three", position=2)], NOW)
        bring(
            store,
            "one",
            record("a", link="https://site.example/a-1", guid="tag:site.example,2026:a"),
            record("b", link=None, guid="7"),
        )
        bring(store, "two", record("c", "two", link="http://site.example/a-1", guid="7"))
        bring(store, "three", record("d", "three", link=None, guid="tag:site.example,2026:a"))
        keys = {one.identity[-1]: one.key for one in store.page(RecordQuery()).records}

        told = store.circumstances(keys["a"])

        assert told is not None
        assert told.same == (("two", keys["c"]), ("three", keys["d"]))
        assert (told.unlisted_at, told.withdrawn_at, told.file) == (None, None, None)
        assert store.circumstances(keys["b"]) == Circumstances()  # a guid that is no URI says nothing elsewhere
        assert store.circumstances("nowhere") is None


class TestKeep:
    def test_what_the_source_still_lists_is_never_removed(self, store: Store) -> None:
        store.sync_sources([source(keep_days=1, keep_entries=1)], NOW)
        bring(store, "one", *(record(f"{n}", position=n) for n in range(3)))

        assert store.prune(NOW + timedelta(days=9999)) == 0

    def test_days_count_from_when_an_entry_was_last_listed(self, store: Store) -> None:
        store.sync_sources([source(keep_days=10)], NOW)
        bring(store, "one", record("a", published=NOW - timedelta(days=999)))
        gone_at = NOW + timedelta(days=100)
        bring(store, "one", now=gone_at)
        bring(store, "one", now=gone_at + timedelta(days=5))

        assert store.prune(gone_at + timedelta(days=10)) == 0
        assert store.prune(gone_at + timedelta(days=10, microseconds=1)) == 1
        assert titles(store) == []

    def test_the_newest_entries_of_a_source_stay(self, store: Store) -> None:
        store.sync_sources([source(keep_entries=2)], NOW)
        bring(store, "one", *(record(f"{n}", published=NOW + n * HOUR, position=n) for n in range(5)))
        bring(store, "one", listed=frozenset([record("0").key]))

        assert store.prune(NOW) == 2
        assert titles(store) == ["4", "3", "0"]
        assert store.prune(NOW) == 0

    def test_a_removed_entry_leaves_a_tombstone(self, store: Store) -> None:
        store.sync_sources([source(keep_days=1)], NOW)
        bring(store, "one", record("a"))
        bring(store, "one")
        store.prune(NOW + timedelta(days=2))
        known = store.known("one", [record("a").identity, "x"], [record("a").alias], [record("a").public_id])

        assert known.tombstones == {record("a").identity, record("a").alias}
        assert known.entries == ()
        assert not known.empty
        assert store.known("one", ["x"], [], []).tombstones == frozenset()

    def test_a_poll_under_way_does_not_bring_back_what_was_removed(self, store: Store) -> None:
        store.sync_sources([source(keep_days=1)], NOW)
        bring(store, "one", record("a"))
        bring(store, "one")
        store.prune(NOW + timedelta(days=2))
        bring(store, "one", updated=(record("a", title="new"),), listed=frozenset([record("a").key]))

        assert store.get(record("a").key) is None

    def test_records_of_a_removed_source_age_out_from_then_on(self, store: Store) -> None:
        store.sync_sources([source(keep_days=10, keep_entries=1)], NOW)
        bring(store, "one", record("a"), record("b", position=1))
        store.sync_sources([], NOW + timedelta(days=50))

        assert store.prune(NOW + timedelta(days=60)) == 0
        assert store.prune(NOW + timedelta(days=61)) == 2

    def test_records_of_a_source_that_came_back_are_listed_as_before(self, store: Store) -> None:
        store.sync_sources([source(keep_days=10)], NOW)
        bring(store, "one", record("a"))
        store.sync_sources([], NOW)
        store.sync_sources([source(keep_days=10)], NOW + timedelta(days=50))

        assert store.prune(NOW + timedelta(days=100)) == 0


class TestFiles:
    def test_a_new_record_is_unwritten_until_its_file_is_written(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        bring(store, "one", record("a"), record("b", position=1), record("hidden", hidden="rule", position=2))

        assert store.unwritten() == [(record("a", arrival=1), None), (record("b", position=1, arrival=1), None)]
        assert len(store.unwritten(limit=1)) == 1
        store.wrote_files([RecordFile(record("a").key, "x/a.md", "aa")])
        assert store.unwritten() == [(record("b", position=1, arrival=1), None)]

    def test_a_file_that_was_written_before_a_rule_hid_its_record_is_kept_up_to_date(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        bring(store, "one", record("a"))
        file = RecordFile(record("a").key, "x/a.md", "aa")
        store.wrote_files([file])
        bring(store, "one", updated=(record("a", title="new", hidden="rule"),))

        assert store.unwritten() == [(record("a", title="new", hidden="rule", arrival=1), file)]

    def test_a_changed_record_is_unwritten_with_the_file_that_it_has(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        bring(store, "one", record("a"))
        file = RecordFile(record("a").key, "x/a.md", "aa")
        store.wrote_files([file])
        bring(store, "one", updated=(record("a", title="new"),))

        assert store.unwritten() == [(record("a", title="new", arrival=1), file)]

    def test_a_record_that_changed_while_it_was_written_stays_unwritten(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        bring(store, "one", record("a"))
        store.unwritten()
        bring(store, "one", updated=(record("a", title="new"),))
        file = RecordFile(record("a").key, "x/a.md", "aa")
        store.wrote_files([file])

        assert store.unwritten() == [(record("a", title="new", arrival=1), file)]
        store.wrote_files([file])
        assert store.unwritten() == []

    def test_forgotten_files_are_unwritten_and_keep_their_paths(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        bring(store, "one", record("a"))
        file = RecordFile(record("a").key, "x/a.md", "aa")
        store.wrote_files([file])
        store.forget_files()

        assert store.unwritten() == [(record("a", arrival=1), file)]

    def test_a_removed_record_is_not_unwritten(self, store: Store) -> None:
        store.sync_sources([source(keep_days=1)], NOW)
        bring(store, "one", record("a"))
        bring(store, "one")
        store.prune(NOW + timedelta(days=2))
        store.forget_files()

        assert store.unwritten() == []


class TestTheDisk:
    def test_what_was_saved_is_there_after_a_restart(self, kind: Kind, tmp_path: Path) -> None:
        with closing(kind.open(tmp_path)) as store:
            store.sync_sources([source()], NOW)
            bring(store, "one", record("a"))
            before = (store.states(), list(store.records()), store.revision(), store.unwritten())

        with closing(kind.open(tmp_path)) as store:
            assert (store.states(), list(store.records()), store.revision(), store.unwritten()) == before
            bring(store, "one", record("b"))
            assert store.page(RecordQuery()).records[0].arrival == 2

    def test_a_kill_at_any_moment_loses_nothing_that_was_saved(self, kind: Kind, tmp_path: Path) -> None:
        with closing(kind.open(tmp_path / "data")) as store:
            store.sync_sources([source()], NOW)
        for attempt in range(3):
            child = _child(tmp_path / "data", str(attempt))
            assert child.stdout is not None
            with child, child.stdout:
                told = [child.stdout.readline().strip() for _ in range(20)]
                child.send_signal(signal.SIGKILL)
                told += child.stdout.read().split()

            with closing(kind.open(tmp_path / "data")) as store:
                found = [entry.title.removeprefix("标题 ") for entry in store.records()]
            here = [title for title in found if title.startswith(f"{attempt}-")]
            whole = [name for name in told if name.startswith(f"{attempt}-") and name.endswith(".")]
            assert len(set(found)) == len(found)
            assert len(whole) >= 20
            assert here[: len(whole)] == whole

    def test_a_second_writer_is_refused_with_the_pid_of_the_first(self, kind: Kind, tmp_path: Path) -> None:
        child = _child(tmp_path, "wait")
        assert child.stdout is not None
        with child, child.stdout:
            assert child.stdout.readline() == "open\n"
            with pytest.raises(StoreLockedError, match=rf"process {child.pid}\b"):
                kind.open(tmp_path)
            child.send_signal(signal.SIGKILL)

        kind.open(tmp_path).close()

    def test_a_writer_that_closed_lets_the_next_one_in(self, kind: Kind, tmp_path: Path) -> None:
        kind.open(tmp_path).close()
        with closing(kind.open(tmp_path)), pytest.raises(StoreLockedError):
            kind.open(tmp_path)

    def test_readers_see_each_commit_of_the_writer(self, kind: Kind, store: Store, tmp_path: Path) -> None:
        store.sync_sources([source()], NOW)
        with closing(kind.open_readonly(tmp_path)) as one, closing(kind.open_readonly(tmp_path)) as two:
            bring(store, "one", record("a"))

            assert titles(one) == titles(two) == ["a"]
            assert one.revision() == store.revision()
            assert one.known("one", [], [], []) == store.known("one", [], [], [])

    def test_a_reader_writes_nothing(self, kind: Kind, store: Store, tmp_path: Path) -> None:
        with (
            closing(kind.open_readonly(tmp_path)) as reader,
            pytest.raises(StoreError, match="for reading only"),
        ):
            reader.sync_sources([], NOW)

    def test_a_reader_makes_no_store(self, kind: Kind, tmp_path: Path) -> None:
        with pytest.raises(StoreMissingError, match="aggregator run"):
            kind.open_readonly(tmp_path / "nothing")

        assert not (tmp_path / "nothing").exists()

    def test_a_closed_store_says_so(self, kind: Kind, tmp_path: Path) -> None:
        store = kind.open(tmp_path)
        store.close()
        store.close()

        with pytest.raises(StoreError, match="was closed"):
            store.states()
        with pytest.raises(StoreError, match="was closed"):
            store.sync_sources([], NOW)

    def test_any_thread_may_call(self, store: Store) -> None:
        store.sync_sources([source(f"s{n}", position=n) for n in range(8)], NOW)
        seen: list[int] = []

        def work(name: str) -> None:
            for n in range(10):
                bring(store, name, record(f"{n}", name))
                seen.append(len(titles(store, sources=[name])))

        threads = [threading.Thread(target=work, args=(f"s{n}",)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sum(store.counts().values()) == 80
        assert sorted(seen) == sorted([*range(1, 11)] * 8)

    def test_a_backup_opens_by_itself_and_is_equal(self, kind: Kind, store: Store, tmp_path: Path) -> None:
        store.sync_sources([source()], NOW)
        bring(store, "one", record("a"))
        target = tmp_path / "elsewhere" / "aggregator.db"
        store.backup(target)
        bring(store, "one", record("later"))

        assert [path.name for path in target.parent.iterdir()] == ["aggregator.db"]
        with closing(kind.open(target.parent)) as copy:
            assert titles(copy) == ["a"]
            assert [state.source.id for state in copy.states()] == ["one"]

    def test_a_checkpoint_waits_for_no_reader(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        bring(store, "one", record("a"), record("b", position=1))
        reading = store.records()
        next(reading)
        store.checkpoint()

        assert [found.title for found in reading] == ["标题 b"]


def _child(folder: Path, what: str) -> subprocess.Popen[str]:
    """Start this file as a program on the store in the folder: the end of it says what it does."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}  # where `plugins` are
    command = [sys.executable, __file__, str(folder), what]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def _save_until_killed(store: Store, attempt: str) -> None:
    for n in range(2000):
        name = f"{attempt}-{n}."
        bring(store, "one", record(name, published=NOW + n * HOUR))
        print(name, flush=True)


if __name__ == "__main__":
    folder, what = sys.argv[1:]
    opened = SqliteStore.open(Path(folder))
    if what == "wait":
        print("open", flush=True)
        threading.Event().wait(60)
    else:
        _save_until_killed(opened, what)


class TestRestoring:
    @staticmethod
    def whole(kind: Kind, tmp_path: Path) -> tuple[list[Record], list[Page]]:
        """Return the records of a store after three polls of two sources, and the pages of its merged feed."""
        with closing(kind.open(tmp_path / "first")) as store:
            store.sync_sources([source("one"), source("two", position=1)], NOW)
            bring(store, "one", record("b", position=0), record("a", position=1), record("x", position=2, backlog=True))
            bring(store, "two", record("c", "two", hidden="by a rule"), record("d", "two"), now=NOW + HOUR)
            bring(store, "one", record("e"), now=NOW + 2 * HOUR)
            records = [*store.records_of("one"), *store.records_of("two")]
            return records, pages(store)

    def test_an_empty_store_gets_its_records_back_as_they_were(self, kind: Kind, tmp_path: Path) -> None:
        records, before = self.whole(kind, tmp_path)

        with closing(kind.open(tmp_path / "second")) as store:
            store.sync_sources([source("one"), source("two", position=1)], NOW)
            done = store.restore([Archived(one) for one in reversed(records)], [], NOW)

            assert sorted(done.new) == sorted(one.key for one in records)
            assert [*store.records_of("one"), *store.records_of("two")] == records
            assert pages(store) == before

    def test_a_second_time_changes_nothing(self, kind: Kind, tmp_path: Path) -> None:
        records, _ = self.whole(kind, tmp_path)

        with closing(kind.open(tmp_path / "second")) as store:
            store.sync_sources([source("one"), source("two", position=1)], NOW)
            store.restore([Archived(one) for one in records], [], NOW)
            revision = store.revision()
            again = store.restore([Archived(replace(one, title="edited")) for one in records], [], NOW)

            assert (again.new, len(again.known)) == ((), 6)
            assert store.revision() == revision
            assert [*store.records_of("one"), *store.records_of("two")] == records

    def test_what_comes_in_parts_has_the_same_order(self, kind: Kind, tmp_path: Path) -> None:
        records, before = self.whole(kind, tmp_path)
        in_order = sorted(records, key=lambda one: (one.arrival, one.position, one.key))

        with closing(kind.open(tmp_path / "second")) as store:
            store.sync_sources([source("one"), source("two", position=1)], NOW)
            for one in in_order:
                store.restore([Archived(one)], [], NOW)

            assert pages(store) == before

    def test_what_is_polled_next_arrives_after_all_that_came_back(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        store.restore([Archived(record("a", arrival=7))], [], NOW)
        bring(store, "one", record("a"), record("b"))

        assert [(one.title, one.arrival) for one in store.records_of("one")] == [("标题 a", 7), ("标题 b", 8)]

    def test_a_number_whose_place_is_taken_is_given_anew(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        bring(store, "one", record("n"))
        bring(store, "one", record("m"), now=NOW + HOUR)
        store.restore([Archived(record("b", arrival=1, position=1)), Archived(record("a", arrival=1))], [], NOW)
        store.restore([Archived(record("old"))], [], NOW)

        assert [(one.title.removeprefix("标题 "), one.arrival) for one in store.records_of("one")] == [
            ("n", 1), ("m", 2), ("a", 3), ("b", 3), ("old", 4),
        ]  # fmt: skip
        assert [one.title for one in all_pages(store, limit=1)] == [one.title for one in all_pages(store, limit=9)]

    def test_a_source_that_is_polled_no_more_has_its_records_and_lets_them_go_in_time(self, store: Store) -> None:
        store.restore([Archived(record("a"))], [source(keep_days=10)], NOW)

        assert (store.states(), titles(store), store.counts()) == ([], ["a"], {"one": 1})
        assert store.prune(NOW + timedelta(days=9)) == 0
        assert store.prune(NOW + timedelta(days=11)) == 1

    def test_a_source_that_nobody_names_is_refused_and_nothing_is_stored(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        with pytest.raises(LookupError, match="no source 'two'"):
            store.restore([Archived(record("a")), Archived(record("b", "two"))], [], NOW)

        assert titles(store) == []

    def test_one_entry_is_stored_once_also_under_another_key(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        bring(store, "one", record("a"))
        done = store.restore([Archived(record("a", key="aaaaaaaaaaaaaaaa"))], [], NOW)

        assert (done.new, done.known, titles(store)) == ((), (record("a").key,), ["a"])

    def test_what_was_let_go_of_does_not_come_back(self, store: Store) -> None:
        store.sync_sources([source(keep_days=1)], NOW)
        bring(store, "one", record("a"))
        bring(store, "one", record("b"))
        store.prune(NOW + timedelta(days=2))
        done = store.restore([Archived(record("a"))], [], NOW + timedelta(days=2))

        assert (done.gone, titles(store)) == ((record("a").key,), ["b"])

    def test_an_id_that_another_record_has_is_minted_anew(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        bring(store, "one", record("a"))
        store.restore([Archived(record("b", public_id=record("a").public_id))], [], NOW)

        found = store.get(record("b").key)
        assert found is not None
        assert found.public_id == f"tag:one.example,2026-03-01:{found.key}"

    def test_an_update_writes_content_and_leaves_names_and_place(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        bring(store, "one", record("a"))
        store.wrote_files([RecordFile(record("a").key, "p", "d", "c")])
        edited = record("a", title="Mine", html="<p>mine</p>", public_id="urn:x:1", position=9, arrival=9)
        done = store.restore([Archived(edited)], [], NOW, update=True)

        found = store.get(record("a").key)
        assert done.updated == (record("a").key,)
        assert found == record("a", title="Mine", html="<p>mine</p>", arrival=1)
        assert [one.key for one, _ in store.unwritten()] == [record("a").key]

    def test_a_file_that_is_as_it_should_be_is_not_to_be_written(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        file = RecordFile(record("a").key, "c/s/f/a.md", "d", "c")
        other = RecordFile(record("b").key, "c/s/f/b.md", "d", "c")
        store.restore(
            [Archived(record("a", arrival=1), file, written=True), Archived(record("b", arrival=1), other)], [], NOW
        )

        assert [(one.key, known) for one, known in store.unwritten()] == [(record("b").key, other)]
        assert store.files() == [file, other]

    def test_an_imported_archive_alone_is_no_first_document(self, store: Store) -> None:
        store.sync_sources([source()], NOW)
        store.restore([Archived(record("a", backlog=True))], [], NOW)

        assert store.known("one", [record("a").identity], [], []).empty
        bring(store, "one", record("b"))
        assert not store.known("one", [record("a").identity], [], []).empty

    def test_what_a_feed_says_of_itself_is_kept_until_a_document_says_otherwise(self, store: Store) -> None:
        store.sync_sources([source("one"), source("two", position=1)], NOW)
        read = poll(store, "two")
        store.save_polls([replace(read, state=replace(read.state, feed=FeedInfo(title="Two")))], NOW)
        store.describe({"one": FeedInfo(title="One"), "two": FeedInfo(title="Old"), "three": FeedInfo(title="Three")})

        assert store.feeds() == {"one": FeedInfo(title="One"), "two": FeedInfo(title="Two")}


def pages(store: Store) -> list[Page]:
    """Return the pages of the merged feed, two records each, with their cursors."""
    found = [store.page(RecordQuery(limit=2))]
    while found[-1].next:
        found.append(store.page(RecordQuery(limit=2, before=found[-1].next)))
    return found
