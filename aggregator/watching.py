"""Look how all sources are, and keep what happened to them; done by the minute, and after polls by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from aggregator.health import State, health_of, weather_of
from aggregator.incidents import followed
from aggregator.model import Settings
from storage.contract import Store
from storage.states import Incident

_WORST_FIRST = (
    State.FAILING, State.BLOCKED, State.GONE, State.LATE, State.SILENT, State.MOVED, State.DEGRADED,
)  # fmt: skip


class Watched(NamedTuple):
    """How all sources were seen to be."""

    told: tuple[Incident, ...] = ()
    """The incidents that began, went on otherwise or ended."""
    states: Mapping[State, int] = MappingProxyType({})
    """How many sources are in each state."""
    offline: bool = False
    """No host can be reached."""

    @property
    def line(self) -> str:
        """Return it as a few words, what wants a hand most first: `polling 12 sources: 1 failing, 2 silent`."""
        number = sum(self.states.values())
        unwell = [f"{self.states[state]} {state}" for state in _WORST_FIRST if self.states.get(state)]
        polling = f"polling {number} source{'' if number == 1 else 's'}"
        if self.offline:
            return f"{polling}: offline, no host can be reached"
        return f"{polling}: {', '.join(unwell)}" if unwell else f"{polling}, all well"


def watch(store: Store, settings: Settings, now: datetime) -> Watched:
    """
    Keep the incidents that begin, go on otherwise or end; return them, and how many sources are how.

    While no host can be reached nobody's trouble begins or ends. Raises StoreError.
    """
    states = store.states()
    weather = weather_of(states, now)
    written = {source.id: source for source in settings.sources}
    seen = {
        state.source.id: (state, health_of(state, now, written.get(state.source.id), weather=weather))
        for state in states
    }
    counted = Counter(health.state for _, health in seen.values())
    if weather.offline:
        return Watched(states=counted, offline=True)
    known = {one.number: one for one in (*store.incidents(open_only=True, limit=len(states) + 500), *store.incidents())}
    changes = followed(list(known.values()), seen, now)
    if changes:
        store.save_incidents(changes)
    return Watched(changes, counted)
