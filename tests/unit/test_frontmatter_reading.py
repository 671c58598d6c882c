"""What the reader takes, in which form it gives it, and how it refuses (R13)."""

from __future__ import annotations

import pickle
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from plugins.records import plain_record
from storage.frontmatter import RecordForm, dumps
from storage.images import ImagePolicy
from storage.reading import FrontMatterError, loads
from storage.record import DateSource
from storage.restoring import UNCLEANED, Outline, to_record

AT = datetime(2024, 2, 29, 8, 5, 6, 789, tzinfo=UTC)
RECORD = plain_record(
    at=AT,
    public_id="urn:x:1",
    source_id="news",
    identity="urn:x:1",
    categories=("A", "B", "C"),
    title="A title",
    guid="urn:x:1",
    author="B",
    date_source=DateSource.FIRST_SEEN,
    image="http://x.example/a.png",
    html='<p>{a}\n\n<img src="http://x.example/a.png"></p>',
    digest="d",
    cleaner=3,
)
LOSSLESS = RecordForm(("rss",), images=ImagePolicy("https://p.example/?{url}"))


def test_scalars_stay_the_text_that_they_are() -> None:
    said = loads("---\ntitle: 12_00\na: 0123\nb: no\nc: 2024-01-02\nd: 'null'\ne: ~\nf:\n---\n")

    assert dict(said.fields) == {
        "title": "12_00", "a": "0123", "b": "no", "c": "2024-01-02", "d": "null", "e": None, "f": None,
    }  # fmt: skip


def test_lists_are_read_in_block_and_flow_style() -> None:
    assert loads("---\na:\n  - x\n  - y\nb: [x, 'y']\n---\n").fields == {"a": ("x", "y"), "b": ("x", "y")}


def test_block_scalars_are_read() -> None:
    assert loads("---\ntitle: >-\n  one\n  two\nb: |\n  x\n---\n").fields == {"title": "one two", "b": "x\n"}


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("---\na: b\n---\n\n<div>   \n<p>x</p>  \n</div>\n            ", "<p>x</p>"),
        ("---\na: b\n---\n<div>\n<p>x</p>\n</div>", "<p>x</p>"),
        ("---\r\na: b\r\n---\r\n<div>   \r\nx  \r\n</div>\r\n", "x"),
        ("---\na: b\n---\n<div>   \n  \n</div>", ""),
        ("---\na: b\n---\n<div>\n</div>", ""),
        ("---\na: b\n---", ""),
        ("---\na: b\n...\nx", "x"),
        ("\ufeff\n\n---  \na: b\n--- \nx\n---\ny", "x\n---\ny"),
        ("---\na: b\n---\n<div>\nx\n</div>\n<div>\ny\n</div>", "<div>\nx\n</div>\n<div>\ny\n</div>"),
        ("---\na: b\n---\n<div>   \nx\n&#10;&#123;y&#125;  \n</div>", "x\n\n{y}"),
    ],
)
def test_the_body_is_read_without_its_div_and_its_escapes(text: str, body: str) -> None:
    assert loads(text).body == body


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title: x\n", "x.md:1: there is no front matter: the file does not start with a line `---`"),
        ("+++\na = 1\n+++\n", "x.md:1: this is TOML front matter; only YAML, between two lines `---`, is read"),
        (';;;\n"a": 1\n;;;\n', "x.md:1: this is JSON front matter; only YAML, between two lines `---`, is read"),
        ("\n---\na: b\n", "x.md:2: the front matter is not closed: there is no second `---`"),
        ("---\n---\n", "x.md:2: the front matter is not a list of `key: value` lines"),
        ("---\n- a\n---\n", "x.md:2: the front matter is not a list of `key: value` lines"),
        ("---\na: 1\nb: 2\na: 3\n---\n", "x.md:4: the key 'a' stands there twice"),
        ("---\n[a]: 1\n---\n", "x.md:2: a key is a list or a map"),
        ("---\na: b: c\n---\n", "x.md:2: mapping values are not allowed here"),
        ("---\na: x\nb: 'y\n---\n", "x.md:3: while scanning a quoted scalar found unexpected end of stream"),
        ("---\na: x\nb: \x07\n---\n", "x.md:3: the character U+0007 may not stand in YAML"),
        ("---\na: !!binary aa\n---\n", "x.md:2: a value of the type tag:yaml.org,2002:binary is not read"),
        ("---\na: !Thing aa\n---\n", "x.md:2: a value of the type !Thing is not read"),
        ("---\na: *b\n---\n", "x.md:2: found undefined alias 'b'"),
        ("---\na: &a [*a]\n---\n", "x.md:2: the front matter is nested too deep"),
        (f"---\na: {'[' * 5000}\n---\n", "x.md:2: the front matter is nested too deep"),
    ],
)
def test_what_is_no_front_matter_is_refused_with_file_line_and_reason(text: str, message: str) -> None:
    with pytest.raises(FrontMatterError) as refused:
        loads(text, "x.md")

    assert str(refused.value) == message


def test_aliases_that_blow_up_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]

    with pytest.raises(FrontMatterError, match="more than 20,000 values"):
        loads("---\n" + "\n".join(lines) + "\n---\n")


def test_a_refusal_crosses_a_process_border() -> None:
    error = pickle.loads(pickle.dumps(FrontMatterError("x.md", 3, "why")))

    assert (error.place, error.line, error.reason) == ("x.md", 3, "why")


def test_a_record_with_rss_comes_back_whole() -> None:
    assert to_record(loads(dumps(RECORD, LOSSLESS))) == RECORD


def test_a_verbatim_body_comes_back_uncleaned() -> None:
    raw = "<p onclick=x>a"
    record = replace(RECORD, raw_html=raw)

    assert to_record(loads(dumps(record, LOSSLESS))) == replace(record, html=raw, cleaner=UNCLEANED)


def test_a_body_that_looks_as_if_we_had_escaped_it_comes_back_whole() -> None:
    record = replace(RECORD, html="<p>&#123;\x07</p>\n")

    assert to_record(loads(dumps(record, LOSSLESS))) == record


def test_what_a_person_edited_stands() -> None:
    text = dumps(replace(RECORD, title="A\ttitle"), LOSSLESS)
    edited = (
        text.replace("title: 'A title'", "title: 'Mine'")
        .replace("<p>&#123;a", "<p>b")
        .replace("08:05:06 GMT", "09:00:00 GMT")
    )

    assert to_record(loads(edited)) == replace(
        RECORD,
        title="Mine",
        html='<p>b}\n\n<img src="http://x.example/a.png"></p>',
        published=datetime(2024, 2, 29, 9, tzinfo=UTC),
    )


def test_a_file_without_rss_gives_what_it_tells() -> None:
    said = loads(
        "---\ntitle: T\ncategories: [A, B]\nauthor: W\ndate: 2024-01-02 03:04:05\nthumbnail: http://x.example/a.png\n---\n<p>x</p>"
    )

    assert to_record(said) == Outline(
        title="T",
        categories=("A", "B"),
        author="W",
        date=datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC),
        image="http://x.example/a.png",
        html="<p>x</p>",
        link=None,
        tags=(),
    )


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('    key: "abcdefghijklmnop"\n', "", "`rss.key` is missing"),
        ("cleaner: 3", "cleaner: x", "`rss.cleaner` is no number: 'x'"),
        ('first_seen: "2024', 'first_seen: "x2024', "`rss.first_seen` is no date: 'x2024-02-29T08:05:06.000789+00:00'"),
        (
            'date_source: "first_seen"',
            "date_source: z",
            "`rss.date_source` is none of published, updated, first_seen, future: 'z'",
        ),
        (" - C\n", "", "there are 2 categories instead of three (category, site, feed)"),
    ],
)
def test_a_damaged_rss_map_is_refused_with_what_is_wrong(old: str, new: str, reason: str) -> None:
    said = loads(dumps(RECORD, LOSSLESS).replace(old, new), "x.md")

    with pytest.raises(FrontMatterError) as refused:
        to_record(said)

    assert str(refused.value) == f"x.md:1: the record cannot be made again: {reason}"


def test_the_digest_does_not_hang_on_form() -> None:
    ours = "---\ntitle: 'a'\ndate: Thu, 29 Feb 2024 08:05:06 GMT\ntags: []\n---\n\n<div>   \nx  \ny  \n</div>\n"
    theirs = '---\ndate: 2024-02-29T08:05:06.000Z\ntags:\n"title": "a"\n---\n<div>\nx\ny\n</div>'

    assert loads(ours).digest() == loads(theirs).digest()
    assert loads(ours).digest() != loads(ours.replace("'a'", "'b'")).digest()
    assert loads(ours).digest() != loads(ours.replace("x ", "z ")).digest()
