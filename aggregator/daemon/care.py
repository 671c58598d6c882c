"""What the daemon sees to beside polling: copies of the store, and no more polls or visitors at once than there are descriptors for."""

from __future__ import annotations

import logging
import resource
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from aggregator.model import Settings, Storage
from storage.contract import Store

log = logging.getLogger(__name__)

SPARE_DESCRIPTORS = 64
"""For the store, the workers, the log, and who reads the feeds; beside two for each poll under way."""


def within_descriptors(settings: Settings) -> Settings:
    """
    Return the settings with no more polls at once than the system has open files for, said in a sentence where it is less.

    The limit is raised as far as that takes and the system lets us.
    """
    wanted = settings.polling.concurrency
    needed = 2 * wanted + SPARE_DESCRIPTORS
    soft = _allowed(needed)
    if soft < 0 or soft >= needed:
        return settings
    able = max(1, (soft - SPARE_DESCRIPTORS) // 2)
    log.warning(
        "%d open files are allowed: %d polls at once instead of %d (`ulimit -n %d` allows them)",
        soft, able, wanted, needed,
    )  # fmt: skip
    return replace(settings, polling=replace(settings.polling, concurrency=able))


def most_visitors(polls: int) -> int:
    """
    Return how many connections of web clients there are descriptors for, beside so many polls at once.

    Twice as many are kept free for them: one that is sent away has its own until the loop comes to it. The limit is
    raised as far as that takes and the system lets us.
    """
    from aggregator.daemon.connections import FEWEST, MOST  # noqa: PLC0415 - it loads uvicorn, without which one polls

    others = 2 * polls + SPARE_DESCRIPTORS
    limit = _allowed(others + 2 * MOST)
    return MOST if limit < 0 else max(FEWEST, min(MOST, (limit - others) // 2))


def _allowed(needed: int) -> int:
    """Return how many open files are allowed, -1 for any number; raised to what is needed where the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= soft < needed and soft != hard:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (needed if hard < 0 else min(needed, hard), hard))
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft


def backup_if_due(store: Store, storage: Storage, now: datetime) -> str | None:
    """
    Copy the store into `<data>/backups` where the newest copy is older than `storage.backups.every`.

    When the newest was made its name says, so that a daemon that never runs for long makes copies too. Keeps the newest
    `storage.backups.keep`; 0 makes none. Returns the name of the copy that was made.
    """
    if storage.backups.keep < 1:
        return None
    folder = storage.path / "backups"
    folder.mkdir(mode=0o700, exist_ok=True)
    copies = sorted(folder.glob("aggregator-*Z.db"))
    present = [copy for copy in copies if copy.name <= _name(now)]
    ahead = copies[len(present) :]  # made by a clock that was ahead: they say nothing of when one was made last
    if present and present[-1].name > _name(now - storage.backups.every):
        return None
    made = folder / _name(now)
    store.backup(made)
    for old in [*ahead, *present, made][: -storage.backups.keep]:
        old.unlink(missing_ok=True)
    return made.name


def _name(at: datetime) -> str:
    return f"aggregator-{at:%Y%m%dT%H%M%SZ}.db"
