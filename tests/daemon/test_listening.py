"""Who listens at /events is told what happens, and holds up nobody: not the server's end, not other listeners."""

from __future__ import annotations

import http.client
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from urllib.parse import urlsplit

import pytest

from aggregator.web.events import MOST
from plugins.daemons import Running, rss
from plugins.served_corpus import Home, Shelf

pytestmark = pytest.mark.timeout(60)
Start = Callable[..., Running]


@contextmanager
def listening(running: Running) -> Iterator[http.client.HTTPResponse]:
    with closing(http.client.HTTPConnection(urlsplit(running.base).netloc, timeout=20)) as connection:
        connection.request("GET", "/events")
        with connection.getresponse() as stream:
            yield stream


def test_a_listener_is_told_of_a_new_entry_and_ends_with_the_server(home: Home, shelf: Shelf, daemon: Start) -> None:
    shelf.files["/a.xml"] = rss("1")
    home.sources["a"] = "/a.xml"
    home.write()
    running = daemon()
    running.until(lambda: running.titles() == ["Title 1"])
    with listening(running) as stream:
        begun = stream.readline()

        shelf.files["/a.xml"] = rss("2", "1")
        told = next(line for line in iter(stream.readline, b"") if line.startswith(b"event:"))
        code, took = running.stop(signal.SIGTERM)

    assert (begun, told) == (b"retry: 10000\n", b"event: changed\n")
    assert stream.getheader("content-type") == "text/event-stream; charset=utf-8"
    assert code == 0
    assert took < 2.5


def test_listeners_are_few_and_one_who_leaves_makes_room(home: Home, daemon: Start) -> None:
    running = daemon()

    def may_listen() -> bool:
        with listening(running) as stream:
            return stream.status == 200

    with ExitStack() as all_of_them:
        streams = [all_of_them.enter_context(listening(running)) for _ in range(MOST)]
        begun = {stream.readline() for stream in streams}
        refused, page = running.get("/events"), running.get("/about")

    assert begun == {b"retry: 10000\n"}
    assert (refused[0], refused[1]["retry-after"]) == (503, "60")
    assert page[0] == 200
    running.until(may_listen)
