"""A scripted world behind the network seam: sites, a clock turned by hand, and a log of who was asked when."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import ceil
from pathlib import Path

import httpx
import pytest

from aggregator.health import Health, health_of, source_rows
from aggregator.intake import read
from aggregator.model import Fetched, Polling, Reading, Server, Settings, Source, Storage
from aggregator.network import Network
from aggregator.outcomes import PollError
from aggregator.poll import Poller
from aggregator.rows import source_row
from aggregator.settling import Clocks, Outcome
from storage.record import Record
from storage.sqlite import SqliteStore
from storage.states import PollState
from storage.values import RecordQuery

MONDAY = datetime(2026, 3, 2, 12, tzinfo=UTC)
"""When every world begins: a Monday, noon in GMT."""

HOUR, DAY, MINUTE = timedelta(hours=1), timedelta(days=1), timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the publisher saw it."""

    at: datetime
    url: str
    headers: httpx.Headers
    nth: int
    """How many requests for this URL came before."""
    ticks: float = 0.0
    """Seconds of the clock that nobody sets."""

    def raw(self, name: str) -> bytes | None:
        """Return the header's bytes as they were sent."""
        wanted = name.lower().encode()
        return next((value for key, value in self.headers.raw if key.lower() == wanted), None)

    def has(self, etag: bytes) -> bool:
        """Return whether the tag came back."""
        return self.raw("If-None-Match") == etag


Answer = httpx.Response | PollError
Site = Callable[[Asked], Answer]
Headers = dict[str, str] | Sequence[tuple[bytes, bytes]]


class _Reader:
    """Reads in this process what the product reads in a worker."""

    async def read(self, source: Source, fetched: Fetched, seen_at: datetime) -> Reading:
        return read(source, fetched, seen_at)


@dataclass
class World:
    """Sites that answer by a script, a real store, the real corridor, and time that passes only when it is told to."""

    folder: Path
    sources: tuple[Source, ...]
    polling: Polling
    now: datetime = MONDAY
    ticks: float = 0.0
    """The monotonic clock: it goes on with `now`, but not when the wall clock alone is set."""
    jitter: Callable[[], float] = lambda: 0.0
    sites: dict[str, Site] = field(default_factory=dict)
    waits: dict[str, asyncio.Event] = field(default_factory=dict)
    """Events that the answers of these URLs wait for."""
    log: list[Asked] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = SqliteStore.open(self.folder)
        engine = self.store._engine  # a world that ends with its test need not survive a power cut
        engine.on_writer(lambda: engine.writing.execute("PRAGMA synchronous = OFF"))
        self._seen: Counter[str] = Counter()
        self.restart()

    # --- time ---

    async def poll(self, *ids: str, due: bool = True, force: bool = False) -> None:
        """Poll once, now; by hand where `due` is False."""
        await self.poller.poll_once(ids or [source.id for source in self.sources], due=due, force=force)

    async def poll_by_hand(self, *ids: str) -> None:
        """Poll by hand, all at once; time passes, a quarter of a second at a time, while all that is left waits for it."""
        polling = asyncio.create_task(self.poll(*ids, due=False))
        while not polling.done():
            await asyncio.wait([polling], timeout=0.001)
            if self.poller.under_way == self.poller.waiting:
                self.now += timedelta(seconds=0.25)
                self.ticks += 0.25
                self.poller.wake()
        await polling

    async def pass_time(self, span: timedelta) -> None:
        """Let the time go by, polling whatever comes due, at the instant at which it does."""
        until = self.now + span
        while self.now <= until:
            before = len(self.outcomes)
            await self.poll()
            due = self.store.next_due_at(self.now)
            if due is None:
                break
            # Due and not polled: its host waits. Time goes on in small steps until it may be asked.
            stuck = due <= self.now and len(self.outcomes) == before
            self.turn(max(due, self.now + (MINUTE if stuck else timedelta())), until)
        self.turn(until, until)

    async def live(self, span: timedelta) -> None:
        """Let the time go by as in the daemon: it looks each second while there is something to do, else each minute."""
        until = self.ticks + span.total_seconds()
        while self.ticks <= until:
            before = len(self.log)
            await self.tick()
            await self._until_all_wait()
            due = self.store.next_due_at(self.now)
            wait = 1.0
            if due is not None and len(self.log) == before:
                # Due, and left alone: its host is to wait, or there is no network.
                wait = min(float(ceil((due - self.now).total_seconds())), 60.0) if due > self.now else 10.0
            wait = 1.0 if self.poller.waiting else wait
            self.now += timedelta(seconds=wait)
            self.ticks += wait

    async def _until_all_wait(self) -> None:
        """Let every attempt come to its end, or to where it waits for another host's turn and time must pass."""
        idle = -1
        while (waiting := self.poller.waiting) != idle or self.poller.under_way > waiting:
            while self.poller.under_way > self.poller.waiting:
                tasks = tuple(self.poller._tasks)
                await asyncio.wait(tasks, timeout=0.001, return_when=asyncio.FIRST_COMPLETED)
                await asyncio.sleep(0)
            idle = self.poller.waiting
            if idle:  # in the daemon, whoever begins to wait wakes it
                await self.tick()

    async def tick(self) -> None:
        """Look once, as the daemon does."""
        await self.poller.tick()

    def everywhere(self, site: Site) -> None:
        """Let every source be answered like this."""
        self.sites = {source.url: site for source in self.sources}

    async def polls(self, count: int) -> None:
        """Let time go by until so many more polls have been saved."""
        wanted = len(self.outcomes) + count
        while len(self.outcomes) < wanted:
            await self.poll()
            if len(self.outcomes) < wanted:
                due = self.store.next_due_at(self.now)
                assert due is not None, "nothing is polled any more"
                self.turn(max(due, self.now + MINUTE))

    def turn(self, to: datetime, at_most: datetime | None = None) -> None:
        """Turn both clocks forward; past `at_most` by a second, so that a loop up to it ends."""
        if at_most is not None and to > at_most:
            to = max(self.now, at_most) + timedelta(microseconds=1)
        self.ticks += max(0.0, (to - self.now).total_seconds())
        self.now = max(self.now, to)

    def restart(self, *sources: Source) -> None:
        """Start anew on what is stored, with these sources where any are given."""
        self.sources = sources or self.sources
        self.settings = Settings(self.folder / "feeds.yaml", Server(), Storage(self.folder), self.polling, self.sources)
        self.store.sync_sources([source_row(source) for source in self.sources], self.now)
        self.poller = Poller(
            store=self.store,
            network=self.network(),
            reader=_Reader(),
            settings=self.settings,
            user_agent="feed-aggregator/1 (+https://news.example.org/)",
            clocks=Clocks(now=lambda: self.now, monotonic=lambda: self.ticks, jitter=self._throw),
            report=self.outcomes.append,
        )

    def network(self) -> Network:
        """Return what the corridor asks through: the script."""
        return Network(transport=httpx.MockTransport(self._answer))

    def _throw(self) -> float:
        return self.jitter()

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        url = str(request.url)
        asked = Asked(self.now, url, request.headers, self._seen[url], self.ticks)
        self._seen[url] += 1
        self.log.append(asked)
        if url in self.waits:
            await self.waits[url].wait()
        answer = self.sites[url](asked)
        if isinstance(answer, PollError):
            raise answer
        return answer

    # --- what the publisher saw ---

    def asked(self, url: str | None = None) -> list[Asked]:
        """Return the requests for the URL; for all where none is named."""
        return [one for one in self.log if url in {None, one.url}]

    def gaps(self, url: str | None = None) -> list[timedelta]:
        """Return the times between two requests for the URL."""
        return [later.at - earlier.at for earlier, later in pairwise(self.asked(url))]

    def hours(self, url: str | None = None) -> list[float]:
        """Return the gaps in hours, to the hundredth."""
        return [round(gap / HOUR, 2) for gap in self.gaps(url)]

    def counted(self) -> Counter[str]:
        """Return how often each URL was asked for."""
        return Counter(one.url for one in self.log)

    # --- what the reader sees ---

    def state(self, source_id: str = "a") -> PollState:
        """Return what is stored of polling the source."""
        return next(state for state in self.store.states() if state.source.id == source_id)

    def health(self, source_id: str = "a") -> Health:
        """Return how the source is."""
        return health_of(self.state(source_id), self.now)

    def row(self, source_id: str = "a") -> dict[str, str | int | None]:
        """Return the source as `/sources.json` shows it."""
        rows = source_rows(self.store.states(), self.store.counts(), self.now)
        return next(row for row in rows if row["id"] == source_id)

    def records(self, source_id: str = "a") -> list[Record]:
        """Return the stored records of the source, in the order of the merged feed."""
        query = RecordQuery(sources=[source_id], backlog=True, limit=500)
        return list(self.store.page(query).records)

    def titles(self, source_id: str = "a") -> list[str]:
        """Return their titles."""
        return [record.title for record in self.records(source_id)]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Make worlds: of one source `a` at https://a.example/feed, or of the given ones."""
    made: list[World] = []

    def make(*sources: Source, **polling: object) -> World:
        calm = replace(Polling(host_delay=timedelta()), **polling)  # type: ignore[arg-type]  # keywords of Polling
        made.append(World(tmp_path / str(len(made)), sources or (source("a"),), calm))
        return made[-1]

    yield make
    for one in made:
        one.store.close()


async def until(happened: Callable[[], bool]) -> None:
    """Let others go on until it has happened."""
    for _ in range(10_000):
        if happened():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never happened")


FEED = "https://a.example/feed"


def source(name: str, url: str | None = None, **settings: object) -> Source:
    """Return a source of that id; its URL is https://<name>.example/feed unless one is given."""
    made = Source(id=name, url=url or f"https://{name}.example/feed", name=name)
    return replace(made, **settings)  # type: ignore[arg-type]  # keywords of Source


def hourly(name: str = "a", url: str | None = None, **settings: object) -> Source:
    """Return a source that is to be asked every hour: its gaps show what else lengthens them."""
    return source(name, url, every=HOUR, **settings)


# --- what sites answer ------------------------------------------------------------------------------------------


def item(  # what an item of RSS may hold
    guid: str | None = None,
    title: str | None = None,
    *,
    link: str | None = None,
    text: str | None = None,
    date: str | None = "Sun, 01 Mar 2026 00:00:00 GMT",
) -> str:
    """Return an RSS item; what is None is left out, a title and a text aside, which are made of the guid."""
    parts = [f"<title>{title or f'Title {guid}'}</title>", f"<description>{text or f'Text {guid}'}</description>"]
    parts += [f"<guid isPermaLink='false'>{guid}</guid>"] if guid is not None else []
    parts += [f"<link>{link}</link>"] if link else []
    parts += [f"<pubDate>{date}</pubDate>"] if date else []
    return f"<item>{''.join(parts)}</item>"


def rss(*items: str, extra: str = "") -> bytes:
    """Return an RSS document of the items; one that is no markup is the guid of a plain item."""
    whole = "".join(one if one.startswith("<") else item(one) for one in items)
    head = f"<title>F</title><link>https://a.example/</link>{extra}"
    return f"<rss version='2.0'><channel>{head}{whole}</channel></rss>".encode()


def ok(body: bytes, headers: Headers = (), status: int = 200) -> httpx.Response:
    """Return an answer with a body."""
    return httpx.Response(status, headers=_listed(headers), content=body)


def says(status: int, headers: Headers = ()) -> httpx.Response:
    """Return an answer without a body worth reading."""
    return httpx.Response(status, headers=_listed(headers))


def moves(status: int, to: str) -> httpx.Response:
    """Return a redirect."""
    return httpx.Response(status, headers={"Location": to})


def always(answer: Callable[[], Answer]) -> Site:
    """Return a site that answers the same each time; made anew, as an answer is read once."""
    return lambda _: answer()


def script(*answers: Callable[[], Answer]) -> Site:
    """Return a site that answers one after the other, the last one from then on."""
    return lambda asked: answers[min(asked.nth, len(answers) - 1)]()


def _listed(headers: Headers) -> list[tuple[bytes, bytes]]:
    if isinstance(headers, dict):
        return [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    return list(headers)
