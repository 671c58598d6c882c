"""`aggregator demo`, which needs no network, no feeds.yaml and leaves nothing behind."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import feedparser
import pytest

from plugins.daemons import Running


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Running]:
    """The demo on a free port, its temporary files in a folder of the test."""
    process = subprocess.Popen(
        [sys.executable, "-m", "aggregator", "demo", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path)},
    )
    running = Running(process)
    yield running
    running.kill()


def test_the_demo_serves_all_three_formats_and_leaves_nothing_behind(demo: Running, tmp_path: Path) -> None:
    demo.until(lambda: {"茶与器", "Sound walks", "产品小记"} <= {one["name"] for one in _rows(demo) if one["entries"]})

    for name in ("feed.atom", "feed.rss"):
        read = feedparser.parse(demo.get(name)[2])
        assert not read.bozo
        assert "明前茶的水温" in [entry.title for entry in read.entries]
    assert "Harbour, before the ferries" in demo.titles()
    demo.until(lambda: {row["id"]: row["state"] for row in _rows(demo)}["failing"] == "failing")
    assert b"<title>" in demo.get("/")[2]

    code, took = demo.stop(signal.SIGTERM)

    assert code == 0
    assert took < 10
    assert "Traceback" not in "".join(demo.log)
    assert list(tmp_path.iterdir()) == []


def test_a_port_in_use_is_named_with_the_way_out(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        command = [sys.executable, "-m", "aggregator", "demo", "--port", port]
        left = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, cwd=tmp_path)

    assert left.returncode == 1
    assert f"cannot listen at 127.0.0.1:{port}: Address already in use; --port 0 takes a free one" in left.stderr


def _rows(demo: Running) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = json.loads(demo.get("/sources.json")[2])
    return rows
