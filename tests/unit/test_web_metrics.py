"""What a scraper is told by the server, and as what requests are counted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette

from aggregator.health import Facts, State
from aggregator.metrics import RESULTS, ROUTES, Metrics
from aggregator.model import Polling, Server, Settings, Source, Storage
from aggregator.outcomes import FailureKind
from aggregator.web.app import create_app
from aggregator.web.scrape import kind_of
from storage.sqlite import SqliteStore
from storage.states import HostState, SourceRow
from storage.values import Poll

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)
ROWS = [
    SourceRow(name, name, f"https://{name}.example/feed", f"{name}.example", place, 365, 5000, "d")
    for place, name in enumerate("abc")
]


class Site:
    """A server over a store with three sources: a is well, b fails, c has not been asked yet; d is paused."""

    def __init__(self, folder: Path) -> None:
        self.now, self.facts = NOW, Facts(last_tick_at=NOW)
        self.store = SqliteStore.open(folder)
        self.store.sync_sources(ROWS, NOW)
        self.poll("a")
        self.poll("b", failures=2, failure_kind="dns", failure_detail="no such host", failing_since=NOW)
        paused = Source(id="d", url="https://d.example/feed", name="d")
        self.settings = Settings(
            folder / "feeds.yaml", Server(access_token="sesame"), Storage(folder), Polling(), (), paused=(paused,)
        )
        self.metrics = Metrics(under_way=lambda: 2)
        self.app = create_app(self.store, lambda: self.settings, lambda: self.facts, lambda: self.now, self.metrics)

    def poll(self, id_: str, **changes: object) -> None:
        """Save a poll after which the source is so."""
        (state,) = self.store.states({id_})
        told = replace(state, next_poll_at=NOW + timedelta(hours=1), last_attempt_at=NOW, **changes)  # type: ignore[arg-type]  # fields
        self.store.save_polls([Poll(told, HostState(state.host))], NOW)

    def ask(self, path: str, token: str | None = "sesame") -> httpx.Response:
        """Send one request."""

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://elsewhere.example") as client:
                return await client.get(path, headers={"authorization": f"Bearer {token}"} if token else {})

        return asyncio.run(send())

    def scraped(self) -> dict[str, float]:
        """Return by name and labels what Prometheus's own reader reads."""
        return {
            sample.name + "".join(f"{{{key}={value}}}" for key, value in sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(self.ask("/metrics").text)
            for sample in family.samples
        }


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A server."""
    made = Site(tmp_path)
    yield made
    made.store.close()


def test_a_scraper_needs_the_token_and_gets_the_text_format(site: Site) -> None:
    refused, given = site.ask("/metrics", token=None), site.ask("/metrics")

    assert refused.status_code == 401
    assert (given.status_code, given.headers["cache-control"]) == (200, "no-store")
    assert given.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_the_store_and_the_scheduler_are_told_of(site: Site) -> None:
    told = site.scraped()

    states = {name: value for name, value in told.items() if name.startswith("aggregator_sources")}
    assert {name for name, value in states.items() if value} == {
        "aggregator_sources{state=ok}",
        "aggregator_sources{state=failing}",
        "aggregator_sources{state=paused}",
    }
    assert states["aggregator_sources{state=ok}"] == 2
    assert told["aggregator_ready"] == told["aggregator_config_good"] == 1
    assert told["aggregator_polls_under_way"] == 2
    assert told["aggregator_store_bytes"] > 10_000
    assert told["aggregator_last_tick_timestamp_seconds"] == NOW.timestamp()


def test_all_sources_are_looked_at_every_ten_seconds_at_most(site: Site) -> None:
    site.scraped()
    site.poll("a", failures=2, failure_kind="dns", failing_since=NOW)

    site.now = NOW + timedelta(seconds=9)
    soon = site.scraped()["aggregator_sources{state=failing}"]
    site.now = NOW + timedelta(seconds=10)
    later = site.scraped()["aggregator_sources{state=failing}"]

    assert (soon, later) == (1, 2)


def test_a_scheduler_that_stands_still_and_a_refused_feeds_yaml_are_told(site: Site) -> None:
    site.facts = Facts(last_tick_at=NOW - timedelta(minutes=2), config_fault="feeds.yaml:1:1: no")

    told = site.scraped()

    assert (told["aggregator_ready"], told["aggregator_config_good"]) == (0, 0)


def test_a_process_that_does_not_poll_is_ready_and_has_no_last_tick(site: Site) -> None:
    site.facts = Facts(polls=False)

    told = site.scraped()

    assert told["aggregator_ready"] == 1
    assert "aggregator_last_tick_timestamp_seconds" not in told


def test_a_store_that_cannot_be_read_is_told_and_what_was_seen_last_stands(site: Site) -> None:
    site.scraped()
    site.store.close()
    site.now = NOW + timedelta(minutes=1)

    told = site.scraped()

    assert told["aggregator_ready"] == 0
    assert told["aggregator_sources{state=failing}"] == 1


def test_answers_are_counted_by_kind_and_status(site: Site) -> None:
    feed = site.ask("/feed.atom")
    site.ask("/feed.rss", token=None)
    site.ask("/healthz")
    site.ask("/wp-login.php")
    site.ask("/source/none.json")

    told = {name: value for name, value in site.scraped().items() if name.startswith("aggregator_http")}

    assert feed.status_code == 200
    assert told == {
        "aggregator_http_requests_total{route=feed}{status=2xx}": 1,
        "aggregator_http_requests_total{route=feed}{status=4xx}": 2,
        "aggregator_http_requests_total{route=health}{status=2xx}": 1,
        "aggregator_http_requests_total{route=other}{status=4xx}": 1,
    }


def test_no_label_can_be_made_up_by_a_visitor_or_a_publisher(site: Site) -> None:
    for number in range(30):
        site.ask(f"/{number}/{number}.php")
        site.ask(f"/feed/{number}.atom")
    site.metrics.polled("dns", 0.1)

    families = {one.name: one for one in text_string_to_metric_families(site.ask("/metrics").text)}
    values = {
        (one.name, label, value)
        for one in families.values()
        if one.name.startswith("aggregator_")
        for sample in one.samples
        for label, value in sample.labels.items()
        if label not in ("le", "version")
    }

    allowed = {
        "state": set(State),
        "result": {"updated", "unchanged", *FailureKind},
        "change": {"new", "updated"},
        "route": set(ROUTES),
        "status": {"2xx", "304", "3xx", "4xx", "5xx"},
    }
    assert {label for _, label, _ in values} == set(allowed)
    assert [one for one in values if one[2] not in allowed[one[1]]] == []
    assert {value for _, label, value in values if label == "result"} == set(RESULTS)


def test_each_route_is_counted_as_something(site: Site) -> None:
    inside = next(part for part in vars(site.app).values() if isinstance(part, Starlette))
    paths = [route.path for route in inside.routes]  # type: ignore[attr-defined]  # all of ours are Routes

    assert [path for path in paths if kind_of(path) == "other"] == []
    assert {kind_of(path) for path in paths} == {*ROUTES} - {"other"}
    assert kind_of("/feed/all/archive/5f/0-64.atom") == kind_of("/source/a.json") == "feed"
