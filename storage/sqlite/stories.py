"""Which records are one story: their names, the groups that these make, kept up to date as records come and go."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from storage.record import Record
from storage.sqlite.rows import SELECT_RECORD, chunks, record_of
from storage.stories import names_of

MOST = 64
"""Records of one story. What more share a name, or hang together, is no article, and is left alone: that bounds the work."""

_HOLDERS = "SELECT n.id, r.source FROM story_names n CROSS JOIN records r ON r.id = n.id WHERE n.name = ? ORDER BY n.id LIMIT ?"
_NAMED = "SELECT id, link, guid FROM records WHERE id = ?"
# Sources that stand in feeds.yaml first, paused ones too, in its order; of removed ones what came first.
_REMOVED = "(source.removed_at IS NOT NULL AND NOT source.paused)"
_PREFERENCE = f"{_REMOVED}, CASE WHEN {_REMOVED} THEN 0 ELSE source.position END, r.id"
_MEMBERS = f"{SELECT_RECORD} WHERE r.story = ? AND r.story <> 0 ORDER BY {_PREFERENCE}"
_SHOWN = (
    "SELECT r.key, r.public_id, r.story_id FROM records r CROSS JOIN sources source ON source.n = r.source "  # noqa: S608 # own names only
    f"WHERE r.story = ? AND r.story <> 0 AND r.id <> ? ORDER BY (r.hidden IS NOT NULL OR r.backlog), {_PREFERENCE} LIMIT 1"
)


# --- keeping ----------------------------------------------------------------------------------------------------


class Naming(NamedTuple):
    """
    What names a record.

    Names are worked out from it whenever they are asked for: in the table they stand by name alone. So a change of
    the rules in `storage.stories` needs a step in the schema that calls `begin`.
    """

    id: int
    link: str | None
    guid: str | None

    def names(self) -> tuple[bytes, ...]:
        """Return the names of the record."""
        return names_of(self.link, self.guid)


def enter(connection: sqlite3.Connection, records: Sequence[Naming], *, join: bool) -> None:
    """
    Keep the names of records that were just inserted, all of one source, and let them into their stories.

    With `join` one that joins a story takes on the id under which that was shown.
    """
    named = [(name, record.id) for record in records for name in record.names()]
    if not named:
        return
    names = [name for name, _ in named]
    shared = {name for name, times in Counter(names).items() if times > 1}
    for start in range(0, len(names), 32):  # of more at once, `chunks` would ask for 512
        for marks, part in chunks(names[start : start + 32]):
            there = f"SELECT name FROM story_names WHERE name IN ({marks})"  # noqa: S608 # question marks only
            shared |= {name for (name,) in connection.execute(there, part)}
    _keep(connection, named)
    if not shared:
        return
    new = {id_ for _, id_ in named}
    regroup(connection, shared, new=new)
    if join:
        for id_ in sorted(new):
            _take_id(connection, id_)


def _keep(connection: sqlite3.Connection, named: Iterable[tuple[bytes, int]]) -> None:
    connection.executemany("INSERT INTO story_names (name, id) VALUES (?, ?)", named)


def _forget(connection: sqlite3.Connection, named: Iterable[tuple[bytes, int]]) -> None:
    connection.executemany("DELETE FROM story_names WHERE name = ? AND id = ?", named)


def _take_id(connection: sqlite3.Connection, id_: int) -> None:
    story, public_id = connection.execute("SELECT story, public_id FROM records WHERE id = ?", (id_,)).fetchone()
    if not story:
        return
    key, own, joined = connection.execute(_SHOWN, (story, id_)).fetchone()
    shown = joined if joined is not None and _goes_by(connection, key, story, joined) else own
    if shown != public_id:
        connection.execute("UPDATE records SET story_id = ? WHERE id = ?", (shown, id_))


def begin(connection: sqlite3.Connection) -> None:
    """Find the stories among all the records of a store, whatever it knew of stories before."""
    connection.execute("DELETE FROM story_names")
    connection.execute("UPDATE records SET story = 0 WHERE story <> 0")
    records = map(Naming._make, connection.execute("SELECT id, link, guid FROM records"))
    _keep(connection, ((name, record.id) for record in records for name in record.names()))
    for (name,) in connection.execute("SELECT name FROM story_names GROUP BY name HAVING count(*) > 1").fetchall():
        regroup(connection, [name])


def rename(connection: sqlite3.Connection, was: Naming, now: Naming) -> None:
    """Keep the names of a stored record as its link and id are now."""
    old, new = set(was.names()), set(now.names())
    _forget(connection, [(name, was.id) for name in old - new])
    _keep(connection, [(name, now.id) for name in new - old])
    regroup(connection, old - new, also={now.id})
    regroup(connection, new - old, new={now.id})


def leave(connection: sqlite3.Connection, ids: Iterable[int]) -> set[bytes]:
    """Forget the names of records that are about to go; return them, for `regroup` when they are gone."""
    named = [(name, id_) for id_ in ids for name in _naming(connection, id_).names()]
    _forget(connection, named)
    return {name for name, _ in named}


def _naming(connection: sqlite3.Connection, id_: int) -> Naming:
    return Naming._make(connection.execute(_NAMED, (id_,)).fetchone())


def regroup(
    connection: sqlite3.Connection, names: Collection[bytes], *, new: Collection[int] = (), also: Collection[int] = ()
) -> None:
    """
    Bring the stories up to date after records gained or lost these names.

    `new` are those that gained them: a name that was void before is so still, and changes nothing; in the same way
    one that is void after a record lost it was void before. `also` are records that lost one and are still there.
    """
    reach = _Reach(connection, MOST + len(new) + 1)
    seeds = set(also)
    for name in names:
        holders = reach.holders(name)
        if not _is_void([(id_, source) for id_, source in holders if id_ not in new]):
            seeds |= {id_ for id_, _ in holders}
    wanted: dict[int, int] = {}
    for seed in sorted(seeds):
        if seed not in wanted:
            group, whole = reach.group(seed)
            is_story = whole and len(group) > 1 and len({reach.sources[id_] for id_ in group}) == len(group)
            wanted |= dict.fromkeys(group, min(group) if is_story else 0)
    _settle(connection, wanted)


def _settle(connection: sqlite3.Connection, wanted: dict[int, int]) -> None:
    """Number the stories; what was in one with any of these and hangs together with too many others is in none."""
    was = dict(_stories_of(connection, wanted))
    for story in set(was.values()) - {0}:
        for (id_,) in connection.execute("SELECT id FROM records WHERE story = ? AND story <> 0", (story,)).fetchall():
            was[id_] = story
            wanted.setdefault(id_, 0)
    connection.executemany(
        "UPDATE records SET story = ? WHERE id = ?",
        [(story, id_) for id_, story in wanted.items() if was[id_] != story],
    )


def _stories_of(connection: sqlite3.Connection, ids: Iterable[int]) -> Iterator[tuple[int, int]]:
    for id_ in ids:
        yield id_, connection.execute("SELECT story FROM records WHERE id = ?", (id_,)).fetchone()[0]


def _is_void(holders: Sequence[tuple[int, int]]) -> bool:
    """Return whether a name with these holders, by source, says nothing: one source has it twice, or too many have it."""
    return len(holders) > MOST or len({source for _, source in holders}) < len(holders)


class _Reach:
    """What hangs together by names, read from the store once."""

    def __init__(self, connection: sqlite3.Connection, most: int) -> None:
        self._connection = connection
        self._most = most
        self._holders: dict[bytes, list[tuple[int, int]]] = {}
        self.sources: dict[int, int] = {}
        """By record."""

    def holders(self, name: bytes) -> list[tuple[int, int]]:
        """Return the records of the name with their sources; no more than it takes to see that they are too many."""
        if (known := self._holders.get(name)) is None:
            known = self._holders[name] = self._connection.execute(_HOLDERS, (name, self._most)).fetchall()
            self.sources |= known
        return known

    def group(self, seed: int) -> tuple[set[int], bool]:
        """Return the records that hang together with this one, and whether that is all: of too many only some."""
        group, ahead = {seed}, [seed]
        while ahead:
            for name in _naming(self._connection, ahead.pop()).names():
                holders = self.holders(name)
                found = set() if _is_void(holders) else {id_ for id_, _ in holders} - group
                group |= found
                ahead += sorted(found)
                if len(group) > MOST:
                    return group, False
        return group, True


# --- reading ----------------------------------------------------------------------------------------------------


def stories(connection: sqlite3.Connection, keys: Collection[str]) -> dict[str, tuple[Record, ...]]:
    """Return by key all the records of the story that it is in, in the order of preference; none for one that is alone."""
    told: dict[int, tuple[Record, ...]] = {}
    found = {}
    for marks, part in chunks(sorted(set(keys))):
        sql = f"SELECT key, story FROM records WHERE story <> 0 AND key IN ({marks})"  # noqa: S608 # question marks only
        for key, story in connection.execute(sql, part).fetchall():
            if story not in told:
                rows = connection.execute(_MEMBERS, (story,)).fetchall()
                told[story] = tuple(settled(connection, record_of(row)) for row in rows)
            found[key] = told[story]
    return found


def members(connection: sqlite3.Connection, story: int) -> list[tuple[str, str]]:
    """Return source and key of each record of the story, in the order of preference; none where it is 0."""
    sql = (
        "SELECT source.id, r.key FROM records r CROSS JOIN sources source ON source.n = r.source "  # noqa: S608 # own names only
        f"WHERE r.story = ? AND r.story <> 0 ORDER BY {_PREFERENCE}"
    )
    return connection.execute(sql, (story,)).fetchall()


def settled(connection: sqlite3.Connection, record: Record) -> Record:
    """
    Return the record with `story_id` None where another entry has that id now.

    It may use the id while its owner is in the same story, or gone; of several whose owner is gone, and who are one
    story no more, the first.
    """
    if record.story_id is None or _goes_by(connection, record.key, record.story, record.story_id):
        return record
    return replace(record, story_id=None)


def _goes_by(connection: sqlite3.Connection, key: str, story: int, story_id: str) -> bool:
    owner = connection.execute("SELECT key, story FROM records WHERE public_id = ?", (story_id,)).fetchone()
    first = "SELECT key, story FROM records WHERE story_id = ? ORDER BY id LIMIT 1"
    owner = owner or connection.execute(first, (story_id,)).fetchone()
    return bool(owner[0] == key or (owner[1] != 0 and owner[1] == story))
