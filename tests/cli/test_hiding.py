"""`aggregator hide`: one entry out of feeds, pages and files, and back; and rules as `poll` and `export` see them."""

from __future__ import annotations

import pytest

from plugins.daemons import rss
from plugins.served_corpus import Home, Shelf


@pytest.fixture
def polled(home: Home, shelf: Shelf) -> Home:
    shelf.files["/a.xml"] = rss("1", "2", "3")
    home.sources["a"] = "/a.xml"
    home.write()
    assert home.run("poll").returncode == 0
    return home


def keys(home: Home) -> dict[str, str]:
    return {entry["title"]: entry["key"] for entry in home.entries()}


def test_a_hidden_entry_is_out_of_exports_and_files_and_stays_out(polled: Home, shelf: Shelf) -> None:
    key = keys(polled)["Title 2"]

    done = polled.run("hide", key)

    assert done.returncode == 0
    assert done.stdout == f'"Title 2" ({key}) is hidden; `aggregator hide --undo {key}` shows it again\n'
    assert sorted(keys(polled)) == ["Title 1", "Title 3"]
    assert len(polled.tree()) == 2
    shelf.files["/a.xml"] = rss("1", "2", "3").replace(b"Text of 2", b"Another text of 2")
    polled.run("poll", "--all", "--force")
    assert sorted(keys(polled)) == ["Title 1", "Title 3"]
    assert len(polled.tree()) == 2


def test_who_hides_an_entry_is_told_of_other_sources_that_have_the_same_article(polled: Home) -> None:
    polled.sources["b"] = "/a.xml"
    polled.write()
    polled.run("poll")
    of_ = {entry["source"]: entry["key"] for entry in polled.entries() if entry["title"] == "Title 2"}

    done = polled.run("hide", of_["a"])

    told = done.stdout.splitlines()[1:]
    assert told == [f"b has the same article, which is shown: `aggregator hide {of_['b']}` takes it out too"]


def test_a_hidden_entry_stays_out_of_a_store_that_is_built_anew(polled: Home) -> None:
    polled.run("hide", keys(polled)["Title 2"])
    for file in (polled.folder / "data").glob("aggregator.*"):
        file.unlink()

    polled.run("poll")

    assert sorted(keys(polled)) == ["Title 1", "Title 3"]


@pytest.mark.parametrize("by", ["its link", "the beginning of its key", "its guid"])
def test_an_entry_is_named_by(polled: Home, by: str) -> None:
    key = keys(polled)["Title 3"]
    named = {"its link": "https://site.example/3", "the beginning of its key": key[:8], "its guid": "3"}[by]

    assert polled.run("hide", named).returncode == 0
    assert sorted(keys(polled)) == ["Title 1", "Title 2"]


def test_undo_brings_it_back_where_it_was(polled: Home) -> None:
    before, key = polled.entries(), keys(polled)["Title 2"]
    polled.run("hide", key)

    done = polled.run("hide", "--undo", key)

    assert (done.returncode, done.stdout) == (0, f'"Title 2" ({key}) is shown again\n')
    assert polled.entries() == before
    assert len(polled.tree()) == 3


def test_undo_of_what_a_rule_hides_says_which(polled: Home) -> None:
    key = keys(polled)["Title 2"]
    polled.more["a"] = {"filters": [{"drop": {"title": "2"}}]}
    polled.write()
    polled.run("poll", "--all")

    done = polled.run("hide", "--undo", key)

    assert done.returncode == 1
    assert "a rule hides it: drop: {title: " in done.stderr


@pytest.mark.parametrize("undo", [[], ["--undo"]])
def test_an_entry_that_is_not_there_is_told(polled: Home, undo: list[str]) -> None:
    done = polled.run("hide", *undo, "https://nowhere.example/")

    assert done.returncode == 1
    assert "there is no entry 'https://nowhere.example/'" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_store_there_is_nothing_to_hide(home: Home) -> None:
    assert home.run("hide", "x").returncode == 4


def test_poll_judges_again_what_is_stored(polled: Home) -> None:
    polled.more["a"] = {"filters": [{"keep": {"text": ["TEXT OF 3"]}}]}
    polled.write()

    polled.run("poll")

    assert sorted(keys(polled)) == ["Title 3"]


def test_a_rule_that_needs_classes_works_on_what_was_stored_before_it(home: Home, shelf: Shelf) -> None:
    marked = b"&lt;p&gt;Text of 1.&lt;/p&gt;&lt;div class='share'&gt;Share&lt;/div&gt;"
    shelf.files["/a.xml"] = rss("1").replace(b"&lt;p&gt;Text of 1.&lt;/p&gt;", marked)
    home.sources["a"] = "/a.xml"
    home.write()
    home.run("poll")
    before = home.entries()[0]["html"]
    home.more["a"] = {"filters": [{"remove": [".share"]}]}
    home.write()

    home.run("poll", "--all")

    assert before == "<p>Text of 1.</p><div>Share</div>"
    assert home.entries()[0]["html"] == "<p>Text of 1.</p>"
    assert b"Share" not in b"".join(home.tree().values())
