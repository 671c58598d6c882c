"""`import records`: the store built anew from its record files, and archives of other systems."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from plugins.daemons import Running, rss
from plugins.served_corpus import Home, Shelf

Start = Callable[..., Running]

FEEDS = [
    f"/{name}.{ending}{query}"
    for name in ("feed", "feed/mine", "source/notes", "source/left")
    for ending in ("atom", "rss", "json")
    for query in ("", "?limit=2")
]


@pytest.fixture
def kept(home: Home, shelf: Shelf) -> Home:
    """Two sources, one of them left by feeds.yaml since, with lossless record files; polled as they changed."""
    home.sources = {"notes": "/notes.xml", "left": "/left.xml"}
    home.more = {"notes": {"category": "科学", "site": "海边", "feed": "latest", "images": "https://p.example/?{url}"}}
    home.settings = {
        "defaults": {"every": "1s"},
        "storage": {"path": "./data", "records": "./records", "record_fields": ["link", "tags", "rss"]},
        "views": {"mine": {"title": "Mine", "sources": ["notes"]}},
    }
    shelf.files = {"/notes.xml": rss(*map(str, range(40, 10, -1)), title="Notes"), "/left.xml": rss("x", "y")}
    home.write()
    assert home.run("poll").returncode == 0
    shelf.files["/notes.xml"] = rss(*map(str, range(45, 15, -1)), title="Notes").replace(
        b"Text of 41", b"{{ 41 }}\n\n&amp;#123;"
    )
    assert home.run("poll", "--all").returncode == 0
    del home.sources["left"]
    home.write()
    assert home.run("poll", "--all").returncode == 0
    return home


def served(daemon: Start) -> dict[str, bytes]:
    """Return every feed's bytes, as `serve` gives them."""
    running = daemon("serve")
    answers = {path: running.get(path) for path in FEEDS}
    running.stop()
    assert {status for status, _, _ in answers.values()} == {200}
    return {path: body for path, (_, _, body) in answers.items()}


def lose_the_store(home: Home) -> None:
    """Do what docs/operations.md says of a store that is lost."""
    for path in (home.folder / "data").glob("aggregator.*"):
        path.unlink()


def test_a_store_built_anew_from_its_files_shows_nobody_anything_new(kept: Home, daemon: Start) -> None:
    feeds, files = served(daemon), kept.tree()
    lose_the_store(kept)

    done = kept.run("import", "records", "./records")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "left  2 records\nnotes  35 records\n37 files: 37 stored\n"
    assert served(daemon) == feeds
    assert kept.tree() == files


def test_the_next_poll_of_the_same_documents_brings_nothing_and_changes_no_file(kept: Home, daemon: Start) -> None:
    files = {path: (kept.records / path).stat().st_mtime_ns for path in kept.tree()}
    feeds = served(daemon)
    lose_the_store(kept)
    kept.run("import", "records", "./records")

    polled = kept.run("poll", "--all")

    assert polled.stdout.splitlines() == ["ok        notes  0 new", "1 source: 1 ok, 0 unchanged, 0 failed"]
    assert {path: (kept.records / path).stat().st_mtime_ns for path in kept.tree()} == files
    assert served(daemon) == feeds
