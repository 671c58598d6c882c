"""Edited rules and `hide` under a running daemon: what they hide goes and comes back without a request to anybody."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from plugins.daemons import Running, rss
from plugins.served_corpus import Home, Shelf

pytestmark = pytest.mark.timeout(120)
Start = Callable[..., Running]
TITLES = ["Title 1", "Title 2", "Title 3"]


@pytest.fixture
def running(home: Home, shelf: Shelf, daemon: Start) -> Running:
    shelf.files["/a.xml"] = rss("1", "2", "3")
    home.sources["a"] = "/a.xml"
    home.settings = {"defaults": {"every": "1h"}}
    home.write()
    started = daemon()
    started.until(lambda: started.titles() == TITLES)
    started.until(lambda: len(home.tree()) == 3)
    return started


def says(home: Home, *filters: dict[str, Any]) -> None:
    home.more["a"] = {"filters": list(filters)} if filters else {}
    home.write()


def test_an_edited_rule_hides_and_shows_again_within_5_s_without_a_request(home: Home, running: Running) -> None:
    polls = sum("updated" in line or "unchanged" in line for line in running.log)
    before = running.get("/feed.atom")

    says(home, {"drop": {"title": "2$"}})
    running.until(lambda: running.titles() == ["Title 1", "Title 3"], within=5)
    says(home)
    running.until(lambda: running.titles() == TITLES, within=5)

    assert running.get("/feed.atom")[2] == before[2]
    assert sum("updated" in line or "unchanged" in line for line in running.log) == polls
    assert len(home.tree()) == 3


def test_an_edited_rule_on_output_shows_in_the_feed_and_in_the_files(home: Home, running: Running) -> None:
    says(home, {"replace": {"in": "title", "pattern": "Title ", "with": "T"}})

    running.until(lambda: running.titles() == ["T1", "T2", "T3"], within=5)
    running.until(lambda: sum(b"title: 'T" in data and b"Title" not in data for data in home.tree().values()) == 3)


def test_a_daemon_that_was_down_judges_at_its_start(home: Home, running: Running, daemon: Start) -> None:
    running.stop()
    says(home, {"keep": {"title": ["title 3"]}})

    again = daemon()
    again.until(lambda: again.titles() == ["Title 3"], within=5)


def test_hide_under_a_running_daemon_takes_the_entry_and_its_file_out_and_undo_brings_it_back(
    home: Home, running: Running
) -> None:
    [key] = [entry["key"] for entry in home.entries() if entry["title"] == "Title 2"]

    hidden = home.run("hide", "--yes", key[:6])

    assert (hidden.returncode, hidden.stderr) == (0, "")
    assert running.titles() == ["Title 1", "Title 3"]
    running.until(lambda: len(home.tree()) == 2, within=5)
    assert running.get(f"/entry/{key}.md")[0] == 404
    assert home.run("hide", "--undo", key).stdout == f'"Title 2" ({key}) is shown again\n'
    assert running.titles() == TITLES
    running.until(lambda: len(home.tree()) == 3, within=5)


def test_a_view_is_served_as_soon_as_it_is_written(home: Home, running: Running) -> None:
    home.settings["views"] = {
        "two": {"title": "Two", "entries": 2, "window": "1s", "filters": [{"drop": {"title": "3$"}}]}
    }
    home.write()

    running.until(lambda: running.get("/feed/two.json")[0] == 200, within=5)
    told = json.loads(running.get("/feed/two.json")[2])
    assert told["title"] == "Two"
    assert [item["title"] for item in told["items"]] == ["Title 1", "Title 2"]
