"""`aggregator poll` as a user or cron runs it: lines, summary, exit codes, what it refuses to ask, what a signal does."""

from __future__ import annotations

import json
import os
import pty
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from plugins.daemons import Running, rss
from plugins.publisher import Asked, Publisher, Wire, reply
from plugins.served_corpus import Home, Shelf

Start = Callable[..., Running]


@pytest.fixture
def three(home: Home, shelf: Shelf) -> Home:
    """Three sources, of which one is missing at its publisher's, polled by the usual interval."""
    home.settings = {}
    home.sources = {"a": "/a.xml", "b": "/b.xml", "missing": "/missing.xml"}
    home.write()
    shelf.files = {"/a.xml": rss("1", "2"), "/b.xml": rss("3")}
    return home


def test_a_poll_prints_a_line_a_source_and_a_summary(three: Home) -> None:
    polled = three.run("poll")

    *lines, summary = polled.stdout.splitlines()
    assert sorted(lines) == [
        "failed    missing  not-found: 404 Not Found",
        "ok        a  2 new",
        "ok        b  1 new",
    ]
    assert summary == "3 sources: 2 ok (3 new), 0 unchanged, 1 failed"
    assert (polled.returncode, polled.stderr) == (1, "")


def test_what_is_not_due_is_left_alone_and_the_next_is_named(three: Home, shelf: Shelf) -> None:
    three.run("poll")
    asked = len(shelf.statuses)

    again = three.run("poll")

    assert again.returncode == 0
    assert again.stdout == "0 sources: 0 ok, 0 unchanged, 0 failed\n"
    assert again.stderr.startswith("nothing is due before 20")
    assert again.stderr.endswith("; --all polls what is not due too\n")
    assert len(shelf.statuses) == asked


def test_all_takes_what_is_not_due_and_a_304_is_unchanged(three: Home, shelf: Shelf) -> None:
    three.run("poll")
    shelf.files["/b.xml"] = rss("4", "3")

    again = three.run("poll", "--all")

    assert again.stdout.splitlines()[-1] == "3 sources: 1 ok (1 new), 1 unchanged, 1 failed"
    assert shelf.statuses.count(304) == 1


def test_force_asks_without_validators_and_finds_nothing_new(three: Home, shelf: Shelf) -> None:
    three.run("poll", "a")

    again = three.run("poll", "a", "--force")

    assert again.stdout == "ok        a  0 new\n1 source: 1 ok, 0 unchanged, 0 failed\n"
    assert shelf.statuses == [200, 200]


def test_a_named_source_is_polled_alone(three: Home, shelf: Shelf) -> None:
    polled = three.run("poll", "b")

    assert polled.stdout == "ok        b  1 new\n1 source: 1 ok (1 new), 0 unchanged, 0 failed\n"
    assert (polled.returncode, len(shelf.statuses)) == (0, 1)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("missin", "feeds.yaml has no source 'missin'; did you mean 'missing'?"),
        ("weather", "feeds.yaml has no source 'weather'; `aggregator list` names them"),
    ],
)
def test_a_source_that_there_is_not_is_wrong_usage(three: Home, shelf: Shelf, wanted: str, said: str) -> None:
    left = three.run("poll", "a", wanted)

    assert left.returncode == 2
    assert said in left.stderr
    assert shelf.statuses == []


def test_json_is_one_object_a_source_and_the_summary_goes_to_stderr(three: Home) -> None:
    polled = three.run("poll", "--json")

    lines = {line["source"]: line for line in map(json.loads, polled.stdout.splitlines())}
    assert list(lines["a"]) == [
        *("source", "result", "kind", "detail", "new", "updated", "seconds", "next_poll_at", "next_reason")
    ]
    assert [(lines[id_]["result"], lines[id_]["kind"], lines[id_]["new"]) for id_ in ("a", "b", "missing")] == [
        ("ok", None, 2),
        ("ok", None, 1),
        ("failed", "not-found", 0),
    ]
    assert datetime.fromisoformat(lines["a"]["next_poll_at"]) > datetime.now(UTC)
    assert polled.stderr == "3 sources: 2 ok (3 new), 0 unchanged, 1 failed\n"


def test_a_host_that_is_not_our_own_is_not_asked_twice_within_five_minutes(three: Home, shelf: Shelf) -> None:
    three.settings = {"polling": {"host_delay": "0s"}}  # the loopback publisher is now as foreign as any
    three.sources = {"a": "/a.xml"}
    three.write()
    first = three.run("poll")

    again = three.run("poll", "--all")

    assert first.stdout.startswith("failed    a  ")
    assert again.stdout == "0 sources: 0 ok, 0 unchanged, 0 failed\n"
    assert again.stderr.startswith("a: not asked; it was asked ")
    assert again.stderr.endswith(" s ago, and five minutes are the least\n")
    assert shelf.statuses == []


def test_nor_is_what_is_due_again_by_then(three: Home, shelf: Shelf) -> None:
    three.settings = {"polling": {"host_delay": "0s"}}
    three.sources = {"a": "/a.xml"}
    three.write()
    three.run("poll")
    three.sources = {"a": "/b.xml"}  # another address is due at once
    three.write()

    again = three.run("poll")

    assert again.stderr.startswith("a: not asked; it was asked ")


def test_a_publisher_that_asked_us_to_wait_is_left_alone_even_by_name(three: Home, publisher: Publisher) -> None:
    publisher.plays("/busy", reply("429 Too Many Requests", b"", "Retry-After: 7200"))
    three.settings = {
        "polling": {"host_delay": "0s", "allow_private": [publisher.host]},
        "sources": [{"id": "busy", "url": publisher.url("/busy")}],
    }
    three.write()
    first = three.run("poll")

    again = three.run("poll", "busy")

    until = datetime.now(UTC) + timedelta(hours=2)
    assert "rate-limited" in first.stdout
    assert "busy: not asked; its publisher wants to be left alone until" in again.stderr
    assert f"{until:%Y-%m-%d}" in again.stderr
    assert len(publisher.asked) == 1


def test_where_an_address_fails_a_fallback_answers_and_the_listing_says_so(
    three: Home, shelf: Shelf, publisher: Publisher
) -> None:
    publisher.plays("/down", reply("503 Service Unavailable", b""))
    three.settings = {
        "polling": {"host_delay": "0s", "allow_private": [shelf.host, publisher.host]},
        "sources": [{"id": "a", "url": publisher.url("/down"), "fallback": [f"http://{shelf.host}/a.xml"]}],
    }
    three.write()

    polled = three.run("poll")
    listed = three.run("list", "--json")

    [row] = json.loads(listed.stdout)["sources"] if listed.stdout.startswith("{") else json.loads(listed.stdout)
    assert polled.stdout.startswith("ok        a  2 new\n")
    assert (row["state"], row["url"], row["in_use"]) == (
        "degraded",
        publisher.url("/down"),
        f"http://{shelf.host}/a.xml",
    )
    assert "503 Service Unavailable" in row["reason"]


def test_what_is_gone_twice_is_asked_by_name_only(three: Home, publisher: Publisher) -> None:
    publisher.plays("/gone", reply("410 Gone", b""))
    three.settings = {
        "polling": {"host_delay": "0s", "allow_private": [publisher.host]},
        "sources": [{"id": "gone", "url": publisher.url("/gone")}],
    }
    three.write()
    three.run("poll", "--all")
    three.run("poll", "--all")

    left_alone = three.run("poll", "--all")
    asked = len(publisher.asked)
    named = three.run("poll", "gone")

    assert asked == 2
    assert left_alone.stderr.splitlines()[0] == "gone: not asked; it is gone: `aggregator poll gone` tries again"
    assert named.stdout.startswith("failed    gone  gone: 410 Gone")
    assert len(publisher.asked) == 3


def test_while_a_daemon_polls_a_poll_by_hand_leaves_with_4(three: Home, daemon: Start) -> None:
    running = daemon()
    running.until(lambda: len(running.titles()) == 3)

    left = three.run("poll", "--all")

    assert left.returncode == 4
    assert str(running.process.pid) in left.stderr
    assert left.stdout == ""


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_poll_saves_what_it_has_and_leaves_with_130(
    three: Home, shelf: Shelf, publisher: Publisher, daemon: Start, by: signal.Signals
) -> None:
    def silent(wire: Wire, _: Asked) -> None:
        wire.silence()

    publisher.plays("/silent", silent)
    three.settings = {
        "polling": {"per_host": 4, "host_delay": "0s", "allow_private": [shelf.host, publisher.host]},
        "sources": [
            {"id": "a", "url": f"http://{shelf.host}/a.xml"},
            {"id": "silent", "url": publisher.url("/silent")},
        ],
    }
    three.write()
    running = daemon("poll")
    running.until(lambda: publisher.asked and "ok        a  2 new\n" in list(running.said))

    code, took = running.stop(by)

    assert code == 130
    assert took < 10
    assert running.said[-1] == "2 sources: 1 ok (2 new), 0 unchanged, 1 failed\n"
    assert "Traceback" not in "".join(running.log)
    assert sorted(entry["title"] for entry in three.entries()) == ["Title 1", "Title 2"]


def test_a_reader_that_leaves_stops_no_poll(three: Home) -> None:
    command = f"{shlex.join([sys.executable, '-m', 'aggregator', '-c', str(three.config)])} poll --json | head -n 1"

    piped = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], check=False, capture_output=True, text=True, timeout=60
    )

    assert len(piped.stdout.splitlines()) == 1
    assert piped.returncode == 1  # the source that is missing
    assert len(three.entries()) == 3


def test_quiet_and_json_logs_change_no_result(three: Home) -> None:
    polled = three.run("-q", "--log-format", "json", "--no-color", "poll", "a")

    assert polled.stdout == "ok        a  2 new\n1 source: 1 ok (2 new), 0 unchanged, 0 failed\n"
    assert polled.stderr == ""


@pytest.mark.parametrize(("options", "drawn"), [([], True), (["-q"], False)], ids=["as it is", "quiet"])
def test_a_bar_is_drawn_on_a_terminal_only(three: Home, options: list[str], drawn: bool) -> None:
    terminal, end = pty.openpty()
    command = [sys.executable, "-m", "aggregator", "-c", str(three.config), *options, "poll"]

    polled = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=end, text=True, timeout=60)

    os.set_blocking(terminal, False)
    try:
        shown = os.read(terminal, 65536).decode()
    except BlockingIOError:
        shown = ""
    os.close(terminal)
    os.close(end)
    assert ("3/3" in shown, "░" in shown) == (drawn, drawn)
    assert polled.stdout.splitlines()[-1] == "3 sources: 2 ok (3 new), 0 unchanged, 1 failed"
