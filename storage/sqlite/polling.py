"""Which sources are polled and when: the tables `sources`, `hosts` and `lists`."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Generator, Iterable, Mapping, Sequence, Set
from contextlib import closing
from datetime import datetime, timedelta

from storage.sqlite.rows import Row, chunks, instant, instant_or_none, micros, micros_or_none
from storage.sqlite.state_rows import SOURCE, STATE, feed_of, feed_text, source_of, source_row, state_of, state_row
from storage.states import Claim, Earlier, FeedInfo, HostState, ListState, PollState, SourceRow, Validators

_SELECT_STATE = f"SELECT {', '.join(SOURCE + STATE)} FROM sources"  # noqa: S608 # own names only
_INSERT_SOURCE = f"INSERT INTO sources ({', '.join(SOURCE + STATE)}) VALUES ({','.join('?' * len(SOURCE + STATE))})"  # noqa: S608 # own names only
_UPDATE_SOURCE = f"UPDATE sources SET {', '.join(f'{column} = ?' for column in SOURCE)}, removed_at = ? WHERE n = ?"  # noqa: S608 # own names only
SOURCES_SINCE = 2
"""The version of the tables from which on `sources` can be read as it is here."""
_CANDIDATE = "n, last_attempt_at, coalesce(at_host, host), other_hosts"
_DROP_VALIDATORS = (
    "UPDATE sources SET etag = NULL, last_modified = NULL, body_digest = NULL, validators_url = NULL WHERE n = ?"
)
_FORGET_URL = """
    UPDATE sources SET effective_url = NULL, redirect_target = NULL, redirect_seen = 0, redirect_since = NULL,
        fresh_until = NULL, retry_after_until = NULL, stopped = NULL, without_validators = 0,
        gaps = 0, gap_at = NULL, gap_note = NULL,
        address = NULL, rests = '[]', at_host = NULL,
        etag = NULL, last_modified = NULL, body_digest = NULL, validators_url = NULL,
        next_poll_at = ?, next_reason = 'its URL changed', terms = '[]'
    WHERE n = ?
"""


def sync_sources(connection: sqlite3.Connection, sources: Sequence[SourceRow], now: datetime) -> bool:
    """Make `sources` the ones that are polled; return whether what feeds say of them changed."""
    at = micros(now)
    stored = {
        row[1]: row
        for row in connection.execute(f"SELECT n, {', '.join(SOURCE)}, removed_at FROM sources")  # noqa: S608 # own names only
    }
    if len({source.id for source in sources}) < len(sources):
        raise ValueError("two sources have one id")

    described = False
    for source in sources:
        old = stored.pop(source.id, None)
        if old is None:
            connection.execute(_INSERT_SOURCE, source_row(source) + state_row(PollState(source, next_poll_at=now)))
            if source.paused:
                connection.execute("UPDATE sources SET removed_at = ? WHERE id = ?", (at, source.id))
            described |= not source.paused
        else:
            described |= _resume(connection, old, source, at)
    gone = [row[0] for row in stored.values() if row[-1] is None]
    connection.executemany("UPDATE sources SET removed_at = ? WHERE n = ?", [(at, n) for n in gone])
    connection.executemany(
        "UPDATE sources SET paused = 0 WHERE n = ? AND paused", [(row[0],) for row in stored.values()]
    )
    return described or bool(gone)


def _resume(connection: sqlite3.Connection, old: Row, source: SourceRow, at: int) -> bool:
    n, was, removed_at = old[0], source_of(old[1:-1]), old[-1]
    changed = (removed_at is None) == source.paused
    if was == source and not changed:
        return False
    away = None if not source.paused else at if removed_at is None else removed_at
    connection.execute(_UPDATE_SOURCE, (*source_row(source), away, n))
    if was.url != source.url:
        connection.execute(_FORGET_URL, (at, n))
    elif was.settings_digest != source.settings_digest:
        connection.execute(_DROP_VALIDATORS, (n,))
    shown = (was.name, was.url, was.position) != (source.name, source.url, source.position)
    return shown or changed


def sources(connection: sqlite3.Connection) -> list[Earlier]:
    """Return every source, those of the last `sync_sources` first, by position."""
    found = connection.execute(
        "SELECT id, url, name, removed_at IS NULL OR paused AS placed FROM sources "
        "ORDER BY placed DESC, CASE WHEN placed THEN position ELSE -removed_at END, id"
    )
    return [Earlier(id_, url, name, bool(placed)) for id_, url, name, placed in found]


def add_removed(connection: sqlite3.Connection, source: SourceRow, now: datetime) -> None:
    """Enter a source that is polled no more since `now`, unless it is there."""
    if connection.execute("SELECT 1 FROM sources WHERE id = ?", (source.id,)).fetchone() is None:
        connection.execute(_INSERT_SOURCE, source_row(source) + state_row(PollState(source, next_poll_at=now)))
        connection.execute("UPDATE sources SET removed_at = ? WHERE id = ?", (micros(now), source.id))


def feeds(connection: sqlite3.Connection) -> Mapping[str, FeedInfo]:
    """Return by source id what feeds say of themselves."""
    nothing = feed_text(FeedInfo())
    rows = connection.execute("SELECT id, feed FROM sources WHERE feed <> ? ORDER BY id", (nothing,))
    return {source_id: feed_of(feed) for source_id, feed in rows}


def describe(connection: sqlite3.Connection, feeds: Mapping[str, FeedInfo]) -> bool:
    """Keep what feeds say of themselves where no document was read yet; return whether that changed anything."""
    nothing = feed_text(FeedInfo())
    rows = [(feed_text(feed), source_id, nothing) for source_id, feed in feeds.items()]
    return connection.executemany("UPDATE sources SET feed = ? WHERE id = ? AND feed = ?", rows).rowcount > 0


def claim_due(
    connection: sqlite3.Connection,
    now: datetime,
    *,
    limit: int,
    lease: timedelta,
    per_host: int,
    busy: Mapping[str, int],
    only: Collection[str] | None,
    due: bool,
) -> list[Claim]:
    """
    Take up to `limit` sources whose time has come.

    The candidates come in order from an index and are counted by host as they come, so that taking a few
    of many costs the few: a window function over all that are due would sort them all at every call.
    """
    at = micros(now)
    waiting = {host for (host,) in connection.execute("SELECT host FROM hosts WHERE not_before > ?", (at,))}
    left: dict[str, int] = {}
    chosen: dict[int, tuple[str, int | None]] = {}
    if limit > 0:
        with closing(_candidates(connection, at, only, due=due)) as candidates:
            for n, attempted, *hosts in candidates:
                host = _host_of_turn(hosts, waiting)
                if host is None or (room := left.get(host, per_host - busy.get(host, 0))) <= 0:
                    continue
                left[host] = room - 1
                chosen[n] = host, attempted
                if len(chosen) == limit:
                    break
    connection.executemany(
        "UPDATE sources SET lease_until = ?, last_attempt_at = ? WHERE n = ?",
        [(micros(now + lease), at, n) for n in chosen],
    )
    hosts_of = {host: host_state(connection, host) for host, _ in chosen.values()}
    return [
        Claim(_state(connection, n), hosts_of[host], instant_or_none(attempted))
        for n, (host, attempted) in chosen.items()
    ]


def _candidates(
    connection: sqlite3.Connection, at: int, only: Collection[str] | None, *, due: bool
) -> Generator[tuple[int, int | None, str, str], None, None]:
    time_has_come = "next_poll_at <= :at" if due else "(retry_after_until IS NULL OR retry_after_until <= :at)"
    # A lease that has passed is a poll that a crash of ours broke off: its request may have gone out (rule 29).
    spared = "lease_until <= :at" if not due else "lease_until <= :at AND last_attempt_at + floor <= :at"
    free = f"{time_has_come} AND (lease_until IS NULL OR {spared}) AND removed_at IS NULL"
    if only is not None:
        yield from connection.execute(
            f"SELECT {_CANDIDATE} FROM sources WHERE id IN (SELECT value FROM json_each(:only)) AND {free} "  # noqa: S608 # own text only
            "ORDER BY last_attempt_at IS NOT NULL, next_poll_at, position",
            {"at": at, "only": json.dumps(list(only))},
        )
        return
    for attempted in (0, 1):
        yield from connection.execute(
            f"SELECT {_CANDIDATE} FROM sources INDEXED BY sources_due WHERE (last_attempt_at IS NOT NULL) = :attempted "  # noqa: S608 # own text only
            f"AND {free} AND stopped IS NULL ORDER BY next_poll_at, position",
            {"at": at, "attempted": attempted},
        )


def _host_of_turn(hosts: Sequence[str], waiting: Set[str]) -> str | None:
    """Return whose turn a candidate takes: its own, or that of another address while its own is to be left alone."""
    own, others = hosts
    if own not in waiting:
        return own
    return next((other for other in json.loads(others) if other not in waiting), None) if others != "[]" else None


def _state(connection: sqlite3.Connection, n: int) -> PollState:
    return state_of(connection.execute(f"{_SELECT_STATE} WHERE n = ?", (n,)).fetchone())


def host_state(connection: sqlite3.Connection, host: str) -> HostState:
    """Return what is stored of the host's wait."""
    row = connection.execute("SELECT not_before, reason FROM hosts WHERE host = ?", (host,)).fetchone()
    return HostState(host, instant_or_none(row[0]), row[1]) if row else HostState(host)


def host_states(connection: sqlite3.Connection) -> list[HostState]:
    """Return all waits of hosts."""
    rows = connection.execute("SELECT host, not_before, reason FROM hosts WHERE not_before IS NOT NULL ORDER BY host")
    return [HostState(host, instant_or_none(not_before), reason) for host, not_before, reason in rows]


def save_hosts(connection: sqlite3.Connection, hosts: Iterable[HostState], now: datetime) -> None:
    """Keep the waits of hosts."""
    for host in hosts:
        save_host(connection, host, now)


def save_host(connection: sqlite3.Connection, host: HostState, now: datetime) -> None:
    """Keep the wait of a host; one that lies ahead is not ended by a poll that knows of none."""
    stored = host_state(connection, host.host)
    if stored == host or (host.not_before is None and stored.not_before is not None and stored.not_before > now):
        return
    connection.execute(
        "INSERT OR REPLACE INTO hosts (host, not_before, reason) VALUES (?, ?, ?)",
        (host.host, micros_or_none(host.not_before), host.reason),
    )


def next_due_at(connection: sqlite3.Connection, now: datetime | None) -> datetime | None:
    """Return when the next source that is neither stopped nor leased comes due."""
    passed = -1 if now is None else micros(now)
    rows = [
        connection.execute(
            "SELECT next_poll_at FROM sources INDEXED BY sources_due WHERE (last_attempt_at IS NOT NULL) = ? "
            "AND removed_at IS NULL AND stopped IS NULL AND (lease_until IS NULL OR lease_until <= ?) "
            "ORDER BY next_poll_at LIMIT 1",
            (attempted, passed),
        ).fetchone()
        for attempted in (0, 1)
    ]
    return min((instant(row[0]) for row in rows if row), default=None)


def release(connection: sqlite3.Connection, claims: Collection[Claim]) -> None:
    """End the leases, as if nothing had been claimed."""
    connection.executemany(
        "UPDATE sources SET lease_until = NULL, last_attempt_at = ? WHERE id = ? AND lease_until IS NOT NULL",
        [(micros_or_none(claim.attempted_before), claim.state.source.id) for claim in claims],
    )


def end_lease(connection: sqlite3.Connection, source_id: str) -> None:
    """End the lease of a source whose poll is over."""
    connection.execute("UPDATE sources SET lease_until = NULL WHERE id = ?", (source_id,))


def end_leases(connection: sqlite3.Connection) -> None:
    """Let all leases have passed; that there were any stays known, for the floor of `claim_due`."""
    connection.execute("UPDATE sources SET lease_until = 0 WHERE lease_until > 0")


def states(connection: sqlite3.Connection, only: Collection[str] | None) -> list[PollState]:
    """Return the state of every source that is polled, or of those of them with these ids."""
    polled = f"{_SELECT_STATE} WHERE removed_at IS NULL"
    if only is None:
        return [state_of(row) for row in connection.execute(f"{polled} ORDER BY position, id")]
    found = [
        state_of(row)
        for marks, ids in chunks(sorted(set(only)))
        for row in connection.execute(f"{polled} AND id IN ({marks})", ids)
    ]
    return sorted(found, key=lambda state: (state.source.position, state.source.id))


_LIST = "url, next_at, etag, last_modified, body_digest, validators_url, body, read_at, asked_at, failures, fault"


def lists(connection: sqlite3.Connection) -> list[ListState]:
    """Return every list of sources, by URL."""
    return [
        ListState(
            url,
            instant(next_at),
            Validators(etag, last_modified, digest, from_url),
            body,
            instant_or_none(read_at),
            instant_or_none(asked_at),
            failures,
            fault,
        )
        for url, next_at, etag, last_modified, digest, from_url, body, read_at, asked_at, failures, fault in (
            connection.execute(f"SELECT {_LIST} FROM lists ORDER BY url")  # noqa: S608 # own names only
        )
    ]


def save_list(connection: sqlite3.Connection, state: ListState) -> None:
    """Keep what a list of sources says."""
    known = state.validators
    connection.execute(
        f"INSERT OR REPLACE INTO lists ({_LIST}) VALUES ({','.join('?' * 11)})",  # noqa: S608 # own names only
        (
            state.url,
            micros(state.next_at),
            known.etag,
            known.last_modified,
            known.digest,
            known.url,
            state.body,
            micros_or_none(state.read_at),
            micros_or_none(state.asked_at),
            state.failures,
            state.fault,
        ),
    )
