"""What a publisher writes and a terminal shows: no escape of its gets there, and none that turns round our own words."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from html import escape

import pytest
from lxml import etree

from plugins.served_corpus import Home, Shelf

pytestmark = pytest.mark.timeout(120)

EVIL = "\x1b]0;pwned\x07\x1b[2J\x1b[31m\x9b31m\x9d0;x\x9c\x1b]8;;https://evil.example\x07\x08\x7f\u202egnp.exe\u2066\u202c\u2028\u2029\r\n2026 forged"
XML = re.sub("[\x00-\x08\x0b-\x1f]", "", EVIL)
"""What of it XML can hold; the rest comes as JSON, and as the title of a page."""
OURS = re.compile(r"\x1b\[(?:0|1|2|22|3[1-7])m")
"""Bold, dim and colours, which are our own on a terminal."""
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def json_feed() -> bytes:
    item = {"id": f"1{EVIL}", "title": f"needle {EVIL}", "url": f"https://a.example/{EVIL}", "content_html": f"<p>body {escape(EVIL)} needle</p>"} | {"tags": [EVIL], "authors": [{"name": EVIL}], "summary": EVIL, "attachments": [{"url": f"https://a.example/{EVIL}", "mime_type": EVIL, "title": EVIL}]}  # fmt: skip
    more = {"home_page_url": f"https://a.example/{EVIL}", "feed_url": EVIL, "language": EVIL, "description": EVIL}
    return json.dumps({"version": "https://jsonfeed.org/version/1.1", "title": EVIL, "items": [item], **more}).encode()


def rss() -> bytes:
    one = escape(XML)
    return (
        f"<rss version='2.0'><channel><title>{one}</title><link>https://a.example/{one}</link><language>{one}</language><item><title>needle {one}</title><guid>{one}</guid>"
        f"<link>https://a.example/{one}</link><author>{one}</author><category>{one}</category><description>{escape(one)} needle</description></item></channel></rss>"
    ).encode()


SHELF = {
    "/json": json_feed(),
    "/rss": rss(),
    "/page": f"<!doctype html><html><head><title>{EVIL}</title><link rel=alternate type='application/rss+xml' href='/rss' title='{EVIL}'></head></html>".encode(),
    "/challenge": f"<!doctype html><html><head><title>{EVIL} Just a moment...</title></head><body><script src='/cdn-cgi/challenge-platform/x.js'></script></body></html>".encode(),
    "/root": f"<{'a' * 50}{EVIL}/>".encode(),
    "/text": EVIL.encode(),
    "/broken": f'{{"version": "https://jsonfeed.org/version/1.1", "title": "{EVIL}", "items": [{{"id": "1", "title": "{EVIL}", '.encode(),
    "/cut": b"<?xml version='1.0'?><rss><channel><title>" + EVIL.encode() + b"</title><item><title>x",
}  # fmt: skip
SHELF["/other"] = SHELF["/page"].replace(
    b"</head>", b"<link rel=alternate type='application/rss+xml' href='/json'></head>"
)
POLLED = ["json", "rss", "page", "challenge", "root", "text", "broken", "cut"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    shelf = Shelf(SHELF)
    made = Home(tmp_path_factory.mktemp("terminal") / "home", shelf, {name: f"/{name}" for name in POLLED})
    assert "Traceback" not in made.run("poll", "--all").stderr
    yield made
    shelf.close()


def on_terminal(home: Home, *args: str) -> str:
    """Return what the command writes on a terminal, which is not what it writes into a pipe."""
    ours, its = os.openpty()
    command = [sys.executable, "-m", "aggregator", "-c", str(home.config), *args]
    plain = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "CI"}} | {"TERM": "xterm"}
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=its, stderr=its, cwd=home.folder, env=plain)
    os.close(its)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:  # how a terminal says that nobody holds its other end
        pass
    finally:
        os.close(ours)
        process.wait(60)
    return shown.decode("utf-8")


def test_no_command_shows_a_terminal_what_acts_on_it(home: Home) -> None:
    entries = [json.loads(one) for one in home.run("export", "jsonl").stdout.split("\n") if one]
    keys = [str(entry["key"]) for entry in entries]
    base = f"http://{home.shelf.host}"
    commands = [
        ("explain", keys[0]), ("explain", "page"), *(("preview", f"{base}/{name}") for name in ("json", "page", "root")), ("search", "needle"), ("list",), ("status",),
    ]  # fmt: skip
    if os.environ.get("LONG") == "1":
        commands += [("explain", keys[-1]), *(("preview", f"{base}{path}") for path in SHELF), ("status", "page")]
        commands += [("doctor", f"{base}/page"), ("doctor", f"{base}/json"), ("add", "--dry-run", f"{base}/other")]
        commands += [("hide", keys[0])]

    with ThreadPoolExecutor(2) as pool:
        shown = dict(zip(commands, pool.map(lambda args: on_terminal(home, *args), commands), strict=True))

    acting = {
        args: hits
        for args, text in shown.items()
        if (hits := FORBIDDEN.findall(OURS.sub("", text).replace("\r\n", "\n")))
    }
    assert acting == {}
    assert [args for args, text in shown.items() if not text.strip() or "Traceback" in text] == []
    assert "needle" in shown["search", "needle"]


def test_no_title_of_a_feed_turns_round_those_beside_it(home: Home) -> None:
    done = home.run("export", "atom")

    titles = [node.text or "" for node in etree.fromstring(done.stdout.encode()).iter("{*}title")]
    assert any("needle" in title for title in titles)
    assert [title for title in titles if FORBIDDEN.search(title)] == []


def test_no_name_of_a_record_file_turns_round_its_ending(home: Home) -> None:
    paths = [str(path.relative_to(home.records)) for path in home.records.rglob("*.md")]

    assert len(paths) >= 2
    assert [path for path in paths if FORBIDDEN.search(path)] == []
