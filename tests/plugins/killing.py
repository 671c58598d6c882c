"""Kill commands with SIGKILL at seeded moments, and look at what they left: the store, its files, the record files."""

from __future__ import annotations

import hashlib
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from sqlite_utils import Database

from storage.reading import loads
from storage.sqlite import SqliteStore
from storage.sqlite.schema import SCHEMA

LONG = os.environ.get("LONG") == "1"
SEED = int(os.environ.get("SEED", "20260301"))


@dataclass
class Killer:
    """Starts processes and ends them in the middle; counts."""

    name: str
    cwd: Path
    chance: random.Random = field(init=False)
    kills: int = 0
    ended: int = 0
    """Rounds in which the process was done before its moment came."""
    took: float = 0.0
    """Seconds of the last whole run."""
    reach: float = 1.0
    """Part of a whole run's time in which the moment may lie: less where many were done before it came."""

    def __post_init__(self) -> None:
        self.chance = random.Random(f"{SEED} {self.name}")

    def rounds(self, short: int, long: int) -> Iterator[int]:
        """Count rounds until so many were killed: few where all tests run, all of them in `make hostile`."""
        wanted = long if LONG else short
        for number in range(12 * wanted):
            if self.kills >= wanted:
                return
            yield number

    def command(self, home: Path, *args: str) -> list[str]:
        """Return the command line of `aggregator` with the feeds.yaml of the folder."""
        return [sys.executable, "-m", "aggregator", "-c", str(home / "feeds.yaml"), *args]

    def whole(self, command: Sequence[str]) -> str:
        """Run it to its end, which must be a good one; remember how long it took."""
        began = time.monotonic()
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=self.cwd, timeout=100)
        assert done.returncode == 0, done.stderr
        self.took = time.monotonic() - began
        return done.stdout

    def killed(self, command: Sequence[str], *, earliest: float = 0.3) -> tuple[bool, str]:
        """
        Start it and kill it at a moment of the time that a whole run took; return whether it was killed, and what it said.

        `earliest` is the part of that time which passes before anything of interest begins: Python's own start.
        """
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.cwd)
        with suppress(subprocess.TimeoutExpired):
            process.wait(self.took * self.chance.uniform(min(earliest, self.reach * 0.8), self.reach))
        return self._end(process)

    def killed_after(self, command: Sequence[str], sign: str, most: float) -> tuple[bool, str]:
        """Start it, wait until it prints the sign, and kill it at a moment of the `most` seconds that follow."""
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.cwd)
        assert process.stdout is not None
        said = process.stdout.readline()
        assert said.strip() == sign, said + (process.stderr.read() if process.stderr else "")
        with suppress(subprocess.TimeoutExpired):
            process.wait(self.chance.uniform(0, most * self.reach))
        return self._end(process)

    def _end(self, process: subprocess.Popen[str]) -> tuple[bool, str]:
        process.kill()
        out, err = process.communicate(timeout=30)
        if process.returncode == -signal.SIGKILL:
            self.kills += 1
            self.reach = min(1.0, self.reach * 1.05)
            return True, out
        assert process.returncode == 0, err
        self.ended += 1
        self.reach *= 0.8
        return False, out


def temporaries(folder: Path) -> list[str]:
    """Return what is half written below the folder: no file of ours has such a name for longer than it is written."""
    return sorted(
        str(path.relative_to(folder)) for path in folder.rglob("*") if ".part" in path.name or "-journal" in path.name
    )


def integrity(database: Path) -> str:
    """Return what SQLite says of the whole file."""
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        return str(connection.execute("PRAGMA integrity_check").fetchone()[0])


def titles_in(folder: Path) -> list[str]:
    """Return the titles of all that the store in the folder holds, sorted, as often as they stand there."""
    with closing(SqliteStore.open_readonly(folder)) as store:
        return sorted(record.title for record in store.records())


def whole_files(records: Path, data: Path) -> list[str]:
    """Return the titles of the record files, sorted; fails at one that is empty, cut off or no record."""
    with closing(SqliteStore.open_readonly(data)) as store:
        noted = {file.path: file.digest for file in store.files()}
    titles = []
    for path in records.rglob("*.md"):
        written = path.read_bytes()
        if hashlib.sha256(written).hexdigest() != noted.get(str(path.relative_to(records))):
            loads(written.decode("utf-8"), str(path))  # written, and the process killed before it was noted
        assert written.rstrip().endswith(b"</div>"), path
        found = re.search(r"^title: ['\"]?(.+?)['\"]?$", written.decode("utf-8"), re.MULTILINE)
        assert found, path
        titles.append(found[1])
    return sorted(titles)


def first_version(path: Path, records: int) -> None:
    """Write a store of the first version with one source and so many records."""
    with closing(sqlite3.connect(path)) as connection:
        SCHEMA.migrations().apply(Database(connection), stop_before="second")
        connection.execute(
            "INSERT INTO sources (id, name, url, host, position, keep_days, keep_entries, settings_digest, floor, "
            "next_poll_at, next_reason, failures, redirect_seen, without_validators, ingest_times, feed, polls, hints) "
            "VALUES ('old', 'Old', 'https://old.example/', 'old.example', 0, 365, 5000, '', 0, 0, '', 0, 0, 0, '[]', "
            "'{}', 7, '{}')"
        )
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) INSERT INTO records "
            "SELECT i, printf('%016x', i), printf('urn:x:%d', i), 1, 'guid:' || i, 'guid:' || i, 'c', 's', 'f', "
            "printf('Title %06d', i), NULL, NULL, '', '[]', '[]', i * 1000000, i * 1000000, i * 1000000, 'published', NULL, "
            "NULL, NULL, 'd' || i, 1, 0, i, 0, 0, NULL, NULL FROM n",
            (records,),
        )
        connection.execute(
            "INSERT INTO bodies SELECT id, '<p>' || hex(randomblob(300)) || '</p>', NULL, '', '[]' FROM records"
        )
        connection.commit()
        connection.execute("PRAGMA journal_mode = WAL")
