"""`python -m bench`: poll 1,000 feeds cold, again, and after changes, ours beside lemon24/reader, and print one table."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable
from pathlib import Path
from statistics import median

from bench.farm import FEEDS
from bench.measure import LONGEST, Cost, adopt_orphans, cost_of

ROUNDS = 3
WORK = ("cold", "nothing new", "1 % changed")
GOALS = {
    ("cold", "cpu"): 0.7,
    ("cold", "wall"): 0.4,
    ("nothing new", "cpu"): 0.8,
}
MEMORY_GOAL = 220
BIN = Path(sys.executable).parent


def ours(home: Path, port: int) -> tuple[list[str], Callable[[], None]]:
    """Return our command, and what prepares its folder."""

    def prepare() -> None:
        config = {
            "version": 1,
            "storage": {"path": "./data"},
            "polling": {"concurrency": 32, "per_host": 32, "host_delay": "0s", "allow_private": [f"127.0.0.1:{port}"]},
            "sources": [f"http://127.0.0.1:{port}/f/{number}.xml" for number in range(FEEDS)],
        }
        (home / "feeds.yaml").write_text(json.dumps(config))

    return [str(BIN / "aggregator"), "-q", "poll", "--all", "--no-index"], prepare


def reader(home: Path, port: int) -> tuple[list[str], Callable[[], None]]:
    """Return the peer's command, and what prepares its folder."""
    script = [sys.executable, str(Path(__file__).with_name("peer_reader.py"))]

    def prepare() -> None:
        add = [*script, "add", str(port), str(FEEDS)]
        subprocess.run(add, cwd=home, check=True, stdout=subprocess.DEVNULL, timeout=LONGEST)

    return [*script, "update", str(port), str(FEEDS)], prepare


PROGRAMS = {"feed-aggregator": ours, "lemon24/reader": reader}


def generation(port: int, number: int) -> None:
    """Have the farm serve this generation."""
    urllib.request.urlopen(f"http://127.0.0.1:{port}/generation/{number}", timeout=10).read()


def one_round(name: str, port: int, *, memory: bool) -> dict[str, Cost]:
    """Run the three pieces of work of one program in a fresh folder."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        command, prepare = PROGRAMS[name](home, port)
        generation(port, 0)
        prepare()
        costs = {work: cost_of(command, cwd=home, memory=memory) for work in WORK[:2]}
        generation(port, 1)
        return costs | {WORK[2]: cost_of(command, cwd=home, memory=memory)}


def start_alone(name: str, port: int) -> Cost:
    """Return what the program takes where nothing is to be done: start, imports, reading its list of sources."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        command, prepare = PROGRAMS[name](home, port)
        prepare()
        if name == "lemon24/reader":
            return cost_of([*command[:2], "nothing", *command[3:]], cwd=home, memory=False)
        return cost_of([command[0], "-q", "list"], cwd=home, memory=False)


def main() -> int:
    """Print the table; return 1 where a goal is missed."""
    adopt_orphans()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    serve = [sys.executable, "-m", "bench.farm"]
    farm = subprocess.Popen(serve, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert farm.stdout is not None
        port = int(farm.stdout.readline() or 0)
        rounds: dict[str, list[dict[str, Cost]]] = {name: [] for name in PROGRAMS}
        for _ in range(ROUNDS):  # by turns, so that what else the machine does falls on both
            for name in PROGRAMS:
                rounds[name].append(one_round(name, port, memory=False) | {"start": start_alone(name, port)})
        peaks = {name: one_round(name, port, memory=True) for name in PROGRAMS}
    finally:
        farm.kill()
        farm.wait()
    medians = {
        (name, work, what): median(getattr(one[work], what) for one in rounds[name])
        for name in PROGRAMS
        for work in (*WORK, "start")
        for what in ("wall", "cpu")
    }
    return show(medians, peaks)


def show(medians: dict[tuple[str, str, str], float], peaks: dict[str, dict[str, Cost]]) -> int:
    """Print one row a program and the ratios against the goals; return 1 where one is missed."""
    us, peer = PROGRAMS
    columns = (*WORK, "start and imports alone")
    print(f"\nmedians of {ROUNDS}, by turns; memory is the PSS of all processes; {os.cpu_count()} cores\n")
    print(f"| {FEEDS:,} feeds: wall s / CPU s / peak MB | " + " | ".join(columns) + " |\n|---|" + "---|" * len(columns))
    for name in PROGRAMS:
        cells = [
            f"{medians[name, w, 'wall']:.2f} / {medians[name, w, 'cpu']:.2f} / {peaks[name][w].memory:.0f}"
            for w in WORK
        ]
        cells.append(f"{medians[name, 'start', 'wall']:.2f} / {medians[name, 'start', 'cpu']:.2f}")
        print(f"| {name} | " + " | ".join(cells) + " |")
    print()
    missed = 0
    for work, what in ((work, what) for work in WORK for what in ("cpu", "wall")):
        ratio = medians[us, work, what] / medians[peer, work, what]
        apart = (medians[us, work, what] - medians[us, "start", what]) / (
            medians[peer, work, what] - medians[peer, "start", what]
        )
        goal = GOALS.get((work, what))
        verdict = "" if goal is None else f", goal {goal} {'met' if ratio <= goal else 'MISSED'}"
        missed += goal is not None and ratio > goal
        print(f"{work}, {what}: {ratio:.2f} x {peer} (start apart: {apart:.2f} x){verdict}")
    peak = max(cost.memory for cost in peaks[us].values())
    missed += peak > MEMORY_GOAL
    print(f"peak memory: {peak:.0f} MB, goal {MEMORY_GOAL} {'met' if peak <= MEMORY_GOAL else 'MISSED'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
