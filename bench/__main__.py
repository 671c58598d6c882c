"""`python -m bench`: poll 1,000 feeds cold, again, and after changes, ours beside lemon24/reader, and print one table."""

from __future__ import annotations

import json
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

    return [str(BIN / "aggregator"), "-q", "poll", "--all"], prepare


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


def start_alone() -> Cost:
    """Return what our command takes with one source and nothing to do: start and imports."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        config = {"version": 1, "storage": {"path": "./data"}, "sources": ["https://nothing.example/feed"]}
        (home / "feeds.yaml").write_text(json.dumps(config))
        list_sources = [str(BIN / "aggregator"), "-q", "list"]
        return cost_of(list_sources, cwd=home, memory=False)


def main() -> int:
    """Print the table; return 1 where a goal is missed."""
    adopt_orphans()
    with subprocess.Popen([sys.executable, "-m", "bench.farm"], stdout=subprocess.PIPE, text=True) as farm:
        assert farm.stdout is not None
        port = int(farm.stdout.readline())
        try:
            rounds = {name: [one_round(name, port, memory=False) for _ in range(ROUNDS)] for name in PROGRAMS}
            peaks = {name: one_round(name, port, memory=True) for name in PROGRAMS}
        finally:
            farm.terminate()
    medians = {
        (name, work, what): median(getattr(one[work], what) for one in rounds[name])
        for name in PROGRAMS
        for work in WORK
        for what in ("wall", "cpu")
    }
    started = median(start_alone().cpu for _ in range(ROUNDS))
    return show(medians, peaks, started)


def show(medians: dict[tuple[str, str, str], float], peaks: dict[str, dict[str, Cost]], started: float) -> int:
    """Print one row a program and the ratios against the goals."""
    us, peer = PROGRAMS
    print(
        f"\n| polling {FEEDS:,} feeds: wall s / CPU s / peak MB | "
        + " | ".join(WORK)
        + " |\n|---|"
        + "---|" * len(WORK)
    )
    for name in PROGRAMS:
        cells = (
            f"{medians[name, w, 'wall']:.1f} / {medians[name, w, 'cpu']:.1f} / {peaks[name][w].memory:.0f}"
            for w in WORK
        )
        print(f"| {name} | " + " | ".join(cells) + " |")
    print(f"\nour start and imports alone: {started:.2f} CPU s; medians of {ROUNDS}; memory is PSS of all processes")
    missed = 0
    for (work, what), goal in GOALS.items():
        ratio = medians[us, work, what] / medians[peer, work, what]
        missed += ratio > goal
        print(f"{work}, {what}: {ratio:.2f} x {peer}, goal {goal} {'met' if ratio <= goal else 'MISSED'}")
    peak = max(cost.memory for cost in peaks[us].values())
    missed += peak > MEMORY_GOAL
    print(f"peak memory: {peak:.0f} MB, goal {MEMORY_GOAL} {'met' if peak <= MEMORY_GOAL else 'MISSED'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
