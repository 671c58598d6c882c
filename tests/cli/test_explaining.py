"""`explain`: why a source is polled when it is, and why an entry stands where it does."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from plugins.daemons import Running, rss
from plugins.served_corpus import Home, Shelf

Start = Callable[..., Running]


@pytest.fixture
def polled(home: Home, shelf: Shelf) -> Home:
    """A source, one that lists an entry of it later, one that is missing, one that is paused; a view of the first."""
    home.settings = {"views": {"first": {"title": "First", "sources": ["notes"]}}}
    home.sources = {"notes": "/a.xml", "copy": "/b.xml", "missing": "/missing.xml", "off": "/off.xml"}
    home.more = {
        "notes": {"name": "Notes", "headers": {"X-Key": "s3cret"}, "user_agent": "Own/1"},
        "off": {"enabled": False},
    }
    home.write()
    shelf.files = {"/a.xml": rss("1", "2"), "/b.xml": rss("2")}
    assert home.run("poll", "notes").returncode == 0
    assert home.run("poll", "copy", "missing").returncode == 1
    return home


def value(shown: str, word: str) -> str:
    """Return what stands behind the word."""
    found = re.search(rf"^  {word} +(.*)$", shown, flags=re.MULTILINE)
    assert found, shown
    return found[1]


def test_a_source_is_explained_with_every_term_of_its_next_poll(polled: Home, shelf: Shelf) -> None:
    shown = polled.run("explain", "notes")

    assert (shown.returncode, shown.stderr) == (0, "")
    lines = shown.stdout.splitlines()
    assert lines[0] == "notes: ok"
    assert value(shown.stdout, "address") == f"http://{shelf.host}/a.xml"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\dZ \(in [^)]+\): every 3 h", value(shown.stdout, "next"))
    assert re.search(r"^ +until \S+ \S+Z  every 3 h: too few entries within 30 days", shown.stdout, re.MULTILINE)
    assert value(shown.stdout, "headers") == "X-Key (of its own; values are not shown)"
    assert value(shown.stdout, "user agent") == "Own/1 (in place of our own)"
    assert value(shown.stdout, "asks") == "if changed, by ETag"
    assert "s3cret" not in shown.stdout


def test_a_source_as_json_is_its_row_and_all_that_is_known(polled: Home) -> None:
    told = json.loads(polled.run("explain", "notes", "--json").stdout)
    (row, *_) = json.loads(polled.run("list", "--json").stdout)

    assert {key: told[key] for key in row} == row
    assert [list(term) for term in told["terms"]][:1] == [["until", "reason"]]
    assert told["request"]["headers"] == ["X-Key"]
    assert told["request"]["validators"]["etag"] is True
    assert told["polls"] == 1


def test_a_failing_source_says_what_it_waits_for(polled: Home) -> None:
    shown = polled.run("explain", "missing").stdout

    assert shown.startswith("missing: failing\n")
    assert value(shown, "next").endswith("backoff after 1 failure")
    assert "  asks       for the whole document: it has no validator\n" in shown


def test_a_paused_source_says_so(polled: Home) -> None:
    shown = polled.run("explain", "off")

    assert shown.returncode == 0
    assert shown.stdout.startswith("off: paused\n")
    assert "`enabled: false` in feeds.yaml" in shown.stdout


def test_a_source_is_explained_before_its_first_poll(home: Home) -> None:
    home.settings, home.sources, home.more = {}, {"notes": "/a.xml"}, {}
    home.write()

    shown = home.run("explain", "notes")

    assert shown.returncode == 0
    assert value(shown.stdout, "why") == "not polled yet"
    assert not (home.folder / "data").exists()


def test_an_entry_says_what_it_is_known_by_where_it_stands_and_who_else_has_it(polled: Home) -> None:
    keys = {(one["source"], one["guid"]): one["key"] for one in polled.entries()}

    shown = polled.run("explain", keys["notes", "2"]).stdout

    assert shown.splitlines()[0] == "Title 2"
    assert value(shown, "source") == "notes (Notes)"
    assert value(shown, "known by") == "2"
    assert value(shown, "date").endswith("the publisher's own publication date")
    assert value(shown, "listed") == "yes"
    assert value(shown, "also in").startswith("copy ")
    assert f"as {keys['copy', '2']}: both are " in value(shown, "also in")
    assert value(shown, "story").startswith("this one is shown: of those that may be, its source stands first")
    assert value(shown, "story").endswith(", its own")
    assert re.findall(r"^  stands in +(.*)$", shown, re.MULTILINE) == ["feed", "first"]
    assert value(shown, "file").endswith(".md")


def test_an_entry_that_is_named_in_another_says_which_is_shown_and_under_which_id(polled: Home) -> None:
    keys = {(one["source"], one["guid"]): one["key"] for one in polled.entries()}

    told = json.loads(polled.run("explain", keys["copy", "2"], "--json").stdout)["story"]

    assert told["shown"] == keys["notes", "2"]
    assert told["source"] == "notes"
    assert [one["key"] for one in told["others"]] == [keys["notes", "2"]]
    assert told["others"][0]["shares"] == told["names"]


def test_an_entry_says_why_it_is_not_in_a_view(polled: Home) -> None:
    key = next(one["key"] for one in polled.entries() if one["source"] == "copy")

    shown = polled.run("explain", key).stdout

    assert "first: the view has none of its source, its category and its source's tags" in shown


def test_an_entry_says_that_a_view_does_not_search_for_it_and_stands_where_its_source_has_the_tag(polled: Home) -> None:
    polled.settings["views"] = {
        "searched": {"title": "S", "query": "elephant"},
        "tagged": {"title": "T", "tags": ["own"]},
    }
    polled.more["copy"] = {"tags": ["own"]}
    polled.write()
    key = next(one["key"] for one in polled.entries() if one["source"] == "copy")

    views = {one["view"]: one["why"] for one in json.loads(polled.run("explain", key, "--json").stdout)["views"]}

    assert views["feed"].endswith(" (notes), which is shown and names it")
    assert views["searched"] == "its query does not find it: elephant"
    assert views["tagged"] is None


def test_an_entry_is_found_by_link_public_id_and_the_beginning_of_its_key(polled: Home) -> None:
    one = next(entry for entry in polled.entries() if entry["guid"] == "1")

    told = [polled.run("explain", word, "--json").stdout for word in (one["link"], one["public_id"], one["key"][:9])]

    assert [json.loads(shown)["key"] for shown in told] == [one["key"]] * 3


def test_a_word_that_means_several_entries_names_them(polled: Home) -> None:
    left = polled.run("explain", "https://site.example/2")

    assert left.returncode == 2
    assert "several entries are meant by 'https://site.example/2'; name one by its key:" in left.stderr
    assert sorted(re.findall(r"^  \w{16}  (\w+)  Title 2$", left.stderr, re.MULTILINE)) == ["copy", "notes"]


def test_a_word_that_means_nothing_suggests_the_near_source(polled: Home) -> None:
    left = polled.run("explain", "ntoes")

    assert left.returncode == 2
    assert "neither a source nor an entry is called 'ntoes'; did you mean 'notes'?" in left.stderr


# --- the same over HTTP ---


def test_the_status_page_of_a_source_shows_every_reason_and_its_json_is_what_explain_tells(
    polled: Home, daemon: Start
) -> None:
    told = json.loads(polled.run("explain", "notes", "--json").stdout)
    running = daemon("serve")

    page, served = running.get("/source/notes/status"), running.get("/source/notes/status.json")

    assert (page[0], served[0]) == (200, 200)
    text = page[2].decode()
    assert '<h1 id="name">Notes <span class="state ok">ok</span></h1>' in text
    assert "every 3 h: too few entries within 30 days" in text
    assert "X-Key" in text
    assert "s3cret" not in text + served[2].decode()
    shown = json.loads(served[2])
    del told["habit"], shown["habit"]  # how long it was idle changes by the second
    assert shown == {key: value for key, value in told.items() if key != "place"}


def test_a_source_that_there_is_not_has_no_status_and_the_near_one_is_named(polled: Home, daemon: Start) -> None:
    running = daemon("serve")

    status, _, body = running.get("/source/ntoes/status.json")

    assert status == 404
    assert json.loads(body)["detail"] == "there is no source 'ntoes' (did you mean 'notes'?)"
    assert "paused" in running.get("/source/off/status")[2].decode()
