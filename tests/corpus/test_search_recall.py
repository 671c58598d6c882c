"""
Search finds in real texts what a plain look through them finds, no more and no less.

What a plain look is: title, author line and body of each record are folded (`storage.search.fold`) and looked through with
a regular expression made of the words asked for. A character of a script without blanks matches itself anywhere; letters
and digits of other scripts match as a whole word, which ends where anything else begins; between two of these any signs
and blanks may stand. So 产品经理 is found across a comma, AI产品 in 「AI」产品, and 5G not in 15G.
"""

from __future__ import annotations

import json
import os
import random
import re
import unicodedata
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby

import pytest

from aggregator.indexing import searchable
from plugins.served_corpus import PolledCorpus
from storage.search import fold
from storage.sqlite import SqliteStore, choosing, searching
from storage.sqlite.searching import Effort
from storage.values import RecordQuery

ROUNDS = 5 if os.environ.get("LONG") == "1" else 1
NO_BLANKS = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "IDEOGRAPHIC", "THAI", "LAO", "MYANMAR", "KHMER")
HAN, KANA, HANGUL = "[\u4e00-\u9fff]", "[\u3041-\u30ff]", "[\uac00-\ud7a3]"
SIGNS = r"(?:[^\w\x00\U00010000-\U0010ffff]|_)*"
LETTER = r"[^\W_\u0e00-\u0eff\u1000-\u11ff\u1780-\u17ff\u2e80-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00010000-\U0010ffff]"
BY_HAND = (
    "AI产品经理", "5G时代", "C++", "C#", ".NET", "臺灣", "台湾", "後臺", "后台", "Ｆｕｌｌ", "café", "cafe", "naïve", "Zürich", "東京",
    "서울", "iPhone", "3.14", "2024年", "的", "产品", "产品经理", "人工智能", "大模型", "GPT-4", "don't", "don’t", "e-mail", "Node.js",
    "日本語", "カメラ", "ありがとう", "안녕하세요", "100%", "10,000", "你好，世界", "一二三", "不存在的词语组合", "zzzznowhere", "𠮷", "the",
)  # fmt: skip
DRAWN = {
    "one character": (40, HAN),
    "two characters": (70, HAN + "{2}"),
    "three and more": (50, HAN + "{3,9}"),
    "across punctuation": (40, f"{HAN}{{1,4}}[，。、！？：；“”（）《》 ]{{1,2}}{HAN}{{1,4}}"),
    "mixed scripts": (40, rf"(?<![\w])[A-Za-z0-9]+{HAN}{{1,4}}|{HAN}{{1,3}}[A-Za-z0-9]+(?![\w])"),
    "words": (40, r"(?<![\w])[A-Za-z]{2,14}(?![\w])"),
    "two words": (25, r"(?<![\w])[A-Za-z]{2,14} [A-Za-z]{2,14}(?![\w])"),
    "accents": (20, r"(?<![\w])[A-Za-z]*[À-ÖØ-öø-ÿ][A-Za-zÀ-ÿ]*(?![\w])"),
    "numbers": (25, r"(?<![\w.,])\d[\d.,]*\d(?![\w])"),
    "kana": (20, f"{KANA}{{1,5}}"),
    "kana and Han": (10, f"{HAN}{{1,2}}{KANA}{{1,3}}"),
    "Hangul": (15, HANGUL + "{1,4}"),
    "Cyrillic": (10, r"(?<![\w])[\u0400-\u04ff]{2,12}(?![\w])"),
}  # fmt: skip
"""How many are drawn of each kind, and what one looks like."""


@dataclass
class Library:
    """The corpus's records as search has them, and as a plain look has them."""

    store: SqliteStore
    texts: dict[str, str]
    """As written, by key."""
    folded: dict[str, str]


@pytest.fixture(scope="module")
def library(polled_corpus: PolledCorpus) -> Iterator[Library]:
    with closing(SqliteStore.open_readonly(polled_corpus.home.folder / "data")) as store:
        assert store.unsearched(1) == []
        texts = {}
        for record in store.records():
            told = searchable(record, 0)
            texts[record.key] = "\0".join((told.title, told.author, told.text))
        yield Library(store, texts, {key: fold(text) for key, text in texts.items()})


def alone(character: str) -> bool:
    return character > "\uffff" or unicodedata.name(character, "").startswith(NO_BLANKS)


def pieces(text: str) -> list[tuple[str, bool]]:
    """Return the words of a query, folded, and whether each must be a whole word."""
    runs = re.findall(r"[^\W_]+|[\U00010000-\U0010ffff]", fold(text))
    groups = [("".join(group), not single) for run in runs for single, group in groupby(run, alone)]
    return [piece for said, whole in groups for piece in ([(said, True)] if whole else [(one, False) for one in said])]


def looked_through(library: Library, text: str) -> set[str]:
    """Return the keys of the records in which a plain look finds the text."""
    parts = pieces(text)
    # What stands before a word is looked at behind it, so that the search itself is for plain text.
    wholes = [
        rf"{part}(?<!{LETTER}{part})(?!{LETTER})" if whole else part
        for part, whole in ((re.escape(part), whole) for part, whole in parts)
    ]
    pattern, words = re.compile(SIGNS.join(wholes)), sorted({part for part, _ in parts}, key=len, reverse=True)
    return {
        key
        for key, folded in library.folded.items()
        if all(word in folded for word in words) and pattern.search(folded)
    }


def drawn(library: Library, kind: str, many: int) -> list[str]:
    """Return texts of the kind from the corpus, the same ones at every call."""
    pattern, dice = re.compile(DRAWN[kind][1]), random.Random(kind)
    keys = sorted(key for key, text in library.texts.items() if pattern.search(text))
    found: dict[str, None] = {}
    for _ in range(20 * many if keys else 0):
        matches = pattern.findall(library.texts[dice.choice(keys)])
        found[dice.choice(matches)] = None
        if len(found) == many:
            break
    return list(found)


def found_by(library: Library, text: str) -> set[str]:
    """Return the keys of all records that the index finds."""
    with library.store._engine.reading() as connection:
        hits = searching.few(connection, searching.asked(connection, text), 1_000_000)
        select = "SELECT key FROM records WHERE id IN (SELECT value FROM json_each(?)) AND hidden IS NULL"
        return {key for (key,) in connection.execute(select, (json.dumps(hits),))}


def compared(library: Library, texts: list[str]) -> dict[str, str]:
    """Return what is missed or found wrongly, by query."""
    wrong = {}
    for text in texts:
        expected, found = looked_through(library, text), found_by(library, f'"{text}"')
        if found != expected:
            wrong[text] = f"{len(expected - found)} of {len(expected)} missed, {len(found - expected)} too many"
    return wrong


@pytest.mark.parametrize("kind", DRAWN)
def test_what_stands_in_the_texts_is_found_and_nothing_else(library: Library, kind: str) -> None:
    texts = drawn(library, kind, ROUNDS * DRAWN[kind][0])

    wrong = compared(library, texts)

    assert len(texts) >= DRAWN[kind][0] * 3 // 4
    assert wrong == {}


def test_what_people_ask_for_is_found_and_nothing_else(library: Library) -> None:
    assert compared(library, list(BY_HAND)) == {}


@pytest.mark.parametrize(
    "text",
    ["产品", "AI 产品 -经理", '"open source" -title:open', "的 -the", "-的", "title:产品", "author:a", "since:30d 的"],
)
def test_the_texts_and_the_index_say_the_same(library: Library, text: str) -> None:
    query = RecordQuery(text=text, backlog=True, limit=300)

    with library.store._engine.reading() as connection:
        by_texts = choosing.newest(connection, query, Effort(1_000_000, 1, 1))
        by_index = choosing.newest(connection, query, Effort(1, 1, 1_000_000))

    assert by_texts == by_index
    assert by_texts


def test_there_are_three_hundred_questions() -> None:
    assert sum(many for many, _ in DRAWN.values()) + len(BY_HAND) >= 400
