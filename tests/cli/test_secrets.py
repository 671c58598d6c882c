"""Values of variables stand in no output: not of commands, not of pages, not of feeds, whatever their place in a URL."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from collections.abc import Callable

import pytest

from plugins.daemons import Running, rss
from plugins.served_corpus import Home, Shelf

Start = Callable[..., Running]

SECRETS = {"IN_PATH": "hush-path-1", "IN_QUERY": "hush-query-2", "OTHER": "hush-other-3", "SHORT": "z9"}


@pytest.fixture
def polled(home: Home, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Sources whose addresses hold variables: one that answers, one by its fallback, one that fails, one that is paused."""
    for name, value in SECRETS.items():
        monkeypatch.setitem(os.environ, name, value)
    at = f"http://{shelf.host}"
    home.settings = {
        "sources": [
            {"id": "whole", "url": f"{at}/${{IN_PATH}}/a.xml?k=${{IN_QUERY}}"},
            {"id": "second", "url": f"{at}/gone/${{IN_PATH}}", "fallback": [f"{at}/b.xml?u=${{OTHER}}"]},
            {"id": "failing", "url": f"{at}/none/${{SHORT}}/x.xml"},
            {"id": "off", "url": f"{at}/off?u=${{OTHER}}", "enabled": False},
        ]
    }
    home.write()
    shelf.files = {"/hush-path-1/a.xml?k=hush-query-2": rss("1"), "/b.xml?u=hush-other-3": rss("2")}
    assert home.run("poll").returncode == 1
    return home


def told(text: str) -> list[str]:
    """Return the secrets that stand in the text."""
    return [name for name, value in SECRETS.items() if value in text]


COMMANDS = [
    *(("list",), ("list", "--json"), ("status",), ("status", "--json"), ("check",), ("check", "--json")),
    *(("explain", one, *more) for one in ("whole", "second", "failing", "off") for more in ((), ("--json",))),
    *(("doctor", one) for one in ("whole", "second", "off")),
    *(("remove", one, "--dry-run", "--json") for one in ("whole", "off")),
    *(("export", form) for form in ("atom", "rss", "json", "jsonl", "opml")),
    *(("add", "rsshub:/nowhere", "--no-check"), ("-v", "poll", "--all", "--json"), ("doctor",)),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_command_tells_the_value_of_a_variable(polled: Home, command: tuple[str, ...]) -> None:
    left = polled.run(*command)

    assert told(left.stdout + left.stderr) == []
    assert "Traceback" not in left.stderr


def test_what_is_hidden_leaves_the_rest_of_the_address_readable(polled: Home, shelf: Shelf) -> None:
    rows = {row["id"]: row for row in polled.health()}

    at = f"http://{shelf.host}"
    assert rows["whole"]["url"] == f"{at}/***/a.xml?k=***"
    assert rows["second"]["in_use"] == f"{at}/b.xml?u=***"
    assert rows["second"]["reason"].startswith(f"served by its fallback {at}/b.xml?u=***; the first address fails")
    assert rows["failing"]["url"] == f"{at}/none/***/x.xml"
    assert rows["off"]["url"] == f"{at}/off?u=***"


def test_a_paused_source_is_asked_by_doctor_under_its_own_address(polled: Home, shelf: Shelf) -> None:
    left = polled.run("doctor", "off")

    assert f"http://{shelf.host}/off?u=*** (source off of feeds.yaml" in left.stdout


PAGES = [
    *("", "sources.json", "feed.atom", "feed.rss", "feed.json", "source/whole", "source/whole.atom", "opml", "metrics"),
    *("source/whole/status", "source/second/status", "source/second/status.json", "source/off/status.json"),
    *(
        "sources",
        "about",
        "health.atom",
        "source/second",
        "source/failing",
        "source/failing/status",
        "source/off/status",
    ),
]


def test_no_page_and_no_feed_tells_the_value_of_a_variable(polled: Home, daemon: Start) -> None:
    running = daemon("serve")

    for page in PAGES:
        try:
            with urllib.request.urlopen(f"{running.base}/{page}", timeout=20) as answer:
                text = answer.read().decode()
        except urllib.error.HTTPError as refused:
            text = refused.read().decode()
        assert (page, told(text)) == (page, [])
