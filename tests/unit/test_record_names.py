"""File names of records: safe, short, never alike (R10)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from plugins.records import plain_record
from storage.names import cut, file_name, folder_name, path_of

KEY = "abcdefghijklmnop"
AT = datetime(2024, 1, 2, tzinfo=UTC)
RECORD = plain_record(at=AT, key=KEY, categories=("新媒体", "a/b", ".."), title="标题")


def test_a_record_lies_under_its_category_site_and_feed() -> None:
    assert path_of(RECORD) == "新媒体/a_b/untitled/标题-abcdefghijkl.md"


def test_records_of_one_title_have_names_of_their_own() -> None:
    assert path_of(RECORD) != path_of(replace(RECORD, key="abcdefghijkzzzzz"))


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("产业互联网", "产业互联网"),
        ("[bracketed] title", "[bracketed] title"),
        ('a/b\\c:d*e?f"g<h>i|j%k', "a_b_c_d_e_f_g_h_i_j_k"),
        ("../../etc/passwd", "etc_passwd"),
        ("/etc/passwd", "etc_passwd"),
        ("C:\\x", "C__x"),
        ("_.-~# a", "a"),
        ("#1: a#b", "1_ a#b"),
        ("a.. ", "a"),
        ("a\tb\nc\u3000d", "a b c d"),
        ("a\x00\x07\x7f\ud800b", "ab"),
        ("\u202egnp.exe\u2066", "gnp.exe"),
        ("e\u0301", "é"),
        ("\u0301a", "a"),
        ("👨‍👩‍👧 🇨🇳", "👨‍👩‍👧 🇨🇳"),
        ("", "untitled"),
        ("...", "untitled"),
        ("???", "untitled"),
    ],
)
def test_a_title_becomes_a_name_that_every_file_system_takes(title: str, name: str) -> None:
    assert file_name(title, KEY) == f"{name}-abcdefghijkl.md"


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("CON", "CON_"),
        ("con.txt", "con_.txt"),
        ("Aux .x", "Aux_.x"),
        ("lpt¹", "lpt¹_"),
        ("com0", "com0_"),
        ("console", "console"),
        (".git", "git"),
        ("#tag", "tag"),
        ("backup~", "backup"),
        ("..", "untitled"),
        ("", "untitled"),
        ("No", "No"),
    ],
)
def test_a_folder_has_a_name_that_windows_takes_too(name: str, folder: str) -> None:
    assert folder_name(name) == folder


def test_a_reserved_name_is_mended_in_a_file_too() -> None:
    assert file_name("nul.tar", KEY) == "nul_.tar-abcdefghijkl.md"


def test_a_name_has_at_most_200_bytes() -> None:
    assert file_name("汉" * 300, KEY) == "汉" * 61 + "-abcdefghijkl.md"
    assert len(folder_name("x" * 999)) == 200


def test_a_key_of_another_kind_still_gives_an_id() -> None:
    assert file_name("a", "../K") == "a-" + file_name("a", "../K")[2:14] + ".md"
    assert "/" not in file_name("a", "../K")


@pytest.mark.parametrize(
    ("text", "limit", "start"),
    [
        ("abc", 3, "abc"),
        ("abc", 2, "ab"),
        ("汉字", 5, "汉"),
        ("ae\u0302\u0323", 4, "a"),
        ("a👨‍👩‍👧b", 20, "a👨‍👩‍👧b"),
        ("a👨‍👩‍👧b", 18, "a"),
        ("a👍🏽", 6, "a"),
        ("🇨🇳🇫🇷", 12, "🇨🇳"),
        ("🇨🇳🇫🇷", 4, ""),
        ("☁️x", 3, ""),
        ("\u1112\u1161\u11ab\u1112", 8, ""),
        ("\u1112\u1161\u11ab\u1112", 10, "\u1112\u1161\u11ab"),
        ("한글", 4, "한"),
        ("क्षि", 3, ""),
        ("กำx", 3, ""),
        ("か\uff9e", 3, ""),
    ],
)
def test_a_cut_splits_no_visible_character(text: str, limit: int, start: str) -> None:
    assert cut(text, limit) == start


def test_cutting_a_heap_of_marks_takes_no_time() -> None:
    assert cut("a" + "\u0301" * 1_000_000, 184) == ""
    assert cut("🇨" * 1_000_000, 184) == "🇨" * 46


def test_naming_a_heap_of_marks_takes_no_time() -> None:
    assert file_name("a" + "\u0301\u0323" * 1_000_000, KEY) == "untitled-abcdefghijkl.md"


def test_a_name_has_no_character_that_nobody_sees() -> None:
    assert file_name("a\u200bb\u2060c\ufeffd\u202ee\u061cf", "k" * 16).startswith("abcdef-")
