"""A daemon among faults: another daemon, signals, too few descriptors, copies of a store that is written to."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from plugins.daemons import Running, fifty_under_way, rss
from plugins.killing import LONG, first_version, integrity, titles_in
from plugins.publisher import Publisher
from plugins.served_corpus import Home, Shelf

pytestmark = pytest.mark.timeout(120)
Start = Callable[..., Running]
AT_ONCE = 2.0 if LONG else 8.0
"""Seconds; a machine that runs all tests at once is given more."""


@pytest.fixture
def polled(home: Home, shelf: Shelf) -> Home:
    """A source that is asked every second."""
    home.sources = {"a": "/a.xml"}
    home.write()
    shelf.files = {"/a.xml": rss("1", "2")}
    return home


def test_a_second_daemon_leaves_and_the_lock_of_a_killed_one_is_free_at_once(polled: Home, daemon: Start) -> None:
    first = daemon()
    first.until(lambda: len(first.titles()) == 2)
    began = time.monotonic()
    second = polled.run("run")
    left = time.monotonic() - began
    first.process.kill()
    first.process.wait(10)
    began = time.monotonic()
    third = daemon()
    third.until(lambda: third.get("/readyz")[0] == 200)
    ready = time.monotonic() - began

    assert second.returncode == 4
    assert f"is in use by process {first.process.pid}: stop that first" in second.stderr
    assert left < AT_ONCE
    assert ready < 2.5 * AT_ONCE
    assert len(third.titles()) == 2
    print(f"second daemon: gone after {left:.2f} s; after a kill of the first ready in {ready:.2f} s")


def test_a_second_signal_ends_it_at_once(home: Home, daemon: Start, publisher: Publisher) -> None:
    running = fifty_under_way(home, publisher, daemon)
    running.process.send_signal(signal.SIGTERM)
    running.until(lambda: any("stopping" in line for line in list(running.log)))

    code, took = running.stop()

    assert code == 130
    assert took < AT_ONCE
    assert integrity(home.folder / "data" / "aggregator.db") == "ok"
    print(f"second signal: gone after {took:.2f} s")


def test_with_too_few_descriptors_it_stays_up_and_polls_who_is_well(home: Home, shelf: Shelf, tmp_path: Path) -> None:
    """Sixty sources at once, and descriptors for a few."""
    home.sources = {f"s{number}": f"/{number}.xml" for number in range(60)}
    home.settings = {
        "defaults": {"every": "5s"},
        "polling": {"concurrency": 60, "per_host": 60, "host_delay": "0s", "allow_private": [shelf.host]},
    }
    home.write()
    shelf.files = {path: rss(f"x{path[1:-4]}") for path in home.sources.values()}

    def few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60))

    command = [sys.executable, "-m", "aggregator", "-c", str(home.config), "run"]
    with (tmp_path / "out").open("w") as out, (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=out, stderr=log, cwd=home.folder, preexec_fn=few)  # noqa: PLW1509 # one system call
    try:
        end, stored = time.monotonic() + 60, 0
        while stored < 60 and process.poll() is None and time.monotonic() < end:
            time.sleep(0.5)
            stored = len(titles_in(home.folder / "data")) if (home.folder / "data/aggregator.marker").exists() else 0
        alive = process.poll() is None
    finally:
        process.terminate()
        code = process.wait(20)
    said = (tmp_path / "log").read_text()

    assert alive
    assert stored == 60, said[-2000:]
    assert code == 0
    assert "Traceback" not in said
    assert "60 open files are allowed: 1 polls at once instead of 60 (`ulimit -n 184` allows them)" in said


def test_a_daemon_makes_the_copy_that_is_due_soon_after_its_start_and_lets_the_oldest_go(
    polled: Home, daemon: Start
) -> None:
    """One that is started anew each half hour makes copies too; one that a wrong clock dated ahead holds up none."""
    polled.settings["storage"] = {"path": "./data", "backups": {"every": "1h", "keep": 3}}
    polled.write()
    assert polled.run("poll").returncode == 0
    folder, now = polled.folder / "data/backups", datetime.now(UTC)
    folder.mkdir(exist_ok=True)
    for ago in (timedelta(hours=5), timedelta(hours=3), timedelta(hours=2), -timedelta(days=365)):
        assert polled.run("backup", str(folder / f"aggregator-{now - ago:%Y%m%dT%H%M%SZ}.db")).returncode == 0

    running = daemon()
    running.until(lambda: any("maintained" in line for line in list(running.log)), within=40)
    running.stop()

    copies = sorted(path.name for path in folder.iterdir())
    assert copies[:2] == [f"aggregator-{now - timedelta(hours=ago):%Y%m%dT%H%M%SZ}.db" for ago in (3, 2)]
    assert len(copies) == 3
    assert copies[2] > f"aggregator-{now:%Y%m%dT%H%M%SZ}.db"
    assert copies[2] < f"aggregator-{now + timedelta(hours=1):%Y%m%dT%H%M%SZ}.db"
    assert integrity(folder / copies[2]) == "ok"


STALLS = """
import sys, threading, time
from datetime import UTC, datetime
from pathlib import Path
from storage.sqlite import SqliteStore
from storage.states import SourceRow
store = SqliteStore.open(Path(sys.argv[1]))
longest, ended = 0.0, threading.Event()
def copy():
    store.backup(Path(sys.argv[2]))
    ended.set()
thread = threading.Thread(target=copy)
began = time.monotonic()
thread.start()
written = 0
while not ended.is_set() or not written:
    at = time.monotonic()
    rows = [SourceRow(f"s{n}", str(written), "", "", n, 365, 5000, "") for n in range(20)]
    store.sync_sources(rows, datetime(2026, 3, 2, tzinfo=UTC))
    written += 1
    longest = max(longest, time.monotonic() - at)
thread.join()
print(f"{longest:.3f} {written} {time.monotonic() - began:.2f}")
store.close()
"""


def test_a_copy_is_made_while_others_write_and_holds_them_up_for_less_than_a_second(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    first_version(tmp_path / "data" / "aggregator.db", 100_000 if LONG else 10_000)

    done = subprocess.run(
        [sys.executable, "-c", STALLS, tmp_path / "data", tmp_path / "copy.db"],
        check=True, capture_output=True, text=True, timeout=100,
    )  # fmt: skip

    longest, written, took = map(float, done.stdout.split())
    size = (tmp_path / "copy.db").stat().st_size
    assert longest < 1
    assert written > 0
    assert titles_in(tmp_path / "data") == sorted(f"Title {n:06d}" for n in range(1, (100_000 if LONG else 10_000) + 1))
    assert integrity(tmp_path / "copy.db") == "ok"
    print(f"backup of {size >> 20} MB: {took:.2f} s, {written:.0f} writes beside it, the longest {longest:.3f} s")
