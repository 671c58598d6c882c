"""`python -m bench.helping`: how long each command's `--help` takes, the best of nine, in milliseconds."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from aggregator.cli import SECTIONS

ROUNDS = 9
GOAL, GOAL_OF_A_COMMAND = 150, 200
AGGREGATOR = str(Path(sys.executable).parent / "aggregator")


def took(*words: str) -> float:
    """Return milliseconds."""
    began = time.perf_counter()
    subprocess.run([AGGREGATOR, *words, "--help"], check=True, stdout=subprocess.DEVNULL, timeout=30)
    return (time.perf_counter() - began) * 1000


def main() -> None:
    names = ["", *(name for section in SECTIONS.values() for name in section)]
    for name in names:
        best = min(took(*name.split()) for _ in range(ROUNDS))
        goal = GOAL_OF_A_COMMAND if name else GOAL
        print(f"{best:6.0f} ms  {'ok' if best <= goal else f'over {goal}':8} aggregator {name}".rstrip())


if __name__ == "__main__":
    main()
