"""Copies of the store: made when one is due, the oldest let go."""

from __future__ import annotations

from datetime import datetime

from aggregator.model import Storage
from storage.contract import Store


def backup_if_due(store: Store, storage: Storage, now: datetime) -> str | None:
    """
    Copy the store into `<data>/backups` where the newest copy is older than `storage.backups.every`.

    Keeps the newest `storage.backups.keep`; 0 makes none. Returns the name of the copy that was made.
    """
    if storage.backups.keep < 1:
        return None
    folder = storage.path / "backups"
    folder.mkdir(mode=0o700, exist_ok=True)
    copies = sorted(folder.glob("aggregator-*Z.db"))
    oldest_good = f"aggregator-{now - storage.backups.every:%Y%m%dT%H%M%SZ}.db"
    if copies and copies[-1].name > oldest_good:
        return None
    made = folder / f"aggregator-{now:%Y%m%dT%H%M%SZ}.db"
    store.backup(made)
    for old in [*copies, made][: -storage.backups.keep]:
        old.unlink(missing_ok=True)
    return made.name
