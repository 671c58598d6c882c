"""The same store, and the same answers at the same times, give the same bytes: feeds, lines of the export, record files."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from aggregator import clock
from aggregator.filing import Filer
from aggregator.health import Facts
from aggregator.intake import read
from aggregator.model import Fetched, Polling, Reading, Server, Settings, Source, Storage
from aggregator.network import Network
from aggregator.poll import Poller
from aggregator.rows import source_row
from aggregator.settling import Clocks
from aggregator.web import create_app
from plugins.served_corpus import manifest
from storage.posts import Posts
from storage.sqlite import SqliteStore

pytestmark = pytest.mark.timeout(300)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=400)
"""When it is served: whatever the clock says then must not matter."""


class Reader:
    """Reads in this process what the product reads in a worker."""

    async def read(self, source: Source, fetched: Fetched, seen_at: datetime) -> Reading:
        return read(source, fetched, seen_at)


@dataclass
class Output:
    """All that a store gives to the outside."""

    feeds: dict[str, bytes]
    lines: list[str]
    files: dict[str, bytes]


@pytest.fixture(scope="module")
def bodies(corpus: Path) -> dict[str, bytes]:
    """Sixty feeds off the web by a source id: every sixth one, so that all formats and charsets have their share."""
    rows = [row for row in manifest(corpus, "feed") if row["capture"].startswith("captured")]
    return {f"s{number}": (corpus / row["file"]).read_bytes() for number, row in enumerate(rows[::6])}


def settings_of(folder: Path, ids: Sequence[str]) -> Settings:
    sources = tuple(Source(id=id_, url=f"https://{id_}.example/feed", name=id_, site=id_) for id_ in sorted(ids))
    calm = Polling(host_delay=timedelta())
    server = Server(base_url="https://news.example.org/", title="T")
    return Settings(folder / "feeds.yaml", server, Storage(folder, folder / "records"), calm, sources)


def rebuilt(folder: Path, bodies: dict[str, bytes], order: Sequence[str]) -> Settings:
    """Build a store from these answers: at noon of one day in this order, and an hour later once more."""
    settings = settings_of(folder, list(bodies))
    now = NOON

    async def answer(request: httpx.Request) -> httpx.Response:
        body = bodies[request.url.host.removesuffix(".example")]
        return httpx.Response(
            200, headers={"ETag": f'"{now:%H}"'}, content=body if now.hour == NOON.hour else body + b" "
        )

    async def poll(store: SqliteStore) -> None:
        nonlocal now
        poller = Poller(
            store=store,
            network=Network(transport=httpx.MockTransport(answer)),
            reader=Reader(),
            settings=settings,
            user_agent="feed-aggregator (+https://news.example.org/)",
            clocks=Clocks(now=lambda: now, monotonic=clock.monotonic, jitter=lambda: 0.25),
        )
        for _ in range(2):
            for id_ in order:
                await poller.poll_once([id_], due=False)
            now += timedelta(hours=1)

    store = SqliteStore.open(folder)
    store.sync_sources([source_row(source) for source in settings.sources], NOON)
    try:
        asyncio.run(poll(store))
        Filer(store, Posts(folder / "records", sync=False)).bring_up_to_date(settings)
    finally:
        store.close()
    return settings


def output(settings: Settings, now: datetime = LATER) -> Output:
    """Return what the outside sees of a store."""
    folder = settings.storage.path
    store = SqliteStore.open_readonly(folder)
    app = create_app(store, lambda: settings, lambda: Facts(polls=False), lambda: now)
    names = ["/feed", *(f"/source/{source.id}" for source in settings.sources)]

    async def get() -> dict[str, bytes]:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="https://news.example.org", timeout=120) as client:
            paths = [f"{name}.{form}?limit=500" for name in names for form in ("atom", "rss", "json")]
            return {path: (await client.get(path)).raise_for_status().content for path in paths}

    try:
        served = asyncio.run(get())
    finally:
        store.close()
    lines, files = exported(folder, "jsonl").splitlines(), tree(folder / "records")
    assert len(files) == len(lines) > 500
    return Output(served, lines, files)


def exported(folder: Path, *args: str) -> str:
    """Return what `aggregator export` prints over the store in the folder."""
    config = folder / "feeds.yaml"
    config.write_text("version: 1\nstorage: {path: .}\nsources: []\n", encoding="utf-8")
    command = [sys.executable, "-m", "aggregator", "-c", str(config), "export", *args]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.md")}


def test_the_same_store_served_twice_gives_the_same_bytes(bodies: dict[str, bytes], tmp_path: Path) -> None:
    settings = rebuilt(tmp_path, bodies, list(bodies))

    once, again = output(settings), output(settings, LATER + timedelta(days=30))

    assert once == again


def test_the_record_files_of_one_store_are_the_same_wherever_they_are_written(
    bodies: dict[str, bytes], tmp_path: Path
) -> None:
    settings = rebuilt(tmp_path, bodies, list(bodies))

    exported(tmp_path, "records", "-o", str(tmp_path / "copy"))

    assert tree(tmp_path / "copy") == output(settings).files


def test_the_same_answers_at_the_same_times_give_the_same_bytes(bodies: dict[str, bytes], tmp_path: Path) -> None:
    one = output(rebuilt(tmp_path / "one", bodies, list(bodies)))
    other = output(rebuilt(tmp_path / "other", bodies, list(bodies)))

    assert one == other


def test_the_order_in_which_sources_were_polled_shows_only_between_entries_of_one_instant(
    bodies: dict[str, bytes], tmp_path: Path
) -> None:
    """In a merged feed what came first goes below where two entries have one date; nothing else depends on it."""
    turned = list(bodies)
    random.Random(7).shuffle(turned)

    one = output(rebuilt(tmp_path / "one", bodies, list(bodies)))
    other = output(rebuilt(tmp_path / "other", bodies, turned))

    assert sorted(one.lines) == sorted(other.lines)
    assert one.files == other.files
    assert {path for path, body in one.feeds.items() if body != other.feeds[path]} <= MERGED
    assert dates(one) == dates(other)


MERGED = {f"/feed.{form}?limit=500" for form in ("atom", "rss", "json")}


def dates(shown: Output) -> list[str]:
    return [item["date_published"] for item in json.loads(shown.feeds["/feed.json?limit=500"])["items"]]
