"""The only module that reads the clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime

_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Linux: stands still for nothing. The monotonic clock of macOS counts sleep anyway."""


def now() -> datetime:
    """Return the present instant, aware, in UTC."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Return seconds that never go back, from an arbitrary start; the time that the machine slept counts, where it can."""
    return time.clock_gettime(_STEADY)
