"""Run a command and say what it took: wall and processor seconds, and the memory of all its processes together."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command took."""

    wall: float
    """Seconds."""
    cpu: float
    """Seconds of processor time, user and system, of the command and all that it started."""
    memory: float
    """Peak of the proportional set size of all its processes together, in MB; 0 where it was not sampled."""


def adopt_orphans() -> None:
    """Have what a command leaves behind handed to us, so that its processor time is counted (Linux)."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def cost_of(command: list[str], *, cwd: Path, memory: bool) -> Cost:
    """
    Run the command to its end. Raises RuntimeError with its last words where it fails.

    Sampling memory costs a little of the other core, so wall and processor time are best taken without.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    with (cwd / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, cwd=cwd, stdout=log, stderr=log, start_new_session=True)
        sampler = PeakMemory(process.pid) if memory else None
        code = process.wait()
    wall = time.monotonic() - began
    with contextlib.suppress(ChildProcessError):
        while True:  # what it left behind, its workers' parent for one, is of its process group
            os.waitpid(-process.pid, 0)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if code not in (0, 1):
        raise RuntimeError(f"{command}: exit code {code}: {(cwd / 'log.txt').read_text()[-400:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall, cpu, sampler.stop() if sampler else 0.0)


class PeakMemory:
    """Samples the memory of a session's processes until it is stopped."""

    def __init__(self, session: int) -> None:
        self._session = session
        self._peak = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()

    def stop(self) -> float:
        """Return the peak in MB."""
        self._done.set()
        self._thread.join()
        return self._peak / 1024

    def _sample(self) -> None:
        while not self._done.wait(0.1):
            self._peak = max(self._peak, sum(pss(pid) for pid in members(self._session)))


def members(session: int) -> list[int]:
    """Return the processes of a session."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[3]) == session:
                found.append(int(stat.parent.name))
    return found


def pss(pid: int) -> int:
    """Return the proportional set size in KiB; 0 where the process has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0
