"""Serve the merged feed over HTTP: the socket, the server, the `serve` command."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import signal
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

import uvicorn

from aggregator import clock
from aggregator.daemon.care import most_visitors
from aggregator.daemon.connections import MOST, Connection, accepted_together, connection
from aggregator.health import Facts
from aggregator.metrics import Metrics
from aggregator.model import Server, Settings
from aggregator.web.app import create_app
from aggregator.web.events import MOST as LISTENERS
from storage.contract import Store
from storage.sqlite import SqliteStore

BACKLOG = 1024
"""Connections that wait to be accepted."""


class ListenError(OSError):
    """Nothing can listen at `server.listen`."""


class WebServer(uvicorn.Server):
    """uvicorn without its own signal handlers, which would end the process by the signal instead of with 0."""

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]  # uvicorn's is a generator
        """Leave the signals to the daemon."""
        return nullcontext()

    leave: Callable[[], None] = staticmethod(lambda: None)
    """Ends the answers that go on for as long as a client listens."""

    is_making: Callable[[], bool] = staticmethod(lambda: False)
    """Says whether something is being made for a subscriber."""

    kind: type[Connection] = Connection

    def let_in(self, most: int) -> None:
        """Have so many connections at once from now on, at most; who is in stays."""
        self.kind.most = self.config.limit_concurrency = most

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start; as many may wait as before, although few are taken in at a time."""
        await super().startup(sockets)
        for bound in sockets or ():
            bound.listen(BACKLOG)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop; who listens for what happens is sent home first, as uvicorn would wait for him."""
        self.leave()
        await super().shutdown(sockets)


def web_server(
    store: Store,
    settings: Callable[[], Settings],
    facts: Callable[[], Facts],
    metrics: Metrics | None = None,
    most: int = MOST,
) -> WebServer:
    """
    Return the server of our app, for at most so many connections at once.

    `metrics` is where polls are counted, in a process that polls.
    """
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # a line for each bad request is for strangers to write
    listeners = min(LISTENERS, most // 4)  # who listens stays: others are to find room, too
    app = create_app(store, settings, facts, clock.now, metrics, listeners=listeners)
    kind = connection(most)
    config = uvicorn.Config(
        app,
        http=kind,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=2,
        timeout_keep_alive=15,
        limit_concurrency=most,
        backlog=accepted_together(most),
    )
    server = WebServer(config)
    server.leave, server.is_making, server.kind = app.leave, app.is_making, kind
    return server


def listening(server: Server) -> socket.socket:
    """
    Return a socket that listens at `server.listen`: who connects before the server runs waits for it.

    Raises ListenError that names the address and the way out.
    """
    try:
        bound = _unix_socket(server.listen) if server.listen.startswith("unix:") else _tcp_socket(server.listen)
        bound.listen(BACKLOG)
        return bound
    except OSError as error:
        raise ListenError(
            error.errno,
            f"cannot listen there: {error.strerror or error}; free it, or change server.listen",
            server.listen,
        ) from None


def located(settings: Settings, bound: socket.socket) -> Settings:
    """Return the settings with the port that was taken, where `server.listen` leaves it open (port 0)."""
    host, _, port = settings.server.listen.rpartition(":")
    if settings.server.listen.startswith("unix:") or int(port):
        return settings
    return replace(settings, server=replace(settings.server, listen=f"{host}:{bound.getsockname()[1]}"))


def _tcp_socket(listen: str) -> socket.socket:
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, int(port)))
    except OSError:
        bound.close()
        raise
    return bound


def _unix_socket(listen: str) -> socket.socket:
    path = Path(listen.removeprefix("unix:"))
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_socket():
        _clear(path)
    bound = socket.socket(socket.AF_UNIX)
    try:
        bound.bind(str(path))
    except OSError:
        bound.close()
        raise
    return bound


def _clear(path: Path) -> None:
    """Remove the socket of a process that is gone; raise OSError where one still listens."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            return
        except TimeoutError:  # it listens, and is busy
            pass
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def address(server: Server, bound: socket.socket) -> str:
    """Return the URL under which the server answers here, with a `/` at its end."""
    if server.listen.startswith("unix:"):
        return server.base_url or server.listen
    host, port = bound.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}/"


def greeting(server: Server, bound: socket.socket, doing: str) -> str:
    """Return what is printed once we listen: where to subscribe, where to read."""
    here = address(server, bound)
    lines = [doing, f"subscribe  {here}feed.atom  (or feed.rss, feed.json)", f"read       {here}"]
    if server.base_url and server.base_url != here:
        lines.append(f"public     {server.base_url}feed.atom")
    if server.access_token:
        lines.append("           (add ?token=... : server.access_token is set)")
    return "\n".join(lines)


async def serve(settings: Settings, *, announce: Callable[[str], None]) -> int:
    """Serve what the store holds until SIGINT or SIGTERM; return 0. Raises StoreError, ListenError."""
    store = await asyncio.to_thread(SqliteStore.open_readonly, settings.storage.path)
    try:
        bound = listening(settings.server)
        settings = located(settings, bound)
        server = web_server(store, lambda: settings, lambda: Facts(polls=False), most=most_visitors(0))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, _leave, server)
        announce(greeting(settings.server, bound, "serving, polling nothing"))
        await server.serve(sockets=[bound])
    finally:
        await asyncio.to_thread(store.close)
    return 0


def _leave(server: WebServer) -> None:
    server.force_exit = server.should_exit
    server.should_exit = True
