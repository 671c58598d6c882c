"""`check`: what loading an edited feeds.yaml would change, what its rules would have hidden, what its sources answer."""

from __future__ import annotations

import json

import pytest

from plugins.daemons import rss
from plugins.served_corpus import Home, Shelf


@pytest.fixture
def polled(home: Home, shelf: Shelf) -> Home:
    """Two sources after a poll."""
    home.settings = {}
    home.sources = {"notes": "/a.xml", "other": "/b.xml"}
    home.more = {}
    home.write()
    shelf.files = {"/a.xml": rss("1", "2", "3"), "/b.xml": rss("4"), "/c.xml": rss("5")}
    assert home.run("poll").returncode == 0
    return home


def test_an_unchanged_file_changes_nothing(polled: Home) -> None:
    told = polled.run("check")

    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout == f"{polled.config} is sound: 2 sources\nnothing changes of what is polled\n"


def test_check_says_what_an_edited_file_would_change(polled: Home, shelf: Shelf) -> None:
    polled.sources = {"notes": "/c.xml", "added": "/new.xml"}
    polled.more = {"notes": {"name": "My notes", "every": "2h"}}
    polled.write()
    asked = len(shelf.statuses)

    told = polled.run("check")

    assert told.returncode == 0
    base = f"http://{shelf.host}"
    assert told.stdout.splitlines()[1:] == [
        f"added     added  {base}/new.xml",
        f"removed   other  {base}/b.xml",
        f"changed   notes  url: {base}/a.xml becomes {base}/c.xml; it is asked at once, its history stays",
        f"changed   notes  name: {shelf.host}/a.xml becomes My notes",
        "changed   notes  floor: 1h becomes 2h",
    ]
    assert len(shelf.statuses) == asked


def test_a_url_changed_in_place_is_a_change_and_no_other_source(polled: Home, shelf: Shelf) -> None:
    base = f"http://{shelf.host}"
    polled.settings = {"sources": [f"{base}/a.xml", f"{base}/b.xml"]}
    polled.write()
    before = [source["id"] for source in polled.health()]
    polled.settings = {"sources": [f"{base}/a.xml", f"{base}/c.xml"]}
    polled.write()

    told = polled.run("check")
    listed = polled.run("list", "--json")

    assert told.stdout.splitlines()[1:] == [
        f"changed   other  url: {base}/b.xml becomes {base}/c.xml; it is asked at once, its history stays",
        f"changed   other  name: {shelf.host}/b.xml becomes {shelf.host}/c.xml",
    ]
    assert before == ["notes", "other"]
    assert [source["id"] for source in json.loads(listed.stdout)] == ["notes", "other"]


def test_a_source_that_is_paused_is_no_removed_one(polled: Home) -> None:
    polled.more = {"other": {"enabled": False}}
    polled.write()

    told = polled.run("check")

    assert told.stdout.splitlines() == [f"{polled.config} is sound: 1 source, 1 more paused", "paused    other"]


def test_check_says_what_each_rule_would_have_hidden(polled: Home) -> None:
    polled.more = {"notes": {"filters": [{"drop": {"title": "[12]$"}}, {"drop": {"title": "nothing"}}]}}
    polled.write()

    told = polled.run("check")
    rules = json.loads(polled.run("check", "--json").stdout)["rules"]

    assert [(rule["source"], rule["hides"], rule["of"], sorted(rule["examples"])) for rule in rules] == [
        ("notes", 2, 3, ["Title 1", "Title 2"]),
        ("notes", 0, 3, []),
    ]
    assert "hides 2 of 3 of the last 30 days: Title " in told.stdout
    assert sorted(entry["title"] for entry in polled.entries()) == ["Title 1", "Title 2", "Title 3", "Title 4"]


def test_check_online_shows_the_newest_entry_of_each_source_and_stores_nothing(home: Home, shelf: Shelf) -> None:
    home.settings, home.sources = {}, {"notes": "/a.xml", "missing": "/missing.xml"}
    home.more = {"notes": {"category": "新媒体", "site": "小记", "feed": "最新"}}
    home.write()
    shelf.files = {"/a.xml": rss("1", "2")}

    told = home.run("check", "--online")

    assert told.returncode == 1
    assert told.stdout.splitlines()[1:] == [
        "ok        notes  2 entries",
        "          2026-03-01 10:59  Title 1",
        "          新媒体 / 小记 / 最新  https://site.example/1",
        "failed    missing  not-found: 404 Not Found",
    ]
    assert sorted(shelf.statuses) == [200, 404]
    assert not (home.folder / "data").exists()
    assert not home.records.exists()


def test_check_online_as_json_has_the_record(home: Home, shelf: Shelf) -> None:
    home.settings, home.sources, home.more = {}, {"notes": "/a.xml"}, {}
    home.write()
    shelf.files = {"/a.xml": rss("1")}

    told = json.loads(home.run("check", "--online", "--json").stdout)

    assert (told["sound"], told["changes"], told["rules"]) == (True, None, [])
    assert [(one["source"], one["result"], one["entries"]) for one in told["online"]] == [("notes", "ok", 1)]
    assert told["online"][0]["record"]["title"] == "Title 1"


def test_faults_as_json_have_their_places(home: Home) -> None:
    home.config.write_text("version: 1\nsources:\n  - url: https://a.example/feed\n    evry: 5m\n")

    told = home.run("check", "--json")

    assert told.returncode == 3
    (fault,) = json.loads(told.stdout)["faults"]
    assert (fault["file"], fault["line"], fault["column"], fault["suggestion"]) == (str(home.config), 4, 5, "every")


def test_a_store_that_cannot_be_read_does_not_keep_the_file_from_being_checked(polled: Home) -> None:
    (polled.folder / "data" / "aggregator.db").write_bytes(b"no database, but longer than its header " * 99)

    told = polled.run("check")

    assert told.returncode == 0
    assert told.stderr.startswith("not compared with the store: ")
    assert told.stdout == f"{polled.config} is sound: 2 sources\n"
