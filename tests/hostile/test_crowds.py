"""A crowd of visitors where few open files are allowed: it takes none from polling, and fills no log."""

from __future__ import annotations

import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from aggregator.daemon.connections import accepted_together
from plugins.daemons import Running, rss
from plugins.served_corpus import Home, Shelf

pytestmark = pytest.mark.timeout(60)
ALLOWED = 150


@pytest.fixture(autouse=True)
def told_of_open_files(require: Callable[[str, bool], None]) -> None:
    require("what Linux tells of open files", Path("/proc/self/fd").exists())


@pytest.fixture
def crowded(home: Home, shelf: Shelf) -> Home:
    shelf.files = {"/a": rss("1"), "/b": rss("2")}
    home.sources = {"a": "/a", "b": "/b"}
    home.write()
    return home


def _open_files(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def test_a_crowd_takes_no_open_files_from_polling(crowded: Home, shelf: Shelf) -> None:
    command = [sys.executable, "-m", "aggregator", "-c", str(crowded.config), "run"]

    def few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (ALLOWED, ALLOWED))

    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=crowded.folder,
        preexec_fn=few,  # noqa: PLW1509 # one system call
    )
    crowd: list[socket.socket] = []
    began = time.monotonic()
    with Running(process) as running:
        host, _, port = running.base.removeprefix("http://").rstrip("/").rpartition(":")
        running.until(lambda: len(shelf.paths) >= 2)
        crowd.extend(socket.create_connection((host, int(port)), timeout=5) for _ in range(400))
        asked = len(shelf.paths)
        open_files = [_open_files(process.pid)]
        while len(shelf.paths) < asked + 3 and time.monotonic() < began + 30:
            time.sleep(0.02)
            open_files.append(_open_files(process.pid))
        polled = len(shelf.paths) - asked
        for one in crowd:
            one.close()
        running.until(lambda: running.get("/healthz")[0] == 200)
        answer = running.get("/feed.atom")
        code, _ = running.stop()

    assert code == 0
    assert polled >= 3
    assert max(open_files) < ALLOWED
    assert len(running.log) < 100, "".join(running.log[:20])
    assert "Traceback" not in "".join(running.log)
    assert "server" not in answer[1]


@pytest.mark.parametrize(("most", "together"), [(500, 62), (5000, 64), (100, 12), (8, 4)])
def test_few_of_those_who_wait_are_taken_in_at_a_time(most: int, together: int) -> None:
    assert accepted_together(most) == together
