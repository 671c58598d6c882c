"""A running daemon as a user starts it, on a free port, ended by its pid: fixture `daemon`."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from plugins.publisher import Asked, Publisher, Wire
from plugins.served_corpus import Home, Shelf


def rss(*guids: str, title: str = "A site of the tests") -> bytes:
    """Return a small feed with an entry for each guid, the first the newest."""
    items = "".join(
        f"<item><guid isPermaLink='false'>{guid}</guid><title>Title {guid}</title><link>https://site.example/{guid}</link>"
        f"<description>&lt;p&gt;Text of {guid}.&lt;/p&gt;</description>"
        f"<pubDate>Sun, 01 Mar 2026 10:{59 - number:02d}:00 GMT</pubDate></item>"
        for number, guid in enumerate(guids)
    )
    return f"<rss version='2.0'><channel><title>{title}</title><link>https://site.example/</link>{items}</channel></rss>".encode()


@dataclass
class Running:
    """A process of `aggregator`, its stdout and its log read as they come."""

    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._readers = [
            threading.Thread(target=lambda: self.said.extend(self._lines(self.process.stdout)), daemon=True),
            threading.Thread(target=lambda: self.log.extend(self._lines(self.process.stderr)), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    @staticmethod
    def _lines(stream: Any) -> Iterator[str]:
        yield from stream

    def until(self, true: Callable[[], object], within: float = 20) -> None:
        """Wait until it is so; fail with the log where it does not come, or the process ends before."""
        end = time.monotonic() + within
        while time.monotonic() < end:
            if true():
                return
            if self.process.poll() is not None and not true():
                break
            time.sleep(0.02)
        pytest.fail(f"it did not come; exit code {self.process.poll()}\n{''.join(self.said)}{''.join(self.log)}")

    @property
    def base(self) -> str:
        """Where it serves, as it printed it."""
        self.until(lambda: any("feed.atom" in line for line in list(self.said)))
        found = re.search(r"subscribe\s+(\S+)feed\.atom", "".join(self.said))
        assert found
        return found[1]

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """GET a path; return status, headers, body."""
        request = urllib.request.Request(
            self.base + path.lstrip("/"), headers={k.replace("_", "-"): v for k, v in headers.items()}
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read()
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.code, {k.lower(): v for k, v in answer.headers.items()}, answer.read()

    def titles(self) -> list[str]:
        """Return the titles of the merged feed, in its order."""
        return [item["title"] for item in json.loads(self.get("/feed.json?limit=500")[2])["items"]]

    def stop(self, by: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
        """Signal it; return its exit code and how long it took to leave."""
        began = time.monotonic()
        self.process.send_signal(by)
        code = self.process.wait(20)
        took = time.monotonic() - began
        for reader in self._readers:
            reader.join(5)
        return code, took

    def kill(self) -> None:
        """Kill it by its pid where it still runs, and give back what is held for it."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        for reader in self._readers:
            reader.join(5)
        for stream in (self.process.stdout, self.process.stderr):
            if stream:
                stream.close()

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        """End it, whatever happened: it is asked to leave, and killed where it does not."""
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(15)
        self.kill()


def fifty_under_way(home: Home, publisher: Publisher, daemon: Callable[..., Running]) -> Running:
    """Return a daemon with 50 requests under way, none of which is ever answered."""

    def silent(wire: Wire, _: Asked) -> None:
        wire.silence()

    for number in range(50):
        publisher.plays(f"/{number}", silent)
    home.settings |= {
        "polling": {"concurrency": 50, "per_host": 50, "host_delay": "0s", "allow_private": [publisher.host]},
        "sources": [{"id": f"s{n}", "url": publisher.url(f"/{n}")} for n in range(50)],
    }
    home.write()
    running = daemon()
    running.until(lambda: len(publisher.asked) == 50)
    return running


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    """A publisher with nothing on its shelf yet."""
    made = Shelf({})
    yield made
    made.close()


@pytest.fixture
def home(tmp_path: Path, shelf: Shelf) -> Home:
    """A folder with a feeds.yaml that names no source yet."""
    return Home(tmp_path / "home", shelf, {}, settings={"defaults": {"every": "1s"}})


@pytest.fixture
def polled(home: Home, shelf: Shelf) -> Home:
    """One source after a poll, two entries in it; a file whose tests need another world has one of its own."""
    home.settings, home.sources, home.more = {}, {"notes": "/a.xml"}, {}
    home.write()
    shelf.files = {"/a.xml": rss("1", "2")}
    assert home.run("poll").returncode == 0
    return home


@pytest.fixture
def daemon(home: Home) -> Iterator[Callable[..., Running]]:
    """
    Starts `aggregator run` (or another command) on `home`; what still runs at the end is killed by its pid.

    `environment` is that of the process; ours where none is given.
    """
    started: list[Running] = []

    def start(*args: str, environment: Mapping[str, str] | None = None) -> Running:
        command = [sys.executable, "-m", "aggregator", "-c", str(home.config), *(args or ("run",))]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=home.folder, env=environment
        )
        started.append(Running(process))
        return started[-1]

    yield start
    for one in started:
        one.kill()
