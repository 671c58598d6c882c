"""What the store keeps of the sources of feeds.yaml."""

from __future__ import annotations

from aggregator.hosts import host_key
from aggregator.manners import settings_digest
from aggregator.model import Settings, Source
from storage.states import SourceRow


def source_rows(settings: Settings) -> list[SourceRow]:
    """Return what the store keeps of feeds.yaml: the sources that are polled, and the paused ones."""
    return [*map(source_row, settings.sources), *(source_row(source, paused=True) for source in settings.paused)]


def source_row(source: Source, *, paused: bool = False) -> SourceRow:
    """Return what the store keeps of a source of feeds.yaml."""
    return SourceRow(
        id=source.id,
        name=source.name,
        url=source.url,
        host=host_key(source.url),
        position=source.position,
        keep_days=source.keep.days,
        keep_entries=source.keep.entries,
        floor=source.every or source.at_least,
        settings_digest=settings_digest(source),
        other_hosts=tuple(dict.fromkeys(host_key(url) for url in source.fallback)),
        paused=paused,
    )
