"""The corridor over a real store; the network is the one fake."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from aggregator.intake import read
from aggregator.model import Fetched, Polling, Reading, Server, Settings, Source, Storage
from aggregator.network import Network
from aggregator.outcomes import Failed, FailureKind, Unchanged, Updated
from aggregator.poll import Poller
from aggregator.rows import source_row
from aggregator.settling import Clocks, Outcome
from storage.contract import StoreFullError
from storage.sqlite import SqliteStore
from storage.values import RecordQuery

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

Site = Callable[[httpx.Request], Awaitable[httpx.Response]]


def rss(*guids: str) -> bytes:
    items = "".join(
        f"<item><guid isPermaLink='false'>{guid}</guid><title>Title {guid}</title><description>Text {guid}</description>"
        "<pubDate>Sun, 01 Mar 2026 00:00:00 GMT</pubDate></item>"
        for guid in guids
    )
    return (
        f"<rss version='2.0'><channel><title>F</title><link>https://f.example/</link>{items}</channel></rss>".encode()
    )


class Reader:
    """Reads in this process what the product reads in a worker."""

    async def read(self, source: Source, fetched: Fetched, seen_at: datetime) -> Reading:
        return read(source, fetched, seen_at)


class World:
    """A scripted network, a hand-turned clock, a real store."""

    def __init__(self, folder: Path, *sources: Source, polling: Polling) -> None:
        self.now = NOON
        self.asked: list[httpx.Request] = []
        self.outcomes: list[Outcome] = []
        self.sites: dict[str, Site] = {}
        self.asking, self.reported = asyncio.Event(), asyncio.Event()
        self.settings = Settings(folder / "feeds.yaml", Server(), Storage(folder), polling, sources)
        self.store = SqliteStore.open(folder)
        self.poller = self.build()

    def build(self, network: Network | None = None) -> Poller:
        self.store.sync_sources([source_row(source) for source in self.settings.sources], self.now)
        return Poller(
            store=self.store,
            network=network or Network(transport=httpx.MockTransport(self.answer)),
            reader=Reader(),
            settings=self.settings,
            user_agent="feed-aggregator (+https://news.example.org/)",
            clocks=Clocks(now=lambda: self.now, monotonic=time.monotonic, jitter=lambda: 0.0),
            report=self.report,
        )

    def report(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self.reported.set()

    async def happened(self, count: int) -> None:
        """Wait until so many polls were reported."""
        while len(self.outcomes) < count:
            self.reported.clear()
            await self.reported.wait()

    async def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        self.asking.set()
        return await self.sites[str(request.url)](request)

    async def poll(self, *ids: str, due: bool = True, force: bool = False) -> None:
        await self.poller.poll_once(ids or [s.id for s in self.settings.sources], due=due, force=force)

    def titles(self) -> list[str]:
        return [record.title for record in self.store.page(RecordQuery(limit=500)).records]


def source(name: str, host: str | None = None) -> Source:
    return Source(id=name, url=f"https://{host or name}.example/{name}", name=name)


def serves(body: bytes, status: int = 200, **headers: str) -> Site:
    async def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers={k.replace("_", "-"): v for k, v in headers.items()}, content=body)

    return answer


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    made: list[World] = []

    def make(*sources: Source, **polling: object) -> World:
        calm = replace(Polling(host_delay=timedelta()), **polling)  # type: ignore[arg-type]  # keywords of Polling
        made.append(World(tmp_path / str(len(made)), *sources, polling=calm))
        return made[-1]

    yield make
    for one in made:
        one.store.close()


async def test_a_poll_stores_the_entries_and_says_so(world: Callable[..., World]) -> None:
    w = world(source("a"))
    w.sites["https://a.example/a"] = serves(rss("1", "2"))

    await w.poll()

    assert sorted(w.titles()) == ["Title 1", "Title 2"]
    assert isinstance(w.outcomes[0].result, Updated)
    assert len(w.outcomes[0].saved.new) == 2


async def test_what_is_not_due_is_not_asked_after_a_restart(world: Callable[..., World]) -> None:
    w = world(source("a"), source("b"))
    w.sites = {"https://a.example/a": serves(rss("1")), "https://b.example/b": serves(b"", 500)}
    await w.poll()
    w.poller = w.build()

    await w.poll()

    assert Counter(str(request.url) for request in w.asked) == {"https://a.example/a": 1, "https://b.example/b": 1}


async def test_validators_are_sent_back_and_a_304_is_unchanged(world: Callable[..., World]) -> None:
    w = world(source("a"))
    w.sites["https://a.example/a"] = serves(rss("1"), ETag='W/"x,y"')
    await w.poll()
    w.sites["https://a.example/a"] = serves(b"", 304)
    w.now += timedelta(hours=4)

    await w.poll()

    assert w.asked[1].headers["If-None-Match"] == 'W/"x,y"'
    assert isinstance(w.outcomes[1].result, Unchanged)


async def test_the_same_body_is_not_read_again_unless_forced(world: Callable[..., World]) -> None:
    w = world(source("a"))
    w.sites["https://a.example/a"] = serves(rss("1"))
    await w.poll()

    await w.poll(due=False)
    await w.poll(due=False, force=True)

    assert [type(outcome.result) for outcome in w.outcomes] == [Updated, Unchanged, Updated]
    assert w.outcomes[2].saved.new == ()
    assert w.outcomes[2].saved.updated == ()


async def test_one_failing_source_spoils_no_other(world: Callable[..., World]) -> None:
    w = world(source("a"), source("b"), source("c"))
    w.sites = {
        "https://a.example/a": serves(b"<!doctype html><title>Log in</title>"),
        "https://b.example/b": serves(rss("1")),
        "https://c.example/c": serves(b"", 403),
    }

    await w.poll()

    kinds = {o.source.id: o.result.kind for o in w.outcomes if isinstance(o.result, Failed)}
    assert kinds == {"a": FailureKind.NOT_A_FEED, "c": FailureKind.BLOCKED}
    assert w.titles() == ["Title 1"]


async def test_a_hanging_source_holds_up_no_other(world: Callable[..., World]) -> None:
    hanging = asyncio.Event()
    w = world(source("slow"), *(source(f"s{n}") for n in range(40)), concurrency=4)

    async def hang(_: httpx.Request) -> httpx.Response:
        await hanging.wait()
        return httpx.Response(200, content=rss("late"))

    w.sites = {f"https://s{n}.example/s{n}": serves(rss(str(n))) for n in range(40)} | {
        "https://slow.example/slow": hang
    }

    polling = asyncio.create_task(w.poll())
    async with asyncio.timeout(20):
        await w.happened(40)
    before = [outcome.source.id for outcome in w.outcomes]
    hanging.set()
    await polling

    assert "slow" not in before
    assert w.outcomes[-1].source.id == "slow"


async def test_one_host_is_asked_one_at_a_time_while_others_go_on(world: Callable[..., World]) -> None:
    running: Counter[str] = Counter()
    most: Counter[str] = Counter()
    shared = [source(f"h{n}", host="shared") for n in range(12)]
    w = world(*shared, *(source(f"s{n}") for n in range(12)), concurrency=8)

    async def watched(request: httpx.Request) -> httpx.Response:
        host = request.url.host
        running[host] += 1
        most[host] = max(most[host], running[host])
        most["all"] = max(most["all"], running.total())
        await asyncio.sleep(0.005)
        running[host] -= 1
        return httpx.Response(200, content=rss(str(request.url)))

    w.sites = {s.url: watched for s in w.settings.sources}

    await w.poll()

    assert len(w.outcomes) == 24
    assert most["shared.example"] == 1
    assert 1 < most["all"] <= 8


async def test_starts_on_one_host_keep_their_distance(world: Callable[..., World]) -> None:
    starts: list[float] = []
    w = world(*(source(f"h{n}", host="shared") for n in range(4)), host_delay=timedelta(seconds=0.1))

    async def noted(_: httpx.Request) -> httpx.Response:
        starts.append(asyncio.get_running_loop().time())
        return httpx.Response(200, content=rss("1"))

    w.sites = {s.url: noted for s in w.settings.sources}

    await w.poll()

    assert len(starts) == 4
    assert min(b - a for a, b in itertools.pairwise(starts)) >= 0.099


async def test_a_429_holds_for_the_whole_host(world: Callable[..., World]) -> None:
    w = world(source("a", host="shared"), source("b", host="shared"))
    w.sites = dict.fromkeys(
        ("https://shared.example/a", "https://shared.example/b"), serves(b"", 429, Retry_After="7200")
    )

    await w.poll()
    w.now += timedelta(hours=1)
    await w.poll(due=False)

    assert len(w.asked) == 1


async def test_an_attempt_that_we_break_off_is_not_counted_and_not_repeated_at_once(
    world: Callable[..., World],
) -> None:
    w = world(source("a"))

    async def hang(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    w.sites["https://a.example/a"] = hang
    stopping = asyncio.Event()
    polling = asyncio.create_task(w.poller.run(stopping))
    await w.asking.wait()

    stopping.set()
    await w.poller.stop(grace=0)
    await polling

    (state,) = w.store.states()
    assert state.failures == 0
    assert state.lease_until is None
    assert state.next_poll_at >= NOON + timedelta(hours=1)


async def test_a_crash_during_an_attempt_does_not_ask_again_within_the_floor(world: Callable[..., World]) -> None:
    w = world(source("a"))
    w.store.claim_due(w.now, limit=1, lease=timedelta(minutes=5))  # the process dies here
    w.sites["https://a.example/a"] = serves(rss("1"))

    w.now += timedelta(minutes=59)
    await w.poll()
    early = len(w.asked)
    w.now += timedelta(minutes=2)
    await w.poll()

    assert (early, len(w.asked)) == (0, 1)


async def test_a_fault_of_ours_costs_one_poll_and_is_named(
    world: Callable[..., World], caplog: pytest.LogCaptureFixture
) -> None:
    w = world(source("a"), source("b"))

    async def broken(_: httpx.Request) -> httpx.Response:
        raise ZeroDivisionError

    w.sites = {"https://a.example/a": broken, "https://b.example/b": serves(rss("1"))}

    await w.poll()

    results = {outcome.source.id: outcome.result for outcome in w.outcomes}
    assert isinstance(results["a"], Failed)
    assert results["a"].kind is FailureKind.INTERNAL
    assert isinstance(results["b"], Updated)
    assert "ZeroDivisionError" in caplog.text


async def test_two_sources_with_one_public_id_both_keep_their_entry(world: Callable[..., World]) -> None:
    body = rss("urn:uuid:6f1b7c1e-0000-4000-8000-000000000001")
    w = world(source("a"), source("b"))
    w.sites = {"https://a.example/a": serves(body), "https://b.example/b": serves(body)}

    await w.poll()

    records = w.store.page(RecordQuery()).records
    assert sorted(record.source_id for record in records) == ["a", "b"]
    assert len({record.public_id for record in records}) == 2


async def test_when_the_store_is_full_nothing_is_lost(world: Callable[..., World]) -> None:
    w = world(source("a"))
    w.sites["https://a.example/a"] = serves(rss("1"), ETag='"v1"')
    save_polls = w.store.save_polls

    def full(*_: object) -> object:
        raise StoreFullError("no space left in /data")

    w.store.save_polls = full  # type: ignore[method-assign,assignment]  # a disk that fills up in between
    await w.poll()
    trouble = w.poller.trouble
    w.store.save_polls = save_polls  # type: ignore[method-assign]  # space has returned
    w.now += timedelta(hours=4)
    w.poller = w.build()
    await w.poll()

    assert trouble == "no space left in /data"
    assert "If-None-Match" not in w.asked[1].headers
    assert w.titles() == ["Title 1"]


async def test_a_fault_in_reconciling_one_document_spoils_no_other(
    world: Callable[..., World], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    w = world(source("a"), source("b"))
    w.sites = {"https://a.example/a": serves(rss("1")), "https://b.example/b": serves(rss("2"))}

    async def unreadable(reader: Reader, of: Source, fetched: Fetched, seen_at: datetime) -> Reading:
        reading = read(of, fetched, seen_at)
        broken = replace(reading.records[0], identity="\ud800")  # no database can hold it
        return replace(reading, records=(broken,)) if of.id == "a" else reading

    monkeypatch.setattr(Reader, "read", unreadable)

    await w.poll()

    results = {outcome.source.id: outcome.result for outcome in w.outcomes}
    assert isinstance(results["a"], Failed)
    assert results["a"].kind is FailureKind.INTERNAL
    assert isinstance(results["b"], Updated)
    assert w.titles() == ["Title 2"]
    assert "UnicodeEncodeError" in caplog.text


def busy(w: World) -> tuple[threading.Event, threading.Event]:
    """Let the disk be busy as sources are claimed: return what tells that it is, and what ends it."""
    claiming, may_claim = threading.Event(), threading.Event()
    claim_due = w.store.claim_due

    def slowly(*args: object, **more: object) -> object:
        claiming.set()
        may_claim.wait(5)
        return claim_due(*args, **more)  # type: ignore[arg-type]  # passed on as they came

    w.store.claim_due = slowly  # type: ignore[method-assign,assignment]
    return claiming, may_claim


async def test_what_is_claimed_as_we_stop_is_given_back(world: Callable[..., World]) -> None:
    w = world(source("a"))
    w.sites["https://a.example/a"] = serves(rss("1"))
    claiming, may_claim = busy(w)
    stopping = asyncio.Event()
    running = asyncio.create_task(w.poller.run(stopping))
    await asyncio.to_thread(claiming.wait, 5)
    stopping.set()
    stop = asyncio.create_task(w.poller.stop(grace=1))
    await asyncio.sleep(0)
    may_claim.set()
    await asyncio.gather(stop, running)

    assert w.asked == []
    assert w.poller.under_way == 0
    assert w.store.next_due_at() == NOON


async def test_an_interrupted_command_gives_back_what_it_was_claiming(world: Callable[..., World]) -> None:
    w = world(source("a"))
    claiming, may_claim = busy(w)
    polling = asyncio.create_task(w.poll())
    await asyncio.to_thread(claiming.wait, 5)
    polling.cancel()
    await asyncio.wait([polling])
    may_claim.set()
    await w.poller.stop(grace=0)

    assert w.asked == []
    assert w.store.next_due_at() == NOON


async def test_changed_settings_of_the_network_hold_from_the_next_poll_on(world: Callable[..., World]) -> None:
    w = world(source("a"))
    w.sites["https://a.example/a"] = serves(rss("1"))
    network = Network(transport=httpx.MockTransport(w.answer))
    w.poller = w.build(network)

    own = replace(w.settings.polling, allow_private=frozenset({"10.0.0.7:1200"}))
    w.poller.use(replace(w.settings, polling=own), "someone-else/2")
    await w.poll()

    assert network.may_be_private("10.0.0.7:1200")
    assert w.asked[0].headers["User-Agent"] == "someone-else/2"


async def test_a_source_that_gets_another_url_while_it_waits_is_polled_there_at_once(
    world: Callable[..., World],
) -> None:
    w = world(source("a", "h"), source("b", "h"))

    async def blocks(_: httpx.Request) -> httpx.Response:
        if w.settings.sources[1].url.endswith("/b"):
            moved = replace(w.settings.sources[1], url="https://new.example/b")
            w.settings = replace(w.settings, sources=(w.settings.sources[0], moved))
            w.store.sync_sources([source_row(one) for one in w.settings.sources], w.now)
            w.poller.use(w.settings, "agent")
        return await serves(rss("1"))(_)

    w.sites = {"https://h.example/a": blocks, "https://new.example/b": serves(rss("2"))}
    claim_due = w.store.claim_due

    def two(*args: object, **more: object) -> object:
        return claim_due(*args, **(more | {"per_host": 2}))  # type: ignore[arg-type]  # so that one of them waits

    w.store.claim_due = two  # type: ignore[method-assign,assignment]
    await w.poll()
    await w.poll()

    assert [str(request.url) for request in w.asked] == ["https://h.example/a", "https://new.example/b"]
    assert sorted(w.titles()) == ["Title 1", "Title 2"]
