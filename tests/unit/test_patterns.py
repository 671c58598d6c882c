"""What regular expressions and selectors are taken, what is said of the others, and what they find."""

from __future__ import annotations

import pytest

from aggregator.patterns import (
    MOST_MATCHES,
    found,
    pattern_fault,
    replaced,
    replacement_fault,
    selector_fault,
    without,
    without_long_accents,
)


@pytest.mark.parametrize(
    "pattern",
    [r"(?i)sponsored|广告", r"^\[.*?\] ", r"\bAI\b", r"\p{Han}{2}", r"(?P<word>x)", "", r"(a|b)*c{2,5}"],
)
def test_a_sound_pattern_has_no_fault(pattern: str) -> None:
    assert pattern_fault(pattern) is None


@pytest.mark.parametrize(
    ("pattern", "said"),
    {
        "a lookahead": (r"a(?=b)", "looks around itself"),
        "a negative lookbehind": (r"(?<!a)b", "looks around itself"),
        "a backreference": (r"(a)\1", "refers back to a group"),
        "a possessive quantifier": ("a++", "possessive or atomic"),
        "an atomic group": ("(?>a)", "possessive or atomic"),
        "the end as Python writes it": (r"a\Z", r"RE2 writes that \z"),
        "an open group": ("(", "missing )"),
        "an open class": ("[a", "missing ]"),
        "a star without anything": ("*", "no argument"),
        "too many repetitions": ("a{2000}", "invalid repetition size"),
        "half of a character": ("\ud800", "half of a character"),
        "a book": ("x" * 3000, "longer than 2000"),
    }.values(),
    ids=lambda value: None,
)
def test_what_is_wrong_with_a_pattern_is_said(pattern: str, said: str) -> None:
    fault = pattern_fault(pattern)

    assert fault is not None
    assert said in fault


@pytest.mark.parametrize("pattern", [r"a(?=b)", r"(a)\1"])
def test_what_re2_refuses_names_re2(pattern: str) -> None:
    assert "RE2" in str(pattern_fault(pattern))


def test_a_replacement_may_name_the_groups_that_there_are() -> None:
    assert replacement_fault(r"(a)(b)", r"\2\1 \0 \\") is None
    assert replacement_fault(r"(a)", r"\2") == r"names the group \2, and the pattern has 1"
    assert replacement_fault("a", r"\1") == r"names the group \1, and the pattern has none"


@pytest.mark.parametrize(
    ("pattern", "replacement", "text", "result"),
    [
        (r"^\[.*?\] ", "", "[Ad] A bridge opens", "A bridge opens"),
        (r"(\w+), (\w+)", r"\2 \1", "Writer, Ann", "Ann Writer"),
        ("价", "價", "特价 价", "特價 價"),
        ("x", r"\\", "axb", "a\\b"),
        (r"(a)|b", r"<\1>", "ab", "<a><>"),
        ("", "-", "ab", "-a-b-"),
    ],
)
def test_matches_are_replaced(pattern: str, replacement: str, text: str, result: str) -> None:
    assert replaced(pattern, replacement, text, 1000) == result


def test_a_text_that_would_outgrow_its_bound_stays_as_it_was() -> None:
    assert replaced("a", "b" * 100, "aaa", 250) == "aaa"


def test_matches_beyond_the_bound_stay() -> None:
    result = replaced("a", "b", "a" * (MOST_MATCHES + 1), 10**6)

    assert (result.count("b"), result.count("a")) == (MOST_MATCHES, 1)


@pytest.mark.parametrize(
    "selector",
    [".share-buttons", 'img[width="1"]', "#footer > p", "a[href*='utm_']", "p:not(.x):first-child", "div:has(a)", "*"],
)
def test_a_sound_selector_has_no_fault(selector: str) -> None:
    assert selector_fault(selector) is None


@pytest.mark.parametrize(
    ("selector", "said"),
    [
        ("[", "is no CSS selector"),
        ("div >", "is no CSS selector"),
        ("", "is no CSS selector"),
        ("a{}", "is no CSS selector"),
        ("p::before", "asks for :before"),
        ("a:hover", "asks for :hover"),
        (":has(a):has(b)", "more than one :has()"),
        ("svg|a", "names a namespace"),
        (".a" * 600, "longer than 1000"),
    ],
)
def test_what_is_wrong_with_a_selector_is_said(selector: str, said: str) -> None:
    assert said in str(selector_fault(selector))


@pytest.mark.parametrize(
    ("selectors", "left"),
    [
        ((".share",), "<p>Hi</p>"),
        ((".share", "p"), ""),
        (("b",), '<p>Hi</p><div class="share"></div>'),
        (("div", "div b"), "<p>Hi</p>"),
        (("*",), ""),
        (("body", "html"), None),
        ((".none",), None),
        ((), None),
    ],
)
def test_chosen_elements_go_with_what_they_hold(selectors: tuple[str, ...], left: str | None) -> None:
    assert without('<p>Hi</p><div class="share"><b>x</b></div>', selectors) == left


def test_a_selector_that_would_take_long_in_a_body_is_passed_over() -> None:
    wide = "<p>x</p>" * 20_000

    assert without(wide, ("zzz ~ p ~ p", "p:nth-child(2)", "p:has(~ i)")) is None
    assert without(wide, ("p",)) == ""


def test_a_run_of_combining_marks_is_cut_at_30() -> None:
    assert without_long_accents("a" + "\u0301" * 100_000 + "b\u0301") == "a" + "\u0301" * 30 + "b\u0301"


def test_half_a_character_in_a_text_keeps_no_pattern_from_matching() -> None:
    assert found("ab", "\ud800ab")


def test_what_would_become_longer_than_it_may_with_what_is_kept_stays_as_it_was() -> None:
    text = "a" * 10 + "x" * 90

    assert replaced("a", "bbbb", text, longest=120) == text
    assert replaced("a", "bbbb", text, longest=130) == "b" * 40 + "x" * 90
