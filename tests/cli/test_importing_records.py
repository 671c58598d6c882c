"""`import records`: the store built anew from its record files, and archives of other systems."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from plugins.daemons import Running, rss
from plugins.served_corpus import Home, Shelf

Start = Callable[..., Running]

FEEDS = [
    f"/{name}.{ending}{query}"
    for name in ("feed", "feed/mine", "source/notes", "source/left")
    for ending in ("atom", "rss", "json")
    for query in ("", "?limit=2")
]


@pytest.fixture
def kept(home: Home, shelf: Shelf) -> Home:
    """Two sources, one of them left by feeds.yaml since, with lossless record files; polled as they changed."""
    home.sources = {"notes": "/notes.xml", "left": "/left.xml"}
    home.more = {"notes": {"category": "科学", "site": "海边", "feed": "latest", "images": "https://p.example/?{url}"}}
    home.settings = {
        "defaults": {"every": "1s"},
        "storage": {"path": "./data", "records": "./records", "record_fields": ["link", "tags", "rss"]},
        "views": {"mine": {"title": "Mine", "sources": ["notes"]}},
    }
    shelf.files = {"/notes.xml": rss(*map(str, range(40, 10, -1)), title="Notes"), "/left.xml": rss("x", "y")}
    home.write()
    assert home.run("poll").returncode == 0
    shelf.files["/notes.xml"] = rss(*map(str, range(45, 15, -1)), title="Notes").replace(
        b"Text of 41", b"{{ 41 }}\n\n&amp;#123;"
    )
    assert home.run("poll", "--all").returncode == 0
    del home.sources["left"]
    home.write()
    assert home.run("poll", "--all").returncode == 0
    return home


def served(daemon: Start) -> dict[str, bytes]:
    """Return every feed's bytes, as `serve` gives them."""
    running = daemon("serve")
    answers = {path: running.get(path) for path in FEEDS}
    running.stop()
    assert {status for status, _, _ in answers.values()} == {200}
    return {path: body for path, (_, _, body) in answers.items()}


ROOT = Path(__file__).resolve().parents[2]


def lose_the_store(home: Home) -> None:
    """Delete the database."""
    for path in (home.folder / "data").glob("aggregator.*"):
        path.unlink()


def test_a_store_built_anew_from_its_files_shows_nobody_anything_new(kept: Home, daemon: Start) -> None:
    feeds, files = served(daemon), kept.tree()
    lose_the_store(kept)

    done = kept.run("import", "records", "./records")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "left  2 records\nnotes  35 records\n37 files: 37 stored\n"
    assert served(daemon) == feeds
    assert kept.tree() == files


def test_the_next_poll_of_the_same_documents_brings_nothing_and_changes_no_file(kept: Home, daemon: Start) -> None:
    files = {path: (kept.records / path).stat().st_mtime_ns for path in kept.tree()}
    feeds = served(daemon)
    lose_the_store(kept)
    kept.run("import", "records", "./records")

    polled = kept.run("poll", "--all")

    assert polled.stdout.splitlines() == ["ok        notes  0 new", "1 source: 1 ok, 0 unchanged, 0 failed"]
    assert {path: (kept.records / path).stat().st_mtime_ns for path in kept.tree()} == files
    assert served(daemon) == feeds


def test_the_commands_of_the_operations_page_do_it(kept: Home) -> None:
    page = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    [block] = re.findall(r"^### The store is lost.*?^```sh run\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    script = block.replace("aggregator run", "aggregator poll --all")
    entries = kept.entries()
    command = f'aggregator() {{ "{sys.executable}" -m aggregator "$@"; }}; set -e\n{script}'

    done = subprocess.run(
        ["bash", "-c", command], cwd=kept.folder, capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert "37 files: 37 stored" in done.stdout
    assert "ok        notes  0 new" in done.stdout
    assert kept.entries() == entries


def test_what_comes_after_it_is_new_and_nothing_else(kept: Home, shelf: Shelf) -> None:
    lose_the_store(kept)
    kept.run("import", "records", "./records")
    shelf.files["/notes.xml"] = rss(*map(str, range(46, 16, -1)), title="Notes").replace(
        b"Text of 41", b"{{ 41 }}\n\n&amp;#123;"
    )

    assert kept.run("poll", "--all").stdout.splitlines()[0] == "ok        notes  1 new"


def test_running_twice_is_running_once(kept: Home) -> None:
    entries, files = kept.entries(), kept.tree()

    done = kept.run("import", "records", "./records")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "37 files: 0 stored, 37 known\n"
    assert (kept.entries(), kept.tree()) == (entries, files)


def test_a_copy_of_the_records_gives_the_files_their_old_paths(kept: Home) -> None:
    files = kept.tree()
    (kept.folder / "records").rename(kept.folder / "copy")
    [moved, *_] = sorted((kept.folder / "copy/科学/海边/latest").iterdir())
    renamed = moved.with_name("An older title" + moved.name[-16:])
    moved.rename(renamed)
    lose_the_store(kept)

    done = kept.run("import", "records", "copy")

    assert done.stdout.endswith("37 files: 37 stored\n")
    was = str(moved.relative_to(kept.folder / "copy"))
    now = str(renamed.relative_to(kept.folder / "copy"))
    assert kept.tree() == {now if path == was else path: data for path, data in files.items()}


def test_a_damaged_file_among_good_ones_is_named_and_the_others_go_in(kept: Home) -> None:
    folder = kept.records / "科学/海边/latest"
    first, second, third, fourth = sorted(folder.iterdir())[:4]
    first.write_text("---\ntitle: 'never closed\n---\n", encoding="utf-8")
    second.write_bytes(second.read_bytes().replace(b'    key: "', b'    key: "../../'))
    third.write_bytes(b"\xff\xfe" + third.read_bytes())
    fourth.unlink()
    fourth.symlink_to(kept.config)
    lose_the_store(kept)

    done = kept.run("import", "records", "records")

    assert done.returncode == 1
    assert done.stdout.endswith("37 files: 33 stored, 4 refused\n")
    told = done.stderr.replace("records/科学/海边/latest/", "")
    assert f"{first.name}:2: while scanning a quoted scalar found unexpected end of stream\n" in told
    assert f"{second.name}:1: the record cannot be made again: `rss.ids.key` is no key of ours: '../../" in told
    assert f"{third.name}:1: is not UTF-8\n" in told
    assert f"{fourth.name}:1: is no file of at most 33,554,432 bytes; links are not followed\n" in told


def test_a_hand_edit_comes_in_clean_and_its_file_stays(kept: Home) -> None:
    path = sorted((kept.records / "科学/海边/latest").iterdir())[0]
    mine = (
        path.read_text(encoding="utf-8")
        .replace("<p>", "<p onclick='x()'>Mine. ")
        .replace("title: 'Title", "title: 'My")
    )
    path.write_text(mine, encoding="utf-8")
    lose_the_store(kept)

    done = kept.run("import", "records", "records")

    [entry] = [entry for entry in kept.entries() if entry["title"].startswith("My ")]
    assert done.returncode == 0
    assert entry["html"].startswith("<p>Mine. ")
    assert path.read_text(encoding="utf-8") == mine
    kept.run("poll", "--all")
    assert entry in kept.entries()


def test_an_edit_of_a_stored_record_is_taken_where_that_is_asked_for(kept: Home) -> None:
    path = sorted((kept.records / "科学/海边/latest").iterdir())[0]
    path.write_text(path.read_text(encoding="utf-8").replace("<p>", "<p>Mine. "), encoding="utf-8")

    left, taken = kept.run("import", "records", "records"), kept.run("import", "records", "records", "--update")

    assert left.stderr == "changed since they were written: 1 file of stored records; --update takes that in\n"
    assert left.stdout == "37 files: 0 stored, 37 known\n"
    assert taken.stdout == "37 files: 0 stored, 36 known, 1 updated\n"
    assert ["Mine." in entry["html"] for entry in kept.entries()].count(True) == 1
    assert kept.run("import", "records", "records").stderr == ""


def test_a_dry_run_stores_nothing_and_makes_no_store(kept: Home) -> None:
    lose_the_store(kept)

    done = kept.run("import", "records", "records", "--dry-run", "--json")

    said = json.loads(done.stdout)
    assert (said["new"], said["sources"], said["dry_run"]) == (37, {"left": 2, "notes": 35}, True)
    assert not (kept.folder / "data/aggregator.db").exists()


def test_nothing_is_done_beside_a_running_daemon(kept: Home, daemon: Start) -> None:
    running = daemon("run")
    assert running.base

    left = kept.run("import", "records", "records")

    assert left.returncode == 4
    assert f"is in use by process {running.process.pid}: stop that first" in left.stderr
    assert kept.run("import", "records", "records", "--dry-run").stdout == "37 files: 0 would be stored, 37 known\n"


# --- archives of the original system ---


@pytest.fixture
def old(home: Home, shelf: Shelf, corpus: Path) -> Home:
    """The 30 real records of the original system beside a feeds.yaml that names two of their sources."""
    home.sources = {"woshipm-latest": "/w.xml", "199it": "/i.xml"}
    home.more = {
        "woshipm-latest": {
            "category": "新媒体", "site": "人人都是产品经理", "feed": "最新文章",
            "images": "https://cors.zfour.workers.dev/?{url}",
        },
        "199it": {"category": "新媒体", "site": "199IT", "feed": "首页更新"},
    }  # fmt: skip
    home.settings = {}
    home.write()
    shelf.files = {"/w.xml": (corpus / "seed-feeds/woshipm.xml").read_bytes(), "/i.xml": rss("1")}
    shutil.copytree(corpus / "records", home.folder / "old")
    return home


def test_real_records_of_the_original_system_come_in_as_backlog_under_their_own_dates(old: Home) -> None:
    done = old.run("import", "records", "old")

    entries = {entry["title"]: entry for entry in old.entries()}
    assert done.returncode == 1
    assert re.findall(r"(e1-legacy-\d+\.md:3): while parsing a block mapping", done.stderr) == [
        "e1-legacy-34590257964.md:3", "e1-legacy-34944422258.md:3",
    ]  # fmt: skip
    assert (
        done.stdout
        == "199it  3 records\narchive  23 records\nwoshipm-latest  1 record\n30 files: 27 stored, 1 known, 2 refused\n"
    )
    assert entries["12_00"]["published"] == "2021-03-19T00:01:00Z"
    assert entries["12_00"]["first_seen"] == "2021-03-19T00:01:00Z"
    seed = entries["产业互联网是个烟雾弹"]
    assert seed["source"] == "woshipm-latest"
    assert seed["image"] == "http://image.woshipm.com/wp-files/2021/09/P23eUlL2BqEwgxdcgs77.jpg"
    assert not [entry for entry in entries.values() if "cors.zfour" in entry["html"] or "data-action" in entry["html"]]
    assert not [entry for entry in entries.values() if "picsum" in (entry["image"] or "")]


def test_no_subscriber_is_flooded_and_a_source_finds_its_own_in_them(old: Home, daemon: Start) -> None:
    old.run("import", "records", "old")
    polled = old.run("poll", "--all")
    running = daemon("serve")

    assert sorted(polled.stdout.splitlines()[:2]) == ["ok        199it  1 new", "ok        woshipm-latest  0 new"]
    assert running.titles() == ["Title 1"]
    own = json.loads(running.get("/source/archive.json?limit=100")[2])["items"]
    assert len(own) == 23


def test_an_archive_that_comes_in_twice_is_there_once(old: Home) -> None:
    old.run("import", "records", "old")
    before = old.entries()

    again = old.run("import", "records", "old")

    assert again.stdout == "30 files: 0 stored, 28 known, 2 refused\n"
    assert old.entries() == before


def test_a_source_may_be_named_for_all_of_them(old: Home) -> None:
    done = old.run("import", "records", "old", "--source", "199it")
    wrong = old.run("import", "records", "old", "--source", "199")

    assert done.stdout.splitlines()[0] == "199it  27 records"
    assert wrong.returncode == 2
    assert "feeds.yaml has no source '199'; did you mean '199it'?" in wrong.stderr


def test_rules_verbatim_bodies_and_hidden_entries_are_as_they_were(kept: Home, shelf: Shelf, daemon: Start) -> None:
    ad = b"&lt;p&gt;&lt;span class='ad'&gt;Buy!&lt;/span&gt; &lt;b onclick='x()'&gt;Text of "
    shelf.files["/notes.xml"] = shelf.files["/notes.xml"].replace(b"&lt;p&gt;Text of ", ad)
    kept.more["notes"] |= {
        "record_body": "verbatim",
        "filters": [
            {"drop": {"title": "Title 2"}},
            {"replace": {"in": "title", "pattern": "^Title (.*)", "with": "[\\1]"}},
            {"remove": [".ad"]},
        ],
    }
    kept.write()
    assert kept.run("poll", "--all", "--force").returncode == 0
    entries = {entry["title"]: entry["key"] for entry in kept.entries()}
    assert kept.run("hide", "--yes", entries["[31]"]).returncode == 0
    feeds, files = served(daemon), kept.tree()
    lose_the_store(kept)

    done = kept.run("import", "records", "records")

    assert done.returncode == 0
    assert served(daemon) == feeds
    assert kept.tree() == files
    # What was hidden by hand has no file: it comes again, and is hidden again. The others lack nothing of theirs.
    assert kept.run("poll", "--all").stdout.splitlines()[0] == "ok        notes  1 new"
    assert served(daemon) == feeds
    assert kept.tree() == files
    kept.more["notes"]["filters"] = []
    kept.write()
    assert kept.run("poll", "--all").returncode == 0
    assert {entry["title"] for entry in kept.entries() if entry["source"] == "notes"} == {
        f"Title {number}" for number in range(11, 46) if number != 31
    }
