"""Laws of cleaning: once is enough, two other parsers find nothing that is not allowed, and reading text never fails."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.clean import LONGEST, clean
from aggregator.markup import names, within_bounds
from aggregator.plain import paragraphs, shortened, text_of, text_of_clean, title_of

_spec = importlib.util.spec_from_file_location(
    "hostile_markup", Path(__file__).parents[1] / "unit" / "test_clean_hostile_markup.py"
)
assert _spec is not None
assert _spec.loader is not None
hostile = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(hostile)

BASE = "https://blog.example/posts/1"

NAMES = st.sampled_from(
    sorted(
        names(
            "a b i p div span ul li table tr td th tbody pre code img source picture video h1 br hr ruby rt details summary "
            "script style svg math title textarea noscript template select option form button iframe xmp plaintext annotation-xml "
            "mtext mglyph foreignObject desc caption colgroup col body html head base q font nobr object marquee"
        )
    )
)
ATTRIBUTES = st.sampled_from(
    [
        'href="/x"',
        "href=javascript:alert(1)",
        'src="i.png"',
        "src=data:,",
        'data-src="/r.png"',
        'srcset="a 1x, b 2x"',
        "alt",
        "class=c",
        'title="&lt;b&gt;"',
        "title='<p>'",
        'onclick="x"',
        "width=1 height=1",
        'style="a"',
        "lang=zh",
        'rel="x"',
        "open",
        "/",
        '"',
        "=",
    ]
)
PIECES = st.one_of(
    st.builds(lambda name, attributes: f"<{name} {' '.join(attributes)}>", NAMES, st.lists(ATTRIBUTES, max_size=3)),
    NAMES.map(lambda name: f"</{name}>"),
    st.sampled_from(
        [
            "<!--",
            "-->",
            "<![CDATA[",
            "]]>",
            "<",
            ">",
            "&",
            "&lt;",
            "&#1;",
            "&#13;",
            "&nbsp;",
            "\n",
            "\r\n",
            "\x00",
            "\x0c",
            "\ud800",
            "<?x",
            "'",
            '"',
        ]
    ),
    st.text(max_size=8),
)
SOUP = st.lists(PIECES, max_size=24).map("".join)
BASES = st.sampled_from([BASE, None, "http://h.example", "urn:x"])


@given(SOUP, BASES)
@settings(max_examples=600, deadline=None)
def test_cleaning_twice_is_cleaning_once(html: str, base: str | None) -> None:
    once = clean(html, base)

    assert clean(once, base) == once
    assert clean(once, None) == once
    assert len(once) <= LONGEST


@given(SOUP, BASES)
@settings(max_examples=400, deadline=None)
def test_two_other_parsers_find_only_what_is_allowed(html: str, base: str | None) -> None:
    result = clean(html, base)

    assert hostile.faults(hostile.by_lexbor(result)) == []
    assert hostile.faults(hostile.by_libxml2(result)) == []


@given(SOUP)
@settings(max_examples=300, deadline=None)
def test_a_clean_body_cannot_end_the_element_around_it(html: str) -> None:
    page = hostile.LexborHTMLParser(f"<main><article>{clean(html, BASE)}</article><footer></footer></main>")

    assert page.css_first("main > article + footer") is not None


@given(SOUP)
@settings(max_examples=300, deadline=None)
def test_reading_text_never_fails_and_gives_one_line(html: str) -> None:
    for text in (text_of(html), title_of(html)):
        assert text == text.strip()
        assert "\n" not in text
        text.encode("utf-8")


@given(SOUP)
@settings(max_examples=300, deadline=None)
def test_the_fast_reading_of_clean_html_is_the_slow_one(html: str) -> None:
    result = clean(html, BASE)

    assert text_of_clean(result) == text_of(result)


@given(st.text(max_size=200))
@settings(max_examples=200, deadline=None)
def test_plain_text_becomes_paragraphs_that_are_clean_and_say_the_same(text: str) -> None:
    html = clean(paragraphs(text), BASE)

    assert text_of(html) == " ".join(text_of(paragraphs(text)).split())


@given(st.text(), st.integers(min_value=1, max_value=60))
@settings(max_examples=200, deadline=None)
def test_a_shortened_text_is_as_short_as_asked(text: str, limit: int) -> None:
    assert len(shortened(text, limit)) <= limit + 1


@given(SOUP)
@settings(max_examples=200, deadline=None)
def test_honest_depth_is_within_bounds(html: str) -> None:
    assert within_bounds(html) is not None
