"""Copies of the store: made when one is due, the oldest let go."""

from __future__ import annotations

from datetime import datetime

from aggregator.model import Storage
from storage.contract import Store


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
