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


def awake() -> float:
    """
    Return seconds as `monotonic` does, but only those in which the machine was awake, as the timeouts of asyncio count them.

    What others are given to finish something is measured in these: a machine that slept gave them no time.
    """
    return time.monotonic()
