"""`backup`, `restore`, `schema`, `completion`: what is done beside polling and serving."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from plugins.daemons import Running, rss
from plugins.served_corpus import Home, Shelf

Start = Callable[..., Running]


def titles(home: Home) -> list[str]:
    return sorted(entry["title"] for entry in home.entries())


# --- backup and restore ---


def test_a_copy_brings_back_what_it_held_and_the_newer_store_is_kept_beside(polled: Home, shelf: Shelf) -> None:
    made = polled.run("backup", "copy.db")
    shelf.files["/a.xml"] = rss("3", "1", "2")
    polled.run("poll", "--all")
    newer = titles(polled)

    restored = polled.run("restore", "copy.db")

    data = polled.folder / "data"
    (replaced,) = data.glob("aggregator-replaced-*.db")
    assert (made.returncode, restored.returncode) == (0, 0)
    assert restored.stdout == (
        f"restored copy.db to {data}: 2 entries\n"
        f"the store that was there is kept as {replaced}; remove it when all is well\n"
    )
    assert newer == ["Title 1", "Title 2", "Title 3"]
    assert titles(polled) == ["Title 1", "Title 2"]
    assert polled.run("restore", str(replaced)).returncode == 0
    assert titles(polled) == newer


def test_polling_goes_on_after_a_restore(polled: Home, shelf: Shelf) -> None:
    polled.run("backup", "copy.db")
    polled.run("restore", "copy.db")
    shelf.files["/a.xml"] = rss("3", "1", "2")

    again = polled.run("poll", "--all")

    assert again.stdout.splitlines()[0] == "ok        notes  1 new"


def test_a_copy_is_not_put_over_a_running_daemon(polled: Home, daemon: Start) -> None:
    polled.run("backup", "copy.db")
    running = daemon("run")
    assert running.base

    left = polled.run("restore", "copy.db")

    assert left.returncode == 4
    assert f"is in use by process {running.process.pid}: stop that first" in left.stderr
    assert not list((polled.folder / "data").glob("aggregator-replaced-*"))


@pytest.mark.parametrize("damage", ["no store", "a text", "cut off", "missing"])
def test_what_is_no_whole_copy_changes_nothing(polled: Home, damage: str) -> None:
    copy = polled.folder / "copy.db"
    polled.run("backup", "copy.db")
    whole = copy.read_bytes()
    match damage:
        case "no store":
            copy.write_bytes(b"")
        case "a text":
            copy.write_text("version: 1\n" * 1000)
        case "cut off":
            copy.write_bytes(whole[: len(whole) // 2])
        case _:
            copy.unlink()

    left = polled.run("restore", "copy.db")

    assert left.returncode == 4
    assert left.stderr.startswith("copy.db ")
    assert "Traceback" not in left.stderr
    assert titles(polled) == ["Title 1", "Title 2"]
    assert sorted(path.name for path in (polled.folder / "data").iterdir() if path.name.startswith(".")) == []


def test_a_copy_is_not_written_over_a_file_unless_that_is_asked_for(polled: Home) -> None:
    (polled.folder / "copy.db").write_text("mine")

    left, replaced = polled.run("backup", "copy.db"), polled.run("backup", "copy.db", "--replace")

    assert (left.returncode, replaced.returncode) == (1, 0)
    assert left.stderr == "copy.db exists; nothing was written. --replace writes over it.\n"
    assert (polled.folder / "copy.db").read_bytes().startswith(b"SQLite format 3")


def test_a_folder_gets_a_copy_named_by_the_time(polled: Home) -> None:
    (polled.folder / "copies").mkdir()

    polled.run("backup", "copies")

    (copy,) = (polled.folder / "copies").iterdir()
    assert copy.match("aggregator-????????T??????Z.db")


# --- schema and completion ---


def test_schema_prints_the_schema_by_which_editors_check_feeds_yaml(home: Home) -> None:
    told = home.run("schema")

    assert told.returncode == 0
    schema = json.loads(told.stdout)
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert "sources" in schema["properties"]


@pytest.fixture
def on_path(tmp_path: Path) -> dict[str, str]:
    """The environment of a shell in which `aggregator` is our command."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "aggregator"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m aggregator "$@"\n')
    script.chmod(0o755)
    return os.environ | {"PATH": f"{folder}:{os.environ['PATH']}", "HOME": str(tmp_path)}


BASH = """
eval "$(aggregator completion bash)"
COMP_WORDS=({words}); COMP_CWORD={at}; _aggregator_completion aggregator; printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        pytest.param("aggregator expl", ["explain"], id="a command"),
        pytest.param("aggregator list --sta", ["--state"], id="an option"),
        pytest.param("aggregator explain no", ["notes", "notices"], id="the ids of sources"),
    ],
)
def test_bash_completes(home: Home, on_path: dict[str, str], words: str, completed: list[str]) -> None:
    home.settings, home.more = {}, {}
    home.sources = {"notes": "/a.xml", "notices": "/b.xml", "other": "/c.xml"}
    home.write()
    script = BASH.format(words=words, at=len(words.split()) - 1)

    done = subprocess.run(
        ["bash", "-c", script], check=True, capture_output=True, text=True, env=on_path, cwd=home.folder, timeout=60
    )

    assert done.stdout.split() == completed


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_script_of_a_shell_is_one_that_it_takes(
    home: Home, on_path: dict[str, str], shell: str, require: Callable[[str, bool], None]
) -> None:
    require(shell, shutil.which(shell) is not None)
    script = home.run("completion", shell).stdout

    assert "_AGGREGATOR_COMPLETE=" + shell + "_complete" in script
    taken = subprocess.run(
        [shell, "-n", "/dev/stdin"], input=script, check=False, capture_output=True, text=True, env=on_path
    )
    assert (taken.returncode, taken.stderr) == (0, "")


def test_a_shell_that_we_do_not_know_is_wrong_usage(home: Home) -> None:
    left = home.run("completion", "powershell")

    assert left.returncode == 2
    assert "'bash', 'zsh', 'fish'" in left.stderr
