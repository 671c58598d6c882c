"""A single record as it is served: as it is to be seen, and as the bytes of its file."""

from __future__ import annotations

import re

from starlette.exceptions import HTTPException

from aggregator.filing import filed
from aggregator.model import Settings
from aggregator.web.choice import looks
from storage.contract import Store
from storage.frontmatter import dumps
from storage.record import Record

_KEY = re.compile(r"[a-z2-7]{16}")


def record_of(store: Store, settings: Settings, key: str) -> Record:
    """
    Return the record as it is to be seen. Blocks: to be called in a thread.

    Raises HTTPException 404 where there is none or where it is hidden, and StoreError.
    """
    return looks(settings)(stored(store, key))


def record_bytes(store: Store, settings: Settings, key: str) -> bytes:
    """Return what the record's file holds. Blocks, and raises, as `record_of`."""
    return dumps(*filed(settings)(stored(store, key))).encode("utf-8")


def stored(store: Store, key: str) -> Record:
    """Return the record as it is stored. Blocks, and raises, as `record_of`."""
    record = store.get(key) if _KEY.fullmatch(key) else None
    if record is None or record.hidden is not None:
        raise HTTPException(404, "there is no such record")
    return record
