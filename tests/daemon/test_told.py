"""What a running daemon tells machines: metrics to a scraper, its log as JSON, readiness, the watchdog's heartbeat."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from plugins.daemons import Running, rss
from plugins.served_corpus import Home, Shelf

pytestmark = pytest.mark.timeout(120)
Start = Callable[..., Running]


def scraped(running: Running) -> dict[str, float]:
    """Return what Prometheus's own reader reads, by name and labels."""
    status, headers, body = running.get("/metrics")
    assert (status, headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    return {
        sample.name + "".join(f"{{{value}}}" for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def lines_of(running: Running) -> list[dict[str, Any]]:
    """Return the lines of a log of JSON; each must be one object."""
    return [json.loads(line) for line in running.log]


def test_a_scraper_reads_what_polls_and_answers_came_to(home: Home, shelf: Shelf, daemon: Start) -> None:
    home.settings = {}  # the usual interval: each is asked once
    shelf.files["/a.xml"] = rss("1", "2")
    home.sources = {"a": "/a.xml", "b": "/none.xml"}
    home.write()
    running = daemon()
    running.until(lambda: len(running.titles()) == 2)
    running.until(lambda: "not-found" in "".join(running.log))

    told = scraped(running)

    assert told["aggregator_polls_total{updated}"] == told["aggregator_polls_total{not-found}"] == 1
    assert told["aggregator_polls_total{timeout}"] == 0
    assert told["aggregator_poll_seconds_count"] == 2
    assert told["aggregator_entries_total{new}"] == 2
    assert told["aggregator_received_bytes_total"] == len(shelf.files["/a.xml"])
    assert told["aggregator_http_requests_total{feed}{2xx}"] >= 1
    assert (told["aggregator_sources{ok}"], told["aggregator_sources{failing}"]) == (1, 1)
    assert (told["aggregator_records"], told["aggregator_polls_under_way"]) == (2, 0)
    assert abs(told["aggregator_last_tick_timestamp_seconds"] - time.time()) < 30
    assert told["aggregator_ready"] == told["aggregator_config_good"] == 1


def test_each_line_of_a_json_log_is_an_object_with_instant_level_and_event(
    home: Home, shelf: Shelf, daemon: Start
) -> None:
    home.settings = {}
    shelf.files["/a.xml"] = rss("1")
    home.sources = {"a": "/a.xml", "b": "/none.xml", "set-aside": "/${NOT_SET}.xml"}
    home.write()
    running = daemon("--log-format", "json", "run")
    running.until(lambda: {"updated", "failed"} <= {line["event"] for line in lines_of(running)})

    home.sources["aside-later"] = "/${NOR_THIS}.xml"
    home.write()
    running.until(lambda: "aside-later" in "".join(running.log))
    home.config.write_text("version: 1\nsources: {no: list}\n")
    running.until(lambda: "cannot be used" in "".join(running.log))
    refused = running.get("/readyz")
    code, _ = running.stop()

    lines = lines_of(running)
    failed = next(line for line in lines if line["event"] == "failed")
    assert all({"at", "level", "event"} <= line.keys() for line in lines)
    assert {line["level"] for line in lines} == {"info", "warning", "error"}
    assert [line["at"][-1] for line in lines] == ["Z"] * len(lines)
    assert [line["level"] for line in lines if "set aside" in line["event"]] == ["warning", "warning"]
    assert (failed["source"], failed["kind"], failed["level"]) == ("b", "not-found", "warning")
    assert {"detail", "seconds", "next", "why"} <= failed.keys()
    assert [line["event"] for line in lines][-2:] == ["stopping", "stopped"]
    assert code == 0
    assert (refused[0], refused[2].splitlines()[0]) == (503, b"not ready")
    assert b"feeds.yaml:2:" in refused[2]


STALLED = """
import asyncio, sys, time
from pathlib import Path
from aggregator.config import load
from aggregator.daemon.run import run

async def stalled():
    asyncio.get_running_loop().call_later(1.2, time.sleep, 3)
    await run(load(Path(sys.argv[1]), {}), data=None, announce=print)

asyncio.run(stalled())
"""
"""A daemon whose loop hangs for three seconds, once it runs."""


def test_while_the_loop_hangs_the_watchdog_hears_nothing(tmp_path: Path) -> None:
    (tmp_path / "feeds.yaml").write_text("version: 1\nserver: {listen: 127.0.0.1:0}\nsources: []\n")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)
        process = subprocess.Popen(
            [sys.executable, "-c", STALLED, str(tmp_path / "feeds.yaml")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "30000000"},
        )
        beats: list[float] = []
        try:
            while not any(later - earlier > 2.5 for earlier, later in pairwise(beats)):
                assert len(beats) < 8, beats
                if manager.recv(4096) == b"WATCHDOG=1":
                    beats.append(time.monotonic())
        finally:
            process.kill()
            process.wait(10)

    assert len(beats) >= 2
