"""The bytes of a record's file, as `/entry/{key}.md` serves them."""

from __future__ import annotations

import re

from starlette.exceptions import HTTPException

from aggregator.filing import filed
from aggregator.model import Settings
from storage.contract import Store
from storage.frontmatter import dumps

_KEY = re.compile(r"[a-z2-7]{16}")


def record_bytes(store: Store, settings: Settings, key: str) -> bytes:
    """
    Return what the record's file holds. Blocks: to be called in a thread.

    Raises HTTPException 404 where there is none or where it is hidden, and StoreError.
    """
    record = store.get(key) if _KEY.fullmatch(key) else None
    if record is None or record.hidden is not None:
        raise HTTPException(404, "there is no such record")
    return dumps(*filed(settings)(record)).encode("utf-8")
