"""Laws of lists of subscriptions: reading what was written gives the same, and no bytes make reading fail otherwise."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from aggregator.opml import Listed, OpmlError, read, write

WORDS = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1, max_size=12)
LINES = st.lists(WORDS, min_size=1, max_size=3).map(" ".join)
VALUES = st.one_of(LINES, st.just("${KEY:-x}"))
FEEDS = st.lists(
    st.builds(
        Listed,
        url=st.integers(0, 9999).map(lambda number: f"https://site-{number}.example/?a=1&b=<{number}>"),
        title=LINES,
        html_url=st.sampled_from(["", "https://site.example/"]),
        folders=st.lists(st.sampled_from(["新媒体", "A & B", "x/y", "<i>"]), max_size=3).map(tuple),
        settings=st.dictionaries(st.sampled_from(["every", "site", "author"]), VALUES, max_size=3)
        | st.dictionaries(st.sampled_from(["tags", "fallback"]), st.lists(VALUES, max_size=3), max_size=2),
        route=st.sampled_from(["", "/a/b"]),
    ),
    max_size=12,
    unique_by=lambda one: one.url,
)


@given(FEEDS)
def test_what_was_written_is_read_as_it_was(feeds: list[Listed]) -> None:
    listing = read(write(feeds))

    assert [replace(one, line=0) for one in listing.feeds] == feeds
    assert listing.degraded is None


@given(FEEDS)
def test_a_list_is_read_the_same_tag_by_tag(feeds: list[Listed]) -> None:
    data = write(feeds)

    assert read(data + b"<").feeds == read(data).feeds


@given(FEEDS)
def test_writing_what_was_read_gives_the_same_bytes(feeds: list[Listed]) -> None:
    data = write(feeds)

    assert write(read(data).feeds) == data


@given(
    st.lists(
        st.one_of(st.binary(max_size=20), st.sampled_from([b"<outline ", b'text="', b"<opml>", b"/>", b"xmlUrl="])),
        max_size=40,
    )
)
def test_no_bytes_make_it_fail_in_another_way(pieces: list[bytes]) -> None:
    with suppress(OpmlError):
        assert read(b"".join(pieces)) is not None
