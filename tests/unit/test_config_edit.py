"""feeds.yaml edited in place: the lines of a source come and go, and every other byte stays."""

from __future__ import annotations

import difflib
import os
import tempfile
from pathlib import Path

import pytest

from aggregator.config import ConfigError
from aggregator.config.edit import Draft, RefusedError, Setting, add, remove
from plugins.rights import without_rights
from storage.states import Earlier

NEW = "https://new.example/feed"
LONG = {"url": NEW, "name": "A: b", "category": "新媒体", "every": "2h", "keep": {"days": "30"}, "tags": ["a", "b, c"]}

BLOCKS = {
    "the usual": "sources:\n  - https://a.example/\n  - https://b.example/\n",
    "dashes under the key": "sources:\n- https://a.example/\n- url: https://b.example/\n  every: 2h\n",
    "four spaces and aligned keys": "sources:\n    -   url: https://a.example/\n        every: 2h\n",
    "Windows line ends": "version: 1\r\nsources:\r\n  - https://a.example/\r\nserver:\r\n  title: x\r\n",
    "no end of the last line": "sources:\n  - https://a.example/\n  - url: https://b.example/\n    every: 2h",
    "a byte order mark": "\ufeffsources:\n  - https://a.example/\n",
    "comments after the last": "sources:\n  - https://a.example/\n    # every: 1h\n  # - https://b.example/\n    # x\n\n# end\n",
    "in the middle of the file": "version: 1\nsources:\n  - https://a.example/\n\n\nserver:\n  title: x\n",
    "folded text at the end": "sources:\n  - url: https://a.example/\n    name: >-\n      one\n      # two\n      three\n\nserver: {}\n",
    "braces in lines": "sources:\n  - {url: 'https://a.example/', category: x}  # c\n  - {url: 'https://b.example/'}\n",
    "braces over several lines": "sources:\n  - {url: 'https://a.example/',\n     category: 'x, }'}\n# end\n",
    "nothing yet": "version: 1\nsources:\nserver:\n  title: x\n",
    "nothing but comments": "sources:   # mine\n  # - https://a.example/\nversion: 1\n",
    "anchors": "sources:\n  - {url: 'https://a.example/', keep: &k {days: 3}}\n  - {url: 'https://b.example/', keep: *k}\n",
    "a tab in a comment": "sources:\n  - https://a.example/  #\tx\n  #\ty\nversion: 1\n",
    "quotes": 'sources:\n  - "https://a.example/"\n  - url: \'https://b.example/\'\n    name: "it\'s\n      two # lines"\n',
    "groups below": "sources:\n  - https://a.example/\n  - group: G\n    every: 2h\n    sources:\n      - https://b.example/\n",
    "an include at the end": "sources:\n  - https://a.example/\n  - include: ./more/*.yaml\n",
}
BRACKETS = {
    "one line": "sources: [https://a.example/, {url: 'https://b.example/'}]  # c\nversion: 1\n",
    "an empty list": "version: 1\nsources: []\nserver: {}\n",
    "a line each": "sources: [\n  https://a.example/,  # it's ]\n  https://b.example/   # last\n]\n",
    "a comma at the end": "sources: [\n  https://a.example/,\n  'https://b.example/',  # ]\n]\nversion: 1\n",
    "JSON": '{"version": 1,\n\t"sources": [\n\t\t"https://a.example/",\n\t\t{"url": "https://b.example/"}\n\t]\n}\n',
    "JSON on one line": '{"sources": ["https://a.example/"], "version": 1}',
}
LAYOUTS = BLOCKS | BRACKETS


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "feeds.yaml"


def setting(file: Path) -> Setting:
    return Setting(file, {}, {})


def wrote(file: Path, text: str) -> Path:
    file.write_bytes(text.encode())
    return file


def diff(before: str, after: str) -> tuple[list[str], list[str]]:
    """Return the lines that went and the lines that came."""
    lines = list(difflib.ndiff(before.splitlines(), after.splitlines()))
    return [line[2:] for line in lines if line[0] == "-"], [line[2:] for line in lines if line[0] == "+"]


def is_within(short: str, long: str) -> bool:
    """Tell whether all characters of the one stand in the other, in their order."""
    rest = iter(long)
    return all(character in rest for character in short)


@pytest.mark.parametrize("entry", [{"url": NEW}, LONG], ids=["a URL", "many keys"])
@pytest.mark.parametrize("layout", BLOCKS)
def test_adding_adds_lines_and_leaves_every_other_one(file: Path, layout: str, entry: dict[str, object]) -> None:
    before = BLOCKS[layout]
    edited = add(setting(wrote(file, before)), [entry])

    after = file.read_bytes().decode()
    assert diff(before, after) == ([], list(edited.lines))
    assert after.splitlines()[edited.line - 1] == edited.lines[0]
    assert [source.url for source in edited.sources] == [NEW]


@pytest.mark.parametrize("layout", BRACKETS)
def test_adding_to_brackets_puts_characters_between_those_that_stand_there(file: Path, layout: str) -> None:
    add(setting(wrote(file, BRACKETS[layout])), [LONG])

    assert is_within(BRACKETS[layout], file.read_bytes().decode())


@pytest.mark.parametrize("entry", [{"url": NEW}, LONG], ids=["a URL", "many keys"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_removing_what_was_added_gives_the_file_of_before(file: Path, layout: str, entry: dict[str, object]) -> None:
    before = LAYOUTS[layout]
    added = add(setting(wrote(file, before)), [entry])

    remove(setting(file), added.sources[0].id)

    assert file.read_bytes().decode() == before


FIRST_GOES = sorted(LAYOUTS.keys() - {"nothing yet", "nothing but comments", "an empty list", "anchors"})


@pytest.mark.parametrize("layout", FIRST_GOES)
def test_removing_the_first_leaves_the_rest(file: Path, layout: str) -> None:
    before = LAYOUTS[layout]
    edited = remove(setting(wrote(file, before)), "a-example")

    after = file.read_bytes().decode()
    assert "a.example" not in after
    assert is_within(after, before)
    if layout in BLOCKS:
        assert diff(before, after) == (list(edited.lines), [])


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("sources:\n  - https://a.example/\n", ["  - url: https://new.example/feed", "    name: 'A: b'"]),
        ("sources:\n- https://a.example/\n", ["- url: https://new.example/feed", "  name: 'A: b'"]),
        ("sources:\n  -   https://a.example/\n", ["  -   url: https://new.example/feed", "      name: 'A: b'"]),
        ("version: 1\n", ["sources:", "  - url: https://new.example/feed", "    name: 'A: b'"]),
    ],
)
def test_a_source_is_written_as_its_neighbours_are(file: Path, text: str, lines: list[str]) -> None:
    assert list(add(setting(wrote(file, text)), [{"url": NEW, "name": "A: b"}]).lines) == lines


@pytest.mark.parametrize(
    "value",
    ["no", "~", "null", "- x", "a: b", "a #b", "#a", "it's", '"q"', "{x}", "[x]", "*a", "&a", "!a", "%a", "@a", "`a", "a,b", "?", "新: 媒体", "a:", "0123", "=", "<<", "|", ">", "\\n", "é\u200b"],
)  # fmt: skip
def test_any_text_is_written_so_that_it_is_read_as_it_is(file: Path, value: str) -> None:
    for text in ("sources:\n  - https://a.example/\n", "sources: [https://a.example/]\n"):
        edited = add(setting(wrote(file, text)), [{"url": NEW, "name": value, "tags": [value]}])
        assert (edited.sources[0].name, edited.sources[0].tags) == (value, (value,))


GROUPS = """\
sources:
  - group: Engineering
    every: 2h
    sources:
      - https://a.example/
      # - https://b.example/
      - group: Linux
        sources: [https://c.example/]
  - https://d.example/
"""


def test_a_source_is_put_into_the_group_that_is_named(file: Path) -> None:
    edited = add(setting(wrote(file, GROUPS)), [{"url": NEW}], group="Engineering")

    assert edited.lines == ("      - https://new.example/feed",)
    assert edited.line == 9
    assert edited.sources[0].groups == ("Engineering",)


@pytest.mark.parametrize("name", ["Linux", "Engineering/Linux"])
def test_a_group_within_a_group_may_be_named_alone_or_with_its_path(file: Path, name: str) -> None:
    edited = add(setting(wrote(file, GROUPS)), [{"url": NEW}], group=name)

    assert edited.sources[0].groups == ("Engineering", "Linux")
    assert edited.lines == ("        sources: [https://c.example/, 'https://new.example/feed']",)


@pytest.mark.parametrize("text", [GROUPS, "sources: [https://a.example/]\n", '{"sources": []}', "version: 1\n"])
def test_a_group_that_is_not_there_is_made(file: Path, text: str) -> None:
    edited = add(setting(wrote(file, text)), [{"url": NEW}, LONG | {"id": "two"}], group="News: 新")

    assert [source.groups for source in edited.sources] == [("News: 新",), ("News: 新",)]


def test_two_groups_of_one_name_are_not_guessed_at(file: Path) -> None:
    wrote(file, "sources:\n" + "  - {group: G, sources: [https://%s.example/]}\n" * 2 % ("a", "b"))

    with pytest.raises(RefusedError, match='2 groups are called "G"; write this under the group "G":\n  - https://new'):
        add(setting(file), [{"url": NEW}], group="G")


def test_a_group_goes_with_the_last_of_its_sources(file: Path) -> None:
    edited = remove(setting(wrote(file, GROUPS)), "c-example")

    assert edited.lines == ("      - group: Linux", "        sources: [https://c.example/]")


def test_a_source_of_an_included_file_is_taken_out_there(file: Path, tmp_path: Path) -> None:
    more = tmp_path / "more.yaml"
    more.write_text("- https://b.example/\n- https://c.example/  # mine\n")
    wrote(file, "sources:\n  - https://a.example/\n  - include: ./more.yaml\n")

    edited = remove(setting(file), "b-example")

    assert (edited.file, edited.line) == (more, 1)
    assert more.read_text() == "- https://c.example/  # mine\n"
    assert [source.id for source in edited.settings.sources] == ["a-example", "c-example"]


def test_a_source_of_an_included_file_stays_where_a_view_names_it(file: Path, tmp_path: Path) -> None:
    more = tmp_path / "more.yaml"
    more.write_text("- https://b.example/\n")
    wrote(file, "sources: [{include: ./more.yaml}, https://a.example/]\nviews: {v: {sources: [b-example]}}\n")

    with pytest.raises(RefusedError, match="b-example"):
        remove(setting(file), "b-example")

    assert more.read_text() == "- https://b.example/\n"


def test_a_source_of_a_list_is_taken_out_of_the_list_by_hand(file: Path, tmp_path: Path) -> None:
    (tmp_path / "subs.opml").write_text('<opml><body><outline text="B" xmlUrl="https://b.example/"/></body></opml>')
    wrote(file, "sources: [{opml: ./subs.opml}]\n")

    with pytest.raises(RefusedError, match=r"b-example comes from the list ./subs.opml; take it out there"):
        remove(setting(file), "b-example")


def test_a_source_that_a_view_names_is_not_taken_out(file: Path) -> None:
    text = "sources:\n  - https://a.example/\n  - https://b.example/\nviews:\n  v: {sources: [b-example]}\n"

    with pytest.raises(
        RefusedError, match=r"is left as it is; with this change it would not be sound:\n.*feeds.yaml:4:"
    ):
        remove(setting(wrote(file, text)), "b-example")

    assert file.read_text() == text


def test_what_others_refer_to_is_not_taken_out(file: Path) -> None:
    text = "sources:\n  - {url: 'https://a.example/', keep: &k {days: 3}}\n  - {url: 'https://b.example/', keep: *k}\n"

    with pytest.raises(RefusedError, match="by hand: it begins in line 2"):
        remove(setting(wrote(file, text)), "a-example")

    assert file.read_text() == text


def test_an_alias_of_a_source_is_not_mistaken_for_its_anchor(file: Path) -> None:
    text = "sources:\n  - &a https://a.example/\n  - url: https://b.example/\n    fallback: [*a]\n"

    with pytest.raises(RefusedError):
        remove(setting(wrote(file, text)), "a-example")

    assert file.read_text() == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("sources: ~\n", "what stands under `sources` is no list"),
        ("version: 1\n...\n", "a mark of the document's end"),
        ("{version: 1}\n", "it stands in braces and has no list of sources"),
    ],
)
def test_what_cannot_be_added_by_lines_is_left_with_the_lines_to_paste(file: Path, text: str, why: str) -> None:
    with pytest.raises(RefusedError) as raised:
        add(setting(wrote(file, text)), [{"url": NEW, "every": "2h"}])

    assert why in str(raised.value)
    assert str(raised.value).endswith("write this under `sources`:\n  - url: https://new.example/feed\n    every: 2h")
    assert file.read_text() == text


def test_a_source_that_does_not_fit_is_told_as_the_loader_tells_it(file: Path) -> None:
    with pytest.raises(RefusedError) as raised:
        add(setting(wrote(file, "sources: []\n")), [{"url": NEW, "every": "5"}])

    assert f"{file}:1:" in str(raised.value)
    assert 'source "new.example/feed": every: "5" has no unit; write "5m"' in str(raised.value)
    assert file.read_text() == "sources: []\n"


def test_an_id_that_would_change_that_of_another_source_is_refused(file: Path) -> None:
    text = "sources:\n  - https://a.example/\n"

    with pytest.raises(RefusedError, match="another source would change its id"):
        add(setting(wrote(file, text)), [{"url": NEW, "id": "a-example"}])

    assert file.read_text() == text


def test_a_file_that_is_not_sound_is_not_edited(file: Path) -> None:
    wrote(file, "sourcs: []\n")

    with pytest.raises(ConfigError, match='unknown key "sourcs"'):
        add(setting(file), [{"url": NEW}])


def test_a_dry_run_writes_nothing(file: Path) -> None:
    edited = add(setting(wrote(file, "sources: []\n")), [{"url": NEW}], write=False)

    assert edited.lines == ("sources: ['https://new.example/feed']",)
    assert file.read_text() == "sources: []\n"
    assert [path.name for path in file.parent.iterdir()] == ["feeds.yaml"]


# --- how it is written ---


def test_mode_and_symlink_stay(file: Path, tmp_path: Path) -> None:
    real = tmp_path / "real" / "mine.yaml"
    real.parent.mkdir()
    wrote(real, "sources: []\n").chmod(0o640)
    file.symlink_to(real)

    add(setting(file), [{"url": NEW}])

    assert sorted(path.name for path in tmp_path.iterdir()) == ["feeds.yaml", "real"]
    assert file.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert NEW in real.read_text()
    assert [path.name for path in real.parent.iterdir()] == ["mine.yaml"]


def test_what_somebody_wrote_meanwhile_is_not_overwritten(file: Path) -> None:
    with Draft(wrote(file, "sources: []\n")).of("sources: [https://a.example/]\n") as draft:
        wrote(file, "sources: [https://b.example/]\n")

        with pytest.raises(RefusedError, match="was changed meanwhile, and is left so; try again"):
            draft.commit()

    assert file.read_text() == "sources: [https://b.example/]\n"
    assert [path.name for path in file.parent.iterdir()] == ["feeds.yaml"]


def test_a_folder_that_takes_no_file_is_told_of() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = wrote(Path(folder) / "feeds.yaml", "sources: []\n")
        path.chmod(0o644)
        path.parent.chmod(0o555)  # nobody may look into it

        with without_rights(), pytest.raises(RefusedError, match="beside it nothing can be written"):
            add(setting(path), [{"url": NEW}])


# --- what was known before ---


def test_what_is_added_where_another_stood_is_new_and_says_so(file: Path) -> None:
    wrote(file, "sources:\n  - https://a.example/\n")
    known = (Earlier("a-example", "https://a.example/", "a.example"), Earlier("b", "https://b.example/", "b.example"))

    edited = add(Setting(file, {}, {}, known), [{"url": NEW}])

    assert [source.id for source in edited.sources] == ["new-example-feed"]
    assert edited.lines == (f"  - url: {NEW}", "    id: new-example-feed")


def test_a_url_that_was_known_once_is_added_under_its_id(file: Path) -> None:
    wrote(file, "sources:\n  - https://a.example/\n")
    known = (Earlier("a-example", "https://a.example/", "a.example"), Earlier("once", NEW, "x", placed=False))

    edited = add(Setting(file, {}, {}, known), [{"url": NEW}])

    assert ([source.id for source in edited.sources], edited.lines) == (["once"], (f"  - {NEW}",))


def test_a_source_is_removed_by_the_id_that_it_kept(file: Path) -> None:
    wrote(file, f"sources:\n  - https://a.example/\n  - {NEW}\n")
    known = (Earlier("a-example", "https://a.example/", "a.example"), Earlier("kept", NEW, "x"))

    edited = remove(Setting(file, {}, {}, known), "kept")

    assert ([source.id for source in edited.sources], file.read_text()) == (
        ["kept"],
        "sources:\n  - https://a.example/\n",
    )


def test_a_copy_that_a_kill_left_goes_with_the_next_edit(tmp_path: Path) -> None:
    config = tmp_path / "feeds.yaml"
    config.write_text("sources:\n  - https://a.example/\n")
    left, fresh, other = (tmp_path / name for name in (".feeds.yaml.k1.new", ".feeds.yaml.k2.new", "mine.new"))
    for path in (left, fresh, other):
        path.write_text("x")
    for path in (left, other):
        os.utime(path, (0, 0))

    add(setting(config), [{"url": NEW}])

    assert sorted(path.name for path in tmp_path.iterdir()) == [".feeds.yaml.k2.new", "feeds.yaml", "mine.new"]
