"""Watch a daemon from a process of its own, which its publishers and clients do not slow down: memory, and how soon it answers."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Seen:
    """What was seen until it was stopped."""

    memory: list[float] = field(default_factory=list)
    """MB, proportional set size of all processes together."""
    served: list[float] = field(default_factory=list)
    """Seconds of each GET of the merged feed."""
    alive: list[float] = field(default_factory=list)
    """Seconds of each GET of `/healthz`, which waits for the event loop alone."""
    largest: dict[str, float] = field(default_factory=dict)
    """MB by process, at the moment of the peak."""


class Watch:
    """Samples a process with all its children until it is stopped."""

    def __init__(self, pid: int, base: str) -> None:
        command = [sys.executable, __file__, str(pid), base]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def stop(self) -> Seen:
        """Sample no more; return what was seen."""
        said, _ = self._process.communicate("stop", timeout=90)
        assert self._process.returncode == 0
        return Seen(**json.loads(said))


def timed(url: str) -> float:
    """Return how many seconds the answer took; 60 where none came."""
    began = time.monotonic()
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            answer.read()
    except OSError:
        return 60.0
    return time.monotonic() - began


def family(pid: int) -> list[int]:
    """Return the process and all that descend from it."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found


def pss(pid: int) -> float:
    """Return the proportional set size in MB; 0 where the process has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value that so great a share does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _name(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")[-60:]
    return ""


def _watched(pid: int, base: str) -> Seen:
    """Sample until standard input ends."""
    seen, done = Seen(), threading.Event()

    def weigh() -> None:
        parts = {f"{one} {_name(one)}": pss(one) for one in family(pid)}
        if sum(parts.values()) > max(seen.memory, default=0):
            seen.largest = parts
        seen.memory.append(sum(parts.values()))

    def every(seconds: float, sample: Callable[[], None]) -> None:
        while not done.wait(seconds):
            sample()

    samples = [
        (0.1, weigh),
        (0.1, lambda: seen.served.append(timed(f"{base}feed.atom"))),
        (0.05, lambda: seen.alive.append(timed(f"{base}healthz"))),
    ]
    threads = [threading.Thread(target=every, args=sample) for sample in samples]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    done.set()
    for thread in threads:
        thread.join()
    return seen


if __name__ == "__main__":
    print(json.dumps(vars(_watched(int(sys.argv[1]), sys.argv[2]))))
