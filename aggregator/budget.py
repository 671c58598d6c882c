"""How many bytes of bodies may be held at once: a body waits for its share, it does not fail."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from types import TracebackType

SMALL = 512 * 1024
"""What a body takes first; nearly all feeds stay within it."""


class Budget:
    """
    A total of bytes: a quarter for small shares, half for large ones, a quarter for the copy that goes to a worker.

    A body begins with a small share and takes one large one, of all that it may ever become, when it outgrows it.
    Whoever has a large share needs nothing more, and whoever waits for a small one holds nothing: no deadlock.
    """

    def __init__(self, total: int) -> None:
        self.small = _Pool(max(SMALL, total // 4))
        self.large = _Pool(max(SMALL, total // 2))

    def resize(self, total: int) -> None:
        """Let so many bytes be held from now on; who holds more keeps it until it is given back."""
        self.small.resize(max(SMALL, total // 4))
        self.large.resize(max(SMALL, total // 2))

    def share(self) -> Share:
        """Return a share of nothing yet; leaving it as a context manager gives all of it back."""
        return Share(self)


class Share:
    """The part of the budget that one body has."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._small = self._large = 0

    async def hold(self, size: int, most: int) -> None:
        """Wait until `size` bytes may be held; `most` is what the body may grow to in the end."""
        if not self._small:
            self._small = await self._budget.small.take(min(SMALL, most))
        if size > self._small and not self._large:
            self._large = await self._budget.large.take(most)

    def holds(self, size: int) -> bool:
        """Return whether `size` bytes may be held without waiting."""
        return size <= self._small or bool(self._large)

    def release(self) -> None:
        """Give everything back; the share may be used again."""
        self._budget.small.give(self._small)
        self._budget.large.give(self._large)
        self._small = self._large = 0

    def __enter__(self) -> Share:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class _Pool:
    """A semaphore of bytes; first come, first served, so that a large wish is not starved by small ones."""

    def __init__(self, total: int) -> None:
        self._total = self._free = total
        self._waiting: deque[tuple[int, asyncio.Future[int]]] = deque()

    async def take(self, amount: int) -> int:
        """Wait for the amount, at most the whole pool, and return it."""
        amount = min(amount, self._total)
        if not self._waiting and amount <= self._free:
            self._free -= amount
            return amount
        turn: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append((amount, turn))
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give(turn.result())
            else:
                with suppress(ValueError):  # a share that was given back meanwhile has passed it over already
                    self._waiting.remove((amount, turn))
                self._serve()
            raise

    def give(self, amount: int) -> None:
        """Take the amount back."""
        self._free += amount
        self._serve()

    def resize(self, total: int) -> None:
        """Hold so many bytes from now on; what is free may be less than nothing until enough is given back."""
        self._free += total - self._total
        self._total = total
        self._serve()

    def _serve(self) -> None:
        while self._waiting and min(self._waiting[0][0], self._total) <= self._free:
            amount, turn = self._waiting.popleft()
            if turn.cancelled():
                continue
            granted = min(amount, self._total)  # the pool may have been larger when it was asked for
            self._free -= granted
            turn.set_result(granted)
