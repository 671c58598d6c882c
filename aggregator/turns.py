"""Whose turn it is: how many attempts may run in all and on one host, and how far apart they start (rule 61)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping


class Turns:
    """
    Keeps count of attempts under way; a host that must wait holds no place of the total.

    Times are seconds of a monotonic clock, given by the caller.
    """

    def __init__(self, total: int, per_host: int, delay: float) -> None:
        """`delay` is the seconds between two starts on one host."""
        self._running: Counter[str] = Counter()
        self._next_start: dict[str, float] = {}
        self._held: dict[str, float] = {}
        self.bound(total, per_host, delay)

    def bound(self, total: int, per_host: int, delay: float) -> None:
        """Go by these bounds from now on; what is under way, and delays that have not passed, still count."""
        self.total = total
        self._per_host = per_host
        self._delay = delay
        if not delay:
            self._next_start.clear()

    @property
    def running(self) -> int:
        """How many attempts are under way."""
        return self._running.total()

    @property
    def free(self) -> int:
        """How many more may start."""
        return max(0, self.total - self.running)

    def may_start(self, host: str, at: float) -> bool:
        """Return whether an attempt on this host may start now."""
        return (
            self.running < self.total
            and self._running[host] < self._per_host
            and self._next_start.get(host, at) <= at
            and not self.is_held(host, at)
        )

    def start(self, host: str, at: float) -> None:
        """Count an attempt that starts."""
        self._running[host] += 1
        if self._delay:
            self._next_start[host] = at + self._delay

    def finish(self, host: str) -> None:
        """Count an attempt that ended."""
        self._running[host] -= 1
        if not self._running[host]:
            del self._running[host]

    def hold(self, host: str, until: float) -> None:
        """Let nothing start on a host that asked to be left alone, until the store knows of it; the last word holds."""
        self._held[host] = until

    def is_held(self, host: str, at: float) -> bool:
        """Return whether nothing may start on the host now because it asked to be left alone."""
        return self._held.get(host, at) > at

    def busy(self, at: float, waiting: Mapping[str, int]) -> dict[str, int]:
        """
        Return per host how many of its places are taken: under way, `waiting` in our queue, or kept free by the delay.

        A host whose delay has not passed, or that is held, counts as full.
        """
        for times in (self._next_start, self._held):
            for host in [host for host, until in times.items() if until <= at]:
                del times[host]
        taken = Counter(self._running)
        taken.update(waiting)
        return dict(taken) | dict.fromkeys([*self._next_start, *self._held], self._per_host)

    def next_start(self, at: float) -> float | None:
        """Return when the earliest delay passes that has not; None where no host waits for one."""
        return min((start for start in self._next_start.values() if start > at), default=None)
