"""A default id is assigned once: a source keeps it when it is moved, renamed, or its URL is changed in place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from aggregator.config import ConfigError, load
from aggregator.config.standing import standing
from aggregator.model import Settings
from storage.states import Earlier

THREE = """\
sources:
  - https://a.example/f
  - https://b.example/f
  - https://c.example/f
"""
ABC = ("a-example-f", "b-example-f", "c-example-f")


def read(
    folder: Path,
    text: str,
    before: tuple[Earlier, ...] = (),
    lists: Mapping[str, bytes] | None = None,
    **environ: str,
) -> Settings:
    path = folder / "feeds.yaml"
    path.write_text(text, encoding="utf-8")
    return load(path, environ, lists, before)


def known(settings: Settings) -> tuple[Earlier, ...]:
    """Return what the store knows once these settings were in force."""
    all_ = sorted((*settings.sources, *settings.paused), key=lambda source: source.position)
    return tuple(Earlier(source.id, source.url, source.name) for source in all_)


def ids(settings: Settings) -> tuple[str, ...]:
    all_ = sorted((*settings.sources, *settings.paused), key=lambda source: source.position)
    return tuple(source.id for source in all_)


def after(folder: Path, old: str, new: str, **environ: str) -> tuple[str, ...]:
    """Return the ids that the sources of the new text have where the old one was in force before."""
    return ids(read(folder, new, known(read(folder, old, **environ)), **environ))


def listed(*urls: str) -> str:
    return "sources:\n" + "".join(f"  - {url}\n" for url in urls)


NEW = "https://new.example/feed"
A, B, C, D = (f"https://{letter}.example/f" for letter in "abcd")


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ((NEW, B, C), ABC),
        ((A, NEW, C), ABC),
        ((A, B, NEW), ABC),
        ((C, A, B), ("c-example-f", "a-example-f", "b-example-f")),
        ((B, A, C), ("b-example-f", "a-example-f", "c-example-f")),
    ],
    ids=["the first", "one between two", "the last", "moved", "two URLs swapped"],
)
def test_a_url_changed_in_place_keeps_the_id_and_ids_follow_urls(
    tmp_path: Path, now: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert after(tmp_path, THREE, listed(*now)) == expected


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ((NEW, "https://newer.example/f", C), ("new-example-feed", "newer-example-f", "c-example-f")),
        ((NEW, A, C), ("new-example-feed", "a-example-f", "c-example-f")),
        ((A, NEW, "https://newer.example/f", C), ("a-example-f", "new-example-feed", "newer-example-f", "c-example-f")),
        ((A, NEW), ("a-example-f", "new-example-feed")),
        ((A, B, C, NEW), (*ABC, "new-example-feed")),
        ((A, B, NEW, C), ("a-example-f", "b-example-f", "new-example-feed", "c-example-f")),
    ],
    ids=["two at once", "changed and moved", "one for two", "two for one", "one more", "one more between two"],
)
def test_where_a_choice_would_have_to_be_made_a_source_is_new(
    tmp_path: Path, now: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert after(tmp_path, THREE, listed(*now)) == expected


def test_the_only_source_keeps_its_id(tmp_path: Path) -> None:
    assert after(tmp_path, listed(A), listed(NEW)) == ("a-example-f",)


def test_two_that_were_changed_apart_from_each_other_keep_theirs(tmp_path: Path) -> None:
    now = listed(NEW, B, C, "https://newer.example/f")

    assert after(tmp_path, listed(A, B, C, D), now) == (*ABC, "d-example-f")


def test_a_renamed_source_keeps_its_id(tmp_path: Path) -> None:
    old = f"sources:\n  - {{name: One, url: '{A}'}}\n"

    assert after(tmp_path, old, old.replace("One", "Other")) == ("a-example-f",)


def test_a_source_is_known_by_its_name_wherever_it_moved(tmp_path: Path) -> None:
    old = f"sources:\n  - {{name: One, url: '{A}'}}\n  - {B}\n  - {C}\n"
    new = f"sources:\n  - {B}\n  - {C}\n  - https://more.example/f\n  - {{name: One, url: '{NEW}'}}\n"

    assert after(tmp_path, old, new) == ("b-example-f", "c-example-f", "more-example-f", "a-example-f")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            f"sources:\n  - {{name: One, url: '{A}'}}\n  - {{name: One, url: '{B}'}}\n",
            f"sources:\n  - {B}\n  - {C}\n  - {{name: One, url: '{NEW}'}}\n",
        ),
        (
            f"sources:\n  - {{name: One, url: '{A}'}}\n  - {B}\n",
            f"sources:\n  - {B}\n  - {{name: One, url: '{C}'}}\n  - {{name: One, url: '{NEW}'}}\n",
        ),
    ],
    ids=["two had it", "two have it"],
)
def test_a_name_that_is_not_one_source_s_alone_tells_nothing(tmp_path: Path, old: str, new: str) -> None:
    assert after(tmp_path, old, new) == ("b-example-f", "c-example-f", "new-example-feed")


def test_another_name_and_another_url_are_another_source(tmp_path: Path) -> None:
    old = f"sources:\n  - {{name: One, url: '{A}'}}\n"

    assert after(tmp_path, old, f"sources:\n  - {{name: Two, url: '{NEW}'}}\n") == ("new-example-feed",)


def test_a_name_given_in_the_same_edit_is_no_other_source(tmp_path: Path) -> None:
    assert after(tmp_path, listed(A), f"sources:\n  - {{name: One, url: '{NEW}'}}\n") == ("a-example-f",)


def test_a_written_id_always_wins(tmp_path: Path) -> None:
    assert after(tmp_path, THREE, THREE.replace(B, f"{{id: mine, url: '{NEW}'}}")) == (
        "a-example-f",
        "mine",
        "c-example-f",
    )


def test_an_id_that_is_written_elsewhere_is_not_kept(tmp_path: Path) -> None:
    now = listed(f"{{id: b-example-f, url: '{D}'}}", A, NEW, C)

    assert after(tmp_path, THREE, now) == ("b-example-f", "a-example-f", "new-example-feed", "c-example-f")


def test_a_source_that_got_an_id_written_has_not_vanished(tmp_path: Path) -> None:
    now = listed(A, f"{{id: mine, url: '{B}'}}", NEW, C)

    assert after(tmp_path, THREE, now) == ("a-example-f", "mine", "new-example-feed", "c-example-f")


def test_an_id_whose_line_is_taken_out_stays(tmp_path: Path) -> None:
    assert after(tmp_path, f"sources:\n  - {{id: mine, url: '{A}'}}\n", listed(A)) == ("mine",)


def test_within_a_group_a_changed_url_keeps_the_id_and_a_view_that_names_it_loads(tmp_path: Path) -> None:
    old = f"sources:\n  - {A}\n  - group: G\n    sources:\n      - {B}\n      - {C}\nviews:\n  v: {{sources: [b-example-f]}}\n"

    settings = read(tmp_path, old.replace(B, NEW), known(read(tmp_path, old)))

    assert ids(settings) == ABC
    assert settings.views[0].sources == ("b-example-f",)


def test_a_view_that_names_an_unknown_source_is_told_of_in_its_place(tmp_path: Path) -> None:
    before = known(read(tmp_path, THREE))

    with pytest.raises(ConfigError) as told:
        read(tmp_path, THREE.replace(B, NEW) + "views:\n  v: {sources: [new-example-feed]}\n", before)

    [fault] = told.value.faults
    assert (fault.line, fault.column) == (6, 17)


def test_a_list_on_the_web_keeps_ids_by_title_and_by_place(tmp_path: Path) -> None:
    url = "https://l.example/o.opml"
    feeds = {"One": A, "Two": B, "Three": C}
    text = f"sources:\n  - opml: {url}\n"
    before = known(read(tmp_path, text, (), {url: opml(feeds)}))

    settings = read(tmp_path, text, before, {url: opml({"Three": C, "Two": NEW, "One": A})})

    assert ids(settings) == ("c-example-f", "b-example-f", "a-example-f")


def test_nothing_has_vanished_while_a_list_was_not_fetched(tmp_path: Path) -> None:
    url = "https://l.example/o.opml"
    text = f"sources:\n  - {A}\n  - opml: {url}\n"
    before = known(read(tmp_path, text, (), {url: opml({"One": B})}))

    settings = read(tmp_path, text + f"  - {NEW}\n", before)

    assert ids(settings) == ("a-example-f", "new-example-feed")


def test_nothing_has_vanished_while_a_list_ends_early(tmp_path: Path) -> None:
    url = "https://l.example/o.opml"
    text = f"sources:\n  - opml: {url}\n"
    whole = opml({"One": A, "Two": B})
    before = known(read(tmp_path, text, (), {url: whole}))

    cut = whole[: whole.index(b"<outline text='Two'")]
    settings = read(tmp_path, text + f"  - {NEW}\n", before, {url: cut})

    assert ids(settings) == ("a-example-f", "new-example-feed")


def test_a_source_that_is_set_aside_leaves_its_id_to_nobody_and_a_view_may_name_it(tmp_path: Path) -> None:
    old = listed(A, "https://b.example/f?key=${KEY}", C)
    before = known(read(tmp_path, old.replace("b.example", "old.example"), KEY="1"))
    before = known(read(tmp_path, old, before, KEY="1"))
    now = old.replace(f"  - {C}\n", f"  - {NEW}\n  - {C}\n") + "views:\n  v: {sources: [old-example-f]}\n"

    settings = read(tmp_path, now, before)

    assert [one.id for one in before] == ["a-example-f", "old-example-f", "c-example-f"]
    assert ids(settings) == ("a-example-f", "new-example-feed", "c-example-f")


def test_an_included_file_keeps_ids_too(tmp_path: Path) -> None:
    more = tmp_path / "more.yaml"
    more.write_text(f"- {B}\n")
    text = f"sources:\n  - {A}\n  - include: ./more.yaml\n  - {C}\n"
    before = known(read(tmp_path, text))
    more.write_text(f"- {NEW}\n")

    assert ids(read(tmp_path, text, before)) == ABC


def test_what_was_adopted_survives_every_next_load(tmp_path: Path) -> None:
    settings = read(tmp_path, THREE.replace(B, NEW), known(read(tmp_path, THREE)))

    again = read(tmp_path, listed(NEW, C, A), known(settings))

    assert ids(again) == ("b-example-f", "c-example-f", "a-example-f")


def test_the_old_url_added_again_is_another_source(tmp_path: Path) -> None:
    settings = read(tmp_path, listed(NEW), known(read(tmp_path, listed(A))))

    first, second = ids(read(tmp_path, listed(NEW, A), known(settings)))

    assert first == "a-example-f"
    assert second.startswith("a-example-f-")


def test_a_removed_source_is_known_by_its_url_alone(tmp_path: Path) -> None:
    gone = Earlier("once", B, "b.example/f", placed=False)
    before = (Earlier("a-example-f", A, "a.example/f"), gone)

    assert ids(read(tmp_path, listed(A, B), before)) == ("a-example-f", "once")
    assert ids(read(tmp_path, listed(A, NEW), before)) == ("a-example-f", "new-example-feed")


def test_a_variable_that_has_another_value_changes_no_id(tmp_path: Path) -> None:
    text = listed("https://a.example/f?key=${KEY}", "https://b.example/f?key=${KEY}")
    before = known(read(tmp_path, text, KEY="1"))

    assert ids(read(tmp_path, text, before, KEY="2")) == ("a-example-f", "b-example-f")


def test_of_two_urls_with_one_slug_each_keeps_its_own_when_they_change_places(tmp_path: Path) -> None:
    one, two = "https://a.example/f?c=1", "https://a.example/f?c=2"
    first, second = ids(read(tmp_path, listed(one, two)))

    assert after(tmp_path, listed(one, two), listed(two, one)) == (second, first)
    assert after(tmp_path, listed(one, two), listed(two)) == (second,)


def test_two_sources_of_one_url_keep_theirs_in_any_order(tmp_path: Path) -> None:
    text = "rsshub: {base: https://hub.example}\n" + listed("rsshub:/a/b", "https://hub.example/a/b")
    swapped = "rsshub: {base: https://hub.example}\n" + listed("https://hub.example/a/b", "rsshub:/a/b")

    assert after(tmp_path, text, text) == ("rsshub-a-b", "hub-example-a-b")
    assert after(tmp_path, text, swapped) == ("hub-example-a-b", "rsshub-a-b")


def test_a_paused_source_keeps_its_id_too(tmp_path: Path) -> None:
    now = THREE.replace(B, f"{{url: '{NEW}', enabled: false}}")

    assert after(tmp_path, THREE, now) == ABC


def test_a_list_that_is_exported_says_an_id_that_its_url_does_not(tmp_path: Path) -> None:
    before = known(read(tmp_path, listed(A)))
    read(tmp_path, listed(NEW), before)

    assert standing(tmp_path / "feeds.yaml", {}, {}, before)["a-example-f"].given_id


def opml(feeds: Mapping[str, str]) -> bytes:
    lines = "".join(f"<outline text='{title}' type='rss' xmlUrl='{url}'/>" for title, url in feeds.items())
    return f"<opml version='2.0'><body>{lines}</body></opml>".encode()
