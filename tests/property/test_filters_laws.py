"""Laws of rules: what comes out is clean, nothing crashes them, and their time grows no faster than the text."""

from __future__ import annotations

from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.feed_rules_samples import a_record

from aggregator.clean import clean
from aggregator.filters import folded, shown, verdicts
from aggregator.model import Condition, Filter, FilterKind
from aggregator.patterns import found, pattern_fault, replacement_fault, selector_fault, without

PIECES = (
    "<p>",
    "</p>",
    "<b>",
    "</b>",
    "&amp;",
    "&lt;script&gt;",
    "<img src='https://x.example/a.png' width='1'>",
    "<pre>\n",
)
HTML = st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=12).map("".join)
PATTERNS = st.sampled_from(["", ".", "a|b", r"\s+", "^", "$", "&", "<", r"(.)(.)", r"\p{L}+"]) | st.text(max_size=6)
WITH = st.sampled_from(["", "<script>alert(1)</script>", r"\1\0", "</p>", "&lt;", "\x00", '"><img src=x onerror=y>'])
SELECTORS = st.sampled_from(["*", "p", "b", "p > b", 'img[width="1"]', ":not(p)", "p:first-child", "[src]", "p, b"])


@given(HTML, PATTERNS, WITH, st.lists(SELECTORS, max_size=3))
def test_what_rules_make_of_a_clean_body_is_clean(html: str, pattern: str, with_: str, selectors: list[str]) -> None:
    if pattern_fault(pattern) or replacement_fault(pattern, with_):
        return
    rules = [
        Filter(FilterKind.REMOVE, "", selectors=tuple(selectors)),
        Filter(FilterKind.REPLACE, "", field="body", pattern=pattern, replacement=with_),
    ]

    result = shown(a_record(html=clean(html, None), marked_html=html), rules).html

    assert clean(result, None) == result


@given(HTML, PATTERNS, WITH)
def test_replacing_makes_no_element(html: str, pattern: str, with_: str) -> None:
    if pattern_fault(pattern) or replacement_fault(pattern, with_):
        return
    before = clean(html, None)

    after = shown(
        a_record(html=before), [Filter(FilterKind.REPLACE, "", field="body", pattern=pattern, replacement=with_)]
    )

    assert after.html.count("<") <= before.count("<")


@given(st.text(max_size=30))
def test_any_text_is_a_pattern_or_has_a_fault(text: str) -> None:
    if pattern_fault(text) is None:
        assert found(text, "some text") in {True, False}


@given(st.text(alphabet="ab.#[]()>+~*:,='\" \\-^$|é\n", max_size=20))
def test_any_text_is_a_selector_or_has_a_fault(text: str) -> None:
    if selector_fault(text) is None:
        left = without("<div><a class='a'><b>x</b></a></div>", (text,))

        assert left is None or len(left) < len("<div><a class='a'><b>x</b></a></div>")


@given(st.text(max_size=40))
def test_folding_is_idempotent(text: str) -> None:
    assert folded(folded(text)) == folded(text)


@given(st.lists(st.integers(0, 5), max_size=20), st.integers(1, 30))
def test_limit_leaves_so_many_or_all(hours: list[int], newest: int) -> None:
    records = [a_record(key=f"{n:016}", position=n) for n, _ in enumerate(hours)]

    hidden = verdicts(records, [Filter(FilterKind.LIMIT, "limit", newest=newest)])

    assert sum(reason is None for reason in hidden.values()) == min(newest, len(records))


HOSTILE = [
    r"(a+)+$",
    r"(a|a)*b",
    r"(?:a?){500}a{500}",
    r"(x+x+)+y",
    r"(.*)(.*)(.*)(.*)b",
    r"(\w+\s?)+$",
    r"([a-z]+)*\d",
]
TEXTS = {"letters": "a" * 1_000_000, "accents": "\u0316\u0301" * 250_000, "ligatures": "\ufdfa" * 200_000}


@pytest.mark.parametrize("pattern", HOSTILE)
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_a_pattern_that_hangs_others_takes_a_moment_on_a_megabyte(pattern: str, text: str) -> None:
    rule = Filter(FilterKind.DROP, "", conditions=(Condition("text", pattern=pattern),))
    began = perf_counter()

    verdicts([a_record(html=text)], [rule])

    assert perf_counter() - began < 3  # a tenth of a second when nothing else runs; the hanging ones would take ages


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_words_are_looked_for_in_a_moment_in_a_megabyte(text: str) -> None:
    rule = Filter(FilterKind.DROP, "", conditions=(Condition("text", words=("Sponsored", "广告")),))
    began = perf_counter()

    hidden = verdicts([a_record(html=text)], [rule])

    assert set(hidden.values()) == {None}
    assert perf_counter() - began < 5
