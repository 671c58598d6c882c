"""Laws of what is served: any record, however odd, gives three documents that keep their formats' rules."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from unit import feed_rules as rules
from unit import feed_rules_samples as samples

from aggregator.podcast import RULES, usable
from aggregator.render import MergedFeed, atom, jsonfeed, rss, source_info
from aggregator.render.characters import markup, plain
from storage.record import Element, Enclosure, Record
from storage.states import FeedInfo

TEXT = st.text(st.characters(), max_size=30)  # lone surrogates and controls are among them
HTML = st.lists(
    st.sampled_from(
        ["<p>", "</p>", "<b>", "&amp;", "&#0;", "&#1;", "&#x85;", "]]>", "<!--", "字", "\x00", "\ud800", "\r\n"]
    )
    | TEXT
).map("".join)
URLS = st.one_of(
    st.none(),
    st.just("javascript:alert(1)"),
    TEXT,
    TEXT.map(lambda tail: f"https://paper.example/{tail}"),
    TEXT.map(lambda host: f"http://{host}/"),
)
INSTANTS = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants naive bounds
ENCLOSURES = st.builds(
    Enclosure,
    url=URLS.map(lambda url: url or ""),
    type=st.none() | TEXT,
    length=st.none() | st.integers(0, 2**40),
    title=st.none() | TEXT,
)
# Names of the table and others; what they say is anything.
ELEMENTS = st.builds(
    Element,
    st.sampled_from([*RULES, "itunes:block", "podcast:", "x:y", "", "{x}y"]),
    TEXT,
    st.lists(
        st.tuples(
            st.sampled_from(
                ["url", "href", "uri", "type", "role", "startTime", "duration", "on", "{x}y", "img", "value"]
            ),
            URLS.map(lambda url: url or "") | TEXT,
        ),
        max_size=4,
    ).map(tuple),
)
RECORDS = st.builds(
    samples.a_record,
    title=TEXT,
    link=URLS,
    author=TEXT,
    writers=st.lists(TEXT, max_size=3).map(tuple),
    tags=st.lists(TEXT, max_size=3).map(tuple),
    categories=st.tuples(TEXT, TEXT, TEXT),
    published=INSTANTS,
    updated=INSTANTS,
    image=URLS,
    html=HTML,
    summary=TEXT,
    enclosures=st.lists(ENCLOSURES, max_size=3).map(tuple),
    language=st.none() | TEXT,
    source_id=st.sampled_from(["paper", "left"]),
    podcast=st.lists(ELEMENTS, max_size=6).map(usable),
)


def as_feed(records: list[Record], others: list[Record]) -> MergedFeed:
    own = [
        replace(one, key=f"k{place}", public_id=f"https://paper.example/{place}") for place, one in enumerate(records)
    ]
    return samples.a_feed(*own, also={one.key: tuple(others) for one in own})


FEEDS = st.builds(as_feed, st.lists(RECORDS, max_size=4), st.lists(RECORDS, max_size=2))


@settings(max_examples=150, deadline=None)
@given(FEEDS)
def test_any_records_give_three_valid_documents(feed):
    assert rules.atom_faults(atom(feed)) == []
    assert rules.rss_faults(rss(feed)) == []
    assert rules.json_faults(jsonfeed(feed)) == []


@settings(max_examples=100, deadline=None)
@given(st.lists(ELEMENTS, max_size=6).map(tuple))
def test_elements_of_a_podcast_that_nobody_checked_break_no_document(elements):
    feed = samples.a_feed(samples.a_record(podcast=elements))

    assert rules.atom_faults(atom(feed)) == []
    assert rules.rss_faults(rss(feed)) == []
    assert rules.json_faults(jsonfeed(feed)) == []


@given(st.lists(ELEMENTS, max_size=6))
def test_what_was_checked_passes_another_check_unchanged(elements):
    assert usable(usable(elements)) == usable(elements)


@settings(max_examples=50, deadline=None)
@given(FEEDS)
def test_the_same_values_give_the_same_bytes(feed):
    again = replace(feed, records=tuple(replace(record) for record in feed.records))

    assert [atom(feed), rss(feed), jsonfeed(feed)] == [atom(again), rss(again), jsonfeed(again)]


@settings(max_examples=100, deadline=None)
@given(HTML)
def test_a_body_passes_through_all_three_unchanged_but_for_forbidden_characters(html):
    feed = samples.a_feed(samples.a_record(html=f"<p>{html}</p>"))

    sent = markup(f"<p>{html}</p>")
    assert etree.fromstring(atom(feed)).findtext(f"{rules.ATOM}entry/{rules.ATOM}content") == sent
    assert etree.fromstring(rss(feed)).findtext(f"channel/item/{rules.CONTENT}encoded") == sent
    assert json.loads(jsonfeed(feed))["items"][0]["content_html"] == sent


@given(TEXT)
def test_cleaning_characters_twice_changes_nothing(text):
    assert plain(plain(text)) == plain(text)
    assert markup(markup(text)) == markup(text)


@settings(max_examples=100, deadline=None)
@given(TEXT, URLS, TEXT)
def test_whatever_a_publisher_says_of_its_feed_the_source_element_is_sound(title, link, own_id):
    info = source_info("paper", "My paper", "https://paper.example/feed", FeedInfo(title=title, link=link, id=own_id))
    feed = samples.a_feed(samples.a_record(), sources={"paper": info})

    assert rules.atom_faults(atom(feed)) == []
    assert rules.rss_faults(rss(feed)) == []
