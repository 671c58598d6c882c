"""Sources that tell of the same articles, for tests of stories: small records, and what brings them into a store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from plugins.records import plain_record
from storage.contract import Store
from storage.record import Record, key_of
from storage.states import HostState, SourceRow
from storage.values import Changes, Poll

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ARTICLE = "https://blog.example/2026/harbour"


def sources(*ids: str) -> list[SourceRow]:
    """Return sources in the order of feeds.yaml."""
    return [
        SourceRow(id_, id_.title(), f"https://{id_}.example/feed", f"{id_}.example", place, 30, 5000, "")
        for place, id_ in enumerate(ids)
    ]


def record(source_id: str, name: str, link: str | None = ARTICLE, **changes: Any) -> Record:
    """Return what a source says of an article; without `guid` it has an id that means nothing elsewhere."""
    identity = changes.get("guid") or f"{source_id}-{name}"
    key = key_of(source_id, f"{source_id}-{name}")
    base = plain_record(
        at=NOON,
        key=key,
        public_id=f"tag:{source_id}.example,2026-03-01:{key}",
        source_id=source_id,
        identity=identity,
        categories=("c", source_id, "latest"),
        title=name,
        link=link,
        guid=identity,
        author=source_id,
        publisher_date=NOON,
        html=f"<p>{name}, as {source_id} tells it</p>",
        digest=name,
    )
    return replace(base, **changes)


def tell(store: Store, *new: Record, updated: Sequence[Record] = (), listed: bool = True, now: datetime = NOON) -> None:
    """Save a poll that brings these records of one source; with `listed` False it has nothing else in its document."""
    source_id = [*new, *updated][0].source_id
    state = next(state for state in store.states() if state.source.id == source_id)
    keys = frozenset(one.key for one in (*new, *updated))
    changes = Changes(new=new, updated=tuple(updated), listed=None if listed else keys)
    poll = Poll(replace(state, next_poll_at=now + timedelta(hours=1)), HostState(state.source.host), changes)
    [saved] = store.save_polls([poll], now)
    assert saved.error is None


def told(store: Store) -> dict[str, list[str]]:
    """Return by source and title of each record in a story what the others of it are called, in the order of preference."""
    records = list(store.records())
    found = store.stories([one.key for one in records])
    return {
        f"{one.source_id} {one.title}": [
            f"{other.source_id} {other.title}" for other in found[one.key] if other.key != one.key
        ]
        for one in records
        if one.key in found
    }
