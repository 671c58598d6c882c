"""A clock that is set, and a machine that sleeps, under a real daemon: no storm, nobody forgotten, nothing lost."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from plugins.clock import Clock
from plugins.daemons import Running, rss
from plugins.killing import LONG
from plugins.publisher import Asked, Publisher, Wire, reply
from plugins.served_corpus import Home, Shelf

pytestmark = pytest.mark.timeout(180)
Start = Callable[..., Running]
HOUR, DAY, YEAR = timedelta(hours=1), timedelta(days=1), timedelta(days=365)
HOURLY = [f"s{number}" for number in range(20)]
OFTEN = [f"q{number}" for number in range(3)]
SOON = 1.1 + 60 / 3600
"""Hours: an interval of one, what is added to it so that not all come together, and a minute."""
JITTER = [90, -90, -90, 90, 45, -90, -45, 90, 90, -90]
"""Seconds; together none."""
BACK = None
"""In a walk of steps: to the true time, as NTP sets it."""
WALK = (-DAY, YEAR)
LONG_WALK = (
    *WALK, BACK, -YEAR, BACK, DAY, BACK, -DAY, -YEAR, BACK, HOUR, BACK, -HOUR, BACK,
    9 * YEAR, -30 * YEAR, BACK, timedelta(minutes=9), BACK, YEAR,
)  # fmt: skip


def waits(running: Running, clock: Clock) -> dict[str, float]:
    """Return in how many hours each source is to be polled."""
    rows = json.loads(running.get("/sources.json")[2])
    return {row["id"]: (datetime.fromisoformat(row["next_poll_at"]) - clock.now()) / HOUR for row in rows}


class Watched:
    """A daemon under a clock that tests set, as its subscribers, its publishers and its service manager see it."""

    def __init__(self, start: Start, clock: Clock, shelf: Shelf, manager: socket.socket) -> None:
        self.clock, self._shelf, self._manager, self._start = clock, shelf, manager, start
        self.start()
        self.feed = self.running.get("/feed.atom")

    def start(self) -> None:
        """Start it, and wait until all is polled that is to be."""
        told = {"NOTIFY_SOCKET": self._manager.getsockname(), "WATCHDOG_USEC": "30000000"}
        self.running = running = self._start(environment=self.clock.environment | told)
        running.until(lambda: len(self.asked()) == len(HOURLY) + len(OFTEN) and self.all_well())

    def asked(self) -> Counter[str]:
        """Return how often each source was asked for since the start."""
        return Counter(path.strip("/") for path in list(self._shelf.paths))

    def sources(self) -> dict[str, dict[str, Any]]:
        """Return how each source is."""
        return {row["id"]: row for row in json.loads(self.running.get("/sources.json")[2])}

    def all_well(self) -> bool:
        """Return whether every source was read and is well."""
        return all(row["state"] == "ok" and row["last_success_at"] for row in self.sources().values())

    def go_on(self) -> None:
        """Wait until those that are asked all the time are asked again, and the watchdog was fed."""
        before = self.asked()
        self._manager.setblocking(False)
        with suppress(BlockingIOError):  # what was said before
            while True:
                self._manager.recv(4096)
        self._manager.settimeout(10)
        while b"WATCHDOG=1" not in self._manager.recv(4096):
            pass
        self.running.until(lambda: all(self.asked()[name] > before[name] for name in OFTEN))

    def is_as_it_was(self, asked: Counter[str]) -> None:
        """Hold it to what a step must not change."""
        rows = self.sources()
        answers = [self.running.get(path)[0] for path in ("/healthz", "/readyz")]
        told = json.loads(self.running.get("/source/s0/status.json")[2])
        again = self.running.get("/feed.atom", If_None_Match=self.feed[1]["etag"])

        assert answers == [200, 200]
        assert {name: self.asked()[name] for name in HOURLY} == {name: asked[name] for name in HOURLY}
        assert {name: (row["state"], row["reason"]) for name, row in rows.items() if row["state"] != "ok"} == {}
        hours = waits(self.running, self.clock)
        assert {name: hours[name] for name in HOURLY if not 0 < hours[name] <= SOON} == {}
        spread = datetime.fromisoformat(told["next_poll_at"]) - datetime.fromisoformat(told["terms"][0]["until"])
        assert (
            timedelta() <= spread <= HOUR / 10
        )  # what is told adds up: an interval, and what keeps all from coming together
        assert again[0] == 304
        assert self.running.get("/feed.atom")[2] == self.feed[2]

    def said(self, *words: str) -> list[str]:
        """Return the lines of its log that hold one of the words."""
        return [line for line in list(self.running.log) if any(word in line for word in words)]


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """The socket at which a service manager listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        yield listening


@pytest.fixture
def many(home: Home, shelf: Shelf) -> Home:
    """Sources that are asked every hour, and some that are asked all the time; records are kept for thirty days."""
    home.sources = {name: f"/{name}" for name in (*HOURLY, *OFTEN)}
    home.more = {name: {"every": "1h"} for name in HOURLY}
    home.settings |= {"defaults": {"every": "1s", "keep": {"days": 30, "entries": 100}}}
    home.write()
    shelf.files = {f"/{name}": rss(f"{name}-2", f"{name}-1") for name in (*HOURLY, *OFTEN)}
    return home


@pytest.fixture
def watched(many: Home, daemon: Start, clock: Clock, shelf: Shelf, manager: socket.socket) -> Watched:
    """A daemon that has polled them all."""
    return Watched(daemon, clock, shelf, manager)


def test_a_clock_that_is_set_back_and_forth_changes_nothing_but_the_time_nor_what_a_kill_leaves(
    watched: Watched, many: Home
) -> None:
    asked = watched.asked()
    shown = []
    for step in LONG_WALK if LONG else WALK:
        watched.clock.step(-watched.clock.ahead if step is BACK else step)
        began = time.monotonic()
        watched.go_on()
        shown.append((str(watched.clock.ahead), round(time.monotonic() - began, 1)))
        watched.is_as_it_was(asked)

    log = watched.said("Traceback", "error", "incident", "broke down", "nothing is let go of yet")
    watched.running.stop(signal.SIGKILL)
    watched.clock.step(-YEAR if LONG else -watched.clock.ahead)
    watched.start()
    watched.go_on()
    watched.is_as_it_was(asked)
    watched.running.stop()

    assert log != []
    assert [line for line in log if "nothing is let go of yet" not in line] == []
    assert len(many.entries()) == 2 * (len(HOURLY) + len(OFTEN))
    print(f"the clock ahead by, and seconds until all went on: {shown}")


def test_a_clock_that_jitters_brings_no_poll_and_a_night_of_sleep_one_of_each(
    watched: Watched, many: Home, shelf: Shelf
) -> None:
    asked, began = watched.asked(), time.monotonic()
    for seconds in JITTER * (5 if LONG else 1):
        watched.clock.step(timedelta(seconds=seconds))
        watched.running.get("/healthz")
        time.sleep(0.05 if seconds > 0 else 0.3)  # some are seen one by one, some together
    watched.go_on()

    watched.is_as_it_was(asked)
    passed = time.monotonic() - began
    assert max(watched.asked()[name] - asked[name] for name in OFTEN) <= passed + 2

    watched.clock.sleep(DAY)
    watched.running.until(lambda: all(watched.asked()[name] > asked[name] for name in HOURLY))
    watched.running.until(lambda: min(waits(watched.running, watched.clock)[name] for name in HOURLY) > 0)

    watched.is_as_it_was(asked + Counter(HOURLY))

    # What is broken or new while the clock is set back is seen at once.
    good = many.config.read_text(encoding="utf-8")
    many.config.write_text("version: [", encoding="utf-8")
    watched.running.until(lambda: watched.running.get("/readyz")[0] == 503)

    with urllib.request.urlopen(watched.running.base + "events", timeout=20) as events:
        watched.clock.step(-YEAR)
        many.config.write_text(good, encoding="utf-8")
        shelf.files["/q0"] = rss("q0-3", "q0-2", "q0-1")
        watched.running.until(lambda: "Title q0-3" in watched.running.titles())
        watched.running.until(lambda: watched.running.get("/readyz")[0] == 200)
        told = next(line for line in events if line.startswith(b"event"))

    assert told == b"event: changed\n"
    items = json.loads(watched.running.get("/feed.json?limit=500")[2])["items"]
    assert len(items) == len({item["id"] for item in items}) == 2 * (len(HOURLY) + len(OFTEN)) + 1


@pytest.mark.parametrize(
    ("set_by", "slept"),
    [(YEAR, timedelta()), (-YEAR, timedelta()), (timedelta(), DAY)] if LONG else [(-YEAR, timedelta())],
)
def test_polls_under_way_when_the_clock_is_set_are_due_an_interval_later(
    home: Home, daemon: Start, clock: Clock, publisher: Publisher, set_by: timedelta, slept: timedelta
) -> None:
    answering = threading.Event()

    def slowly(wire: Wire, _: Asked) -> None:
        answering.wait(20)
        wire.send(reply("200 OK", rss("1"), "Content-Type: application/rss+xml"))

    urls = {f"s{number}": publisher.url(f"/s{number}") for number in range(8)}
    for name in urls:
        publisher.plays(f"/{name}", slowly)
    home.settings |= {
        "polling": {"concurrency": 8, "per_host": 8, "host_delay": "0s", "allow_private": [publisher.host]},
        "sources": [{"id": name, "url": url, "every": "1h"} for name, url in urls.items()],
    }
    home.write()
    running = daemon(environment=clock.environment)
    running.until(lambda: len(publisher.asked) == 8)

    clock.step(set_by)
    clock.sleep(slept)
    answering.set()
    running.until(lambda: sum("updated" in line for line in list(running.log)) == 8)
    running.until(lambda: all(0 < wait <= SOON for wait in waits(running, clock).values()), within=5)
    time.sleep(1.2)  # a tick: whoever was thought to be due would be asked

    assert [wait for wait in waits(running, clock).values() if not 0 < wait <= SOON] == []
    assert len(publisher.asked) == 8
    assert [line for line in running.log if "Traceback" in line or "failed" in line] == []


def test_who_polls_by_a_timer_is_not_stopped_by_a_clock_that_is_set_back_between_two_runs(
    home: Home, daemon: Start, clock: Clock, shelf: Shelf
) -> None:
    home.sources, home.more = {"a": "/a"}, {"a": {"every": "1h"}}
    home.write()
    shelf.files = {"/a": rss("1")}
    clock.step(YEAR)
    first = daemon("poll", environment=clock.environment).process.wait(20)
    clock.right()
    second = daemon("poll", environment=clock.environment).process.wait(20)

    [row] = home.health()
    assert (first, second) == (0, 0)
    assert 0 < (datetime.fromisoformat(row["next_poll_at"]) - clock.now()) / HOUR <= SOON
    assert len(shelf.paths) == 1
