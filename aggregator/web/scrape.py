"""What is told to a scraper: what was counted, and how store, sources and scheduler are."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from starlette.concurrency import run_in_threadpool

from aggregator.health import Facts, State, health_of, unready, weather_of
from aggregator.metrics import Metrics, Present
from aggregator.model import Settings
from storage.contract import Store, StoreError

PAUSE = timedelta(seconds=10)
"""Between two looks at all sources at least, however many scrapers ask."""
TIMES = 20
"""And so many times what the look took: a twentieth of a core at most."""
MOST_INCIDENTS = 100_000

_KINDS = re.compile(
    r"(?P<feed>/feed|/feed[./].*|/.*\.(?:atom|rss)|/source/[^/]+\.json)"
    r"|(?P<record>/entry/[^/]+\.(?:md|json))"
    r"|(?P<api>/api/.*|/opml|/sources\.json|/source/[^/]+/status\.json)"
    r"|(?P<health>/healthz|/readyz|/metrics)"
    r"|(?P<file>/static/.*|/robots\.txt|/favicon\.ico|/opensearch\.xml)"
    r"|(?P<page>/|/(?:view|entry|source)/[^/]+|/source/[^/]+/status|/sources|/about|/events)"
)


def kind_of(path: str) -> str:
    """Return as which of `metrics.ROUTES` a request for the path is counted; what is made up is `other`."""
    found = _KINDS.fullmatch(path)
    return (found and found.lastgroup) or "other"


@dataclass(frozen=True, slots=True)
class Seen:
    """How the store was when last looked at."""

    sources: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(map(str, State), 0))
    """By state."""
    records: int = 0
    incidents: int = 0
    """Open ones."""


class Scrape:
    """Answers scrapers. All sources are looked at now and then only, in a thread, once for all who ask."""

    def __init__(
        self,
        store: Store,
        settings: Callable[[], Settings],
        facts: Callable[[], Facts],
        now: Callable[[], datetime],
        metrics: Metrics,
    ) -> None:
        self._store, self._settings, self._facts, self._now = store, settings, facts, now
        self._metrics = metrics
        self._seen, self._again_at = Seen(), datetime.min.replace(tzinfo=now().tzinfo)
        self._looking = asyncio.Lock()

    async def exposed(self, *, readable: bool) -> bytes:
        """Return what Prometheus reads; `readable` says whether the store could be read just now."""
        async with self._looking:
            return await run_in_threadpool(self._exposed, readable)

    def _exposed(self, readable: bool) -> bytes:
        now, facts = self._now(), self._facts()
        if now >= self._again_at or self._again_at - now > timedelta(hours=1):  # a clock that was set back
            self._look(now)
        return self._metrics.exposed(
            Present(
                sources=self._seen.sources,
                records=self._seen.records,
                store_bytes=self._store_bytes(),
                under_way=self._metrics.under_way(),
                ticked_at=facts.last_tick_at.timestamp() if facts.last_tick_at else None,
                ready=readable and not unready(facts, now),
                config_good=facts.config_fault is None,
                incidents=self._seen.incidents,
            )
        )

    def _look(self, now: datetime) -> None:
        """Look how all sources are; where the store cannot be read, what was seen last stands."""
        try:
            self._seen = _seen(self._store, self._settings(), now)
        except StoreError:
            return
        ended = self._now()
        self._again_at = ended + max(PAUSE, TIMES * (ended - now))

    def _store_bytes(self) -> int:
        # The files themselves: asking SQLite would not count what waits in the -wal file.
        total = 0
        for file in self._settings().storage.path.glob("aggregator.db*"):
            with suppress(OSError):  # the -wal file goes when the last connection does
                total += file.stat().st_size
        return total


def _seen(store: Store, settings: Settings, now: datetime) -> Seen:
    states = store.states()
    weather, written = weather_of(states, now), {source.id: source for source in settings.sources}
    counted = Counter(str(health_of(one, now, written.get(one.source.id), weather=weather).state) for one in states)
    counted[str(State.PAUSED)] += len(settings.paused)
    return Seen(
        sources={str(state): counted[str(state)] for state in State},
        records=sum(store.counts().values()),
        incidents=len(store.incidents(open_only=True, limit=MOST_INCIDENTS)),
    )
