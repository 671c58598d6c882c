"""A source whose URL is changed in place under a running daemon stays the same source, after a restart too."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable

import pytest

from plugins.daemons import Running, rss
from plugins.served_corpus import Home, Shelf

pytestmark = pytest.mark.timeout(120)
Start = Callable[..., Running]


def write(home: Home, shelf: Shelf, *sources: str | dict[str, object]) -> None:
    """Write feeds.yaml with these paths of the shelf, or sources with such a path as their `url`."""
    asked = [{"url": one} if isinstance(one, str) else one for one in sources]
    home.settings = {"sources": [one | {"url": f"http://{shelf.host}{one['url']}"} for one in asked]}
    home.write()


def ids(running: Running) -> list[str]:
    return [row["id"] for row in json.loads(running.get("/sources.json")[2])]


@pytest.fixture
def three(home: Home, shelf: Shelf) -> Home:
    """Sources without ids, each asked once within a test."""
    shelf.files |= {f"/{name}.xml": rss(name) for name in "abc"}
    shelf.files["/new.xml"] = rss("more", "b")
    home.settings = {}
    write(home, shelf, "/a.xml", "/b.xml", "/c.xml")
    return home


def test_a_url_changed_in_place_costs_one_request_and_shows_nothing_twice(
    three: Home, shelf: Shelf, daemon: Start
) -> None:
    running = daemon()
    running.until(lambda: sorted(running.titles()) == ["Title a", "Title b", "Title c"])
    before = ids(running)

    write(three, shelf, "/a.xml", "/new.xml", "/c.xml")
    running.until(lambda: len(running.titles()) > 3)

    assert ids(running) == before
    assert sorted(running.titles()) == ["Title a", "Title b", "Title c", "Title more"]
    feed = json.loads(running.get(f"/source/{before[1]}.json")[2])
    assert sorted(item["title"] for item in feed["items"]) == ["Title b", "Title more"]
    assert Counter(shelf.paths) == {"/a.xml": 1, "/b.xml": 1, "/c.xml": 1, "/new.xml": 1}


def test_after_a_restart_it_is_the_same_source_still(three: Home, shelf: Shelf, daemon: Start) -> None:
    first = daemon()
    first.until(lambda: len(first.titles()) == 3)
    before = ids(first)
    write(three, shelf, "/a.xml", "/new.xml", "/c.xml")
    first.until(lambda: len(first.titles()) == 4)
    first.stop()

    second = daemon()
    second.until(lambda: second.get("/readyz")[0] == 200)
    write(three, shelf, "/new.xml", "/c.xml", "/a.xml")
    second.until(lambda: ids(second) == [before[1], before[2], before[0]])

    assert len(second.titles()) == 4
    assert Counter(shelf.paths)["/new.xml"] == 1


def test_a_url_changed_while_nothing_runs_is_of_the_same_source(three: Home, shelf: Shelf, daemon: Start) -> None:
    first = daemon()
    first.until(lambda: len(first.titles()) == 3)
    before = ids(first)
    first.stop()
    shelf.files["/new.xml"] = rss("more", "a")
    write(three, shelf, "/new.xml", "/b.xml", "/c.xml")

    second = daemon()
    second.until(lambda: len(second.titles()) == 4)

    assert ids(second) == before


def test_a_paused_source_whose_url_is_changed_resumes_as_the_same(three: Home, shelf: Shelf, daemon: Start) -> None:
    first = daemon()
    first.until(lambda: len(first.titles()) == 3)
    before = ids(first)
    write(three, shelf, "/a.xml", {"url": "/b.xml", "enabled": False}, "/c.xml")
    first.until(lambda: "paused" in [row["state"] for row in json.loads(first.get("/sources.json")[2])])
    first.stop()
    write(three, shelf, "/a.xml", {"url": "/new.xml", "enabled": False}, "/c.xml")

    second = daemon()
    second.until(lambda: ids(second) == before)
    write(three, shelf, "/a.xml", "/new.xml", "/c.xml")
    second.until(lambda: len(second.titles()) == 4)

    assert ids(second) == before
