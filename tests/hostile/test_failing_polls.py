"""A thousand polls that fail, each in its way: nothing of them stays behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hostile.documents import GOOD
from hostile.hell import FULL, Hell
from hostile.watching import family, pss
from hostile.wires import WIRES, WireCase
from plugins.publisher import reply

pytestmark = pytest.mark.timeout(300)

COPIES = 100 if FULL else 25
QUICK = [
    *(case for case in WIRES if case.name in {"a negative length", "nothing at all", "a redirect to itself", "HTTP 0.9", "a redirect to a file"}),
    WireCase("an error", reply("500 Down", b"x" * 2000), frozenset()),
    WireCase("a page", reply("200 OK", b"<!doctype html><title>x</title>" + b"x" * 50_000), frozenset()),
    WireCase("cut XML", reply("200 OK", b"<?xml version='1.0'?><not-a-feed>" + b"<a>" * 200), frozenset()),
    WireCase("a coding", reply("200 OK", GOOD, "Content-Encoding: br"), frozenset()),
    WireCase("a forbidden place", reply("302 Found", b"", "Location: http://127.0.0.1:1/"), frozenset()),
]  # fmt: skip


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - one call, of a process that may end


def threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def test_a_thousand_failing_polls_leave_nothing_behind(tmp_path: Path) -> None:
    hell = Hell(tmp_path / "home", QUICK, timeout=10, copies=COPIES)
    try:
        running = hell.start()
        pid = running.process.pid
        with running:
            running.until(lambda: len(hell.polled(running)) >= len(hell.sources) // 4, within=120)
            before = descriptors(pid), threads(pid), sum(map(pss, family(pid)))
            running.until(lambda: len(hell.polled(running)) == len(hell.sources), within=200)
            after = descriptors(pid), threads(pid), sum(map(pss, family(pid)))
            polls = hell.polled(running)
    finally:
        hell.close()

    print(f"{len(polls)} failing polls: descriptors, threads, MB before {before}, after {after}")
    assert all("kind" in poll for poll in polls.values())
    assert after[0] <= before[0] + 20  # those of requests that are under way
    assert after[1] <= before[1] + 8  # the pools of threads are as large as they get
    assert after[2] < before[2] + 20
