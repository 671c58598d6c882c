"""What lies in the store's place is not the store: refused in a line that names the file and the newest backup, in time."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from plugins.daemons import rss
from plugins.disks import Disk
from plugins.killing import LONG, titles_in
from plugins.served_corpus import Home, Shelf
from storage.contract import StoreError
from storage.sqlite import SqliteStore

pytestmark = pytest.mark.timeout(600 if LONG else 120)
WITHIN = 2.0 if LONG else 8.0
"""Seconds; a machine that runs all tests at once is given more."""
ENTRIES = 60


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a polled store, a backup, and commits in the -wal file as a kill leaves them; copied for each case."""
    folder = tmp_path_factory.mktemp("kept") / "home"
    shelf = Shelf({"/a.xml": rss(*map(str, range(ENTRIES)))})
    try:
        home = Home(folder, shelf, {"a": "/a.xml"}, settings={"storage": {"path": "./data"}})
        assert home.run("poll").returncode == 0
        backups = folder / "data" / "backups"
        backups.mkdir(exist_ok=True)
        assert home.run("backup", str(backups / "aggregator-20260301T000000Z.db")).returncode == 0
        shelf.files["/a.xml"] = rss("newer")
        assert home.run("poll", "--all").returncode == 0
    finally:
        shelf.close()
    return folder


@pytest.fixture
def home(kept: Path, tmp_path: Path, shelf: Shelf) -> Home:
    """A copy of it that may be spoilt."""
    shutil.copytree(kept / "data", tmp_path / "home" / "data")
    return Home(tmp_path / "home", shelf, {}, settings={"storage": {"path": "./data"}})


KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from storage.sqlite import SqliteStore
from storage.states import SourceRow
store = SqliteStore.open(Path(sys.argv[1]))
store.sync_sources([SourceRow(f"s{n}", "", "", "", n, 365, 5000, "") for n in range(50)], datetime(2026, 3, 2, tzinfo=UTC))
os.kill(os.getpid(), signal.SIGKILL)
"""


def killed(data: Path) -> None:
    """Let a process be killed right after a commit, which is then in the -wal file alone."""
    assert subprocess.run([sys.executable, "-c", KILLED, data], check=False).returncode == -signal.SIGKILL
    assert (data / "aggregator.db-wal").stat().st_size > 0


def header(data: Path) -> None:
    spoil(data, 0, b"SQLite format 4\0")


def page(data: Path) -> None:
    spoil(data, 8192, b"\xa5" * 40960)


def spoil(data: Path, at: int, by: bytes) -> None:
    with (data / "aggregator.db").open("r+b") as file:
        file.seek(at)
        file.write(by)


def cut(data: Path) -> None:
    database = data / "aggregator.db"
    os.truncate(database, database.stat().st_size // 2 + 100)


def foreign(data: Path) -> None:
    (data / "aggregator.db").unlink()
    with closing(sqlite3.connect(data / "aggregator.db")) as connection:
        connection.execute("CREATE TABLE theirs (x)")


def newer(data: Path) -> None:
    with closing(sqlite3.connect(data / "aggregator.db")) as connection:
        connection.execute("PRAGMA user_version = 99")


def another(data: Path) -> None:
    SqliteStore.open(data / "other").close()
    shutil.copyfile(data / "other" / "aggregator.db", data / "aggregator.db")


def older(data: Path) -> None:
    shutil.copyfile(data / "backups" / "aggregator-20260301T000000Z.db", data / "aggregator.db")


def without_wal(data: Path) -> None:
    killed(data)
    (data / "aggregator.db-wal").unlink()


def cut_wal(data: Path) -> None:
    killed(data)
    os.truncate(data / "aggregator.db-wal", 3000)


def copy_beside_wal(data: Path) -> None:
    killed(data)
    older(data)


def wal_of_another(data: Path) -> None:
    (data / "other").mkdir()
    killed(data / "other")
    for ending in ("-wal", "-shm"):
        shutil.copyfile(data / "other" / f"aggregator.db{ending}", data / f"aggregator.db{ending}")


def folder(data: Path) -> None:
    (data / "aggregator.db").unlink()
    (data / "aggregator.db").mkdir()


def text(data: Path) -> None:
    (data / "aggregator.db").write_text("version: 1\n" * 1000)


CASES = [
    pytest.param(
        lambda data: (data / "aggregator.db").unlink(), "is empty or missing, though a store was", id="missing"
    ),
    pytest.param(lambda data: os.truncate(data / "aggregator.db", 0), "is empty or missing, though a", id="emptied"),
    pytest.param(text, "is not a database", id="a text"),
    pytest.param(header, "is not a database", id="header flipped"),
    pytest.param(page, "is damaged", id="pages overwritten"),
    pytest.param(cut, "is damaged", id="cut short"),
    pytest.param(foreign, "is a database of another program", id="of another program"),
    pytest.param(newer, "was written by a newer version of this program (schema 99", id="newer"),
    pytest.param(another, "is not the store that was here", id="another store"),
    pytest.param(older, "has lost its last", id="an older copy"),
    pytest.param(without_wal, "has lost its last 1 commits (its -wal file is missing?)", id="-wal missing"),
    pytest.param(cut_wal, "has lost its last 1 commits", id="-wal cut short"),
    pytest.param(copy_beside_wal, "was put beside the -wal file of another store", id="copy beside the -wal"),
    pytest.param(wal_of_another, "", id="-wal of another"),
    pytest.param(folder, "cannot be used (Is a directory)", id="a folder in its place"),
]


@pytest.mark.parametrize(("spoiled", "reason"), CASES)
def test_what_is_not_the_store_is_refused_by_the_store(
    home: Home, spoiled: Callable[[Path], None], reason: str
) -> None:
    data = home.folder / "data"
    spoiled(data)

    for opener in (SqliteStore.open_readonly, SqliteStore.open, SqliteStore.open):  # twice: the first changed nothing
        began = time.monotonic()
        with pytest.raises(StoreError) as caught:
            opener(data)
        assert time.monotonic() - began < WITHIN
        assert str(caught.value).startswith(f"{data / 'aggregator.db'} {reason}")
        assert str(caught.value).endswith(
            "the newest backup is " + str(data / "backups/aggregator-20260301T000000Z.db")
        )


@pytest.mark.parametrize(("spoiled", "reason"), CASES if LONG else [CASES[n] for n in (0, 4, 12)])
def test_what_is_not_the_store_is_refused_by_the_daemon(
    home: Home, spoiled: Callable[[Path], None], reason: str, request: pytest.FixtureRequest
) -> None:
    spoiled(home.folder / "data")
    began = time.monotonic()

    left = home.run("run")

    took = time.monotonic() - began
    line = left.stderr.splitlines()[-1]
    assert left.returncode == 4
    assert reason in line
    assert str(home.folder / "data/aggregator.db") in line
    assert str(home.folder / "data/backups/aggregator-20260301T000000Z.db") in line
    assert took < WITHIN
    print(f"{request.node.callspec.id}: {took:.2f} s: {line}")


def test_the_backup_that_the_line_names_brings_the_store_back(home: Home) -> None:
    copy_beside_wal(home.folder / "data")

    restored = home.run("restore", "data/backups/aggregator-20260301T000000Z.db")

    assert restored.returncode == 0
    assert len(titles_in(home.folder / "data")) == ENTRIES
    assert home.run("run", "--help").returncode == 0


def test_a_restore_does_not_read_a_wal_that_lost_its_database(home: Home) -> None:
    data = home.folder / "data"
    killed(data)
    (data / "aggregator.db").unlink()

    restored = home.run("restore", "data/backups/aggregator-20260301T000000Z.db")

    assert restored.returncode == 0
    assert not (data / "aggregator.db-wal").exists()
    assert len(titles_in(data)) == ENTRIES
    assert len(list(data.glob("aggregator-replaced-*.db-wal"))) == 1


def test_bytes_flipped_anywhere_are_refused_or_leave_as_many_entries_and_never_a_traceback(home: Home) -> None:
    """SQLite sums up no pages: a letter that changes within a text is seen by nobody. Whatever is built of them is."""
    data, chance, seen = home.folder / "data", random.Random(20260301), Counter[str]()
    database, marker = data / "aggregator.db", data / "aggregator.marker"
    whole, mark, longest, lines = database.read_bytes(), marker.read_bytes(), 0.0, list[str]()

    for number in range(400 if LONG else 40):
        at = 2 * number if number < 50 else chance.randrange(len(whole))
        spoilt = bytearray(whole)
        for place in range(at, min(at + chance.choice((1, 16, 200)), len(whole))):
            spoilt[place] ^= chance.randrange(1, 256)
        database.write_bytes(spoilt)
        marker.write_bytes(mark)
        began = time.monotonic()
        try:
            with closing(SqliteStore.open(data)) as store:
                longest = max(longest, time.monotonic() - began)
                entries = len(list(store.records()))
                store.states()
            seen["opened"] += 1
            assert ENTRIES - 1 <= entries <= ENTRIES + 1  # a flag of one that hides it
        except StoreError as error:
            longest = max(longest, time.monotonic() - began)
            seen["refused"] += 1
            lines.append(str(error))

    assert all(line.startswith(str(database)) and line.isprintable() for line in lines)
    assert {line.rpartition("; ")[2] for line in lines} == {
        f"the newest backup is {data / 'backups/aggregator-20260301T000000Z.db'}"
    }
    assert seen["refused"] > 0
    assert longest < WITHIN
    print(f"flipped bytes: {seen['refused']} refused, {seen['opened']} not seen, {longest:.2f} s at most")


def test_a_file_system_that_is_read_only_is_refused_and_can_be_read(home: Home, disk: Disk) -> None:
    shutil.copytree(home.folder / "data", disk.folder / "data")
    home.settings = {"storage": {"path": str(disk.folder / "data")}}
    home.write()
    disk.read_only()
    began = time.monotonic()

    left = home.run("run")

    took = time.monotonic() - began
    line = left.stderr.splitlines()[-1]
    assert left.returncode == 4
    assert line.startswith(f"{disk.folder / 'data/aggregator.lock'} cannot be used (Read-only file system)")
    assert line.endswith("aggregator-20260301T000000Z.db")
    assert took < WITHIN
    status = home.run("status")
    assert status.returncode == 1, status.stderr
    assert (
        f"store     {disk.folder / 'data'} lies on a file system that is read-only: nothing is polled" in status.stdout
    )
    print(f"read-only file system: {took:.2f} s: {line}")
