"""The publisher from hell beside honest ones, a daemon that polls them all at once, and what is seen of it from outside."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from hostile.documents import Case
from hostile.wires import WireCase, moved
from plugins.daemons import Running, rss
from plugins.publisher import Asked, Publisher, Wire, reply

FULL = os.environ.get("LONG") == "1"
"""Full rounds and exact figures; otherwise what CI has the time for."""
HEALTHY = 5


class Canary:
    """A port that must never be hit."""

    def __init__(self) -> None:
        self.hits = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.place = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.port = int(self.place.rpartition(":")[2])
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self.hits += 1
                sock.close()

    def close(self) -> None:
        """Listen no more."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)


@dataclass
class Hell:
    """A daemon, its hostile and honest sources, and what it said of each."""

    folder: Path
    cases: Sequence[Case | WireCase]
    timeout: float = 5.0
    every: str = "1d"
    copies: int = 1
    """How many sources of each case there are."""
    healthy: int = HEALTHY
    """How many honest sources there are beside them, polled `healthy_every`, with so many entries each."""
    healthy_every: str = "1s"
    healthy_entries: int = 40
    publisher: Publisher = field(default_factory=Publisher)
    honest: Publisher = field(default_factory=Publisher)
    canary: Canary = field(default_factory=Canary)
    sources: dict[str, Case | WireCase] = field(default_factory=dict)
    bodies: dict[str, bytes] = field(default_factory=dict)
    sent: dict[str, int] = field(default_factory=dict)
    """By path: the most that one answer got rid of."""
    settings: dict[str, Any] = field(default_factory=dict)

    def write(self) -> Path:
        """Put every case on the publisher, and name it in feeds.yaml."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for case in self.cases:
            self.publisher.plays(case.path, self._play(case))
        for number in range(20):
            self.publisher.plays(f"/maze/{number}", moved(f"/maze/{number + 1}"))
        for number in range(self.healthy):
            entries = (f"{number}-{n}" for n in range(self.healthy_entries))
            self.honest.plays(f"/h{number}", reply("200 OK", rss(*entries)))
        named = [(f"c{place}-{copy}", case) for place, case in enumerate(self.cases) for copy in range(self.copies)]
        self.sources = dict(named)
        config = self.folder / "feeds.yaml"
        document = {
            "version": 1,
            "server": {"listen": "127.0.0.1:0", "base_url": "https://news.example.org/", "title": "T"},
            "storage": {"path": "./data", "records": "./records"},
            "polling": {"concurrency": 32, "per_host": 32, "host_delay": "0s", "allow_private": [self.publisher.host, self.honest.host]},
            "defaults": {"timeout": f"{self.timeout:g}s"},
            "sources": [
                *({"id": f"h{n}", "url": self.honest.url(f"/h{n}"), "every": self.healthy_every} for n in range(self.healthy)),
                *({"id": id_, "url": self.publisher.url(case.path) + f"?{id_}", "every": self.every} for id_, case in named),
            ],
        } | self.settings  # fmt: skip
        config.write_text(json.dumps(document), encoding="utf-8")
        for id_, case in named:
            self.publisher.plays(f"{case.path}?{id_}", self._play(case))
        return config

    def _play(self, case: Case | WireCase) -> Any:
        def play(wire: Wire, asked: Asked) -> None:
            if hasattr(os, "setpriority"):  # it has a machine of its own, and takes no processor from the daemon
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
            began = wire.sent
            try:
                answer = self._answer(case)
                if callable(answer):
                    answer(wire, asked)
                else:
                    wire.send(answer)
                    wire.sock.shutdown(socket.SHUT_WR)
                    wire.silence()
            finally:
                self.sent[case.path] = max(self.sent.get(case.path, 0), wire.sent - began)

        return play

    def _answer(self, case: Case | WireCase) -> Any:
        canary = self.canary.place.encode()
        if isinstance(case, WireCase):
            return case.answer.replace(b"CANARY", canary) if isinstance(case.answer, bytes) else case.answer
        if case.path not in self.bodies:
            body = case.body().replace(b"CANARY", canary)
            self.bodies[case.path] = reply("200 OK", body, *case.headers)
        return self.bodies[case.path]

    def prepare(self) -> None:
        """Make all bodies before the daemon runs, so that making them takes no processor from it."""
        for case in self.cases:
            self._answer(case)

    def start(self) -> Running:
        """Start the daemon."""
        command = [sys.executable, "-m", "aggregator", "-c", str(self.write()), "run"]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.folder, start_new_session=True
        )
        return Running(process)

    def polled(self, running: Running) -> dict[str, dict[str, str]]:
        """Return what the log says of the first poll of each hostile source, by its id."""
        said: dict[str, dict[str, str]] = {}
        for line in list(running.log):
            fields = dict(re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|\S+)', line))
            if fields.get("source") in self.sources:
                said.setdefault(fields["source"], fields)
        return said

    def entries(self) -> dict[str, int]:
        """Return how many records each source has."""
        command = [sys.executable, "-m", "aggregator", "-c", str(self.folder / "feeds.yaml"), "list", "--json"]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60, cwd=self.folder)
        return {row["id"]: row["entries"] for row in json.loads(done.stdout)}

    def asked(self) -> dict[str, list[float]]:
        """Return when each honest source was asked, in monotonic seconds, by its path."""
        found: dict[str, list[float]] = {f"/h{number}": [] for number in range(self.healthy)}
        for asked in list(self.honest.asked):
            found[asked.target].append(asked.at)
        return found

    def gaps(self) -> list[float]:
        """Return the seconds between two polls of each honest source, all of them."""
        return [later - earlier for at in self.asked().values() for earlier, later in pairwise(at)]

    def close(self) -> None:
        """End the publishers."""
        for one in (self.publisher, self.honest, self.canary):
            one.close()
