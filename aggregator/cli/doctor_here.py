"""What `doctor` looks at on this machine: Python, SQLite, feeds.yaml, the store, the disk. Asks nobody."""

from __future__ import annotations

import os
import resource
import shutil
import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta
from importlib import metadata
from pathlib import Path

from aggregator import __version__, calm, clock
from aggregator.cli.common import counted
from aggregator.cli.finding import Finding, fail, ok, warn
from aggregator.hiding import LIST
from aggregator.hints import spoken
from aggregator.model import Settings
from storage import sqlite
from storage.contract import StoreError, StoreMissingError
from storage.posts import Posts
from storage.sqlite import SqliteStore
from storage.states import PollState

LEAST_SPACE, LITTLE_SPACE = 100 << 20, 1 << 30
LATE = timedelta(minutes=10)
MOST_COUNTED = 500
"""Records without a file: more are not counted."""
SPARE_DESCRIPTORS = 64
"""Beside two for each attempt: the store's, the log's, the connections of subscribers."""
OLD_PYTHON = (3, 11)
PACKAGES = (
    "apscheduler", "charset-normalizer", "click", "feedparser", "google-re2", "h11", "httpx", "idna", "jinja2", "lxml",
    "markupsafe", "nh3", "opencc", "pebble", "prometheus-client", "publicsuffixlist", "pydantic", "ruamel.yaml",
    "selectolax", "sqlite-utils", "starlette", "uvicorn", "w3lib",
)  # fmt: skip
"""What pyproject.toml requires. Written out, as an installation that was not renewed knows the old list alone."""


def of_program() -> Iterator[Finding]:
    """Yield how Python, SQLite and the packages are."""
    python = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < OLD_PYTHON:
        yield fail("python", f"{python} is older than 3.11", "install Python 3.11 or newer")
    else:
        yield ok("python", f"{python}, feed-aggregator {__version__}")
    reset = tuple(map(int, sqlite.VERSION.split("."))) < (3, 51, 3)
    note = (
        " (older than 3.51.3: two that checkpoint could lose commits; here one connection alone does)" if reset else ""
    )
    yield ok("sqlite", f"{sqlite.VERSION}{note}")
    yield _packages()


def _packages() -> Finding:
    missing = [name for name in PACKAGES if not _installed(name)]
    if missing:
        return fail("packages", f"not installed: {', '.join(missing)}", f"pip install {' '.join(missing)}")
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES)
    return ok("packages", f"{len(PACKAGES)} installed: {versions}")


def _installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def of_settings(settings: Settings) -> Iterator[Finding]:
    """Yield how feeds.yaml and the limits of the system fit together."""
    paused = f", {len(settings.paused)} paused" if settings.paused else ""
    yield ok("feeds.yaml", f"{settings.path}: {counted(len(settings.sources), 'source')}{paused}")
    for warning in settings.warnings:
        yield warn("feeds.yaml", warning, "see `aggregator check`")
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 2 * settings.polling.concurrency + SPARE_DESCRIPTORS
    if 0 <= most < needed:
        yield warn(
            "descriptors",
            f"{most} open files are allowed, {needed} may be needed",
            f"`ulimit -n {needed}`, or less concurrency",
        )
    else:
        yield ok("descriptors", f"{most} open files are allowed" if most >= 0 else "no limit")
    for name, folder in (("data", settings.storage.path), ("records", settings.storage.records)):
        if folder is not None:
            yield _folder(name, folder)


def _folder(name: str, folder: Path) -> Finding:
    """Return whether the folder, or the one that it will lie in, can be written and has room."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not there.is_dir():
        return fail(name, f"{there} is no folder", "name another place under `storage`")
    if not os.access(there, os.W_OK | os.X_OK):
        return fail(name, f"{there} cannot be written by this user", f"chown or chmod {there}, or name another place")
    free = shutil.disk_usage(there).free
    seen = f"{folder}: {free >> 20:,} MB free{'' if there == folder else ', made at the first poll'}"
    if free < LEAST_SPACE:
        return fail(name, seen, "make room: nothing can be stored soon")
    return warn(name, seen, "make room before it is full") if free < LITTLE_SPACE else ok(name, seen)


def of_store(settings: Settings) -> Iterator[Finding]:
    """Yield how the store is: whole, its files, its schedule, who polls into it."""
    folder = settings.storage.path
    holder = sqlite.holder(folder)
    yield (
        ok("daemon", f"process {holder} polls into this store")
        if holder
        else ok("daemon", "none polls into this store")
    )
    try:
        store = SqliteStore.open_readonly(folder)
    except StoreMissingError:
        yield ok("store", "there is none yet: the first poll makes it")
        return
    except StoreError as error:
        yield fail("store", str(error), "`aggregator restore PATH` goes back to a backup")
        return
    try:
        yield from _store(store, settings, running=holder is not None)
    except StoreError as error:
        yield fail("store", str(error), "`aggregator restore PATH` goes back to a backup")
    finally:
        store.close()


def _store(store: SqliteStore, settings: Settings, *, running: bool) -> Iterator[Finding]:
    faults = store.examine()
    yield from (fail("store", fault, "`aggregator restore PATH` goes back to a backup") for fault in faults)
    if not faults:
        size = (settings.storage.path / "aggregator.db").stat().st_size
        yield ok("store", f"whole: {counted(sum(store.counts().values()), 'entry')}, {size >> 10:,} kB")
    yield from _files(store, settings, running=running)
    states = store.states()
    yield from _schedule(states, running=running)
    yield from _unknown(states, settings)
    yield from _backups(settings)


def _files(store: SqliteStore, settings: Settings, *, running: bool) -> Iterator[Finding]:
    records = settings.storage.records
    if records is None:
        return
    files = store.files()
    missing = [file.path for file in files if not (records / file.path).exists()]
    changed = Posts(records).changed(files)
    foreign = Posts(records).foreign(files)
    waiting = len(store.unwritten(MOST_COUNTED))
    if missing:
        yield warn(
            "files",
            f"{len(missing)} record files are not there: {missing[0]} ...",
            "`aggregator export records -o DIR` writes them elsewhere",
        )
    if changed:
        yield warn(
            "files",
            f"{len(changed)} record files were changed by a person: {changed[0]} ...",
            "they are left as they are",
        )
    if foreign:
        yield warn(
            "files",
            f"{len(foreign)} files among the records are none that we wrote: {foreign[0]} ...",
            "they are left as they are; `aggregator import records DIR` takes in records that the store does not have",
        )
    stale = waiting and not running
    if stale:
        yield warn(
            "files",
            f"{waiting}{' or more' if waiting == MOST_COUNTED else ''} records have no file yet, or an older one",
            "`aggregator run` or `aggregator poll` writes them",
        )
    if not (missing or changed or foreign or stale):
        yield ok("files", f"{len(files)} record files{', more are to be written' if waiting else ''}")
    if hidden := settings.storage.path / LIST:
        yield from [ok("hidden", f"{hidden} names what the operator took out")] if hidden.exists() else []


def _unknown(states: Sequence[PollState], settings: Settings) -> Iterator[Finding]:
    """Yield sources of feeds.yaml that have no time of their next poll, as nothing has taken them in yet."""
    known = {state.source.id for state in states}
    if missing := [source.id for source in settings.sources if source.id not in known]:
        yield warn(
            "schedule",
            f"{counted(len(missing), 'source')} of feeds.yaml with no next poll: {missing[0]} ...",
            "`aggregator run` or `aggregator poll` takes them in",
        )


def _schedule(states: Sequence[PollState], *, running: bool) -> Iterator[Finding]:
    now = clock.now()
    alive = [state for state in states if state.stopped is None]
    late = [state for state in alive if state.lease_until is None and now - state.next_poll_at > LATE]
    odd = calm.mended(alive, now)
    broken = [state for state in alive if state.lease_until is not None and state.lease_until < now]
    if late and running:
        longest = max(late, key=lambda state: now - state.next_poll_at)
        seen = f"{len(late)} sources are late, {longest.source.id} by {spoken(now - longest.next_poll_at)}"
        yield warn(
            "schedule", seen, "`aggregator status` says more; a host that asked for a wait holds all of its sources"
        )
    elif late:
        yield warn(
            "schedule",
            f"{len(late)} sources are due and nothing polls",
            "`aggregator run`, or `aggregator poll` from cron",
        )
    if odd:
        yield warn(
            "schedule",
            f"{len(odd)} sources have times that a wrong clock made",
            "the next start of `aggregator run` mends them",
        )
    if broken:
        yield warn(
            "schedule", f"{len(broken)} polls were broken off by a crash", "they are asked again after their floor"
        )
    if not (late or odd or broken):
        yield ok("schedule", f"{counted(len(alive), 'source')}, none late, no time that cannot be")


def _backups(settings: Settings) -> Iterator[Finding]:
    if settings.storage.backups.keep < 1:
        return
    copies = sorted((settings.storage.path / "backups").glob("aggregator-*Z.db"))
    if not copies:
        yield ok("backups", "none yet; `aggregator run` makes one each " + spoken(settings.storage.backups.every))
        return
    age = timedelta(seconds=max(0.0, clock.now().timestamp() - copies[-1].stat().st_mtime))
    seen = f"{len(copies)}, the newest {spoken(age)} old"
    if age > 3 * settings.storage.backups.every:
        yield warn("backups", seen, "`aggregator backup PATH` makes one; `aggregator run` does by itself")
    else:
        yield ok("backups", seen)
