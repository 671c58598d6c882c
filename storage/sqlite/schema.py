"""The tables and indexes of the store, and how an older store becomes a newer one."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from storage.sqlite import stories
from storage.sqlite.folder import UnusableError

if TYPE_CHECKING:
    from sqlite_utils import Database
    from sqlite_utils.migrations import Migrations

APPLICATION_ID = 0x46454544
"""Tells our files from those of other programs ("FEED")."""

# Rows of `records` are numbered in the order of arrival, publisher's order, key, and never renumbered: the
# order of a page is then (published, arrival, id), which the indexes give without sorting.
# `hidden`, always NULL in these indexes, stands in them because SQLite reads the row to see that it is otherwise.
# Bodies lie apart: an UPDATE rewrites a whole row, and a narrow row keeps 10 times more of them on a page.
_FIRST = """
CREATE TABLE counters (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    store TEXT NOT NULL,
    revision INTEGER NOT NULL,
    arrival INTEGER NOT NULL,
    commits INTEGER NOT NULL
);
CREATE TABLE sources (
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    host TEXT NOT NULL,
    position INTEGER NOT NULL,
    keep_days INTEGER NOT NULL,
    keep_entries INTEGER NOT NULL,
    settings_digest TEXT NOT NULL,
    floor INTEGER NOT NULL,
    removed_at INTEGER,
    next_poll_at INTEGER NOT NULL,
    next_reason TEXT NOT NULL,
    etag BLOB,
    last_modified BLOB,
    body_digest BLOB,
    validators_url TEXT,
    effective_url TEXT,
    fresh_until INTEGER,
    retry_after_until INTEGER,
    lease_until INTEGER,
    last_attempt_at INTEGER,
    last_success_at INTEGER,
    last_new_at INTEGER,
    last_status INTEGER,
    failures INTEGER NOT NULL,
    failure_kind TEXT,
    failure_detail TEXT,
    failing_since INTEGER,
    degraded TEXT,
    redirect_target TEXT,
    redirect_seen INTEGER NOT NULL,
    redirect_since INTEGER,
    without_validators INTEGER NOT NULL,
    every INTEGER,
    ingest_times TEXT NOT NULL,
    stopped TEXT,
    feed TEXT NOT NULL,
    polls INTEGER NOT NULL,
    hints TEXT NOT NULL
);
CREATE INDEX sources_due ON sources (last_attempt_at IS NOT NULL, next_poll_at, position)
    WHERE removed_at IS NULL AND stopped IS NULL;
CREATE TABLE hosts (
    host TEXT PRIMARY KEY,
    not_before INTEGER,
    reason TEXT
) WITHOUT ROWID;
CREATE INDEX hosts_waiting ON hosts (not_before);
CREATE TABLE records (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    public_id TEXT NOT NULL UNIQUE,
    source INTEGER NOT NULL REFERENCES sources (n),
    identity TEXT NOT NULL,
    alias TEXT NOT NULL,
    category TEXT NOT NULL,
    site TEXT NOT NULL,
    feed TEXT NOT NULL,
    title TEXT NOT NULL,
    link TEXT,
    guid TEXT,
    author TEXT NOT NULL,
    writers TEXT NOT NULL,
    tags TEXT NOT NULL,
    published INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    first_seen INTEGER NOT NULL,
    date_source TEXT NOT NULL,
    publisher_date INTEGER,
    image TEXT,
    language TEXT,
    digest TEXT NOT NULL,
    cleaner INTEGER NOT NULL,
    position INTEGER NOT NULL,
    arrival INTEGER NOT NULL,
    updates INTEGER NOT NULL,
    backlog INTEGER NOT NULL,
    hidden TEXT,
    unlisted_at INTEGER
);
CREATE INDEX records_identity ON records (source, identity);
CREATE INDEX records_alias ON records (source, alias) WHERE alias <> identity;
CREATE INDEX records_listed ON records (source, unlisted_at);
CREATE INDEX records_newest ON records (published DESC, arrival DESC, id, backlog, source, hidden)
    WHERE hidden IS NULL;
CREATE INDEX records_of_source ON records (source, published DESC, arrival DESC, id, backlog, first_seen, hidden)
    WHERE hidden IS NULL;
CREATE INDEX records_of_category ON records (category, published DESC, arrival DESC, id, backlog, hidden)
    WHERE hidden IS NULL;
CREATE INDEX records_first_seen ON records (first_seen, backlog, source, category, published, arrival, hidden)
    WHERE hidden IS NULL;
CREATE TABLE bodies (
    id INTEGER PRIMARY KEY REFERENCES records (id) ON DELETE CASCADE,
    html TEXT NOT NULL,
    raw_html TEXT,
    summary TEXT NOT NULL,
    enclosures TEXT NOT NULL
);
CREATE TABLE tombstones (
    source INTEGER NOT NULL REFERENCES sources (n),
    name TEXT NOT NULL,
    PRIMARY KEY (source, name)
) WITHOUT ROWID;
CREATE TABLE files (
    key TEXT PRIMARY KEY,
    path TEXT NOT NULL,
    digest TEXT NOT NULL,
    content TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE unwritten (
    id INTEGER PRIMARY KEY REFERENCES records (id) ON DELETE CASCADE,
    change INTEGER NOT NULL
);
"""

_SECOND = """
ALTER TABLE sources ADD COLUMN tags TEXT NOT NULL DEFAULT '[]';
ALTER TABLE sources ADD COLUMN terms TEXT NOT NULL DEFAULT '[]';
ALTER TABLE sources ADD COLUMN address TEXT;
ALTER TABLE sources ADD COLUMN other_hosts TEXT NOT NULL DEFAULT '[]';
ALTER TABLE sources ADD COLUMN rests TEXT NOT NULL DEFAULT '[]';
ALTER TABLE sources ADD COLUMN at_host TEXT;
ALTER TABLE sources ADD COLUMN paused INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sources ADD COLUMN gaps INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sources ADD COLUMN gap_at INTEGER;
ALTER TABLE sources ADD COLUMN gap_note TEXT;
ALTER TABLE records ADD COLUMN withdrawn_at INTEGER;
ALTER TABLE bodies ADD COLUMN marked_html TEXT;
ALTER TABLE sources ADD COLUMN judged TEXT NOT NULL DEFAULT '';
ALTER TABLE bodies ADD COLUMN podcast TEXT NOT NULL DEFAULT '[]';
ALTER TABLE records ADD COLUMN podcast_digest TEXT NOT NULL DEFAULT '';
ALTER TABLE records ADD COLUMN story INTEGER NOT NULL DEFAULT 0;
ALTER TABLE records ADD COLUMN story_id TEXT;
CREATE INDEX records_of_story ON records (story) WHERE story <> 0;
CREATE INDEX records_of_story_id ON records (story_id) WHERE story_id IS NOT NULL;
CREATE TABLE story_names (
    name BLOB NOT NULL,
    id INTEGER NOT NULL,
    PRIMARY KEY (name, id)
) WITHOUT ROWID;
ALTER TABLE sources ADD COLUMN active_days BLOB NOT NULL DEFAULT x'';
ALTER TABLE sources ADD COLUMN profile TEXT;
CREATE TABLE attempts (
    id INTEGER PRIMARY KEY,
    source INTEGER NOT NULL REFERENCES sources (n) ON DELETE CASCADE,
    at INTEGER NOT NULL,
    took INTEGER NOT NULL,
    result TEXT NOT NULL,
    status INTEGER,
    size INTEGER NOT NULL,
    new INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    detail TEXT
);
CREATE INDEX attempts_of_source ON attempts (source, id);
CREATE TABLE incidents (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL,
    state TEXT NOT NULL,
    kind TEXT,
    reason TEXT NOT NULL,
    began_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    ended_at INTEGER
);
CREATE INDEX incidents_of_source ON incidents (source, number);
CREATE TABLE views (
    name TEXT PRIMARY KEY
) WITHOUT ROWID;
CREATE TABLE lists (
    url TEXT PRIMARY KEY,
    etag BLOB,
    last_modified BLOB,
    body_digest BLOB,
    validators_url TEXT,
    body BLOB,
    read_at INTEGER,
    asked_at INTEGER,
    next_at INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    fault TEXT
) WITHOUT ROWID;
"""
"""Terms of the next poll, fallbacks, gaps, tags, withdrawn records, stories, histories; lists of sources (OPML) that lie on the web."""

# The words of a record, folded and parted (storage.search); the index follows what stands in `search_texts`. The
# tokenizer `ascii` parts at blanks alone what holds letters and digits only: what a word is, is said in one place.
_SEARCH_TEXTS = """
CREATE TABLE search_texts (
    id INTEGER PRIMARY KEY REFERENCES records (id) ON DELETE CASCADE,
    title TEXT NOT NULL,
    author TEXT NOT NULL,
    text TEXT NOT NULL
)
"""
_SEARCH = """
CREATE VIRTUAL TABLE search USING fts5(
    title, author, text, content='search_texts', content_rowid='id', tokenize='ascii'
)
"""
_SEARCH_NEW = """
CREATE TRIGGER search_texts_new AFTER INSERT ON search_texts BEGIN
    INSERT INTO search (rowid, title, author, text) VALUES (new.id, new.title, new.author, new.text);
END
"""
_SEARCH_GONE = """
CREATE TRIGGER search_texts_gone AFTER DELETE ON search_texts BEGIN
    INSERT INTO search (search, rowid, title, author, text)
    VALUES ('delete', old.id, old.title, old.author, old.text);
END
"""
_UNSEARCHED = """
CREATE TABLE unsearched (
    id INTEGER PRIMARY KEY REFERENCES records (id) ON DELETE CASCADE,
    change INTEGER NOT NULL
)
"""
_SECOND_STATEMENTS = (
    *filter(str.strip, _SECOND.split(";")),
    _SEARCH_TEXTS,
    _SEARCH,
    _SEARCH_NEW,
    _SEARCH_GONE,
    _UNSEARCHED,
    "INSERT INTO unsearched (id, change) SELECT id, 0 FROM records",
    "ALTER TABLE counters ADD COLUMN indexed INTEGER NOT NULL DEFAULT 0",
)


@dataclass(frozen=True, slots=True)
class Schema:
    """A version of the tables, and the steps that lead to it from nothing and from every older version."""

    version: int
    migrations: Callable[[], Migrations]
    """Called only where there is something to do: sqlite_utils takes 50 ms to import."""

    def version_of(self, connection: sqlite3.Connection) -> int:
        """Return the version of a store's file, 0 for an empty one; a foreign or a newer one raises `UnusableError`."""
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        if application == 0 and version == 0 and tables == 0:
            return 0
        if application != APPLICATION_ID:
            raise UnusableError("is a database of another program")
        if version < 1:
            raise UnusableError(f"is damaged (schema {version} never was)")
        if version > self.version:
            raise UnusableError(
                f"was written by a newer version of this program (schema {version}, this one knows {self.version}): "
                "install that"
            )
        return version

    def migrate(self, connection: sqlite3.Connection, keep_copy: Callable[[int], None]) -> None:
        """
        Bring the file to this version, each step a transaction.

        `keep_copy` is called before, with the version that the file has, where a store is there.
        """
        version = self.version_of(connection)
        if version == self.version:
            return
        if version:
            keep_copy(version)
        from sqlite_utils import Database  # noqa: PLC0415 # see `migrations`

        self.migrations().apply(Database(connection, recursive_triggers=False, execute_plugins=False))


def migrations() -> Migrations:
    """Return the steps; the n-th ends with `user_version = n`."""
    from sqlite_utils.migrations import Migrations  # noqa: PLC0415 # see `Schema.migrations`

    steps = Migrations("aggregator")

    @steps()
    def first(db: Database) -> None:
        db.executescript(_FIRST)
        db.execute(
            "INSERT INTO counters (one, store, revision, arrival, commits) VALUES (1, ?, 0, 0, 0)", [uuid.uuid4().hex]
        )
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute("PRAGMA user_version = 1")

    @steps()
    def second(db: Database) -> None:
        for statement in _SECOND_STATEMENTS:
            db.execute(statement)  # one by one: a script would commit what the step did before
        stories.begin(db.conn)
        db.execute("PRAGMA user_version = 2")

    return steps


SCHEMA = Schema(version=2, migrations=migrations)
"""Of this program."""
