"""The sources as feeds.yaml names them, with what the store knows of each, if there is a store yet."""

from __future__ import annotations

from aggregator import clock
from aggregator.cli.common import reading
from aggregator.health import Row
from aggregator.health import source_rows as rows_of
from aggregator.model import Settings
from aggregator.poll import source_row
from storage.contract import PollState, StoreMissingError
from storage.posts import Posts


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
