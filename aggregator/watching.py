"""Look how all sources are, and keep what happened to them; done by the minute, and after polls by hand."""

from __future__ import annotations

from datetime import datetime

from aggregator.health import health_of, weather_of
from aggregator.incidents import followed
from aggregator.model import Settings
from storage.contract import Store
from storage.states import Incident


def watch(store: Store, settings: Settings, now: datetime) -> tuple[Incident, ...]:
    """
    Keep the incidents that begin, go on otherwise or end; return them.

    While no host can be reached nobody's trouble begins or ends. Raises StoreError.
    """
    states = store.states()
    weather = weather_of(states, now)
    if weather.offline:
        return ()
    written = {source.id: source for source in settings.sources}
    seen = {
        state.source.id: (state, health_of(state, now, written.get(state.source.id), weather=weather))
        for state in states
    }
    known = {one.number: one for one in (*store.incidents(open_only=True, limit=len(states) + 500), *store.incidents())}
    changes = followed(list(known.values()), seen, now)
    if changes:
        store.save_incidents(changes)
    return changes
