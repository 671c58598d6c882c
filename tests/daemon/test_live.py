"""What feeds.yaml is made of may change while the daemon runs: itself, what it includes, lists on disk and on the web."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable

import pytest

from plugins.daemons import Running, rss
from plugins.served_corpus import Home, Shelf

pytestmark = pytest.mark.timeout(120)
Start = Callable[..., Running]
SOON = 5.0
"""Seconds within which a saved change takes effect."""


def opml(shelf: Shelf, *names: str) -> bytes:
    """Return a list of subscriptions of these feeds, in a folder."""
    feeds = "".join(f"<outline text='{name}' type='rss' xmlUrl='http://{shelf.host}/{name}.xml'/>" for name in names)
    return f"<opml version='2.0'><body><outline text='Folder'>{feeds}</outline></body></opml>".encode()


@pytest.fixture
def calm(home: Home, shelf: Shelf) -> Home:
    """A home whose sources, once asked, are not asked again within a test."""
    home.settings = {}
    shelf.files |= {f"/{name}.xml": rss(name) for name in "abcde"}
    return home


def test_a_source_that_an_included_file_gains_is_polled_at_once_and_no_other(
    calm: Home, shelf: Shelf, daemon: Start
) -> None:
    included = calm.folder / "more.yaml"
    included.write_text(f"- http://{shelf.host}/a.xml\n")
    calm.settings = {"sources": [{"include": "./m*.yaml"}, {"id": "b", "url": f"http://{shelf.host}/b.xml"}]}
    calm.write()
    running = daemon()
    running.until(lambda: sorted(running.titles()) == ["Title a", "Title b"])
    asked = len(shelf.statuses)

    (calm.folder / "mine.yaml").write_text(f"sources:\n  - http://{shelf.host}/c.xml\n")
    running.until(lambda: len(running.titles()) == 3, within=SOON)

    assert len(shelf.statuses) == asked + 1


def test_a_list_on_disk_is_watched(calm: Home, shelf: Shelf, daemon: Start) -> None:
    listed = calm.folder / "list.opml"
    listed.write_bytes(opml(shelf, "a"))
    calm.settings = {"sources": [{"opml": "./list.opml"}]}
    calm.write()
    running = daemon()
    running.until(lambda: running.titles() == ["Title a"])

    listed.write_bytes(opml(shelf, "a", "b"))

    running.until(lambda: sorted(running.titles()) == ["Title a", "Title b"], within=SOON)


def test_a_list_on_the_web_brings_its_sources_and_is_not_asked_again_by_a_restart(
    calm: Home, shelf: Shelf, daemon: Start
) -> None:
    shelf.files["/list.opml"] = opml(shelf, "a", "b")
    calm.settings = {"sources": [{"opml": f"http://{shelf.host}/list.opml"}]}
    calm.write()
    first = daemon()
    first.until(lambda: sorted(first.titles()) == ["Title a", "Title b"])
    first.stop()

    second = daemon()
    second.until(lambda: second.get("/readyz")[0] == 200)

    assert [row["state"] for row in json.loads(second.get("/sources.json")[2])] == ["ok", "ok"]
    assert Counter(path for path in shelf.paths if path.endswith(".opml")) == {"/list.opml": 1}


def test_what_a_list_on_the_web_names_is_polled_by_hand_too(calm: Home, shelf: Shelf) -> None:
    shelf.files["/list.opml"] = opml(shelf, "a", "b")
    calm.settings = {"sources": [{"opml": f"http://{shelf.host}/list.opml"}]}
    calm.write()

    done = calm.run("poll")

    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "2 sources: 2 ok (2 new), 0 unchanged, 0 failed")


def test_a_file_that_was_missing_is_taken_in_once_it_is_there(calm: Home, shelf: Shelf, daemon: Start) -> None:
    calm.sources = {"a": "/a.xml"}
    calm.write()
    running = daemon()
    running.until(lambda: running.titles() == ["Title a"])
    calm.settings = {"sources": [{"id": "a", "url": f"http://{shelf.host}/a.xml"}, {"include": "./later.yaml"}]}
    calm.write()
    running.until(lambda: running.get("/readyz")[0] == 503, within=SOON)

    (calm.folder / "later.yaml").write_text(f"- http://{shelf.host}/b.xml\n")

    running.until(lambda: len(running.titles()) == 2, within=3 * SOON)
    running.until(lambda: running.get("/readyz")[0] == 200)


def test_sighup_takes_a_change_in_at_once(calm: Home, daemon: Start) -> None:
    calm.sources = {"a": "/a.xml"}
    calm.write()
    running = daemon()
    running.until(lambda: running.titles() == ["Title a"])

    calm.sources["b"] = "/b.xml"
    calm.write()
    running.process.send_signal(signal.SIGHUP)

    running.until(lambda: len(running.titles()) == 2, within=1.5)


def test_edits_under_polling_lose_nothing_and_ask_nobody_needlessly(calm: Home, shelf: Shelf, daemon: Start) -> None:
    everyone = [f"s{number}" for number in range(20)]
    shelf.files |= {f"/{name}.xml": rss(name) for name in everyone}
    calm.sources = {name: f"/{name}.xml" for name in everyone}
    calm.write()
    running = daemon()
    end = time.monotonic() + (60 if os.environ.get("LONG") else 12)
    edit = 0
    while time.monotonic() < end:  # a name, an order, a source that goes and comes back
        edit += 1
        calm.more = {"s0": {"name": f"Renamed {edit}"}}
        kept = everyone if edit % 2 else everyone[:-1][::-1]
        calm.sources = {name: f"/{name}.xml" for name in kept}
        calm.write()
        time.sleep(0.8)

    calm.sources = {name: f"/{name}.xml" for name in everyone}
    calm.write()
    running.until(lambda: len(json.loads(running.get("/sources.json")[2])) == 20, within=SOON)
    running.until(lambda: len(running.titles()) == 20)

    assert set(Counter(shelf.paths).values()) == {1}


def test_limits_that_are_raised_are_in_force_with_the_next_poll(home: Home, shelf: Shelf, daemon: Start) -> None:
    shelf.files["/a.xml"] = rss("a", "b", "c")
    polling = {"host_delay": "0s", "allow_private": [shelf.host]}
    home.sources = {"a": "/a.xml"}
    home.settings = {"defaults": {"every": "1s", "max_entries": 1}, "polling": polling}
    home.write()
    running = daemon()
    running.until(lambda: len(running.titles()) == 1)

    home.settings = {"defaults": {"every": "1s"}, "polling": polling | {"workers": 1, "max_memory": "64MB"}}
    home.write()

    running.until(lambda: sorted(running.titles()) == ["Title a", "Title b", "Title c"], within=SOON)
    assert running.stop()[0] == 0
