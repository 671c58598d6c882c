"""Work in the background gives way while something is made for a subscriber: all threads share one interpreter."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event

from aggregator import clock

MOST = 0.1
"""Seconds that are waited at once: longer than a feed of 5 MB takes when nothing else runs."""
LOOK = 0.005
_NEVER = Event()
"""Never set: waiting for it is sleeping."""


class Courtesy:
    """Lets what can wait wait, as long as it has worked before: visitors without end slow it down, and do not stop it."""

    def __init__(
        self,
        busy: Callable[[], bool],
        now: Callable[[], float] = clock.awake,
        sleep: Callable[[float], object] = _NEVER.wait,
    ) -> None:
        """`busy` says whether something is being made for a subscriber."""
        self._busy, self._now, self._sleep = busy, now, sleep
        self._not_before = 0.0

    def give_way(self) -> None:
        """Wait while something is made, a moment at most; to be called between two small pieces of work, in a thread."""
        began = self._now()
        if began < self._not_before:
            return
        while self._busy() and self._now() - began < MOST:
            self._sleep(LOOK)
        self._not_before = 2 * self._now() - began
