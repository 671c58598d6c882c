"""`aggregator search`, as it is called."""

from __future__ import annotations

import json

import pytest

from plugins.served_corpus import Home, Shelf


def feed(*items: tuple[str, str]) -> bytes:
    """Return a feed of titles and bodies."""
    entries = "".join(
        f"<item><guid>urn:x:{n}</guid><title>{title}</title><description>{text}</description>"
        f"<pubDate>Sun, 01 Mar 2026 10:{59 - n:02d}:00 GMT</pubDate></item>"
        for n, (title, text) in enumerate(items)
    )
    return f"<rss version='2.0'><channel><title>小站</title>{entries}</channel></rss>".encode()


@pytest.fixture
def polled(home: Home, shelf: Shelf) -> Home:
    """A source with three entries, polled."""
    home.sources = {"notes": "/a.xml"}
    home.write()
    shelf.files = {
        "/a.xml": feed(("大模型的后台", "一篇长文。"), ("Ports", "The harbour, 碼頭 and 大模型."), ("Third", "nothing"))
    }
    assert home.run("poll").returncode == 0
    return home


def test_search_shows_the_entries_that_hold_all_words_newest_first(polled: Home) -> None:
    done = polled.run("search", "大模型")

    assert done.returncode == 0
    assert [line[12:] for line in done.stdout.splitlines() if line.startswith("2026")] == ["大模型的后台", "Ports"]
    assert "The harbour, 碼頭 and 大模型." in done.stdout


@pytest.mark.parametrize(
    ("words", "titles"),
    [
        (["码头"], ["Ports"]),
        (["大模型", "-harbour"], ["大模型的后台"]),
        (["title:大模型"], ["大模型的后台"]),
        (['"the harbour"'], ["Ports"]),
        (["source:notes", "third"], ["Third"]),
        (["後臺"], ["大模型的后台"]),
    ],
)
def test_the_syntax_holds_on_the_command_line(polled: Home, words: list[str], titles: list[str]) -> None:
    done = polled.run("search", "--json", *words)

    assert [json.loads(line)["title"] for line in done.stdout.splitlines()] == titles


def test_nothing_found_is_told_and_leaves_with_1(polled: Home) -> None:
    done = polled.run("search", "absent")

    assert (done.returncode, done.stdout, done.stderr) == (1, "", "nothing was found\n")


def test_what_is_not_indexed_yet_is_told(home: Home, shelf: Shelf) -> None:
    home.sources = {"notes": "/a.xml"}
    home.write()
    shelf.files = {"/a.xml": feed(("One", "two"))}
    assert home.run("poll", "--no-index").returncode == 0

    done = home.run("search", "two")

    assert "some records are not in the index yet" in done.stderr
