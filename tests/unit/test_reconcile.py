from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from aggregator.model import Reading, Source
from aggregator.reconcile import asked, reconcile
from plugins.records import known_entry, plain_record
from storage.record import DateSource, Record, key_of
from storage.states import FeedInfo
from storage.values import Changes, Known, KnownEntry

NOW = datetime(2021, 9, 30, 12, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SOURCE = Source(id="blog", url="https://blog.example/feed", name="Blog")


def record(
    guid: str | None = "https://blog.example/?p=1",
    title: str = "First",
    link: str | None = "https://blog.example/first",
    date: datetime | None = NOW - DAY,
    updated: datetime | None = None,
    text: str = "Text.",
    **more: object,
) -> Record:
    """An entry as it comes out of a document read at NOW, under no other knowledge than the document's."""
    identity = guid or link or text
    key = key_of("blog", identity)
    shown = date or NOW
    made = plain_record(
        at=shown,
        key=key,
        public_id=guid if guid and ":" in guid else f"tag:blog.example,2021-09-30:{key}",
        source_id="blog",
        identity=identity,
        alias=identity.replace("https://", "http://"),
        categories=("c", "Blog", "latest"),
        title=title,
        link=link,
        guid=guid,
        author="Blog",
        updated=updated or shown,
        first_seen=NOW,
        date_source=DateSource.PUBLISHED if date else DateSource.FIRST_SEEN,
        publisher_date=date,
        html=f"<p>{text}</p>",
        digest=f"{title}/{link}/{text}",
    )
    return replace(made, **more)  # type: ignore[arg-type]


def known(*records: Record | KnownEntry, **more: object) -> Known:
    entries = tuple(one if isinstance(one, KnownEntry) else known_entry(one) for one in records)
    return Known(entries=entries, empty=False, **more)  # type: ignore[arg-type]


def read(*records: Record, truncated: bool = False) -> Reading:
    return Reading(FeedInfo(), records, truncated=truncated)


def changes(known: Known, *records: Record, at: datetime = NOW, truncated: bool = False) -> Changes:
    return reconcile(known, read(*records, truncated=truncated), SOURCE, at)


NOTHING = (), (), ()


def written(found: Changes) -> tuple[tuple[Record, ...], ...]:
    return found.new, found.updated, found.rekeyed


# --- what is the same entry ---


def test_what_is_stored_as_it_stands_writes_nothing() -> None:
    found = changes(known(record()), record())

    assert written(found) == NOTHING
    assert found.listed == {record().key}


def test_a_new_entry_is_new() -> None:
    found = changes(known(record()), record("2", "Second", "https://blog.example/second"), record())

    assert [one.title for one in found.new] == ["Second"]
    assert (found.updated, found.rekeyed) == ((), ())


def test_an_edited_title_updates_in_place() -> None:
    found = changes(known(replace(record(), arrival=7, position=3)), record(title="First, corrected"), at=NOW + HOUR)

    (edited,) = found.updated
    assert edited.title == "First, corrected"
    assert (edited.key, edited.arrival, edited.position, edited.updates) == (record().key, 7, 3, 1)
    assert (edited.published, edited.updated) == (NOW - DAY, NOW + HOUR)
    assert found.new == ()


def test_a_changed_link_under_the_same_guid_updates_the_link() -> None:
    found = changes(known(record()), record(link="https://blog.example/renamed"))

    assert [one.link for one in found.updated] == ["https://blog.example/renamed"]
    assert found.new == ()


def test_a_guid_that_went_from_http_to_https_is_the_same() -> None:
    old = record("http://blog.example/?p=1")

    found = changes(known(old), record("https://blog.example/?p=1"))

    assert written(found) == NOTHING
    assert found.listed == {old.key}


def test_a_link_that_went_to_https_is_the_same_where_there_is_no_guid() -> None:
    old = record(None, link="http://blog.example/first")

    found = changes(known(old), record(None, link="https://blog.example/first"))

    assert found.new == ()
    assert [(one.key, one.link) for one in found.updated] == [(old.key, "https://blog.example/first")]


@pytest.mark.parametrize(
    "guid", ["https://blog.example/?P=1", "https://blog.example/?p=1/", "https://www.blog.example/?p=1"]
)
def test_nothing_else_makes_two_guids_one(guid: str) -> None:
    other = record(guid, "Other", "https://blog.example/other")

    assert [one.guid for one in changes(known(record()), record(), other).new] == [guid]


def test_an_update_keeps_who_hid_it_and_where_it_stands() -> None:
    hidden = replace(record(), hidden="legal request", backlog=True)

    (edited,) = changes(known(hidden), record(text="Changed.")).updated

    assert (edited.hidden, edited.backlog) == ("legal request", True)


def test_entries_that_share_a_guid_are_told_apart_by_their_links() -> None:
    first, second, third = (record("same", f"T{n}", f"https://blog.example/{n}") for n in (1, 2, 3))

    found = reconcile(Known(), read(first, second, third), SOURCE, NOW)

    assert [one.identity for one in found.new] == [
        "same",
        "same|https://blog.example/2",
        "same|https://blog.example/3",
    ]
    assert len({one.public_id for one in found.new}) == 3
    assert len({one.key for one in found.new}) == 3


def test_entries_that_share_a_guid_stay_apart_when_the_first_goes() -> None:
    first, second = (record("same", f"T{n}", f"https://blog.example/{n}") for n in (1, 2))
    both = reconcile(Known(), read(first, second), SOURCE, NOW).new

    gone = changes(known(*both), second)
    back = changes(known(*both), second, first)

    assert written(gone) == NOTHING
    assert written(back) == NOTHING
    assert gone.listed == {both[1].key}


def test_an_entry_that_joins_a_shared_guid_on_top_is_new() -> None:
    old = record("same", "T1", "https://blog.example/1")
    joined = record("same", "T2", "https://blog.example/2")

    found = changes(known(old), joined, old)

    assert [one.title for one in found.new] == ["T2"]
    assert found.updated == ()


def test_an_entry_that_is_listed_twice_is_one() -> None:
    assert len(reconcile(Known(), read(record(), record()), SOURCE, NOW).new) == 1


def test_entries_without_guid_at_one_address_are_kept_apart_by_their_text() -> None:
    home = "https://radio.example/capsule"
    shows = [record(None, f"Show {n}", home, text=f"Show {n}.") for n in range(15)]

    first = reconcile(Known(), read(*shows), SOURCE, NOW)
    again = changes(known(*first.new), *reversed(shows))

    assert len({one.key for one in first.new}) == 15
    assert written(again) == NOTHING


def test_a_changelog_that_says_the_same_on_two_days_has_two_entries() -> None:
    days = [record(None, "Now supported", None, NOW - day * DAY, text="Now supported.") for day in (90, 1)]
    third = record(None, "Now supported", None, NOW, text="Now supported.")

    first = reconcile(Known(), read(*days), SOURCE, NOW)
    again = changes(known(*first.new), days[1])
    more = changes(known(*first.new), third, *days)

    assert [one.published for one in first.new] == [NOW - 90 * DAY, NOW - DAY]
    assert written(again) == NOTHING
    assert again.listed == {first.new[1].key}
    assert [one.published for one in more.new] == [NOW]


def test_entries_that_say_the_same_without_any_date_are_one() -> None:
    same = record(None, "(untitled)", None, None, text="")

    assert len(reconcile(Known(), read(same, same), SOURCE, NOW).new) == 1


# --- reuse and migration of guids ---


def test_a_guid_given_to_a_new_article_after_a_year_makes_a_second_entry() -> None:
    later = record(title="Another", link="https://blog.example/another", date=NOW + 365 * DAY)

    found = changes(known(record()), later, at=NOW + 366 * DAY)

    (new,) = found.new
    assert new.identity == "https://blog.example/?p=1#2022-09-30"
    assert new.public_id != record().public_id
    assert new.published == NOW + 365 * DAY
    assert found.updated == ()


def test_a_guid_given_anew_is_stable_on_later_polls() -> None:
    old, later = record(), record(title="Another", link="https://blog.example/another", date=NOW + 365 * DAY)
    second = changes(known(old), later, at=NOW + 366 * DAY).new[0]
    both = known(known_entry(old, listed=False), second)

    again = changes(both, later, at=NOW + 367 * DAY)
    edited = changes(both, replace(later, title="Another!", digest="e"), at=NOW + 367 * DAY)
    redated = changes(both, replace(later, published=NOW, publisher_date=NOW + 370 * DAY), at=NOW + 371 * DAY)

    assert written(again) == NOTHING
    assert [(one.key, one.title) for one in edited.updated] == [(second.key, "Another!")]
    assert written(redated) == NOTHING


def test_a_guid_given_anew_twice_makes_a_third_entry() -> None:
    old, later = record(), record(title="Another", link="https://blog.example/another", date=NOW + 365 * DAY)
    second = changes(known(old), later, at=NOW + 366 * DAY).new[0]
    third = record(title="Third", link="https://blog.example/third", date=NOW + 730 * DAY)

    found = changes(known(old, second), third, at=NOW + 731 * DAY)

    assert [one.identity for one in found.new] == ["https://blog.example/?p=1#2023-09-30"]


@pytest.mark.parametrize(
    "edited",
    [
        pytest.param(record(title="Another", link="https://blog.example/another"), id="same date"),
        pytest.param(record(title="Another", date=NOW + 365 * DAY), id="same link"),
        pytest.param(record(link="https://blog.example/another", date=NOW + 365 * DAY), id="same title"),
        pytest.param(
            record(title="Another", link="https://blog.example/another", date=NOW + 20 * DAY), id="twenty days newer"
        ),
    ],
)
def test_an_entry_that_keeps_anything_is_edited_in_place(edited: Record) -> None:
    found = changes(known(record()), edited, at=NOW + 366 * DAY)

    assert (len(found.new), len(found.updated)) == (0, 1)


def page(prefix: str, count: int = 10) -> list[Record]:
    return [
        record(f"{prefix}{n}", f"T{n}", f"https://blog.example/{n}", NOW - n * DAY, text=f"Text {n}.")
        for n in range(count)
    ]


def test_a_publisher_that_changes_all_guids_makes_no_duplicates() -> None:
    old = page("http://old.example/")

    found = changes(known(*old), *page("urn:new:"))

    assert found.new == ()
    assert found.updated == ()
    assert [(one.key, one.public_id, one.identity, one.guid) for one in found.rekeyed] == [
        (old[n].key, f"http://old.example/{n}", f"urn:new:{n}", f"urn:new:{n}") for n in range(10)
    ]


def test_new_entries_may_come_along_with_new_guids() -> None:
    old, new = page("http://old.example/"), page("urn:new:")
    fresh = record("urn:new:x", "Fresh", "https://blog.example/x", NOW)

    found = changes(known(*old), fresh, *new[:9])

    assert [one.title for one in found.new] == ["Fresh"]
    assert len(found.rekeyed) == 9


def test_guids_and_links_may_change_together_where_titles_and_dates_stay() -> None:
    moved = [replace(one, link=f"https://new.example/{n}") for n, one in enumerate(page("urn:new:"))]

    assert len(changes(known(*page("http://old.example/")), *moved).rekeyed) == 10


def test_a_page_of_which_a_guid_is_known_did_not_change_its_guids() -> None:
    old, new = page("http://old.example/"), page("urn:new:")
    edited = [replace(one, digest=f"{one.digest}, edited") for one in new]

    found = changes(known(*old), old[0], *edited[1:])

    assert found.rekeyed == ()
    assert len(found.new) == 9


def test_every_word_and_the_date_under_a_new_guid_is_the_same_entry_where_the_old_one_is_gone() -> None:
    old, new = page("http://old.example/"), page("urn:new:")

    moved, beside = changes(known(*old), old[0], *new[1:]), changes(known(*old), *old, new[3])

    assert (moved.new, len(moved.rekeyed)) == ((), 9)
    assert [one.title for one in beside.new] == ["T3"]
    assert beside.rekeyed == ()


def test_a_page_that_is_all_new_is_no_migration() -> None:
    fresh = [record(f"f{n}", f"F{n}", f"https://blog.example/f{n}") for n in range(10)]

    found = changes(known(*page("o")), *fresh)

    assert (len(found.new), found.rekeyed) == (10, ())


def test_a_fixed_address_with_a_new_text_each_day_is_no_migration() -> None:
    monday = record("mon", "Monday's word", "https://blog.example/word", NOW - DAY)
    tuesday = record("tue", "Tuesday's word", "https://blog.example/word", NOW)

    found = changes(known(monday), tuesday)

    assert [one.title for one in found.new] == ["Tuesday's word"]
    assert found.rekeyed == ()


# --- dates ---


def test_a_first_import_without_dates_keeps_the_order_of_the_document() -> None:
    undated = [record(f"g{n}", f"T{n}", f"https://blog.example/{n}", None) for n in range(3)]

    found = reconcile(Known(), read(*undated), SOURCE, NOW)

    assert [one.published for one in found.new] == [NOW - timedelta(seconds=n) for n in (0, 1, 2)]
    assert [one.first_seen for one in found.new] == [NOW] * 3
    assert [one.position for one in found.new] == [0, 1, 2]


def test_an_entry_from_the_future_stands_when_it_was_first_seen() -> None:
    future = record(date_source=DateSource.FUTURE, publisher_date=NOW + 900 * DAY, published=NOW + 9 * DAY)

    (new,) = changes(known(record("other", "Other", "https://blog.example/other")), future).new

    assert (new.published, new.updated, new.publisher_date) == (NOW, NOW, NOW + 900 * DAY)


def test_undated_entries_never_move_on_later_polls() -> None:
    first = reconcile(
        Known(), read(*(record(f"g{n}", f"T{n}", f"https://blog.example/{n}", None) for n in range(3))), SOURCE, NOW
    ).new
    later = NOW + HOUR
    document = [
        record(f"g{n}", f"T{n}", f"https://blog.example/{n}", None, published=later, updated=later, first_seen=later)
        for n in (3, 2, 0, 1)
    ]

    found = changes(known(*first), *document, at=later)

    assert [(one.title, one.published) for one in found.new] == [("T3", later)]
    assert found.updated == ()


def test_an_undated_entry_that_is_edited_keeps_its_date() -> None:
    old = record(date=None)
    later = NOW + 9 * DAY

    (edited,) = changes(
        known(old), record(date=None, text="Changed.", published=later, updated=later), at=later
    ).updated

    assert (edited.published, edited.updated, edited.first_seen) == (NOW, later, NOW)
    assert edited.date_source is DateSource.FIRST_SEEN


def test_an_entry_that_gets_a_date_later_keeps_when_it_was_first_seen() -> None:
    (edited,) = changes(known(record(date=None)), record(date=NOW - 9 * DAY, text="Changed.")).updated

    assert (edited.published, edited.date_source) == (NOW, DateSource.FIRST_SEEN)
    assert edited.publisher_date == NOW - 9 * DAY


def test_a_date_that_moves_without_an_update_date_does_not_move_the_entry() -> None:
    (edited,) = changes(known(record()), record(date=NOW, text="Changed."), at=NOW + HOUR).updated

    assert edited.published == NOW - DAY


def test_a_date_that_moves_with_an_update_date_moves_the_entry() -> None:
    republished = record(date=NOW, updated=NOW + HOUR, text="Changed.")

    (edited,) = changes(known(record()), republished, at=NOW + 2 * HOUR).updated

    assert (edited.published, edited.updated) == (NOW, NOW + HOUR)


def test_a_date_never_moves_back() -> None:
    earlier = record(date=NOW - 9 * DAY, updated=NOW, text="Changed.")

    assert changes(known(record()), earlier, at=NOW + HOUR).updated[0].published == NOW - DAY


def test_the_publishers_update_date_is_taken_where_it_moved() -> None:
    (edited,) = changes(known(record()), record(updated=NOW - HOUR, text="Changed."), at=NOW).updated

    assert edited.updated == NOW - HOUR


def test_an_update_date_that_did_not_move_or_has_not_come_gives_way_to_when_it_was_seen() -> None:
    old = record(updated=NOW - HOUR)
    stale = changes(known(old), record(updated=NOW - HOUR, text="Changed."), at=NOW + HOUR).updated[0]
    future = changes(known(old), record(updated=NOW + 99 * DAY, text="Changed."), at=NOW + HOUR).updated[0]

    assert stale.updated == NOW + HOUR
    assert future.updated == NOW + HOUR


def test_noise_is_written_twenty_four_times_and_no_more() -> None:
    entry, seen = record(), 0
    for at in range(40):
        found = changes(known(entry), record(text=f"{at} people read this."), at=NOW + at * HOUR)
        assert found.new == ()
        assert found.listed == {entry.key}
        if found.updated:
            (entry,) = found.updated
            seen += 1

    assert seen == 24


def test_a_dated_update_is_taken_after_any_noise() -> None:
    noisy = replace(record(), updates=24, updated=NOW)

    found = changes(known(noisy), record(updated=NOW + HOUR, text="A correction."), at=NOW + HOUR)

    assert [one.updates for one in found.updated] == [25]


# --- what comes, and what does not come back ---


def test_a_new_source_shows_its_newest_twenty() -> None:
    hundred = [record(f"g{n}", f"T{n}", f"https://blog.example/{n}", NOW - n * DAY) for n in range(100)]

    found = reconcile(Known(), read(*reversed(hundred)), SOURCE, NOW)

    assert sorted(one.title for one in found.new if not one.backlog) == sorted(f"T{n}" for n in range(20))
    assert len(found.new) == 100
    assert {one.published for one in found.new} == {one.published for one in hundred}


def test_what_comes_later_is_no_backlog_and_keeps_its_date() -> None:
    old = [record(f"g{n}", f"T{n}", f"https://blog.example/{n}", NOW - 900 * DAY) for n in range(30)]

    found = changes(known(record()), *old)

    assert {one.backlog for one in found.new} == {False}
    assert {one.published for one in found.new} == {NOW - 900 * DAY}


def test_absence_deletes_nothing() -> None:
    old = page("http://old.example/")

    found = changes(known(*old), *old[:3])

    assert written(found) == NOTHING
    assert found.listed == {one.key for one in old[:3]}


def test_an_empty_or_cut_document_says_nothing_of_what_it_lacks() -> None:
    assert changes(known(record())) == Changes()
    assert changes(known(record()), record(), truncated=True) == Changes()


@pytest.mark.parametrize("tombstone", [record().identity, record().alias], ids=["identity", "alias"])
def test_what_was_removed_does_not_come_back(tombstone: str) -> None:
    found = changes(known(tombstones=frozenset({tombstone})), record())

    assert written(found) == NOTHING
    assert found.listed == frozenset()


def test_one_removed_entry_of_a_shared_guid_does_not_bar_the_next() -> None:
    living = record("same", "T2", "https://blog.example/2", identity="same|https://blog.example/2")
    third = record("same", "T3", "https://blog.example/3")

    found = changes(known(living, tombstones=frozenset({"same"})), third)

    assert [one.title for one in found.new] == ["T3"]


# --- documents that are cut off ---


HALF = record(None, "Sec", None, date=None, text="")
SECOND = record("https://blog.example/?p=2", "Second", "https://blog.example/second")


@pytest.mark.parametrize(
    "half",
    [HALF, record(None, "Second", None, None), record(None, "Second", "https://blog.example/second", None)],
    ids=["in the title", "after the title", "after the link"],
)
def test_an_entry_that_came_half_is_completed_when_it_comes_whole(half: Record) -> None:
    found = changes(known(record(), half), record(), SECOND, at=NOW + HOUR)

    (whole,) = found.rekeyed
    assert (whole.title, whole.link, whole.identity) == ("Second", "https://blog.example/second", SECOND.identity)
    assert (whole.key, whole.public_id) == (half.key, half.public_id)
    assert (found.new, found.updated) == ((), ())
    assert found.listed == {record().key, half.key}


def test_of_several_that_begin_like_a_half_entry_the_one_in_its_place_is_it() -> None:
    top = record("3", "Secret", "https://blog.example/secret")
    below = record("4", "Section", "https://blog.example/section")

    found = changes(known(record(), HALF), top, record(), SECOND, below)

    assert [one.title for one in found.rekeyed] == ["Second"]
    assert [one.title for one in found.new] == ["Secret", "Section"]


def test_a_half_entry_that_was_alone_in_its_document_is_completed_too() -> None:
    found = changes(known(HALF), SECOND)

    assert [one.title for one in found.rekeyed] == ["Second"]
    assert found.new == ()


def test_the_beginning_of_a_stored_entry_at_the_end_of_a_cut_document_is_not_a_new_one() -> None:
    found = changes(known(record(), SECOND), record(), HALF, truncated=True)

    assert written(found) == NOTHING


def test_a_half_entry_of_a_document_that_stays_cut_stays_one() -> None:
    found = changes(known(record(), HALF), record(), HALF, truncated=True)

    assert written(found) == NOTHING


def test_an_entry_without_id_and_link_that_is_gone_is_not_taken_for_another() -> None:
    note = record(None, "News", None, date=NOW - 9 * DAY, text="Today.")

    found = changes(known(record(), note), record(), record("5", "Newspapers", "https://blog.example/papers"))

    assert [one.title for one in found.new] == ["Newspapers"]
    assert found.rekeyed == ()


# --- public ids ---


def test_an_id_that_another_source_has_is_replaced_by_a_minted_one() -> None:
    taken = frozenset({"https://blog.example/?p=1"})

    (new,) = reconcile(Known(taken=taken), read(record()), SOURCE, NOW).new

    assert new.public_id == f"tag:blog.example,2021-09-30:{new.key}"


def test_an_id_that_another_record_of_the_source_has_is_replaced_too() -> None:
    squatter = record("other", "Other", "https://blog.example/other", public_id=record().public_id)

    (new,) = changes(known(squatter), record()).new

    assert new.public_id == f"tag:blog.example,2021-09-30:{new.key}"


def test_a_minted_id_names_the_key_of_its_own_record() -> None:
    same = [record("same", f"T{n}", f"https://blog.example/{n}") for n in (1, 2)]

    found = reconcile(Known(), read(*same), SOURCE, NOW)

    assert [one.public_id.rpartition(":")[2] for one in found.new] == [one.key for one in found.new]


def test_what_is_asked_of_the_store_names_every_entry() -> None:
    one, other = record(), record(None, link="https://blog.example/second")

    identities, aliases, public_ids = asked(read(one, other))

    assert identities == {"https://blog.example/?p=1", "https://blog.example/second"}
    assert aliases == {"http://blog.example/?p=1", "http://blog.example/second"}
    assert public_ids == {one.public_id, other.public_id}
