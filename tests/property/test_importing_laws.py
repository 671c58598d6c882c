"""Laws of `import records`: what was exported comes in as it was, whatever it says and in whatever form."""

from __future__ import annotations

import re
import tempfile
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aggregator.clean import clean
from aggregator.importing import ForeignRecordError, feeds_of, feeds_text, returning
from aggregator.model import Polling, Server, Settings, Source, Storage
from aggregator.rebuilding import Loader, Wish
from aggregator.rows import source_row
from storage.frontmatter import EXTRA_FIELDS, RecordForm, dumps
from storage.images import ImagePolicy
from storage.posts import Posts
from storage.reading import loads
from storage.record import DateSource, Enclosure, Record, key_of
from storage.restoring import UNCLEANED, to_record
from storage.sqlite import SqliteStore
from storage.states import FeedInfo
from storage.values import Archived

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PIECES = [
    "'", '"', ": ", " #", "- ", "{{", "}}", "{% x %}", "```", "---", "\n---\n", "\n\n", "\r\n", "\t", "\\", "\x00",
    "\x85", "\u2028", "\ufeff", "\ud800", "\u202e", "产业互联网", "e\u0301", "no", "0123", "&#10;", "&#123;", "&amp;",
    "<p>", "</div>", "<div>", "<pre>\n\n", '<img src="http://a.example/x.png">', "<img src='https://p.example/?http://a'>",
    "<script>\n\n", "</script>", "<a\n\nhref=x>", "<a href='javascript:x()'>", "<", "/", "..",
]  # fmt: skip
text = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=6)), max_size=8).map("".join)
names = text.map(lambda one: "n" + re.sub("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufeff\ufffe\uffff\u2028\u2029]", "", one))
links = st.none() | st.just("http://a.example/1") | st.just("javascript:alert(1)") | text
instants = st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone
forms = st.builds(
    RecordForm,
    fields=st.lists(st.sampled_from(EXTRA_FIELDS), unique=True).map(lambda some: (*some, "rss")),
    portable=st.booleans(),
    images=st.sampled_from(
        [None, ImagePolicy("https://p.example/?{url}"), ImagePolicy("https://p.example/{url_encoded}", True)]
    ),
)


@st.composite
def records(draw: st.DrawFn) -> Record:
    """Return a record whose names are ours and whose content is anybody's."""
    identity = draw(names)
    key = key_of("one", identity)
    raw = draw(st.none() | text)
    return Record(
        key=key,
        public_id=draw(st.sampled_from([f"tag:one.example,2026-03-01:{key}", f"urn:news:{key}"])),
        source_id="one",
        identity=identity,
        alias=identity,
        categories=(draw(text), draw(text), draw(text)),
        title=draw(text),
        link=draw(links),
        guid=draw(st.none() | text),
        author=draw(text),
        writers=tuple(draw(st.lists(text, max_size=2))),
        tags=tuple(draw(st.lists(text, max_size=2))),
        published=draw(instants),
        updated=draw(instants),
        first_seen=draw(instants),
        date_source=draw(st.sampled_from(DateSource)),
        publisher_date=draw(st.none() | instants),
        image=draw(links),
        html=draw(text),
        summary=draw(text),
        enclosures=tuple(Enclosure(url, title=draw(text)) for url in draw(st.lists(links.filter(bool), max_size=2))),
        language=draw(st.none() | st.just("zh-CN") | text),
        digest="d",
        cleaner=1 if raw is None else UNCLEANED,
        raw_html=raw,
        position=draw(st.integers(0, 99)),
        arrival=draw(st.integers(1, 99)),
        updates=draw(st.integers(0, 99)),
        backlog=draw(st.booleans()),
        hidden=draw(st.none() | st.just("by a rule")),
        story_id=draw(st.none() | st.just("tag:other.example,2026:1")),
    )


many = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@many
@given(records(), forms)
def test_what_was_taken_in_is_exported_and_comes_back_as_it_was(anything: Record, form: RecordForm) -> None:
    stored = returning(anything)
    found = to_record(loads(dumps(stored, form)))

    assert isinstance(found, Record)
    assert returning(found) == stored
    assert clean(returning(found).html, None) == clean(stored.html, None)


@many
@given(records(), forms, text, text, st.none() | text)
def test_what_rules_changed_in_a_file_comes_back_as_it_is_stored(
    anything: Record, form: RecordForm, title: str, html: str, marked: str | None
) -> None:
    stored = returning(replace(anything, marked_html=marked))
    shown = replace(stored, title=f"shown {title}", html=html, summary="", image=None)
    form = replace(form, stored=stored)
    file = dumps(shown, form)
    found, edited = to_record(loads(file)), to_record(loads(file.replace("title: 'shown", "title: 'Mine", 1)))

    assert isinstance(found, Record)
    assert isinstance(edited, Record)
    assert returning(found) == stored
    assert edited.title.startswith("Mine")


@many
@given(records())
def test_whatever_a_file_says_what_comes_in_is_clean(anything: Record) -> None:
    stored = returning(anything)

    assert clean(stored.html, None) == stored.html
    assert all(url is None or url.startswith(("http://", "https://")) for url in (stored.link, stored.image))
    assert not re.search("[\x00-\x08\x7f-\x9f\ud800-\udfff\n]", stored.title + stored.author + stored.summary)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(records(), min_size=1, max_size=6, unique_by=lambda one: one.key), forms)
def test_a_store_is_built_anew_from_its_files(some: list[Record], form: RecordForm) -> None:
    source = Source(id="one", url="https://one.example/feed", name="One", images=form.images)
    some = [replace(returning(one), hidden=None) for one in some]
    with tempfile.TemporaryDirectory() as folder:
        there = Path(folder)
        storage = Storage(path=there / "b", records=there / "records", record_fields=form.fields)
        feeds = Settings(there / "feeds.yaml", Server(), storage, Polling(), (source,))
        with closing(SqliteStore.open(there / "a")) as first, closing(SqliteStore.open(there / "b")) as second:
            first.sync_sources([source_row(source)], NOW)
            first.restore([Archived(one) for one in some], [], NOW)
            stored = list(first.records())
            Posts(there / "records", sync=False).write_many((one, form, None) for one in stored)
            second.sync_sources([source_row(source)], NOW)
            loaded = Loader(second, feeds, Wish(there / "records"), NOW).load(lambda *_: None)

            assert (loaded.new, loaded.refused) == (len(some), [])
            assert list(second.records()) == stored
            again = Loader(second, feeds, Wish(there / "records"), NOW).load(lambda *_: None)
            assert (again.new, again.known, again.differing) == (0, len(some), [])


@many
@given(
    records(),
    st.sampled_from(["key", "source_id", "public_id", "identity"]),
    text.filter(lambda one: "\x00" in one or not one),
)
def test_names_that_cannot_be_ours_are_refused(record: Record, name: str, damage: str) -> None:
    try:
        returning(replace(record, **{name: damage}))
    except ForeignRecordError as refused:
        said = str(refused)
    else:
        said = ""

    assert said


@many
@given(st.dictionaries(st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}", fullmatch=True), names, max_size=3))
def test_what_feeds_say_of_themselves_comes_back(titles: dict[str, str]) -> None:
    feeds = {id_: FeedInfo(title=title.strip(), link="https://a.example/") for id_, title in titles.items()}

    assert feeds_of(feeds_text(feeds)) == feeds
