"""A clock that a test sets while a real daemon and its workers run: fixture `clock`, a preloaded library (clock.c)."""

from __future__ import annotations

import mmap
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest


@dataclass
class Clock:
    """The day's clock, and the clock that counts sleep, as those see them who run in `environment`."""

    library: Path
    path: Path

    def __post_init__(self) -> None:
        self.path.write_bytes(bytes(16))
        with self.path.open("r+b") as file:
            self._set = mmap.mmap(file.fileno(), 16)
        self.ahead = timedelta()
        """Of the true time."""
        self._slept = timedelta()

    @property
    def environment(self) -> dict[str, str]:
        """Return ours, with this clock."""
        return os.environ | {"LD_PRELOAD": str(self.library), "CLOCK_FILE": str(self.path)}

    def now(self) -> datetime:
        """Return what it shows."""
        return datetime.now(UTC) + self.ahead

    def step(self, by: timedelta) -> None:
        """Set the day's clock, as an operator or NTP does; no time passes."""
        self._move(by, timedelta())

    def sleep(self, by: timedelta) -> None:
        """Let the machine have slept: the day's clock went on, and the one that counts sleep; the monotonic one stood."""
        self._move(by, by)

    def right(self) -> None:
        """Set the day's clock to the true time, as NTP does."""
        self.step(-self.ahead)

    def close(self) -> None:
        """Let go of the file."""
        self._set.close()

    def _move(self, day: timedelta, slept: timedelta) -> None:
        self.ahead, self._slept = self.ahead + day, self._slept + slept
        self._set[:] = struct.pack("=qq", _nanoseconds(self.ahead), _nanoseconds(self._slept))


def _nanoseconds(time: timedelta) -> int:
    return time // timedelta(microseconds=1) * 1000


@pytest.fixture(scope="session")
def clock_library(tmp_path_factory: pytest.TempPathFactory, require: Callable[[str, bool], None]) -> Path:
    """The library, built."""
    compiler = shutil.which("cc")
    require("a C compiler on Linux", compiler is not None and sys.platform == "linux")
    built = tmp_path_factory.mktemp("clock") / "clock.so"
    source = Path(__file__).with_suffix(".c")
    command = [str(compiler), "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", str(built), str(source), "-ldl"]
    subprocess.run(command, check=True, timeout=60)
    return built


@pytest.fixture
def clock(clock_library: Path, tmp_path: Path) -> Iterator[Clock]:
    """A clock that is right, until the test sets it."""
    made = Clock(clock_library, tmp_path / "clock")
    yield made
    made.close()
