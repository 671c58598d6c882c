"""A disk that is full: alive, serving, nothing lost, said in a sentence, and on again by itself."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from aggregator import indexing
from plugins.daemons import Running, rss
from plugins.disks import Disk, in_a_namespace
from plugins.killing import first_version, integrity, temporaries, titles_in, whole_files
from plugins.served_corpus import Home, Shelf
from storage.contract import StoreFullError
from storage.sqlite import SqliteStore

pytestmark = pytest.mark.timeout(120)
Start = Callable[..., Running]
LARGE = "<description>" + "A word and another one. " * 2000


def large(*guids: str) -> bytes:
    """Return a feed with entries of 50 kB."""
    return rss(*guids).replace(b"<description>", LARGE.encode())


@pytest.fixture
def small(disk: Disk, shelf: Shelf) -> Home:
    """A home that lies on the small disk, with its store and record files."""
    return Home(disk.folder / "home", shelf, {}, settings={"defaults": {"every": "1s"}})


if os.geteuid() != 0:  # root mounts by itself, in the tests below

    def test_who_is_not_root_mounts_in_a_namespace(require: Callable[[str, bool], None]) -> None:
        done = in_a_namespace([sys.executable, "-m", "pytest", "-p", "no:cacheprovider", __file__], require)

        assert done.returncode == 0, done.stdout
        assert "passed" in done.stdout


def test_a_daemon_on_a_full_disk_serves_says_so_loses_nothing_and_goes_on_when_there_is_space(
    small: Home, shelf: Shelf, disk: Disk, daemon: Start
) -> None:
    small.sources = {"a": "/a.xml", "b": "/b.xml"}
    small.write()
    shelf.files = {"/a.xml": rss("1", "2"), "/b.xml": rss("3")}
    running = daemon("-c", str(small.config), "run")
    running.until(lambda: len(running.titles()) == 3 and len(small.tree()) == 3)

    disk.fill()
    shelf.files["/a.xml"] = large(*map(str, range(10, 30)), "1", "2")
    running.until(lambda: running.get("/readyz")[0] == 503)
    told, alive, served = running.get("/readyz")[2].decode(), running.get("/healthz")[2], running.titles()
    asked = len(shelf.statuses)
    disk.free()
    shelf.files["/b.xml"] = rss("4", "3")
    running.until(lambda: running.get("/readyz")[0] == 200, within=60)
    running.until(lambda: "Title 4" in running.titles(), within=20)
    running.until(lambda: len(small.tree()) == len(running.titles()), within=20)

    assert re.search(r"store: .*aggregator\.db cannot grow: no space is left; nothing was lost", told)
    assert alive.strip() == b"ok"
    assert sorted(served) == ["Title 1", "Title 2", "Title 3"]
    assert asked < 40
    assert running.stop()[0] == 0
    assert "Traceback" not in "".join(running.log)
    assert integrity(small.folder / "data" / "aggregator.db") == "ok"
    assert temporaries(small.folder) == []


def test_a_poll_that_finds_no_space_says_so_and_the_next_one_brings_it_all(
    small: Home, shelf: Shelf, disk: Disk
) -> None:
    small.sources = {"a": "/a.xml"}
    small.write()
    shelf.files = {"/a.xml": rss("1")}
    assert small.run("poll").returncode == 0
    disk.fill()
    shelf.files["/a.xml"] = large(*map(str, range(2, 25)), "1")

    full = small.run("poll", "--all")
    disk.free()
    after = small.run("poll", "--all")

    assert full.returncode == 4
    assert "no space is left" in full.stderr
    assert "Traceback" not in full.stderr
    assert after.returncode == 0
    assert len(titles_in(small.folder / "data")) == len(small.tree()) == 24


def test_record_files_that_find_no_space_are_whole_or_not_there_and_come_later(
    home: Home, shelf: Shelf, disk: Disk
) -> None:
    home.sources = {"a": "/a.xml"}
    home.settings = {"storage": {"path": "./data", "records": str(disk.folder / "records")}}
    home.write()
    shelf.files = {"/a.xml": large(*map(str, range(25)))}
    disk.fill(leave=500_000)

    full = home.run("poll")
    some = whole_files(disk.folder / "records", home.folder / "data")
    disk.free()
    after = home.run("poll", "--all")

    assert full.returncode == 4
    assert "there is no space left; free some, and the rest is written by itself" in full.stderr
    assert len(some) < 25
    assert temporaries(disk.folder) == []
    assert after.returncode == 0
    assert len(whole_files(disk.folder / "records", home.folder / "data")) == 25


def test_a_backup_that_finds_no_space_leaves_no_part_of_it_and_the_one_before(
    home: Home, shelf: Shelf, disk: Disk
) -> None:
    home.sources = {"a": "/a.xml"}
    home.settings = {}
    home.write()
    shelf.files = {"/a.xml": large(*map(str, range(20)))}
    assert home.run("poll").returncode == 0
    before = disk.folder / "before.db"
    assert home.run("backup", str(before)).returncode == 0
    whole = before.read_bytes()
    disk.fill(leave=200_000)

    full = home.run("backup", str(before), "--replace")

    assert full.returncode == 4
    assert full.stderr.endswith("before.db cannot be written: no space is left; the store itself is whole\n")
    assert sorted(path.name for path in disk.folder.iterdir()) == ["ballast", "before.db"]
    assert before.read_bytes() == whole


def test_an_import_that_finds_no_space_goes_on_when_there_is_some(home: Home, shelf: Shelf, disk: Disk) -> None:
    home.sources = {"a": "/a.xml"}
    storage = {"path": "./data", "records": "./records", "record_fields": ["link", "rss"]}
    home.settings = {"storage": storage}
    home.write()
    shelf.files = {"/a.xml": large(*map(str, range(20)))}
    assert home.run("poll").returncode == 0
    entries, files = home.entries(), home.tree()
    home.settings = {"storage": storage | {"path": str(disk.folder / "data")}}
    home.write()
    disk.fill(leave=700_000)

    full = home.run("import", "records", "./records")
    disk.free()
    after = home.run("import", "records", "./records")

    assert full.returncode == 4
    assert "no space is left" in full.stderr
    assert "Traceback" not in full.stderr
    assert after.returncode == 0
    assert home.entries() == entries
    assert home.tree() == files


def test_an_upgrade_that_finds_no_space_leaves_the_store_as_it_was(tmp_path: Path, disk: Disk) -> None:
    data = disk.folder / "data"
    data.mkdir()
    first_version(tmp_path / "old.db", 5000)
    shutil.copyfile(tmp_path / "old.db", data / "aggregator.db")
    refused = []

    size = (data / "aggregator.db").stat().st_size
    for leave in (10_000, size // 2, size + 30_000):  # for the lock alone, for half of the copy, for the copy alone
        disk.fill(leave=leave)
        with pytest.raises(StoreFullError) as caught:
            SqliteStore.open(data)
        refused.append(str(caught.value))
        assert temporaries(disk.folder) == []
        disk.free()
        with closing(sqlite3.connect(data / "aggregator.db")) as connection:
            assert connection.execute("PRAGMA user_version").fetchone()[0] == 1
            assert connection.execute("SELECT count(*) FROM records").fetchone()[0] == 5000
    disk.resize(64_000)

    SqliteStore.open(data).close()
    assert all("no space is left" in one for one in refused)
    assert len(titles_in(data)) == 5000


def test_an_index_that_finds_no_space_goes_on_when_there_is_some(small: Home, shelf: Shelf, disk: Disk) -> None:
    small.sources = {"a": "/a.xml"}
    small.write()
    shelf.files = {"/a.xml": large(*map(str, range(20)))}
    assert small.run("poll", "--no-index").returncode == 0
    disk.fill(leave=150_000)

    with closing(SqliteStore.open(small.folder / "data")) as store:
        indexing.bring_up_to_date(store)
        waiting = len(store.unsearched(1000))
        disk.free()
        indexing.bring_up_to_date(store)
        rest = len(store.unsearched(1000))

    assert (waiting > 0, rest) == (True, 0)
    assert "Title 0" in small.run("search", "Title").stdout
