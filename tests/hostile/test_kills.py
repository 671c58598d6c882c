"""
SIGKILL at seeded moments of everything that writes: nothing that was committed is lost or doubled, nothing is left half.

A dozen kills where all tests run, more than 200 in `make hostile`, which prints the figures.
"""

from __future__ import annotations

import re
import shutil
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from plugins.daemons import Running, rss
from plugins.killing import LONG, Killer, first_version, integrity, temporaries, titles_in, whole_files
from plugins.served_corpus import Home, Shelf
from storage.sqlite import SqliteStore
from storage.sqlite.schema import SCHEMA

pytestmark = pytest.mark.timeout(1200 if LONG else 120)
Start = Callable[..., Running]
READY_WITHIN = 5.0 if LONG else 20.0
"""Seconds; a machine that runs all tests at once is given more."""


class Herd:
    """A publisher of several feeds that get an entry each round."""

    def __init__(self, home: Home, shelf: Shelf, feeds: int, fields: tuple[str, ...] = ("link", "tags", "rss")) -> None:
        self.shelf = shelf
        self.names = [f"f{number}" for number in range(feeds)]
        home.sources = {name: f"/{name}.xml" for name in self.names}
        home.more = {name: {"category": "c", "site": name, "feed": "f"} for name in self.names}
        home.settings = {
            "defaults": {"every": "1s"},
            "storage": {"path": "./data", "records": "./records", "record_fields": list(fields)},
        }
        home.write()
        self.entries = 0

    def publish(self, more: int = 1) -> None:
        """Let each feed have so many entries more."""
        self.entries += more
        numbers = range(self.entries, 0, -1)
        self.shelf.files = {f"/{n}.xml": rss(*(f"{n}-{number}" for number in numbers)) for n in self.names}

    @property
    def titles(self) -> list[str]:
        """Of all that was published so far."""
        return sorted(f"Title {name}-{number + 1}" for name in self.names for number in range(self.entries))


def of_source(titles: list[str]) -> Counter[str]:
    """Return how many titles each feed of a herd has."""
    return Counter(title.split()[1].partition("-")[0] for title in titles)


def told(killer: Killer, took: list[float] | None = None) -> None:
    """Print what happened, for the table of docs/security.md."""
    ready = f", ready again in {max(took):.2f} s at most" if took else ""
    print(f"{killer.name}: {killer.kills} kills, {killer.ended} rounds that were done before{ready}")
    assert killer.kills > 0


def looked_at(home: Home, before: set[str]) -> set[str]:
    """Return the titles that a killed process left, which hold all that was there before, once each, in whole files."""
    data = home.folder / "data"
    assert integrity(data / "aggregator.db") == "ok"
    titles = titles_in(data)
    assert len(titles) == len(set(titles))
    assert before <= set(titles)
    assert set(whole_files(home.records, home.folder / "data")) <= set(titles)
    return set(titles)


def test_polls_that_are_killed_lose_and_double_nothing_that_was_saved(home: Home, shelf: Shelf) -> None:
    herd, killer = Herd(home, shelf, 20), Killer("poll", home.folder)
    herd.publish(10)
    killer.whole(killer.command(home.folder, "poll", "--all"))
    stored = looked_at(home, set())

    for _ in killer.rounds(2, 40):
        herd.publish()
        _, said = killer.killed(killer.command(home.folder, "poll", "--all"))
        stored = looked_at(home, stored)
        for source, new in re.findall(r"^ok +(\w+) +(\d+) new$", said, re.MULTILINE):
            # What was said to be saved was: all that was published until then.
            assert int(new) > 0
            assert of_source(sorted(stored))[source] == herd.entries
    killer.whole(killer.command(home.folder, "poll", "--all"))

    assert titles_in(home.folder / "data") == herd.titles
    assert whole_files(home.records, home.folder / "data") == herd.titles
    assert temporaries(home.folder) == []
    told(killer)


def test_a_daemon_that_is_killed_is_ready_again_with_all_that_it_had(home: Home, shelf: Shelf, daemon: Start) -> None:
    herd, killer, took = Herd(home, shelf, 20), Killer("run", home.folder), list[float]()
    stored: set[str] = set()

    for _ in killer.rounds(2, 45):
        herd.publish()
        left, began = set(temporaries(home.folder)), time.monotonic()
        running = daemon()
        running.until(lambda one=running: one.get("/readyz")[0] == 200)  # type: ignore[misc]  # bound early
        took.append(time.monotonic() - began)
        assert left.isdisjoint(temporaries(home.folder))
        moment = time.monotonic() + killer.chance.uniform(0, 2.5)
        running.until(lambda until=moment: time.monotonic() > until)  # type: ignore[misc]  # the same
        running.stop(signal.SIGKILL)
        killer.kills += 1
        stored = looked_at(home, stored)
        saved = [re.search(r"updated source=(\w+) new=(\d+)", line) for line in running.log]
        for source in {one[1] for one in saved if one}:
            assert of_source(sorted(stored))[source] == herd.entries
    last = daemon()
    last.until(lambda: titles_in(home.folder / "data") == herd.titles)
    last.until(lambda: whole_files(home.records, home.folder / "data") == herd.titles)
    last.stop()

    assert temporaries(home.folder) == []
    assert max(took) < READY_WITHIN
    told(killer, took)


WRITES_FILES = """
import sys
from pathlib import Path
from aggregator.config import load
from aggregator.filing import Filer
from storage.posts import Posts
from storage.sqlite import SqliteStore
settings = load(Path(sys.argv[1]), {})
with_records = settings.storage.records
store = SqliteStore.open(settings.storage.path)
store.forget_files()
print("begun", flush=True)
Filer(store, Posts(with_records)).bring_up_to_date(settings)
store.close()
"""
INDEXES = """
import sys
from pathlib import Path
from aggregator import indexing
from aggregator.config import load
from storage.sqlite import SqliteStore
store = SqliteStore.open(load(Path(sys.argv[1]), {}).storage.path)
print("begun", flush=True)
indexing.bring_up_to_date(store)
store.close()
"""
PRUNES = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from aggregator.config import load
from storage.sqlite import SqliteStore
store = SqliteStore.open(load(Path(sys.argv[1]), {}).storage.path)
print("begun", flush=True)
print(store.prune(datetime.now(UTC) + timedelta(days=4000)), flush=True)
store.close()
"""
OPENS = """
import sys
from pathlib import Path
from storage.sqlite import SqliteStore
print("begun", flush=True)
SqliteStore.open(Path(sys.argv[1])).close()
"""


@pytest.fixture
def stocked(home: Home, shelf: Shelf) -> Home:
    """Sources with some hundred entries after a poll."""
    herd = Herd(home, shelf, 10)
    herd.publish(60 if LONG else 25)
    assert home.run("poll", "--all").returncode == 0
    return home


def test_record_files_that_are_written_as_the_process_is_killed_are_whole_or_not_there(stocked: Home) -> None:
    data, killer = stocked.folder / "data", Killer("record files", stocked.folder)
    titles = titles_in(data)
    command = [sys.executable, "-c", WRITES_FILES, str(stocked.config)]

    for number in killer.rounds(1, 25):
        shutil.rmtree(stocked.records, ignore_errors=True)
        # Another form than what was written before, so that every file is written anew.
        stocked.settings["storage"]["record_fields"] = ["link", "rss"] if number % 2 else ["link", "tags", "rss"]
        stocked.write()
        killer.killed_after(command, "begun", 0.6 if LONG else 0.15)
        written = whole_files(stocked.records, data) if stocked.records.exists() else []
        assert set(written) <= set(titles)
        assert looked_at(stocked, set(titles)) == set(titles) if stocked.records.exists() else True
    stocked.settings["storage"]["record_fields"] = ["rss"]
    stocked.write()
    killer.whole(command)

    assert whole_files(stocked.records, data) == titles
    killer.whole(killer.command(stocked.folder, "poll"))
    assert temporaries(stocked.folder) == []
    told(killer)


def test_an_index_that_is_killed_goes_on_where_it_was(stocked: Home) -> None:
    data, killer = stocked.folder / "data", Killer("index", stocked.folder)
    command = [sys.executable, "-c", INDEXES, str(stocked.config)]

    for _ in killer.rounds(1, 20):
        with closing(sqlite3.connect(data / "aggregator.db")) as connection, connection:
            connection.execute("DELETE FROM search_texts")
            connection.execute("INSERT OR REPLACE INTO unsearched SELECT id, 0 FROM records")
        killer.killed_after(command, "begun", 0.3)
        assert integrity(data / "aggregator.db") == "ok"
    killer.whole(command)

    with closing(SqliteStore.open_readonly(data)) as store:
        assert store.unsearched() == []
        assert store.examine() == []
    with closing(sqlite3.connect(data / "aggregator.db")) as connection:
        # FTS5's own look: whether the index says what the texts say.
        connection.execute("INSERT INTO search (search, rank) VALUES ('integrity-check', 1)")
        counted = connection.execute("SELECT (SELECT count(*) FROM search_texts), (SELECT count(*) FROM records)")
        texts, records = counted.fetchone()
    assert texts == records
    assert "Title f" in stocked.run("search", "Title").stdout
    told(killer)


def test_a_prune_that_is_killed_is_done_whole_or_not_at_all(home: Home, shelf: Shelf, tmp_path: Path) -> None:
    herd, killer = Herd(home, shelf, 10), Killer("prune", tmp_path)
    herd.publish(40)
    killer.whole(killer.command(home.folder, "poll", "--all"))
    shelf.files = {f"/{name}.xml": rss("last") for name in herd.names}
    killer.whole(killer.command(home.folder, "poll", "--all"))
    data, kept = home.folder / "data", tmp_path / "kept"
    shutil.copytree(data, kept)
    all_of_them, outcomes = titles_in(data), set[int]()
    command = [sys.executable, "-c", PRUNES, str(home.config)]

    for _ in killer.rounds(1, 15):
        shutil.rmtree(data)
        shutil.copytree(kept, data)
        killer.killed_after(command, "begun", 0.08)
        assert integrity(data / "aggregator.db") == "ok"
        outcomes.add(len(titles_in(data)))

    assert outcomes <= {len(all_of_them), len(herd.names)}
    told(killer)


def test_an_upgrade_that_is_killed_leaves_the_old_store_or_the_new_one(tmp_path: Path) -> None:
    old, data, killer = tmp_path / "old.db", tmp_path / "data", Killer("upgrade", tmp_path)
    first_version(old, 20_000 if LONG else 5_000)
    command = [sys.executable, "-c", OPENS, str(data)]
    data.mkdir()
    shutil.copyfile(old, data / "aggregator.db")
    killer.whole(command)
    expected, versions = titles_in(data), set[int]()

    for _ in killer.rounds(1, 30):
        shutil.rmtree(data)
        data.mkdir()
        shutil.copyfile(old, data / "aggregator.db")
        killer.killed_after(command, "begun", killer.took)
        with closing(sqlite3.connect(data / "aggregator.db")) as connection:
            versions.add(connection.execute("PRAGMA user_version").fetchone()[0])
        assert integrity(data / "aggregator.db") == "ok"
        for copy in (data / "backups").glob("*.db"):
            assert integrity(copy) == "ok"
        killer.whole(command)  # the next start
        assert titles_in(data) == expected
        assert temporaries(data) == []
        [copy] = (data / "backups").glob("*.db")
        with closing(sqlite3.connect(copy)) as connection:
            assert connection.execute("SELECT count(*) FROM records").fetchone()[0] == len(expected)

    assert versions <= {1, SCHEMA.version}
    told(killer)


def test_a_backup_that_is_killed_leaves_the_copy_before_it_and_no_part(stocked: Home) -> None:
    data, killer = stocked.folder / "data", Killer("backup", stocked.folder)
    copy = data / "backups" / "aggregator-mine.db"
    copy.parent.mkdir(exist_ok=True)
    command = killer.command(stocked.folder, "backup", str(copy), "--replace")
    killer.whole(command)
    titles = titles_in(data)

    for _ in killer.rounds(1, 25):
        killer.killed(command, earliest=0.5)
        assert integrity(copy) == "ok"
        assert looked_at(stocked, set(titles)) == set(titles)
    killer.whole(command)

    assert temporaries(stocked.folder) == []
    killer.whole(killer.command(stocked.folder, "restore", str(copy)))
    assert titles_in(data) == titles
    told(killer)


def test_a_restore_that_is_killed_loses_neither_store_and_can_be_done_again(stocked: Home, shelf: Shelf) -> None:
    data, killer = stocked.folder / "data", Killer("restore", stocked.folder)
    kept, copy = stocked.folder / "kept", stocked.folder / "copy.db"
    killer.whole(killer.command(stocked.folder, "backup", str(copy)))
    copied = titles_in(data)
    shelf.files = {path: rss("newer") for path in shelf.files}
    poll = Killer("poll before restore", stocked.folder)
    poll.whole(poll.command(stocked.folder, "poll", "--all"))
    poll.killed_after([sys.executable, "-c", COMMITS, str(stocked.config)], "begun", 0)
    shutil.copytree(data, kept)  # as a killed daemon left it: with a -wal file that holds commits
    newer, again = titles_in(kept), killer.command(stocked.folder, "restore", str(copy))
    command = [sys.executable, "-c", RESTORES, str(data), str(copy)]
    killer.whole(command)

    for _ in killer.rounds(1, 25):
        shutil.rmtree(data)
        shutil.copytree(kept, data)
        killer.killed_after(command, "begun", 0.05)
        killer.whole(again)
        assert titles_in(data) == copied
        aside = [one for path in data.glob("aggregator-replaced-*.db") for one in [opened_alone(path)] if one != copied]
        assert aside == [newer]
        assert temporaries(data) == []

    told(killer)


RESTORES = """
import sys
from pathlib import Path
from storage.sqlite import restore
print("begun", flush=True)
restore(Path(sys.argv[1]), Path(sys.argv[2]), "20260301T000000Z")
"""
COMMITS = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from aggregator.config import load
from aggregator.rows import source_rows
from storage.sqlite import SqliteStore
settings = load(Path(sys.argv[1]), {})
store = SqliteStore.open(settings.storage.path)
store.sync_sources(source_rows(settings)[:-1], datetime.now(UTC))
print("begun", flush=True)
time.sleep(60)
"""


def opened_alone(database: Path) -> list[str]:
    """Return the titles in a store's file that lies under another name, its -wal beside it."""
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        return sorted(row[0] for row in connection.execute("SELECT title FROM records"))


def test_an_import_of_records_that_is_killed_goes_on_where_it_was(stocked: Home) -> None:
    data, killer = stocked.folder / "data", Killer("import", stocked.folder)
    entries, files = stocked.entries(), stocked.tree()
    command = killer.command(stocked.folder, "import", "records", "./records")
    shutil.rmtree(data)
    killer.whole(command)

    for _ in killer.rounds(1, 25):
        shutil.rmtree(data)
        killer.killed(command, earliest=0.4)
        before = set(titles_in(data)) if (data / "aggregator.marker").exists() else set()
        killer.whole(command)
        assert before <= set(titles_in(data))
        assert stocked.entries() == entries
        assert stocked.tree() == files
        assert temporaries(stocked.folder) == []

    told(killer)
