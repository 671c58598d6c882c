"""A file that is not the store that was here is refused in one line, and never taken for an empty store."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage.contract import StoreError, StoreLockedError, StoreMissingError
from storage.sqlite import SqliteStore
from storage.states import SourceRow

NOW = datetime(2026, 3, 1, tzinfo=UTC)
OPENERS = [pytest.param(SqliteStore.open, id="writer"), pytest.param(SqliteStore.open_readonly, id="reader")]
Opener = Callable[[Path], SqliteStore]


def one_source(name: str) -> SourceRow:
    return SourceRow(name, name, f"https://{name}.example/", f"{name}.example", 0, 365, 5000, "")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with a closed store of one source, and a backup of it."""
    with closing(SqliteStore.open(tmp_path)) as store:
        store.sync_sources([one_source("kept")], NOW)
        store.backup(tmp_path / "backups" / "aggregator-1.db")
    return tmp_path


def scramble(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:8192] + b"\xa5" * 40960 + content[49152:])


def foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")


def other_store(path: Path) -> None:
    with closing(SqliteStore.open(path.parent / "other")) as store:
        store.sync_sources([one_source("other")], NOW)
    shutil.copyfile(path.parent / "other" / "aggregator.db", path)


def older_copy(path: Path) -> None:
    with closing(SqliteStore.open(path.parent)) as store:
        store.sync_sources([one_source("later")], NOW)
    shutil.copyfile(path.parent / "backups" / "aggregator-1.db", path)


@pytest.mark.parametrize("opener", OPENERS)
@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        pytest.param(Path.unlink, "is empty or missing, though a store was here", id="missing"),
        pytest.param(lambda path: path.write_bytes(b""), "is empty or missing, though a store was here", id="emptied"),
        pytest.param(lambda path: path.write_text("some words\n" * 500), "is not a database", id="a text"),
        pytest.param(lambda path: os.truncate(path, 20_000), "is damaged", id="cut short"),
        pytest.param(scramble, "is damaged", id="overwritten"),
        pytest.param(foreign, "is a database of another program", id="foreign"),
        pytest.param(newer, "was written by a newer version of this program (schema 99", id="newer"),
        pytest.param(other_store, "is not the store that was here", id="another store"),
        pytest.param(older_copy, "has lost its last 1 commits", id="an older copy"),
    ],
)
def test_a_file_that_is_not_the_store_is_refused_with_its_name_and_the_newest_backup(
    folder: Path, opener: Opener, spoil: Callable[[Path], None], reason: str
) -> None:
    spoil(folder / "aggregator.db")

    with pytest.raises(StoreError) as caught:
        opener(folder)
    message = str(caught.value)
    assert message.startswith(f"{folder / 'aggregator.db'} {reason}")
    assert message.endswith(f"the newest backup is {folder / 'backups' / 'aggregator-1.db'}")
    assert "\n" not in message
    assert not isinstance(caught.value, StoreMissingError)


def test_a_refused_store_is_not_locked(folder: Path) -> None:
    content = (folder / "aggregator.db").read_bytes()
    (folder / "aggregator.db").write_bytes(b"")
    with pytest.raises(StoreError):
        SqliteStore.open(folder)
    (folder / "aggregator.db").write_bytes(content)

    with closing(SqliteStore.open(folder)) as store:
        assert [state.source.id for state in store.states()] == ["kept"]


def test_without_the_marker_an_older_copy_is_taken(folder: Path) -> None:
    older_copy(folder / "aggregator.db")
    (folder / "aggregator.marker").unlink()

    with closing(SqliteStore.open(folder)) as store:
        assert [state.source.id for state in store.states()] == ["kept"]
    with closing(SqliteStore.open(folder)):
        assert (folder / "aggregator.marker").exists()


KILLED_AFTER_A_COMMIT = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from storage.states import SourceRow
from storage.sqlite import SqliteStore
store = SqliteStore.open(Path(sys.argv[1]))
store.sync_sources([SourceRow("late", "", "", "", 0, 1, 1, "")], datetime(2026, 3, 2, tzinfo=UTC))
os.kill(os.getpid(), signal.SIGKILL)
"""


def killed_after_a_commit(folder: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED_AFTER_A_COMMIT, folder], check=False)
    assert ended.returncode == -signal.SIGKILL


@pytest.mark.parametrize("opener", OPENERS)
def test_a_killed_store_opens_with_its_last_commit(folder: Path, opener: Opener) -> None:
    killed_after_a_commit(folder)

    with closing(opener(folder)) as store:
        assert [state.source.id for state in store.states()] == ["late"]


@pytest.mark.parametrize("opener", OPENERS)
def test_a_wal_deleted_after_a_crash_is_seen(folder: Path, opener: Opener) -> None:
    killed_after_a_commit(folder)
    (folder / "aggregator.db-wal").unlink()

    with pytest.raises(StoreError, match="has lost its last 1 commits"):
        opener(folder)


@pytest.mark.parametrize("opener", OPENERS)
def test_a_wal_deleted_after_the_very_first_crash_is_seen(tmp_path: Path, opener: Opener) -> None:
    killed_after_a_commit(tmp_path)
    (tmp_path / "aggregator.db-wal").unlink()

    with pytest.raises(StoreError, match="has lost its last 1 commits"):
        opener(tmp_path)


def test_damage_met_while_reading_is_told_in_the_same_words(folder: Path) -> None:
    with closing(SqliteStore.open(folder)) as store:
        store.checkpoint()
        scramble(folder / "aggregator.db")

        with pytest.raises(StoreError, match=r"aggregator\.db is damaged .*newest backup"):
            store.known("kept", ["a"], ["a"], ["a"])


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")

    with pytest.raises(StoreError, match="data cannot be used"):
        SqliteStore.open(tmp_path / "data")


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_folder_that_may_not_be_written_is_refused() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o555)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                if os.getuid() == 0:
                    os.setuid(65534)  # root is held back by no permission
                SqliteStore.open(folder)
            except StoreError as error:
                code = 0 if str(error) == f"{folder}/aggregator.lock cannot be used (Permission denied)" else 2
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0


def test_a_backup_that_cannot_be_written_leaves_nothing(folder: Path) -> None:
    (folder / "taken").mkdir()
    with closing(SqliteStore.open(folder)) as store, pytest.raises(StoreError, match="cannot be used"):
        store.backup(folder / "taken")

    assert sorted(path.name for path in folder.iterdir() if path.name.startswith(".")) == []


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_worker_does_not_keep_the_lock(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path)
    ready, tell = os.pipe()
    end, wait = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(tell, b"1")
        os.read(end, 1)
        os._exit(0)
    os.read(ready, 1)
    with pytest.raises(StoreLockedError, match=f"process {os.getpid()}"):
        SqliteStore.open(tmp_path)
    store.close()

    SqliteStore.open(tmp_path).close()
    os.write(wait, b"1")
    os.waitpid(child, 0)
    for descriptor in (ready, tell, end, wait):
        os.close(descriptor)


def test_a_data_folder_may_have_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "a b#c%20d?é'数据"
    with closing(SqliteStore.open(folder)) as store:
        store.sync_sources([one_source("kept")], NOW)

    with closing(SqliteStore.open_readonly(folder)) as store:
        assert [state.source.id for state in store.states()] == ["kept"]
