"""Whatever a publisher does to the order and the choice of its entries, none is doubled, lost, moved or written anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from aggregator.model import Reading, Source
from aggregator.reconcile import asked, reconcile
from plugins.records import known_entry, plain_record
from storage.record import DateSource, Record, key_of
from storage.states import FeedInfo
from storage.values import Changes, Known

NOW = datetime(2021, 9, 30, 12, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SOURCE = Source(id="blog", url="https://blog.example/feed", name="Blog")


@dataclass(frozen=True)
class Written:
    """An entry as its publisher wrote it."""

    guid: str | None
    link: str | None
    title: str
    text: str
    days: int | None

    def read(self, at: datetime) -> Record:
        identity = self.guid or self.link or f"{self.title}{self.text}"
        key = key_of("blog", identity)
        dated = None if self.days is None else NOW - self.days * DAY
        return plain_record(
            at=dated or at,
            key=key,
            public_id=self.guid if self.guid and ":" in self.guid else f"tag:blog.example,{at:%Y-%m-%d}:{key}",
            source_id="blog",
            identity=identity,
            alias=identity.replace("https://", "http://"),
            categories=("c", "Blog", "latest"),
            title=self.title,
            link=self.link,
            guid=self.guid,
            author="Blog",
            first_seen=at,
            date_source=DateSource.PUBLISHED if dated else DateSource.FIRST_SEEN,
            publisher_date=dated,
            html=self.text,
            digest=f"{self.title}\0{self.link}\0{self.text}",
        )


@dataclass
class Shelf:
    """What the store's contract promises of `known` and `save_polls`, and nothing else."""

    records: dict[str, Record] = field(default_factory=dict)
    listed: frozenset[str] = frozenset()
    tombstones: set[str] = field(default_factory=set)
    arrivals: int = 0

    def known(self, reading: Reading) -> Known:
        identities, aliases, _ = asked(reading)
        return Known(
            entries=tuple(
                known_entry(one, listed=one.key in self.listed)
                for one in self.records.values()
                if one.identity in identities or one.alias in aliases or one.key in self.listed
            ),
            tombstones=frozenset(self.tombstones & (identities | aliases)),
            taken=frozenset(),
            empty=not self.records and not self.tombstones,
        )

    def save(self, changes: Changes) -> None:
        self.arrivals += 1
        named = {}
        for one in changes.new:
            named[one.key] = key = self._free_key(one)
            public_id = one.public_id if key == one.key else f"tag:blog.example:{key}"
            self.records[key] = replace(one, key=key, public_id=public_id, arrival=self.arrivals)
        for one in (*changes.updated, *changes.rekeyed):
            assert one.key in self.records
            self.records[one.key] = one
        if changes.listed is not None:
            self.listed = frozenset(named.get(key, key) for key in changes.listed)
        else:
            self.listed |= frozenset(named.values())
        assert len({one.public_id for one in self.records.values()}) == len(self.records)
        assert len({one.identity for one in self.records.values()}) == len(self.records)

    def poll(
        self, document: list[Written], at: datetime, older: Sequence[Written] = (), *, delta: bool = False
    ) -> Changes:
        records = tuple(one.read(at) for one in document)
        reading = Reading(FeedInfo(), records, older=tuple(one.read(at) for one in older), delta=delta)
        changes = reconcile(self.known(reading), reading, SOURCE, at)
        self.save(changes)
        return changes

    def _free_key(self, one: Record) -> str:
        """The key that an entry under a new id still holds may be another's by its old one."""
        keys = (one.key, *(f"{one.key}{at}" for at in range(len(self.records))))
        return next(key for key in keys if key not in self.records)


def nothing(changes: Changes) -> bool:
    return not (changes.new or changes.updated or changes.rekeyed)


SCHEMES = st.sampled_from(["http", "https"])
DAYS = st.none() | st.integers(0, 400)
TEXTS = st.sampled_from(["", "a", "b", "c"])

# Sound publishers: a guid, or a link, of its own for each entry.
SOUND = st.lists(
    st.builds(
        lambda at, guid, scheme, days, text: Written(
            f"{scheme}://blog.example/?p={at}" if guid else None, f"https://blog.example/{at}", f"T{at}", text, days
        ),
        st.integers(0, 12),
        st.booleans(),
        SCHEMES,
        DAYS,
        TEXTS,
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda one: one.link,
)
# Careless ones: guids and links given to several, titles missing, entries twice.
CARELESS = st.lists(
    st.builds(
        Written,
        st.none() | st.sampled_from(["same", "http://blog.example/a", "https://blog.example/a", "b"]),
        st.none() | st.sampled_from(["https://blog.example/", "https://blog.example/a", "http://blog.example/a"]),
        st.sampled_from(["", "T1", "T2", "T3"]),
        TEXTS,
        DAYS,
    ),
    min_size=1,
    max_size=8,
)


@given(document=SOUND | CARELESS)
def test_an_unchanged_document_changes_nothing(document: list[Written]) -> None:
    shelf = Shelf()
    shelf.poll(document, NOW)

    assert nothing(shelf.poll(document, NOW + HOUR))


@given(document=CARELESS)
def test_an_unchanged_document_lists_the_same_entries(document: list[Written]) -> None:
    shelf = Shelf()
    first = shelf.poll(document, NOW)

    assert shelf.poll(document, NOW + HOUR).listed == first.listed


@given(document=SOUND, data=st.data())
def test_entries_dropped_reordered_and_added_again_change_nothing(document: list[Written], data: st.DataObject) -> None:
    shelf = Shelf()
    shelf.poll(document, NOW)
    before = dict(shelf.records)

    for at in range(1, 4):
        some = data.draw(st.lists(st.sampled_from(document), unique=True))
        assert nothing(shelf.poll(some, NOW + at * HOUR))

    assert nothing(shelf.poll(data.draw(st.permutations(document)), NOW + 9 * HOUR))
    assert shelf.records == before


@given(document=CARELESS, data=st.data())
def test_no_reordering_by_a_careless_publisher_brings_anything_new(
    document: list[Written], data: st.DataObject
) -> None:
    shelf = Shelf()
    shelf.poll(document, NOW)

    changes = shelf.poll(data.draw(st.permutations(document)), NOW + HOUR)

    assert not changes.new
    assert not changes.rekeyed


@given(document=SOUND, edits=st.data())
def test_an_edit_never_moves_an_entry_or_changes_its_name(document: list[Written], edits: st.DataObject) -> None:
    shelf = Shelf()
    shelf.poll(document, NOW)
    before = dict(shelf.records)
    edited = [
        replace(one, text=edits.draw(TEXTS), title=edits.draw(st.sampled_from([one.title, f"{one.title}!"])))
        for one in document
    ]

    changes = shelf.poll(edited, NOW + HOUR)

    assert not changes.new
    for key, one in shelf.records.items():
        was = before[key]
        assert (one.public_id, one.published, one.first_seen) == (was.public_id, was.published, was.first_seen)
        assert (one.arrival, one.position, one.backlog) == (was.arrival, was.position, was.backlog)
        assert one.updated >= was.updated
    assert nothing(shelf.poll(edited, NOW + 2 * HOUR))


@given(document=SOUND, more=SOUND, data=st.data())
def test_what_was_removed_stays_removed(document: list[Written], more: list[Written], data: st.DataObject) -> None:
    shelf = Shelf()
    shelf.poll(document, NOW)
    shelf.poll(more, NOW + HOUR)
    removed = [one for one in shelf.records.values() if one.key not in shelf.listed]
    for one in removed:
        del shelf.records[one.key]
        shelf.tombstones |= {one.identity, one.alias}

    shelf.poll(data.draw(st.permutations(document)), NOW + 2 * HOUR)

    assert not {one.key for one in removed} & shelf.records.keys()


@given(documents=st.lists(SOUND | CARELESS, min_size=1, max_size=6))
def test_no_history_of_documents_breaks_the_shelf(documents: list[list[Written]]) -> None:
    shelf = Shelf()
    for at, document in enumerate(documents):
        shelf.poll(document, NOW + at * HOUR)
        assert nothing(shelf.poll(document, NOW + at * HOUR + HOUR / 2))


@given(
    document=st.lists(st.integers(0, 99), min_size=1, max_size=12, unique=True), prefix=st.sampled_from(["urn:x:", "n"])
)
def test_new_guids_on_a_whole_page_make_no_duplicates(document: list[int], prefix: str) -> None:
    shelf = Shelf()
    old = [Written(f"old{at}", f"https://blog.example/{at}", f"T{at}", "", at) for at in document]
    shelf.poll(old, NOW)
    ids = {one.public_id for one in shelf.records.values()}

    shelf.poll([replace(one, guid=f"{prefix}{one.link}") for one in old], NOW + HOUR)

    assert {one.public_id for one in shelf.records.values()} == ids


@given(first=SOUND | CARELESS, document=SOUND | CARELESS, older=st.lists(SOUND | CARELESS, max_size=3))
def test_older_pages_add_and_change_nothing_else(
    first: list[Written], document: list[Written], older: list[list[Written]]
) -> None:
    shelf, alone = Shelf(), Shelf()
    pages = [one for page in older for one in page]
    for each in (shelf, alone):
        each.poll(first, NOW)
    before = dict(shelf.records)

    changes, without = shelf.poll(document, NOW + HOUR, pages), alone.poll(document, NOW + HOUR)

    if not (changes.rekeyed or without.rekeyed):  # what an older page tells of new ids, it alone can tell
        assert changes.updated == without.updated
        assert len(changes.listed or ()) == len(without.listed or ())
        assert all(shelf.records[key] == alone.records[key] for key in before)
    assert not (changes.unlisted & (changes.listed or frozenset()))
    assert all(one.published <= NOW + HOUR for one in changes.new)
    again = shelf.poll(document, NOW + 2 * HOUR, pages)
    assert (again.new, again.updated) == ((), ())


@given(first=SOUND, pages=st.lists(SOUND, min_size=1, max_size=4))
def test_an_older_page_read_again_brings_nothing(first: list[Written], pages: list[list[Written]]) -> None:
    shelf = Shelf()
    shelf.poll(first, NOW)
    for at, page in enumerate(pages, 1):
        shelf.poll(first, NOW + at * HOUR, page)

    for at, page in enumerate(pages, 9):
        assert nothing(shelf.poll(first, NOW + at * HOUR, page))


@given(first=SOUND | CARELESS, delta=SOUND | CARELESS)
def test_a_delta_takes_nothing_away(first: list[Written], delta: list[Written]) -> None:
    shelf = Shelf()
    shelf.poll(first, NOW)
    before, listed = set(shelf.records), shelf.listed

    changes = shelf.poll(delta, NOW + HOUR, delta=True)

    assert shelf.records.keys() >= before
    assert shelf.listed >= listed
    assert (changes.rekeyed, changes.withdrawn) == ((), frozenset())
    assert nothing(shelf.poll(delta, NOW + 2 * HOUR, delta=True))
