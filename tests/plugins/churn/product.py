"""The product as it runs, round by round: the real configuration, corridor, store, files and server; only time is given."""

from __future__ import annotations

import asyncio
import os
import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aggregator import indexing
from aggregator.agent import user_agent
from aggregator.config import load
from aggregator.daemon.build import settle
from aggregator.daemon.serving import listening, web_server
from aggregator.health import Facts
from aggregator.intake import read
from aggregator.model import Fetched, Reading, Settings, Source
from aggregator.network import Network
from aggregator.poll import Poller
from aggregator.rows import source_rows
from aggregator.settling import Clocks
from plugins.churn.world import World
from plugins.ports import free_port
from plugins.served_corpus import Home
from storage.sqlite import SqliteStore


class _Reader:
    """Reads in this process what the product reads in a worker."""

    async def read(self, source: Source, fetched: Fetched, seen_at: datetime) -> Reading:
        return read(source, fetched, seen_at)


@dataclass(frozen=True)
class Answered:
    """A request of a reader, and what it got."""

    path: str
    agent: str
    asked_with: str
    """Its If-None-Match, or nothing."""
    since: str
    """Its If-Modified-Since, or nothing."""
    status: int
    last_modified: str


class Product:
    """One installation, opened and closed as often as it is restarted."""

    def __init__(self, home: Home, world: World) -> None:
        self.home, self.world = home, world
        self.port = free_port()
        self.answered: list[Answered] = []
        self._runner: asyncio.Runner | None = None

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def write(self) -> None:
        """Write feeds.yaml as the operator would have it now, and put on the shelf what is listed."""
        shelf, world = self.home.shelf, self.world
        shelf.files = {one.path: one.document() for one in world.publishers.values() if not one.down}
        self.home.settings = {
            "server": {"listen": f"127.0.0.1:{self.port}", "base_url": "https://news.example.org/", "title": "T"},
            "storage": {"path": "./data", "records": "./records", "record_fields": ["rss"]},
            "defaults": {"every": "1s", "keep": {"entries": 100000, "days": 100000}},
            "sources": [
                {"id": one.id, "url": f"http://{shelf.host}{one.publisher.path}"} | one.more for one in world.subscribed
            ],
            "views": {world.view.name: world.view.written()},
        }
        self.home.write()

    # --- running ---

    def open(self) -> None:
        """Start: the store, the corridor, the server."""
        self.write()
        self._runner = asyncio.Runner()
        self._store = SqliteStore.open(self.home.folder / "data")
        self._network = Network(frozenset([self.home.shelf.host]))
        self._take()
        self._poller = Poller(
            store=self._store,
            network=self._network,
            reader=_Reader(),
            settings=self._settings,
            user_agent=self._agent,
            clocks=Clocks(now=lambda: self.world.now, monotonic=lambda: 0.0, jitter=lambda: 0.0),
        )
        self._serve()

    def close(self) -> None:
        """End as on SIGTERM; nothing where it does not run."""
        if self._runner is None:
            return
        self._server.should_exit = True
        self._thread.join(10)
        self._runner.run(self._network.aclose())
        self._runner.close()
        self._store.close()
        self._runner = None

    def poll(self) -> None:
        """Take in feeds.yaml and poll every source once, as the command does."""
        assert self._runner
        self.write()
        self._take()
        self._poller.use(self._settings, self._agent)
        self._runner.run(self._poller.poll_once([one.id for one in self._settings.sources], due=False))
        assert self._poller.trouble is None, self._poller.trouble
        settle(self._store, self._settings)
        indexing.bring_up_to_date(self._store)

    def _take(self) -> None:
        self._settings: Settings = load(self.home.config, os.environ, {}, self._store.sources())
        self._agent = user_agent(self._settings.polling.user_agent, self._settings.server.base_url)
        self._store.sync_sources(source_rows(self._settings), self.world.now)

    def _serve(self) -> None:
        bound = listening(self._settings.server)
        self._server = web_server(self._store, lambda: self._settings, lambda: Facts(polls=False))
        self._server.config.app = self._noting(self._server.config.app)
        self._thread = threading.Thread(target=self._server.run, args=([bound],), daemon=True)
        self._thread.start()

    def _noting(self, app: Any) -> ASGIApp:
        """Return the app, with a note taken of each answer."""

        async def noting(scope: Scope, receive: Receive, send: Send) -> None:
            asked = {name.decode(): value.decode() for name, value in scope["headers"]}

            async def sending(message: Message) -> None:
                if message["type"] == "http.response.start":
                    said = {name.decode().lower(): value.decode() for name, value in message["headers"]}
                    conditions = asked.get("if-none-match", ""), asked.get("if-modified-since", "")
                    agent, modified = asked.get("user-agent", ""), said.get("last-modified", "")
                    self.answered.append(Answered(scope["path"], agent, *conditions, message["status"], modified))
                await send(message)

            await app(scope, receive, sending)

        return noting

    # --- what happens to it ---

    def rebuild(self) -> None:
        """Lose the database; build it anew from the record files. It must not be open."""
        for file in (self.home.folder / "data").glob("aggregator.*"):  # the marker that a store was here too
            file.unlink()
        done = self.home.run("import", "records", str(self.home.records))
        assert done.returncode == 0, done.stdout + done.stderr

    def hide(self, id_: str) -> None:
        """Take the entry of that id out for good, as the operator does. It must not be open."""
        done = self.home.run("hide", id_)
        assert done.returncode == 0, done.stdout + done.stderr
