"""`list`, `status`, `export`, `serve` and `preview`: what they show of a store, and of a feed that is not in it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable

import pytest

from plugins.daemons import Running, rss
from plugins.publisher import Publisher, reply
from plugins.served_corpus import Home, Shelf

Start = Callable[..., Running]

SOURCE_KEYS = [
    *("id", "name", "url", "state", "kind", "reason", "since", "failures", "last_attempt_at", "last_success_at"),
    *("last_new_at", "next_poll_at", "next_reason", "every", "entries", "moved_to", "in_use"),
]
RECORD_KEYS = [
    *("key", "public_id", "source", "title", "link", "guid", "author", "writers", "categories", "tags", "published"),
    *(
        "updated",
        "first_seen",
        "date_source",
        "image",
        "html",
        "summary",
        "enclosures",
        "podcast",
        "language",
        "also_in",
    ),
]
ATOM = b"""<feed xmlns="http://www.w3.org/2005/Atom"><id>tag:site.example,2026:f</id><title>Notes</title>
<updated>2026-03-01T10:00:00Z</updated><entry><id>tag:site.example,2026:1</id><title>One &amp; only</title>
<link href="https://site.example/1"/><updated>2026-03-01T10:00:00Z</updated><content type="html">&lt;p&gt;Text.&lt;/p&gt;
</content></entry></feed>"""
JSON_FEED = json.dumps(
    {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "散步",
        "items": [
            {"id": "1", "title": "港口", "content_html": "<p>四分钟。</p>", "date_published": "2026-03-01T10:00:00Z"}
        ],
    },
    ensure_ascii=False,
).encode()


@pytest.fixture
def polled(home: Home, shelf: Shelf) -> Home:
    """Two sources after a poll, of which one is missing at its publisher's."""
    home.settings = {}
    home.sources = {"notes": "/a.xml", "missing": "/missing.xml"}
    home.more = {"notes": {"name": "Notes", "category": "新媒体", "site": "小记", "feed": "最新"}}
    home.write()
    shelf.files = {"/a.xml": rss("1", "2")}
    assert home.run("poll").returncode == 1
    return home


# --- list ---


def test_list_tells_how_each_source_is_in_the_order_of_the_file(polled: Home, shelf: Shelf) -> None:
    listed = polled.run("list")

    assert listed.returncode == 0
    assert listed.stdout == (
        f"ok        notes  2 entries  http://{shelf.host}/a.xml\n"
        "          the last answer was whole\n"
        f"failing   missing  0 entries  http://{shelf.host}/missing.xml\n"
        "          404 Not Found (not-found, once)\n"
    )


def test_list_json_is_the_shape_of_a_source(polled: Home) -> None:
    rows = json.loads(polled.run("list", "--json").stdout)

    assert [list(row) for row in rows] == [SOURCE_KEYS, SOURCE_KEYS]
    assert [(row["id"], row["state"], row["kind"], row["entries"], row["failures"]) for row in rows] == [
        ("notes", "ok", None, 2, 0),
        ("missing", "failing", "not-found", 0, 1),
    ]
    assert rows[0]["name"] == "Notes"
    assert rows[0]["last_new_at"].endswith("Z")


def test_list_takes_one_state(polled: Home) -> None:
    failing, silent = polled.run("list", "--state", "failing"), polled.run("list", "--state", "silent")

    assert [line.split()[1] for line in failing.stdout.splitlines()[::2]] == ["missing"]
    assert (silent.stdout, silent.stderr, silent.returncode) == ("", "no source is silent\n", 0)


def test_a_state_that_there_is_not_is_wrong_usage(polled: Home) -> None:
    left = polled.run("list", "--state", "faling")

    assert left.returncode == 2
    assert "no source is ever 'faling'; did you mean 'failing'?" in left.stderr


# --- status ---


def test_status_counts_the_sources_and_names_what_needs_a_hand(polled: Home) -> None:
    status = polled.run("status")

    assert status.returncode == 1
    assert status.stdout == (
        f"2 sources: 1 failing, 1 ok; 2 entries in {polled.folder}/data\n"
        "failing   missing: 404 Not Found (not-found, once)\n"
    )


def test_status_of_sources_that_are_well_leaves_with_0(polled: Home, shelf: Shelf) -> None:
    shelf.files["/missing.xml"] = rss("3")
    polled.run("poll", "missing")

    status = polled.run("status")

    assert (status.returncode, status.stdout) == (0, f"2 sources: 2 ok; 3 entries in {polled.folder}/data\n")


def test_status_names_a_record_file_that_a_person_changed(polled: Home) -> None:
    file = next(polled.records.rglob("*.md"))
    file.write_text(file.read_text().replace("Text of", "My own words on"))

    status = polled.run("status")

    assert f"changed   {file}: a person edited this record file; it is left as it is\n" in status.stdout
    assert json.loads(polled.run("status", "--json").stdout)["changed_files"] == [str(file)]


def test_status_leaves_with_1_for_the_states_that_a_monitor_asks_for(polled: Home) -> None:
    asked = {
        states: polled.run("status", *(word for state in states for word in ("--fail-on", state))).returncode
        for states in [("failing",), ("silent",), ("silent", "failing"), ("gone", "blocked")]
    }

    assert asked == {("failing",): 1, ("silent",): 0, ("silent", "failing"): 1, ("gone", "blocked"): 0}


def test_status_names_the_states_that_there_are(polled: Home) -> None:
    refused = polled.run("status", "--fail-on", "broken")

    assert refused.returncode == 2
    assert (
        "'broken' is not one of 'late', 'silent', 'degraded', 'failing', 'blocked', 'gone', 'moved'" in refused.stderr
    )


def test_status_json_is_one_object(polled: Home) -> None:
    status = json.loads(polled.run("status", "--json").stdout)

    assert list(status) == ["sources", "states", "entries", "unwell", "changed_files", "store_fault"]
    assert (status["sources"], status["states"], status["entries"]) == (2, {"ok": 1, "failing": 1}, 2)
    assert [list(row) for row in status["unwell"]] == [SOURCE_KEYS]


# --- export ---


def test_export_jsonl_writes_one_record_a_line_in_the_order_of_its_keys(polled: Home) -> None:
    exported = polled.run("export", "jsonl")

    rows = [json.loads(line) for line in exported.stdout.splitlines()]
    assert [list(row) for row in rows] == [RECORD_KEYS, RECORD_KEYS]
    row = next(row for row in rows if row["guid"] == "1")
    assert {key: row[key] for key in RECORD_KEYS if key not in ("key", "public_id", "first_seen")} == {
        "source": "notes",
        "title": "Title 1",
        "link": "https://site.example/1",
        "guid": "1",
        "author": "小记",
        "writers": [],
        "categories": ["新媒体", "小记", "最新"],
        "tags": [],
        "published": "2026-03-01T10:59:00Z",
        "updated": "2026-03-01T10:59:00Z",
        "date_source": "published",
        "image": None,
        "html": "<p>Text of 1.</p>",
        "summary": "",
        "enclosures": [],
        "podcast": [],
        "language": None,
        "also_in": [],
    }


def test_export_takes_what_was_first_seen_lately(polled: Home) -> None:
    assert len(polled.run("export", "jsonl", "--since", "1d").stdout.splitlines()) == 2
    assert polled.run("export", "jsonl", "--since", "0s").stdout == ""


def test_export_jsonl_writes_a_file_whole_or_not_at_all(polled: Home) -> None:
    written = polled.run("export", "jsonl", "-o", "all.jsonl")
    lost = polled.run("export", "jsonl", "-o", "nowhere/all.jsonl")

    assert (written.returncode, written.stdout) == (0, "")
    assert len((polled.folder / "all.jsonl").read_text().splitlines()) == 2
    assert lost.returncode == 1
    assert "there is no folder" in lost.stderr


def test_export_records_writes_the_files_that_the_daemon_writes(polled: Home) -> None:
    exported = polled.run("export", "records", "-o", "out")
    again = polled.run("export", "records", "-o", "out")

    out = polled.folder / "out"
    assert (exported.returncode, again.returncode) == (0, 0)
    assert {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*.md")} == polled.tree()
    assert len(polled.tree()) == 2


def test_export_records_to_where_nothing_can_be_written_says_so(polled: Home) -> None:
    (polled.folder / "a-file").write_text("")

    left = polled.run("export", "records", "-o", "a-file/out")

    assert left.returncode == 1
    assert "a-file/out" in left.stderr
    assert "a fault of this program" not in left.stderr


@pytest.mark.parametrize("what", ["list", "status", "export jsonl", "list --json", "--help"])
def test_a_pipe_that_closes_is_no_complaint(polled: Home, what: str) -> None:
    command = f"{shlex.join([sys.executable, '-m', 'aggregator', '-c', str(polled.config)])} {what} | true"

    piped = subprocess.run(["bash", "-c", command], check=False, capture_output=True, text=True, timeout=60)

    assert (piped.returncode, piped.stdout, piped.stderr) == (0, "", "")


def test_a_terminal_that_knows_no_chinese_shows_escapes(polled: Home) -> None:
    command = [sys.executable, "-m", "aggregator", "-c", str(polled.config), "export", "jsonl"]

    shown = subprocess.run(
        command,
        check=False,
        capture_output=True,
        timeout=60,
        env=os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
    )

    assert (shown.returncode, shown.stderr) == (0, b"")


def test_output_holds_no_colours_and_no_controls(polled: Home) -> None:
    shown = [polled.run(*args).stdout for args in (["list"], ["status"], ["--no-color", "list"])]

    assert [text for text in shown if "\033" in text] == []


# --- serve ---


def test_serve_serves_what_was_polled_and_asks_nobody(polled: Home, shelf: Shelf, daemon: Start) -> None:
    asked = len(shelf.statuses)

    running = daemon("serve")

    assert sorted(running.titles()) == ["Title 1", "Title 2"]
    assert running.get("/readyz")[0] == 200
    assert running.said[0] == "serving, polling nothing\n"
    assert running.stop()[0] == 0
    assert len(shelf.statuses) == asked


# --- preview ---


@pytest.mark.parametrize(
    ("body", "title", "form", "entry"),
    [
        pytest.param(rss("1"), "A site of the tests", "RSS 2.0", "2026-03-01 10:59  Title 1", id="RSS"),
        pytest.param(ATOM, "Notes", "Atom 1.0", "2026-03-01 10:00  One & only", id="Atom"),
        pytest.param(JSON_FEED, "散步", "JSON Feed 1.1", "2026-03-01 10:00  港口", id="JSON Feed"),
    ],
)
def test_preview_shows_what_a_feed_brings_and_stores_nothing(
    home: Home, shelf: Shelf, body: bytes, title: str, form: str, entry: str
) -> None:
    home.config.unlink()
    shelf.files["/feed"] = body

    shown = home.run("preview", f"http://{shelf.host}/feed")

    assert (shown.returncode, shown.stderr) == (0, "")
    lines = shown.stdout.splitlines()
    assert lines[0] == f"title    {title}"
    assert lines[1] == f"format   {form}, {len(body):,} bytes, 1 entry"
    assert lines[-1] == entry
    assert not (home.folder / "data").exists()
    assert shelf.statuses == [200]


def test_preview_shows_the_newest_entry_as_its_record_file(home: Home, shelf: Shelf) -> None:
    shelf.files["/feed"] = rss("1", "2")

    shown = home.run("preview", "--record", f"http://{shelf.host}/feed")

    assert shown.returncode == 0
    assert shown.stdout.startswith("\n---\ntitle: 'Title 1'\ncategories: \n - uncategorized\n - A site of the tests\n")
    assert shown.stdout.endswith("<div>   \n<p>Text of 1.</p>  \n</div>\n            ")


def test_preview_json_is_a_list_of_records(home: Home, shelf: Shelf) -> None:
    shelf.files["/feed"] = rss("1", "2")

    rows = json.loads(home.run("preview", "--json", f"http://{shelf.host}/feed").stdout)

    assert [list(row) for row in rows] == [RECORD_KEYS, RECORD_KEYS]
    assert [row["title"] for row in rows] == ["Title 1", "Title 2"]


def test_preview_says_what_is_not_a_feed(home: Home, shelf: Shelf) -> None:
    shelf.files["/page"] = b"<!doctype html><html><head><title>Log in</title></head><body>Who are you?</body></html>"

    left = home.run("preview", f"http://{shelf.host}/page")

    assert (left.returncode, left.stdout) == (1, "")
    assert left.stderr.startswith(f"http://{shelf.host}/page: not-a-feed: ")
    assert "Log in" in left.stderr


def test_preview_goes_to_no_private_host_that_was_not_named(home: Home, shelf: Shelf, publisher: Publisher) -> None:
    url = publisher.plays("/moved", reply("302 Found", b"", f"Location: http://{shelf.host}/feed"))
    shelf.files["/feed"] = rss("1")

    left = home.run("preview", url)

    assert left.returncode == 1
    assert "refused-address: 127.0.0.1 is not a public address; a redirect leads there" in left.stderr
    assert shelf.statuses == []


@pytest.mark.parametrize("url", ["file:///etc/hostname", "site.example/feed", "http://", "https://[::1"])
def test_preview_refuses_what_is_no_address_of_a_feed(home: Home, url: str) -> None:
    left = home.run("preview", url)

    assert left.returncode in (1, 2)
    assert left.stdout == ""
    assert "a fault of this program" not in left.stderr
    assert "Traceback" not in left.stderr


def test_preview_of_a_feed_without_entries_has_no_record_to_show(home: Home, shelf: Shelf) -> None:
    shelf.files["/feed"] = rss()

    left = home.run("preview", "--record", f"http://{shelf.host}/feed")

    assert left.returncode == 1
    assert "no entries, so there is no record to show" in left.stderr
