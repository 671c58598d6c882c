"""Count what happens, and tell it as Prometheus reads it; plain numbers until somebody asks."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from threading import Lock
from typing import TYPE_CHECKING

from aggregator.outcomes import FailureKind

if TYPE_CHECKING:
    from prometheus_client.core import Metric

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"

SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the buckets into which the durations of polls are counted."""

RESULTS = ("updated", "unchanged", *map(str, FailureKind))
"""What a poll may come to. All are told from the start: what appears out of nothing has no rise to be alerted by."""

ROUTES = ("feed", "page", "record", "api", "health", "file", "other")
"""What a path is counted as: never the path itself, of which a visitor can make up as many as they like."""


@dataclass(frozen=True, slots=True)
class Present:
    """What is so at the moment of asking."""

    sources: Mapping[str, int]
    """By state (`aggregator.health.State`)."""
    records: int
    store_bytes: int
    under_way: int
    """Polls."""
    ticked_at: float | None
    """Seconds since 1970; None: the scheduler has not started."""
    ready: bool
    config_good: bool
    incidents: int
    """Open ones."""


@dataclass
class Metrics:
    """What has been counted since the process began; may be told of from any thread."""

    under_way: Callable[[], int] = lambda: 0
    """How many polls have begun and not ended; whoever polls puts it here."""
    _lock: Lock = field(default_factory=Lock)
    _polls: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(RESULTS, 0)))
    _took: list[int] = field(default_factory=lambda: [0] * (len(SECONDS) + 1))
    _seconds: float = 0.0
    _entries: Counter[str] = field(default_factory=Counter)
    _bytes: int = 0
    _requests: Counter[tuple[str, str]] = field(default_factory=Counter)

    def polled(self, result: str, seconds: float, *, size: int = 0, new: int = 0, updated: int = 0) -> None:
        """Count a poll: `updated`, `unchanged` or a kind of failure; `size` in bytes of the body."""
        with self._lock:
            self._polls[result] += 1
            self._took[bisect_left(SECONDS, seconds)] += 1
            self._seconds += seconds
            self._bytes += size
            self._entries.update(new=new, updated=updated)

    def answered(self, route: str, status: int) -> None:
        """Count an answer to a request; `route` is one of `ROUTES`."""
        with self._lock:
            self._requests[route if route in ROUTES else "other", f"{status // 100}xx" if status != 304 else "304"] += 1

    def exposed(self, present: Present) -> bytes:
        """Return all of it in the text format of Prometheus, version 0.0.4."""
        # Takes 40 ms to import, which nobody waits for who does not ask.
        from prometheus_client import (  # noqa: PLC0415
            CollectorRegistry,
            GCCollector,
            PlatformCollector,
            ProcessCollector,
            generate_latest,
        )

        registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=registry)
        registry.register(_Told(self, present))
        return generate_latest(registry)

    def families(self, present: Present) -> Iterator[Metric]:
        """Yield what is counted and what is so, as families of samples."""
        with self._lock:
            yield from self._counted()
        yield from _present(present)

    def _counted(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily  # noqa: PLC0415 # see `exposed`

        polls = CounterMetricFamily("aggregator_polls", "Polls by what they came to.", labels=["result"])
        for result, count in sorted(self._polls.items()):
            polls.add_metric([result], count)
        yield polls
        took = HistogramMetricFamily("aggregator_poll_seconds", "How long polls took.")
        total, buckets = 0, list[tuple[str, float]]()
        for bound, count in zip([*map(str, SECONDS), "+Inf"], self._took, strict=True):
            total += count
            buckets.append((bound, total))
        took.add_metric([], buckets, sum_value=self._seconds)
        yield took
        entries = CounterMetricFamily("aggregator_entries", "Entries that polls brought.", labels=["change"])
        for change in ("new", "updated"):
            entries.add_metric([change], self._entries[change])
        yield entries
        yield CounterMetricFamily("aggregator_received_bytes", "Bytes of bodies that polls brought.", value=self._bytes)
        requests = CounterMetricFamily("aggregator_http_requests", "Requests answered.", labels=["route", "status"])
        for (route, status), count in sorted(self._requests.items()):
            requests.add_metric([route, status], count)
        yield requests


def _present(present: Present) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily  # noqa: PLC0415 # see `Metrics.exposed`

    yield InfoMetricFamily("aggregator_build", "This program.", value={"version": version("feed-aggregator")})
    sources = GaugeMetricFamily("aggregator_sources", "Sources by how they are.", labels=["state"])
    for state, count in sorted(present.sources.items()):
        sources.add_metric([state], count)
    yield sources
    gauges: tuple[tuple[str, str, float], ...] = (
        ("aggregator_records", "Entries that are stored.", present.records),
        ("aggregator_store_bytes", "Bytes of the store's files.", present.store_bytes),
        ("aggregator_polls_under_way", "Polls that have begun and not ended.", present.under_way),
        ("aggregator_incidents_open", "Sources that are not well, and were when last looked at.", present.incidents),
        ("aggregator_ready", "1 where /readyz says ready.", present.ready),
        ("aggregator_config_good", "1 where the newest feeds.yaml is in force.", present.config_good),
    )
    for name, said, value in gauges:
        yield GaugeMetricFamily(name, said, value=value)
    if present.ticked_at is not None:
        said = "When the scheduler last looked for what is due, in seconds since 1970."
        yield GaugeMetricFamily("aggregator_last_tick_timestamp_seconds", said, value=present.ticked_at)


class _Told:
    """A collector of what was counted."""

    def __init__(self, metrics: Metrics, present: Present) -> None:
        self._metrics, self._present = metrics, present

    def collect(self) -> Iterator[Metric]:
        """Yield the families."""
        return self._metrics.families(self._present)
