"""The runbook's commands are run as they stand there, in order, in one shell, against a publisher on loopback."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from aggregator.health import State
from plugins.daemons import rss
from plugins.ports import free_port
from plugins.served_corpus import Home, Shelf

ROOT = Path(__file__).resolve().parents[1]
RUNBOOK = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
PORT = "8080"


def blocks(kind: str) -> list[list[str]]:
    """Return the lines of the runbook's blocks of a kind (`sh run`, `sh machine`, `yaml`)."""
    found = re.findall(rf"^```{kind}\n(.*?)^```$", RUNBOOK, flags=re.MULTILINE | re.DOTALL)
    return [block.splitlines() for block in found]


def promised(line: str) -> int:
    """Return the exit code that a line is documented to leave with."""
    found = re.search(r"# exits (\d+)", line)
    return int(found[1]) if found else 0


@pytest.fixture
def place(home: Home, shelf: Shelf) -> Home:
    """A folder as the runbook supposes it: feeds.yaml with three sources, one of which does not exist."""
    shelf.files |= {"/a.xml": rss("1", "2"), "/b.xml": rss("3")}
    home.sources = {"a": "/a.xml", "b": "/b.xml", "c": "/none.xml"}
    home.settings = {
        "server": {"listen": f"127.0.0.1:{free_port()}", "title": "T"},
        "storage": {"path": "./data", "records": "./records", "record_fields": ["rss"]},
        "defaults": {"every": "1h"},
    }
    home.write()
    return home


@pytest.fixture
def shell(place: Home, require: Callable[[str, bool], None]) -> Iterator[subprocess.Popen[str]]:
    """A shell in that folder which knows our command; whatever it has left is ended with it."""
    for program in ("bash", "curl"):
        require(program, shutil.which(program) is not None)
    programs = place.folder / "bin"
    programs.mkdir()
    command = programs / "aggregator"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m aggregator "$@"\n')
    command.chmod(0o755)
    started = subprocess.Popen(
        ["bash"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=place.folder,
        env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"},
        start_new_session=True,
    )
    yield started
    if started.poll() is None:
        os.killpg(started.pid, signal.SIGKILL)
        started.wait(10)
    for stream in (started.stdin, started.stdout):
        if stream:
            stream.close()


@pytest.mark.timeout(150)
def test_the_commands_of_the_runbook_leave_with_the_codes_that_it_gives(
    place: Home, shelf: Shelf, shell: subprocess.Popen[str]
) -> None:
    port = place.settings["server"]["listen"].rpartition(":")[2]
    lines = [line.replace(f":{PORT}", f":{port}") for block in blocks("sh run") for line in block]

    told, _ = shell.communicate("".join(f'{line}\necho "@@ $?"\n' for line in lines), timeout=100)

    codes = [int(code) for code in re.findall(r"^@@ (\d+)$", told, re.MULTILINE)]
    assert list(zip(lines, codes, strict=True)) == [(line, promised(line)) for line in lines], told
    assert (place.folder / "feed.atom").read_bytes().count(b"<entry>") == 3
    assert {json.loads(line)["event"] for line in (place.folder / "aggregator.log").read_text().splitlines()} >= {
        "feeds.yaml taken in",
        "stopped",
    }
    # Asked once, and once more by the last command: neither a restart, a restored copy, another machine nor `poll` asks again.
    assert [sum(path == one for path in shelf.paths) for one in ("/a.xml", "/b.xml")] == [2, 2]
    assert len(place.entries()) == 3


@pytest.mark.parametrize("block", blocks("sh machine"), ids=lambda block: block[0])
def test_what_wants_root_is_sound_shell_and_names_what_there_is(block: list[str], tmp_path: Path) -> None:
    script = "\n".join(block)
    (tmp_path / "block.sh").write_text(script)

    read = subprocess.run(["bash", "-n", str(tmp_path / "block.sh")], capture_output=True, text=True, check=False)

    assert (read.returncode, read.stderr) == (0, "")
    named = re.findall(r"(?:^|\s)((?:deploy|aggregator|storage|docs)/\S+|pyproject\.toml|README\.md|LICENSE)", script)
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_each_block_of_the_runbook_is_run_or_read() -> None:
    kinds = re.findall(r"^```(.*)$", RUNBOOK, flags=re.MULTILINE)[::2]

    assert set(kinds) == {"sh run", "sh machine", "yaml", ""}
    assert [len(blocks(kind)) for kind in ("sh run", "sh machine")] == [
        kinds.count("sh run"),
        kinds.count("sh machine"),
    ]


def test_the_rules_for_alarms_speak_of_metrics_and_states_that_there_are() -> None:
    (text,) = blocks("yaml")
    rules = [rule for group in YAML(typ="safe").load("\n".join(text))["groups"] for rule in group["rules"]]
    expressions = " ".join(rule["expr"] for rule in rules)
    known = re.findall(r"^\| `(aggregator_\w+)` \|", RUNBOOK, flags=re.MULTILINE)

    assert len(rules) == 3
    assert set(re.findall(r"aggregator_\w+", expressions)) <= set(known)
    assert {state for states in re.findall(r'state=~"(.+?)"', expressions) for state in states.split("|")} <= set(State)
