"""The readers: each with its own memory of what it has seen, and its own rule of what is new."""

from __future__ import annotations

import calendar
import os
import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import feedparser

from plugins.churn.truth import Shown
from plugins.node import Parsers

UID = re.compile(r"<(w\d{4})>")


@dataclass
class Look:
    """What a reader has after one reload of a feed."""

    shown: list[Shown] | None
    """What the document has, in its order; None where it was not sent again, or the reader tells only what it keeps."""
    kept: list[Shown]
    """What the reader keeps of the feed, in no order."""
    news: list[Shown]
    """What it shows as unread, and did not before."""


class Client(Protocol):
    """A reader that is subscribed to some feeds."""

    name: str
    endings: tuple[str, ...]

    def look(self, base: str, path: str) -> Look:
        """Reload the feed and read all that is new."""


def shown(id_: str, title: str, link: str, body: str, dated: int, enclosure: str) -> Shown:
    """Return an entry with the article that its title names."""
    found = UID.search(title)
    return Shown(found[1] if found else "?", id_, title, link, body, dated, enclosure)


@dataclass
class Remembering:
    """What readers do that are built on a parser: an id that was never seen is new."""

    memory: dict[str, dict[str, Shown]] = field(default_factory=dict)
    """By path and id."""

    def remember(self, path: str, entries: list[Shown] | None) -> Look:
        """Return what the reader has after it saw these; None: nothing was sent."""
        kept = self.memory.setdefault(path, {})
        news = [one for one in entries or () if one.id not in kept]
        kept.update((one.id, one) for one in entries or ())
        return Look(entries, list(kept.values()), news)


class Parsing(Remembering):
    """A reader built on one of the two libraries of npm."""

    def __init__(self, library: str, parsers: Parsers) -> None:
        super().__init__()
        self.name, self._parsers = library, parsers
        self.endings = ("atom", "rss", "json") if library == "feedsmith" else ("atom", "rss")

    def look(self, base: str, path: str) -> Look:
        found = self._parsers.read(base + path, self.name)[self.name]
        assert "error" not in found, (path, found)
        return self.remember(path, None if found["entries"] is None else list(map(self._shown, found["entries"])))

    @staticmethod
    def _shown(entry: dict[str, Any]) -> Shown:
        enclosure = entry["enclosures"][0][0] if entry["enclosures"] else ""
        dated = int(datetime.fromisoformat(entry["date"]).timestamp())
        return shown(entry["id"], entry["title"], entry["link"], entry["content"], dated, enclosure)


class Feedparser(Remembering):
    """A reader built on feedparser, with the validators that it keeps."""

    name = "feedparser"
    endings = ("atom", "rss")

    def __init__(self) -> None:
        super().__init__()
        self._validators: dict[str, tuple[str | None, str | None]] = {}

    def look(self, base: str, path: str) -> Look:
        etag, modified = self._validators.get(path, (None, None))
        parsed = feedparser.parse(base + path, etag=etag, modified=modified, sanitize_html=False)
        if parsed.status == 304:
            return self.remember(path, None)
        assert (parsed.status, parsed.bozo) == (200, False), path
        self._validators[path] = parsed.get("etag"), parsed.get("modified")
        return self.remember(path, [self._shown(entry) for entry in parsed.entries])

    @staticmethod
    def _shown(entry: Any) -> Shown:
        dated = calendar.timegm(entry.published_parsed)
        enclosure = entry.enclosures[0].href if entry.enclosures else ""
        return shown(entry.id, entry.title, entry.link, entry.content[0].value, dated, enclosure)


class Newsboat:
    """newsboat with a cache for each feed: one cache has each id once, so of two feeds one would stand empty."""

    name = "newsboat"
    endings = ("atom", "rss")

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def look(self, base: str, path: str) -> Look:
        home = self._folder / path.replace("/", "_")
        if not home.exists():
            home.mkdir(parents=True)
            (home / "config").touch()
        (home / "urls").write_text(f"{base}{path}\n")
        files = ("-C", "config", "-u", "urls", "-c", "cache.db")
        around = os.environ | {"HOME": str(home), "LC_ALL": "C.UTF-8"}
        command = ["newsboat", *files, "-x", "reload"]
        done = subprocess.run(command, cwd=home, check=False, capture_output=True, text=True, timeout=30, env=around)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), path
        with closing(sqlite3.connect(home / "cache.db")) as cache, cache:
            asked = "SELECT guid, title, url, content, pubDate, enclosure_url, unread FROM rss_item WHERE NOT deleted"
            rows = [(shown(*row[:5], row[5] or ""), row[6]) for row in cache.execute(asked)]
            cache.execute("UPDATE rss_item SET unread = 0")
        return Look(None, [one for one, _ in rows], [one for one, unread in rows if unread])


class Sfeed:
    """sfeed_update with a file for each feed; a line with another id, title or link is new to it."""

    name = "sfeed"
    endings = ("atom", "rss")

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._before: dict[str, set[Shown]] = {}

    def look(self, base: str, path: str) -> Look:
        home = self._folder / path.replace("/", "_")
        home.mkdir(parents=True, exist_ok=True)
        rc = home / "sfeedrc"
        rc.write_text(f"sfeedpath='{home}/feeds'\nfeeds() {{\n\tfeed feed '{base}{path}'\n}}\n")
        done = subprocess.run(["sfeed_update", str(rc)], check=False, capture_output=True, text=True, timeout=30)
        assert (done.returncode, done.stderr) == (0, ""), path
        kept = [self._shown(line) for line in (home / "feeds" / "feed").read_text().removesuffix("\n").split("\n")]
        before = self._before.get(path, set())
        self._before[path] = set(kept)
        told = {(one.id, one.title, one.link) for one in before}
        return Look(None, kept, [one for one in kept if (one.id, one.title, one.link) not in told])

    @staticmethod
    def _shown(line: str) -> Shown:
        at, title, link, text, _, id_, _, enclosure, *_ = line.split("\t")
        plain = text.replace("\\n", "\n").replace("\\t", "\t").replace("\\\\", "\\")
        return shown(id_, title, link, plain, int(at), enclosure)


def missing() -> str | None:
    """Return a program that is not here, None where all are."""
    return next((name for name in ("newsboat", "sfeed_update", "curl", "npm") if shutil.which(name) is None), None)
