"""`doctor`: what is the matter with this machine and its store, or with one address."""

from __future__ import annotations

import json
import re
import sqlite3
import tomllib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from plugins.daemons import Running, rss
from plugins.publisher import Publisher, reply
from plugins.served_corpus import Home, Shelf

ROOT = Path(__file__).resolve().parents[2]
Start = Callable[..., Running]


def verdicts(home: Home, *args: str) -> dict[str, str]:
    """Return the worst verdict by what was looked at."""
    found = json.loads(home.run("doctor", *args, "--json").stdout)
    worst = {"ok": 0, "warn": 1, "fail": 2}
    told: dict[str, str] = {}
    for one in found:
        told[one["what"]] = max(told.get(one["what"], "ok"), one["verdict"], key=worst.__getitem__)
    return told


# --- this machine ---


def test_a_machine_and_a_store_that_are_well(polled: Home, shelf: Shelf) -> None:
    asked = len(shelf.statuses)

    left = polled.run("doctor")

    assert (left.returncode, left.stderr) == (0, "")
    lines = {line.split()[1]: line for line in left.stdout.splitlines()}
    assert lines["daemon"] == "ok    daemon      none polls into this store"
    assert lines["store"].startswith("ok    store       whole: 2 entries, ")
    assert lines["files"] == "ok    files       2 record files"
    assert lines["schedule"] == "ok    schedule    1 source, none late, no time that cannot be"
    assert {"python", "sqlite", "packages", "feeds.yaml", "descriptors", "data", "records", "backups"} <= lines.keys()
    assert len(shelf.statuses) == asked


def test_the_packages_are_those_that_the_project_requires(polled: Home) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    required = [re.split("[<>=!~ ]", line)[0] for line in project["dependencies"]]

    line = next(line for line in polled.run("doctor").stdout.splitlines() if "packages" in line)

    assert re.findall(r"([\w.-]+) [\d.]+(?:,|$)", line) == sorted(required)


def test_a_running_daemon_is_named(polled: Home, daemon: Start) -> None:
    running = daemon("run")
    assert running.base

    left = polled.run("doctor")

    assert f"ok    daemon      process {running.process.pid} polls into this store\n" in left.stdout


def test_a_damaged_store_is_a_failure_with_its_mend(polled: Home) -> None:
    database = polled.folder / "data" / "aggregator.db"
    whole = database.read_bytes()
    database.write_bytes(whole[:8192] + b"\xff" * 8192 + whole[16384:])

    left = polled.run("doctor")

    assert left.returncode == 1
    assert "fail  store " in left.stdout
    assert "-> `aggregator restore PATH` goes back to a backup" in left.stdout
    assert "Traceback" not in left.stderr


def test_a_feeds_yaml_that_cannot_be_used_is_a_failure(home: Home) -> None:
    home.config.write_text("sources: 5\n")

    left = home.run("doctor")

    assert left.returncode == 1
    assert f"fail  feeds.yaml  {home.config}:1:" in left.stdout


def test_files_that_are_gone_or_that_a_person_changed_are_named(polled: Home) -> None:
    first, second = sorted(polled.records.rglob("*.md"))
    first.unlink()
    second.write_text(second.read_text().replace("Text of", "My own words on"))

    left = polled.run("doctor")

    assert left.returncode == 0
    assert f"warn  files       1 record files are not there: {first.relative_to(polled.records)} ..." in left.stdout
    assert "warn  files       1 record files were changed by a person: " in left.stdout


def test_without_a_store_nothing_is_made(home: Home) -> None:
    home.settings, home.sources, home.more = {}, {"notes": "/a.xml"}, {}
    home.write()

    assert verdicts(home)["store"] == "ok"
    assert not (home.folder / "data").exists()


# --- one address ---


def test_an_address_is_told_of_from_its_name_to_its_schedule(home: Home, shelf: Shelf) -> None:
    home.settings, home.sources, home.more = {}, {"notes": "/a.xml"}, {}
    home.write()
    shelf.files = {"/a.xml": rss("1", "2")}

    left = home.run("doctor", f"http://{shelf.host}/a.xml")

    assert left.returncode == 0
    assert (
        f"ok    address     http://{shelf.host}/a.xml (source notes of feeds.yaml, with its own settings)"
        in left.stdout
    )
    assert "ok    guard       may be asked: polling.allow_private names it\n" in left.stdout
    assert "ok    validators  ETag: a poll asks only whether it changed\n" in left.stdout
    assert "RSS 2.0, A site of the tests, 2 entries; the newest: 2026-03-01 10:59Z Title 1\n" in left.stdout
    assert "ok    schedule    after a first poll it would be asked again in 3 h: every 3 h" in left.stdout
    assert shelf.statuses == [200]
    assert not (home.folder / "data").exists()


def test_a_private_address_is_not_asked_and_the_line_that_allows_it_is_told(home: Home, publisher: Publisher) -> None:
    url = publisher.plays("/feed", reply(body=rss("1")))

    left = home.run("doctor", url)

    assert left.returncode == 1
    host = url.split("/")[2]
    assert f"-> for a host of your own: polling: {{allow_private: ['{host}']}}" in left.stdout
    assert publisher.asked == []


def test_a_lasting_redirect_is_told_with_the_line_to_write(home: Home, publisher: Publisher) -> None:
    new = publisher.plays("/new.xml", reply(body=rss("1")))
    url = publisher.plays("/old", reply("301 Moved", b"", "Location: /new.xml"))
    home.settings = {"polling": {"allow_private": [publisher.host], "host_delay": "0s"}}
    home.write()

    left = home.run("doctor", url)

    assert left.returncode == 0
    assert f"warn  redirect    301 from {url} to {new}\n" in left.stdout
    assert f"-> in feeds.yaml: url: {new}\n" in left.stdout


def test_what_fails_is_told_by_its_kind_and_with_what_the_schedule_would_do(home: Home, shelf: Shelf) -> None:
    left = home.run("doctor", f"http://{shelf.host}/missing.xml")

    assert left.returncode == 1
    assert "fail  answer      not-found: 404: 404 Not Found\n" in left.stdout
    assert "-> see `not-found` under Failure kinds in docs/operations.md" in left.stdout
    assert "it would be asked again in 1 h: backoff after 1 failure" in left.stdout


def test_what_is_no_address_is_said_to_be_none(home: Home) -> None:
    left = home.run("doctor", "blog.example/feed")

    assert left.returncode == 1
    assert left.stdout.startswith("fail  address ")
    assert "it begins with https:// or http://" in left.stdout


# --- what does not belong together, each made ---


def edited(home: Home, *statements: str) -> None:
    """Change the store behind our back."""
    with closing(sqlite3.connect(home.folder / "data" / "aggregator.db")) as connection, connection:
        for statement in statements:
            connection.execute(statement)


@pytest.mark.parametrize(
    ("statement", "seen"),
    [
        ("DELETE FROM bodies WHERE id = 1", "1 records without a body"),
        ("DELETE FROM search_texts WHERE id = 1", "1 records that search never finds"),
        ("INSERT INTO search_texts VALUES (77, 't', 'a', 'x')", "1 texts of search without a record"),
        ("INSERT INTO story_names VALUES (x'00', 77)", "1 names of stories without a record"),
        ("UPDATE records SET source = 99 WHERE id = 1", "1 rows of records whose row of sources is gone"),
        ("INSERT INTO tombstones VALUES (99, 'gone')", "1 rows of tombstones whose row of sources is gone"),
        ("INSERT INTO unwritten VALUES (77, 0)", "1 rows of unwritten whose row of records is gone"),
    ],
)
def test_rows_that_belong_to_nothing_are_a_failure(polled: Home, statement: str, seen: str) -> None:
    edited(polled, statement)

    left = polled.run("doctor")

    assert left.returncode == 1
    assert f"fail  store       {seen}\n{'':<18}-> `aggregator restore PATH` goes back to a backup" in left.stdout


@pytest.mark.parametrize(
    ("statement", "seen", "mend"),
    [
        (
            "UPDATE sources SET next_poll_at = 4102444800000000",
            "1 sources have times that a wrong clock made",
            "the next start of `aggregator run` mends them",
        ),
        (
            "UPDATE sources SET lease_until = 1000000",
            "1 polls were broken off by a crash",
            "they are asked again after their floor",
        ),
        (
            "UPDATE sources SET next_poll_at = 1000000",
            "1 sources are due and nothing polls",
            "`aggregator run`, or `aggregator poll` from cron",
        ),
    ],
)
def test_a_schedule_that_cannot_be_is_told(polled: Home, statement: str, seen: str, mend: str) -> None:
    edited(polled, statement)

    left = polled.run("doctor")

    assert left.returncode == 0
    assert f"warn  schedule    {seen}\n{'':<18}-> {mend}\n" in left.stdout


def test_a_source_that_was_added_and_never_taken_in_is_told(polled: Home) -> None:
    polled.sources["later"] = "/b.xml"
    polled.write()

    left = polled.run("doctor")

    assert "warn  schedule    1 source of feeds.yaml with no next poll: later ...\n" in left.stdout


def test_files_that_are_not_ours_and_files_that_wait_are_told(polled: Home) -> None:
    (polled.records / "mine.md").write_text("my notes\n")
    edited(polled, "INSERT INTO unwritten SELECT id, 0 FROM records")

    left = polled.run("doctor")

    assert left.returncode == 0
    assert "warn  files       1 files among the records are none that we wrote: mine.md ...\n" in left.stdout
    assert "warn  files       2 records have no file yet, or an older one\n" in left.stdout
