"""The sources as feeds.yaml names them, with what the store knows of each, if there is a store yet."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import click

from aggregator import clock
from aggregator.cli.common import counted, reading
from aggregator.health import Row, State
from aggregator.health import source_rows as rows_of
from aggregator.model import Settings
from aggregator.rows import source_row
from storage.contract import StoreMissingError
from storage.posts import Posts
from storage.states import PollState

COLOURS = {
    State.OK: "green",
    State.DEGRADED: "yellow",
    State.LATE: "yellow",
    State.SILENT: "yellow",
    State.MOVED: "yellow",
    State.FAILING: "red",
    State.BLOCKED: "red",
    State.GONE: "red",
    State.PAUSED: "blue",
}
_URGENT = (State.GONE, State.BLOCKED, State.FAILING, State.LATE, State.SILENT, State.MOVED, State.DEGRADED)


def state_word(row: Row) -> str:
    """Return the state in its column; click takes the colour away where stdout is no terminal."""
    return click.style(f"{row['state']!s:<9}", fg=COLOURS[State(str(row["state"]))])


def listed(row: Row) -> list[str]:
    """Return the lines that `list` shows of a source."""
    line = f"{state_word(row)} {row['id']}  {counted(int(row['entries'] or 0), 'entry')}  {row['url']}"
    return [line, f"          {row['reason']}"] if row["reason"] else [line]


def sorted_rows(rows: Sequence[Row], order: str) -> list[Row]:
    """
    Return the rows by `next` (soonest poll), `last` (newest entry), `entries` (most), `name`, or `state` (worst first).

    Rows that are alike stay in their order, and those that have nothing to go by stand last.
    """
    match order:
        case "next":
            return sorted(rows, key=lambda row: str(row["next_poll_at"] or "~"))
        case "last":
            return sorted(rows, key=lambda row: str(row["last_new_at"] or ""), reverse=True)
        case "entries":
            return sorted(rows, key=lambda row: -int(row["entries"] or 0))
        case "name":
            return sorted(rows, key=lambda row: str(row["name"]).casefold())
    places = {str(state): place for place, state in enumerate(_URGENT)}
    return sorted(rows, key=lambda row: places.get(str(row["state"]), len(places)))


def changed_files(settings: Settings) -> list[str]:
    """Return the paths of record files that a person changed, and that are therefore left as they are."""
    records = settings.storage.records
    if records is None:
        return []
    try:
        with reading(settings) as store:
            return [str(records / path) for path in Posts(records).changed(store.files())]
    except StoreMissingError:
        return []


def source_rows(settings: Settings) -> list[Row]:
    """Return the sources in the order of feeds.yaml; one that was never polled stands there too."""
    now = clock.now()
    stored: dict[str, PollState] = {}
    counts: dict[str, int] = {}
    try:
        with reading(settings) as store:
            stored = {state.source.id: state for state in store.states()}
            counts = dict(store.counts())
    except StoreMissingError:
        pass  # nothing was polled yet, and that is no fault
    states = [stored.get(s.id) or PollState(source_row(s), next_poll_at=now) for s in settings.sources]
    return rows_of(states, counts, now, settings.sources, settings.paused)


def unwritable(folder: Path) -> str | None:
    """
    Return in words why nobody can write the store in the folder, or None.

    Whether this user may is not looked at: who asks how the daemon is need not be the one that it runs as.
    """
    with suppress(OSError):
        if os.statvfs(folder).f_flag & os.ST_RDONLY:
            return f"{folder} lies on a file system that is read-only"
        if shutil.disk_usage(folder).free < 1 << 20:
            return f"no space is left for {folder}"
    return None
