"""Run a command and say what it took: wall and processor seconds, and the memory of all its processes together."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
LONGEST = 120.0
"""Seconds that a measured command may take."""
LINGER = 10.0
"""Seconds that its children may outlive it."""
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""Who is measured may keep its compiled modules, as where it is installed."""


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
    Run the command to its end; it has `LONGEST` seconds. Raises RuntimeError with its last words where it fails.

    Sampling memory costs a little of the other core, so wall and processor time are best taken without.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    with (cwd / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=ENVIRONMENT, start_new_session=True
        )
        sampler = PeakMemory(process.pid) if memory else None
        try:
            code = process.wait(LONGEST)
            wall = time.monotonic() - began
            reap(process.pid)
        finally:
            peak = sampler.stop() if sampler else 0.0
            end(process)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if code != 0:  # where something failed it was quick for the wrong reason
        raise RuntimeError(f"{command}: exit code {code}: {(cwd / 'log.txt').read_text()[-400:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall, cpu, peak)


def reap(group: int) -> None:
    """Wait for what the command left behind, its workers' parent for one. Raises TimeoutExpired where it stays."""
    until = time.monotonic() + LINGER
    with contextlib.suppress(ChildProcessError):  # there is no more of the group
        while time.monotonic() < until:
            if os.waitpid(-group, os.WNOHANG)[0] == 0:
                time.sleep(0.01)
        raise subprocess.TimeoutExpired(f"what process group {group} left behind", LINGER)


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the command's process group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


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
