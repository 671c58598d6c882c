"""The search syntax, and how texts are folded and cut into words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from storage.search import Piece, Query, Term, both, fold, indexed, marked, parse, snippet


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("大模型 -广告", (Term(("大", "模", "型")), Term(("广", "告"), negated=True)), id="words and one that must not be"),
        pytest.param('"你好，世界"', (Term(("你", "好", "世", "界")),), id="a phrase goes across punctuation"),
        pytest.param("GPT4模型", (Term(("gpt4", "模", "型")),), id="scripts may be mixed in a word"),
        pytest.param("C++ and C#", (Term(("c",)), Term(("and",)), Term(("c",))), id="signs are not looked for"),
        pytest.param("title:产品 author:Ann", (Term(("产", "品"), "title"), Term(("ann",), "author")), id="fields"),
        pytest.param('title:"two words"', (Term(("two", "words"), "title"),), id="a phrase in a field"),
        pytest.param("foo:bar", (Term(("foo", "bar")),), id="an unknown field is text"),
        pytest.param("https://a.example/x", (Term(("https", "a", "example", "x")),), id="an address is text"),
        pytest.param('"never closed', (Term(("never", "closed")),), id="a quote that is not closed"),
        pytest.param("臺灣", (Term(("台", "湾")),), id="traditional characters"),
        pytest.param("Ｆｕｌｌ　ｗｉｄｔｈ", (Term(("full",)), Term(("width",))), id="full width"),
        pytest.param("𠮷野家 😀", (Term(("u20bb7", "野", "家")), Term(("u1f600",))), id="beyond the basic plane"),
        pytest.param('- -- "" : ( ) * AND^', (Term(("and",)),), id="signs alone ask for nothing"),
    ],
)  # fmt: skip
def test_a_query_is_read_as(text: str, expected: tuple[Term, ...]) -> None:
    assert parse(text).terms == expected


def test_a_query_chooses_sources_categories_and_a_time() -> None:
    query = parse("source:Woshipm -source:x category:新媒體 -category:b since:2026-03-01 since:7d 产品")

    assert query == Query(
        terms=(Term(("产", "品")),),
        sources=(("woshipm", False), ("x", True)),
        categories=(("新媒体", False), ("b", True)),
        since=datetime(2026, 3, 1, tzinfo=UTC),
        within=timedelta(days=7),
    )


def test_a_tag_is_one_that_the_source_has() -> None:
    assert parse("tag:Eng -tag:新聞 x") == Query((Term(("x",)),), tags=(("eng", False), ("新闻", True)))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param("a", "b", "a b", id="two words"),
        pytest.param('a "b', 'c "d"', 'a "b" c "d"', id="a quote that nobody closed ends with its own query"),
        pytest.param("＂a", "b", '"a" b', id="a full-width quote too"),
        pytest.param(None, "b", "b", id="one of them"),
        pytest.param("", None, None, id="neither"),
    ],
)
def test_two_queries_make_one_that_asks_for_both(first: str | None, second: str | None, expected: str | None) -> None:
    assert both(first, second) == expected


def test_a_time_that_is_none_is_a_word() -> None:
    assert parse("since:yesterday").terms == (Term(("since", "yesterday")),)


@pytest.mark.parametrize(
    "text",
    [
        "café CAFÉ cafe cafe\u0301",
        "İ i",
        "Ελλάδα ελλαδα",
        "שָׁלוֹם שלום",
        "soft\u00adware software",
        "干 乾 幹",
        "后 後",
        "发 發 髮",
        "Straße STRASSE",
        "ﬁne fine",
    ],
)
def test_forms_of_one_character_are_found_by_each_other(text: str) -> None:
    assert len(set(fold(text).split())) == 1


def test_a_text_is_indexed_word_by_word_and_character_by_character() -> None:
    assert indexed("iPhone 15的评测：很_好！한국어 かな") == "iphone 15 的 评 测 很 好 한 국 어 か な"


def test_a_snippet_shows_what_was_found_in_the_text_as_it_was_written() -> None:
    text = "前言。" * 40 + "這裡談 GPT-4 與大模型。" + "後記。" * 60

    pieces = snippet(text, parse('大模型 "gpt 4" -没有'))

    assert [piece.text for piece in pieces if piece.hit] == ["GPT-4", "大模型"]
    assert pieces[0].text == pieces[-1].text == "…"
    assert "".join(piece.text for piece in pieces).strip("…") in text


def test_a_snippet_of_a_text_without_a_hit_is_its_beginning() -> None:
    pieces = snippet("Only the title has it. " * 20, parse("word"))

    assert pieces[0].text.startswith("Only the title")
    assert not any(piece.hit for piece in pieces)


@pytest.mark.parametrize(
    ("text", "query", "hits"),
    [
        pytest.param("這裡談大模型", "大模 模型", ["大模型"], id="what overlaps is marked once"),
        pytest.param("un café naïve", "naive cafe", ["café", "naïve"], id="accents"),
        pytest.param("Ｆｕｌｌ　ｗｉｄｔｈ", "full width", ["Ｆｕｌｌ", "ｗｉｄｔｈ"], id="full width"),
        pytest.param("ｶﾞﾗｽ", "ガラス", ["ｶﾞﾗｽ"], id="half-width kana with their marks"),
        pytest.param("你好，世界。", '"你好世界"', ["你好，世界"], id="a phrase across a sign is one"),
        pytest.param("a title", "author:a title:title -x", ["title"], id="of fields only its own"),
        pytest.param("keyboard", "board", [], id="no part of a word"),
    ],
)
def test_what_was_asked_for_is_marked_in_a_title(text: str, query: str, hits: list[str]) -> None:
    pieces = marked(text, parse(query), "title")

    assert [piece.text for piece in pieces if piece.hit] == hits
    assert "".join(piece.text for piece in pieces) == text


def test_a_snippet_begins_and_ends_with_whole_words() -> None:
    pieces = snippet("abcdefgh " * 30 + "needle" + " ijklmnop" * 30, parse("needle"), around=40)

    assert pieces[0] == Piece("…", hit=False)
    assert pieces[1].text == "abcdefgh " * 4
    assert pieces[-2].text.split() == ["ijklmnop"] * 8


def test_a_snippet_far_down_a_long_text_is_found() -> None:
    pieces = snippet("前言。" * 5000 + "大模型" + "後記。" * 5000, parse("大模型"))

    assert [piece.text for piece in pieces if piece.hit] == ["大模型"]


def test_a_query_of_any_length_asks_for_no_more_than_128_terms_of_its_first_4000_characters() -> None:
    assert len(parse("a " * 5_000).terms) == 128
    assert len(parse("a" * 10_000).terms[0].tokens[0]) == 4_000
