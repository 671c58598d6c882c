"""What `run` says while it runs: stdout for the addresses, stderr for the log, in the form that was asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from plugins.daemons import Running, rss
from plugins.served_corpus import Home, Shelf

Start = Callable[..., Running]


@pytest.fixture
def two(home: Home, shelf: Shelf) -> Home:
    """A source that is well and one that is missing."""
    home.settings = {}
    home.sources = {"a": "/a.xml", "missing": "/missing.xml"}
    shelf.files["/a.xml"] = rss("1")
    home.write()
    return home


def test_the_addresses_go_to_stdout_and_a_line_a_poll_to_stderr(two: Home, daemon: Start) -> None:
    running = daemon("run")
    running.until(lambda: len(running.log) == 2)
    running.stop()

    log = "".join(sorted(running.log))
    assert re.search(r"^\S+Z info updated source=a new=1 seconds=\S+ next=\S+Z why=.+$", log, re.MULTILINE)
    assert re.search(r'^\S+Z warning failed kind=not-found detail="404 Not Found" source=missing ', log, re.MULTILINE)
    assert running.said == [
        "polling 2 sources\n",
        f"subscribe  {running.base}feed.atom  (or feed.rss, feed.json)\n",
        f"read       {running.base}\n",
        "public     https://news.example.org/feed.atom\n",
    ]


def test_json_lines_are_one_object_an_event(two: Home, daemon: Start) -> None:
    running = daemon("--log-format", "json", "run")
    running.until(lambda: len(running.log) == 2)
    running.stop()

    events = [json.loads(line) for line in running.log]
    failed = next(event for event in events if event["event"] == "failed")
    assert [event["event"] for event in events][-2:] == ["stopping", "stopped"]
    assert (failed["level"], failed["source"], failed["kind"]) == ("warning", "missing", "not-found")
    assert failed["at"].endswith("Z")


def test_quiet_leaves_the_warnings(two: Home, daemon: Start) -> None:
    running = daemon("-q", "run")
    running.until(lambda: running.log and len(running.titles()) == 1)
    running.stop()

    assert [line.split()[1] for line in running.log] == ["warning"]
