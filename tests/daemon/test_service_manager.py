"""What a service manager is told (sd_notify) by a real daemon, over a real socket."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aggregator.daemon.notifying import Notifier


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """The socket at which a service manager listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(20)
        yield listening


@pytest.fixture
def process(tmp_path: Path, manager: socket.socket) -> Iterator[subprocess.Popen[bytes]]:
    """A daemon that the manager started and watches."""
    (tmp_path / "feeds.yaml").write_text("version: 1\nserver: {listen: 127.0.0.1:0}\nsources: []\n")
    started = subprocess.Popen(
        [sys.executable, "-m", "aggregator", "-c", str(tmp_path / "feeds.yaml"), "run"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "30000000"},
    )
    yield started
    if started.poll() is None:
        started.kill()
    started.wait(10)


def heard(manager: socket.socket, wanted: str) -> list[str]:
    """Return what is said until the line comes, as often as a bounded number of datagrams."""
    said: list[str] = []
    for _ in range(30):
        lines = manager.recv(4096).decode().splitlines()
        said += lines
        if wanted in lines:
            return said
    pytest.fail(f"{wanted} was never said, but {said}")


def test_the_manager_hears_that_it_is_ready_alive_and_stopping(
    manager: socket.socket, process: subprocess.Popen[bytes]
) -> None:
    ready = heard(manager, "READY=1")
    heard(manager, "WATCHDOG=1")

    process.send_signal(signal.SIGTERM)

    assert ready[-2:] == ["READY=1", "STATUS=polling 0 sources"]
    heard(manager, "STOPPING=1")
    assert process.wait(10) == 0


def test_a_reload_is_announced_and_ends_with_ready(manager: socket.socket, process: subprocess.Popen[bytes]) -> None:
    heard(manager, "READY=1")

    process.send_signal(signal.SIGHUP)

    heard(manager, "RELOADING=1")
    heard(manager, "READY=1")


def test_of_a_longer_text_the_status_line_is_the_first(manager: socket.socket) -> None:
    Notifier({"NOTIFY_SOCKET": manager.getsockname()}).status("polling 3 sources: 1 failing\nREADY=1")

    assert manager.recv(4096) == b"STATUS=polling 3 sources: 1 failing"
