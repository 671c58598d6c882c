"""The daemon as its operator meets it: real processes, real signals, real sockets."""

from __future__ import annotations

import json
import re
import signal
import socket
from collections.abc import Callable

import pytest

from plugins.daemons import Running, fifty_under_way, rss
from plugins.publisher import Publisher
from plugins.served_corpus import Home, Shelf

pytestmark = pytest.mark.timeout(120)
Start = Callable[..., Running]


def subscribe(home: Home, shelf: Shelf, **feeds: bytes) -> None:
    shelf.files.update({f"/{name}.xml": body for name, body in feeds.items()})
    home.sources.update({name: f"/{name}.xml" for name in feeds})
    home.write()


def test_a_started_daemon_serves_what_it_polled(home: Home, shelf: Shelf, daemon: Start) -> None:
    subscribe(home, shelf, a=rss("1", "2"), b=rss("3"))

    running = daemon()
    running.until(lambda: len(running.titles()) == 3)

    assert running.get("/healthz")[2].strip() == b"ok"
    running.until(lambda: running.get("/readyz")[0] == 200)
    status, headers, _ = running.get("/feed.atom")
    assert status == 200
    assert running.get("/feed.atom", If_None_Match=headers["etag"])[0] == 304


def test_new_entries_arrive_while_it_runs_and_their_files_with_them(home: Home, shelf: Shelf, daemon: Start) -> None:
    subscribe(home, shelf, a=rss("1"))
    running = daemon()
    running.until(lambda: running.titles() == ["Title 1"])

    shelf.files["/a.xml"] = rss("2", "1")
    running.until(lambda: sorted(running.titles()) == ["Title 1", "Title 2"])

    running.until(lambda: len(home.tree()) == 2)


def test_sigterm_with_polls_in_flight_ends_with_0_within_10_s(home: Home, daemon: Start, publisher: Publisher) -> None:
    running = fifty_under_way(home, publisher, daemon)

    code, took = running.stop()

    assert code == 0
    assert took < 10
    assert "Traceback" not in "".join(running.log)


def test_sigint_ends_with_0_too(home: Home, shelf: Shelf, daemon: Start) -> None:
    subscribe(home, shelf, a=rss("1"))
    running = daemon()
    running.until(running.titles)

    code, took = running.stop(signal.SIGINT)

    assert (code, took < 10) == (0, True)
    assert "Traceback" not in "".join(running.log)


def test_a_restart_loses_and_repeats_nothing(home: Home, shelf: Shelf, daemon: Start) -> None:
    home.settings = {}  # the usual interval: nothing is due again for an hour
    subscribe(home, shelf, a=rss("1", "2"), b=rss("3"))
    first = daemon()
    first.until(lambda: len(first.titles()) == 3)
    feed = first.get("/feed.atom")[2]
    first.stop()
    asked = len(shelf.statuses)

    second = daemon()
    second.until(lambda: second.get("/readyz")[0] == 200)

    assert second.get("/feed.atom")[2] == feed
    second.stop()
    assert len(shelf.statuses) == asked


def test_after_a_kill_it_starts_again_with_everything_it_had(home: Home, shelf: Shelf, daemon: Start) -> None:
    subscribe(home, shelf, a=rss("1", "2"))
    first = daemon()
    first.until(lambda: len(first.titles()) == 2)
    before = first.get("/feed.json")[2]
    first.process.kill()
    first.process.wait(10)

    second = daemon()

    second.until(lambda: second.get("/readyz")[0] == 200)
    assert second.get("/feed.json")[2] == before


def test_a_second_daemon_on_the_same_data_leaves_with_4_and_names_the_first(
    home: Home, shelf: Shelf, daemon: Start
) -> None:
    subscribe(home, shelf, a=rss("1"))
    first = daemon()
    first.until(first.titles)

    second = home.run("poll")

    assert second.returncode == 4
    assert str(first.process.pid) in second.stderr


def test_a_port_in_use_is_named_and_nothing_is_polled(home: Home, shelf: Shelf) -> None:
    subscribe(home, shelf, a=rss("1"))
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        home.settings["server"] = {"listen": address}
        home.write()
        left = home.run("run")

    assert left.returncode == 1
    assert address in left.stderr
    assert "server.listen" in left.stderr
    assert shelf.statuses == []


def test_a_free_port_is_taken_and_stands_in_the_links(home: Home, shelf: Shelf, daemon: Start) -> None:
    home.settings["server"] = {"listen": "127.0.0.1:0"}
    subscribe(home, shelf, a=rss("1"))

    running = daemon()
    running.until(running.titles)

    assert json.loads(running.get("/feed.json")[2])["feed_url"] == f"{running.base}feed.json"
    subscribe(home, shelf, b=rss("2"))
    running.until(lambda: len(running.titles()) == 2)
    assert json.loads(running.get("/feed.json")[2])["feed_url"] == f"{running.base}feed.json"
    assert "listen" not in "".join(running.log)


def test_a_saved_change_takes_effect_without_a_restart(home: Home, shelf: Shelf, daemon: Start) -> None:
    subscribe(home, shelf, a=rss("1"))
    running = daemon()
    running.until(lambda: running.titles() == ["Title 1"])

    subscribe(home, shelf, b=rss("2"))

    running.until(lambda: sorted(running.titles()) == ["Title 1", "Title 2"])


def test_a_view_that_is_taken_out_is_gone_after_a_restart_too(home: Home, shelf: Shelf, daemon: Start) -> None:
    home.settings = {"views": {"news": {"title": "News"}}}
    subscribe(home, shelf, a=rss("1"))
    running = daemon()
    running.until(lambda: running.get("/feed/news.atom")[0] == 200)

    home.settings = {}
    home.write()
    running.until(lambda: running.get("/feed/news.atom")[0] == 410)
    running.stop()
    again = daemon()

    assert again.get("/feed/news.atom")[0] == 410
    assert again.get("/feed/newt.atom")[0] == 404


def test_a_broken_change_leaves_the_good_one_in_force_and_is_told(home: Home, shelf: Shelf, daemon: Start) -> None:
    subscribe(home, shelf, a=rss("1"))
    running = daemon()
    running.until(lambda: running.titles() == ["Title 1"])
    good = home.config.read_text()

    home.config.write_text("version: 1\nsuorces: []\n")
    running.until(lambda: running.get("/readyz")[0] == 503)
    running.until(lambda: re.search(r"feeds\.yaml:2:1: .*suorces", "".join(list(running.log))))
    shelf.files["/a.xml"] = rss("2", "1")
    running.until(lambda: len(running.titles()) == 2)
    home.config.write_text(good)

    running.until(lambda: running.get("/readyz")[0] == 200)


def test_a_failing_source_is_named_with_its_kind(home: Home, shelf: Shelf, daemon: Start) -> None:
    subscribe(home, shelf, a=rss("1"))
    home.sources["missing"] = "/missing.xml"
    home.write()

    running = daemon()
    running.until(lambda: any("source=missing" in line for line in list(running.log)))

    rows = {row["id"]: row for row in json.loads(running.get("/sources.json")[2])}
    assert (rows["a"]["state"], rows["missing"]["state"], rows["missing"]["kind"]) == ("ok", "failing", "not-found")


def test_when_nobody_can_be_reached_one_line_points_to_the_demo(home: Home, daemon: Start) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    home.settings["polling"] = {"host_delay": "0s", "per_host": 4, "allow_private": [f"127.0.0.1:{port}"]}
    home.settings["sources"] = [{"id": f"s{n}", "url": f"http://127.0.0.1:{port}/{n}"} for n in range(3)]
    home.write()

    running = daemon()
    running.until(lambda: any("aggregator demo" in line for line in list(running.log)))

    assert sum("aggregator demo" in line for line in list(running.log)) == 1


def test_serve_shows_what_poll_stored_and_polls_nothing(home: Home, shelf: Shelf, daemon: Start) -> None:
    subscribe(home, shelf, a=rss("1"))
    assert home.run("poll").returncode == 0
    asked = len(shelf.statuses)

    serving = daemon("serve")

    assert serving.titles() == ["Title 1"]
    assert serving.stop()[0] == 0
    assert len(shelf.statuses) == asked
