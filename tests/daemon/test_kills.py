"""A daemon that is killed, again and again, and one whose list is edited: counted at the publisher."""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise

import pytest

from plugins.daemons import Running, rss
from plugins.publisher import Asked, Publisher, Wire, reply
from plugins.served_corpus import Home, Shelf

pytestmark = pytest.mark.timeout(120)
Start = Callable[..., Running]
COUNTS = [200, 1000] if os.environ.get("LONG") == "1" else [200]
"""Sources of the longer run; `make restarts` sets LONG."""


class Gate:
    """A publisher whose answers wait until it is opened, and that knows when it was asked for what."""

    def __init__(self, publisher: Publisher, names: list[str]) -> None:
        self.publisher = publisher
        self.opened = threading.Event()
        self.paths = [f"/{name}" for name in names]
        for name in names:
            publisher.plays(f"/{name}", self._answer(reply("200 OK", rss(f"{name}-1", f"{name}-2"))))

    def _answer(self, whole: bytes) -> Callable[[Wire, Asked], None]:
        def play(wire: Wire, _: Asked) -> None:
            while not self.opened.wait(0.05):
                if wire.stopped.is_set() or hung_up(wire):
                    return
            wire.send(whole)

        return play

    def gaps(self) -> dict[str, list[float]]:
        """Return the seconds between two requests for each path."""
        times: dict[str, list[float]] = defaultdict(list)
        for asked in list(self.publisher.asked):
            times[asked.target].append(asked.at)
        return {path: [later - earlier for earlier, later in pairwise(times[path])] for path in self.paths}

    def asked(self) -> set[str]:
        """Return the paths that were asked for."""
        return {asked.target for asked in list(self.publisher.asked)}


def hung_up(wire: Wire) -> bool:
    """Return whether the client has closed its end."""
    wire.sock.settimeout(0.001)
    try:
        return not wire.sock.recv(1)
    except TimeoutError:
        return False
    except OSError:
        return True
    finally:
        wire.sock.settimeout(30)


def kill(running: Running) -> None:
    running.process.kill()
    running.process.wait(10)


def subscribe(home: Home, publisher: Publisher, names: list[str], every: str, at_once: int = 50) -> None:
    home.settings |= {
        "polling": {"concurrency": at_once, "per_host": at_once, "host_delay": "0s", "allow_private": [publisher.host]},
        "defaults": {"every": every, "site": "s"},
        "sources": [{"id": name, "url": publisher.url(f"/{name}")} for name in names],
    }
    home.write()


def test_five_kills_with_fifty_requests_in_flight_ask_nobody_early_and_lose_and_double_nothing(
    home: Home, daemon: Start, publisher: Publisher
) -> None:
    """S53."""
    names = [f"f{number}" for number in range(50)]
    gate = Gate(publisher, names)
    subscribe(home, publisher, names, every="1s")

    for time_ in range(1, 6):
        running = daemon()
        running.until(lambda wanted=50 * time_: len(publisher.asked) >= wanted)  # type: ignore[misc]  # bound early
        kill(running)
    gate.opened.set()
    last = daemon()
    last.until(lambda: len(last.titles()) == 100)

    assert min(gap for gaps in gate.gaps().values() for gap in gaps) >= 0.95
    assert sorted(last.titles()) == sorted(f"Title {name}-{n}" for name in names for n in (1, 2))


@pytest.mark.parametrize("count", COUNTS)
def test_a_daemon_that_is_killed_and_started_five_times_asks_nobody_twice_within_the_hour(
    home: Home, daemon: Start, publisher: Publisher, count: int
) -> None:
    """S53, S54: killed on its way, with answers outstanding and sources that were not asked yet."""
    names = [f"f{number}" for number in range(count)]
    gate = Gate(publisher, names)
    gate.opened.set()
    subscribe(home, publisher, names, every="1h", at_once=10)

    for fifth in range(1, 6):
        running = daemon()
        running.until(lambda wanted=count * fifth // 8: len(publisher.asked) >= wanted)  # type: ignore[misc]  # the same
        kill(running)
    last = daemon()
    last.until(quiet(publisher), within=100)

    asked = {path: len(gaps) + 1 for path, gaps in gate.gaps().items() if path in gate.asked()}
    print(f"{count} sources: {len(asked)} asked, {len(publisher.asked)} requests")
    assert set(asked.values()) == {1}
    # What was claimed and not begun when the daemon died waits as if it had been asked: twice ten at each death.
    assert count - 5 * 20 <= len(asked) <= count


def quiet(publisher: Publisher, seconds: float = 3) -> Callable[[], bool]:
    """Return what tells whether nobody has asked for some seconds."""
    seen, since = 0, time.monotonic()

    def still() -> bool:
        nonlocal seen, since
        if len(publisher.asked) != seen:
            seen, since = len(publisher.asked), time.monotonic()
        return time.monotonic() - since > seconds

    return still


def test_an_edited_list_makes_the_added_source_asked_for_and_no_other(
    home: Home, daemon: Start, publisher: Publisher
) -> None:
    """S60: added, removed, renamed, its interval changed, the file broken and mended."""
    names = [f"f{number}" for number in range(6)]
    gate = Gate(publisher, names)
    gate.opened.set()
    subscribe(home, publisher, names[:5], every="1h")
    running = daemon()
    running.until(lambda: len(running.titles()) == 10)
    kept, renamed, slower = ({"id": name, "url": publisher.url(f"/{name}")} for name in names[1:4])
    added = {"id": "f5", "url": publisher.url("/f5")}

    home.config.write_text("version: 1\nsuorces: []\n")
    running.until(lambda: running.get("/readyz")[0] == 503)
    broken = len(publisher.asked)
    home.settings["sources"] = [kept, renamed | {"name": "Another name"}, slower | {"every": "3h"}, added]
    home.write()
    running.until(lambda: "Title f5-1" in running.titles())
    running.until(lambda: running.get("/readyz")[0] == 200)
    running.stop()

    assert broken == 5
    assert [asked.target for asked in publisher.asked[5:]] == ["/f5"]


def test_a_change_of_the_interval_alone_asks_nobody(home: Home, shelf: Shelf, daemon: Start) -> None:
    """S60."""
    home.settings = {"defaults": {"every": "2h"}}
    shelf.files["/a.xml"] = rss("1")
    home.sources = {"a": "/a.xml"}
    home.write()
    running = daemon()
    running.until(lambda: running.titles() == ["Title 1"])

    home.settings = {"defaults": {"every": "1h"}, "server": {"listen": "127.0.0.1:0", "title": "Renamed"}}
    home.write()
    running.until(lambda: b"Renamed" in running.get("/feed.json")[2])

    assert shelf.statuses == [200]
