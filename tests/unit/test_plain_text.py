"""HTML and titles as the characters that a reader would see."""

from __future__ import annotations

import pytest

from aggregator.plain import line, paragraphs, shortened, text_of, title_of


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>one</p><p>two</p>", "one two"),
        ("H<sub>2</sub>O and <b>b</b>old", "H2O and bold"),
        ("one<br>two<br/>three", "one two three"),
        ("<ul><li>a<li>b</ul>", "a b"),
        ("x &lt; y &amp;amp; z", "x < y &amp; z"),
        ("a&nbsp;b\u3000c", "a b c"),
        ('<a title="x>y">t</a>', "t"),
        ("<script>if (a < b) {}</script>seen<style>p{}</style>", "seen"),
        ("<!-- a -- b -->seen<!-->too-->", "seentoo-->"),
        ("5 < 6 and 7 > 6", "5 < 6 and 7 > 6"),
        ("<textarea><b>x</b></textarea>", "<b>x</b>"),
        ("a\x00b\ufeffc\ud800d", "abcd"),
        ("cut in <a href=", "cut in"),
        ("", ""),
    ],
)
def test_text_is_what_a_browser_shows(html: str, expected: str) -> None:
    assert text_of(html) == expected


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("AT&amp;T", "AT&T"),
        ("AT&T &copy; 2021", "AT&T © 2021"),
        ("<b>bold</b> move", "bold move"),
        ("&lt;b&gt; is a tag", "<b> is a tag"),
        ("Vec<T> in C++ <T>", "Vec<T> in C++ <T>"),
        ("List<b> and a <i> loop", "List<b> and a <i> loop"),
        ("a < b > c", "a < b > c"),
        ("<p>Hello", "Hello"),
        ("one<br />two", "one two"),
        ('<a href="https://x.example">link</a>', "link"),
        ("Using <script> tags", "Using <script> tags"),
        ("  two\n lines\t ", "two lines"),
        ("如何评价《<em>三体</em>》？", "如何评价《三体》？"),
    ],
)
def test_a_title_in_html_is_read_once(html: str, expected: str) -> None:
    assert title_of(html) == expected


def test_a_plain_title_is_left_alone() -> None:
    assert line("a < b &amp; Vec<T>") == "a < b &amp; Vec<T>"
    assert line(" two  spaces ") == "two  spaces"
    assert line("a\x85b\u2028c\x07d\ufeff\r\n") == "a b cd"


def test_plain_text_becomes_paragraphs() -> None:
    assert (
        paragraphs("one <b>\nstill one\r\n\r\n\r\ntwo & more\n")
        == "<p>one &lt;b&gt;<br>\nstill one</p>\n<p>two &amp; more</p>"
    )
    assert paragraphs(" \n ") == ""


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("short", 5, "short"),
        ("a few words in a row", 14, "a few words in…"),
        ("没有空格的中文标题很长", 5, "没有空格的…"),
        ("abc👨\u200d👩\u200d👧def", 5, "abc…"),
        ("abe\u0301cd", 3, "ab…"),
        ("ab🇩🇪🇫🇷", 3, "ab…"),
    ],
)
def test_a_cut_never_falls_inside_a_grapheme(text: str, limit: int, expected: str) -> None:
    assert shortened(text, limit) == expected
