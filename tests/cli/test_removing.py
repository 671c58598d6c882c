"""`remove`: a source's lines go, and with --purge what was stored of it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from plugins.daemons import Running, rss
from plugins.served_corpus import Home, Shelf


@pytest.fixture
def mine(home: Home, shelf: Shelf) -> Home:
    """Two polled sources in a feeds.yaml as people write it."""
    shelf.files = {"/a.xml": rss("1", "2"), "/b.xml": rss("3", title="Other")}
    home.config.write_text(
        'server: {listen: "127.0.0.1:0"}\n'
        "storage: {path: ./data, records: ./records}\n"
        f'polling: {{host_delay: 0s, allow_private: ["{shelf.host}"]}}\n'
        "sources:\n"
        "  # the first one\n"
        f"  - url: http://{shelf.host}/a.xml   # mine\n"
        "    id: a\n"
        f"  - {{id: b, url: 'http://{shelf.host}/b.xml'}}\n"
    )
    assert home.run("poll").returncode == 0
    return home


def test_the_lines_of_a_source_go_and_its_records_stay(mine: Home, shelf: Shelf) -> None:
    text = mine.config.read_text()

    removed = mine.run("remove", "a")

    url = f"http://{shelf.host}/a.xml"
    assert (removed.returncode, removed.stdout) == (0, f"feeds.yaml:6\n-   - url: {url}   # mine\n-     id: a\n")
    assert "its records stay" in removed.stderr
    assert mine.config.read_text() == text.replace(f"  - url: {url}   # mine\n    id: a\n", "")
    assert len(mine.entries()) == 3


@pytest.mark.parametrize("form", ["http://{}/a.xml", "http://{}/a.xml/", "https://{}/a.xml#x"])
def test_a_source_may_be_named_by_its_url(mine: Home, shelf: Shelf, form: str) -> None:
    removed = mine.run("remove", form.format(shelf.host), "--json")

    assert [source["id"] for source in json.loads(removed.stdout)["removed"]] == ["a"]


def test_a_dry_run_removes_nothing(mine: Home) -> None:
    text = mine.config.read_text()

    shown = [mine.run("remove", "a", "--dry-run"), mine.run("remove", "a", "--dry-run", "--purge")]

    assert [one.returncode for one in shown] == [0, 0]
    assert "2 records would be deleted, with their files; nothing was written" in shown[1].stderr
    assert mine.config.read_text() == text
    assert len(mine.entries()) == 3


def test_a_wrong_name_is_answered_with_the_near_one(mine: Home) -> None:
    left = mine.run("remove", "aa")

    assert left.returncode == 2
    assert "feeds.yaml has no source 'aa'; did you mean 'a'?" in left.stderr


def test_a_purge_takes_records_and_files_of_that_source_alone(mine: Home) -> None:
    assert len(mine.tree()) == 3

    removed = mine.run("remove", "a", "--purge", "--yes")

    assert removed.returncode == 0
    assert "a: 2 records deleted, with their files" in removed.stderr
    assert [entry["source"] for entry in mine.entries()] == ["b"]
    assert [path.split("/")[1] for path in mine.tree()] == ["Other"]


def test_a_source_that_was_purged_and_comes_back_is_new(mine: Home) -> None:
    text = mine.config.read_text()
    mine.run("remove", "a", "--purge", "--yes")
    mine.config.write_text(text)

    mine.run("poll")

    assert len(mine.entries()) == len(mine.tree()) == 3


def test_what_was_removed_before_can_be_purged_later(mine: Home) -> None:
    mine.run("remove", "a")

    purged = mine.run("remove", "a", "--purge", "--yes")

    assert purged.returncode == 0
    assert [entry["source"] for entry in mine.entries()] == ["b"]


def test_a_purge_wants_a_word_where_nobody_can_be_asked(mine: Home) -> None:
    text = mine.config.read_text()

    left = mine.run("remove", "a", "--purge")

    assert left.returncode == 2
    assert "`--yes` says that it may" in left.stderr
    assert mine.config.read_text() == text
    assert len(mine.entries()) == 3


def test_a_purge_beside_a_running_daemon_changes_nothing(mine: Home, daemon: Callable[..., Running]) -> None:
    running = daemon()
    running.until(lambda: len(running.titles()) == 3)
    text = mine.config.read_text()

    left = mine.run("remove", "a", "--purge", "--yes")

    assert left.returncode == 4
    assert "nothing was removed" in left.stderr
    assert "stop that first" in left.stderr
    assert mine.config.read_text() == text
    assert len(running.titles()) == 3


def test_a_running_daemon_stops_polling_what_was_removed(mine: Home, daemon: Callable[..., Running]) -> None:
    running = daemon()
    running.until(lambda: len(running.titles()) == 3)

    assert mine.run("remove", "a").returncode == 0

    running.until(lambda: [one["id"] for one in json.loads(running.get("/sources.json")[2])] == ["b"])


def test_a_source_of_a_list_says_where_it_comes_from(mine: Home) -> None:
    (mine.folder / "subs.opml").write_text('<opml><body><outline text="C" xmlUrl="https://c.example/"/></body></opml>')
    mine.config.write_text(mine.config.read_text() + "  - opml: ./subs.opml\n")

    left = mine.run("remove", "c-example")

    assert left.returncode == 1
    assert "c-example comes from the list ./subs.opml; take it out there" in left.stderr
