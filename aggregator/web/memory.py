"""Keep what was rendered until the store changes: each representation is made once, however many ask at once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import NamedTuple, TypeAlias

from starlette.concurrency import run_in_threadpool

from aggregator.web.answer import Representation, represent
from storage.contract import Store

MOST_BYTES = 24_000_000
MOST = 256
AT_ONCE = 2
"""Representations made at the same time: one of 500 entries may take 100 MB while it is made, and more at once are no faster."""

Make: TypeAlias = Callable[[], bytes | Representation]
"""Makes what is kept; blocks."""


class Seen(NamedTuple):
    """What the store was seen to hold."""

    records: int
    """Rises with every change of records or source descriptions."""
    found: int
    """Rises whenever search may find something else."""


class Revision:
    """
    What the store holds as of now, read once for all who wait for it, and not at all while nothing was committed.

    A request gets a reading that began after the request came, or one since which nothing was committed: who saw a
    poll finish sees its entries. The reading is done in a thread, as the store may wait for its disk.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: asyncio.Task[Seen] | None = None
        self._reading: asyncio.Task[Seen] | None = None
        self._known: tuple[Hashable, Seen] = (None, Seen(0, 0))

    async def read(self, *, anew: bool = False) -> Seen:
        """Return what is seen; `anew` reads it from the store in any case. Raises StoreError."""
        stamp, seen = self._known
        if not anew and stamp is not None and stamp == self._store.stamp():
            return seen
        if self._waiting is None:
            self._waiting = asyncio.create_task(self._after(self._reading))
        return await asyncio.shield(self._waiting)

    async def _after(self, earlier: asyncio.Task[Seen] | None) -> Seen:
        if earlier is not None and not earlier.done():
            await asyncio.wait([earlier])
        self._reading, self._waiting = self._waiting, None
        stamp = self._store.stamp()  # before the reading: a commit between them makes the next request read again
        seen = await run_in_threadpool(lambda: Seen(self._store.revision(), self._store.indexed()))
        self._known = stamp, seen
        return seen


class Memory:
    """Representations by what was asked for, all of one revision; the least lately asked for go first."""

    def __init__(self, most_bytes: int = MOST_BYTES, most: int = MOST) -> None:
        self._kept: OrderedDict[Hashable, Representation] = OrderedDict()
        self._making: dict[Hashable, asyncio.Task[Representation]] = {}
        self._state: object = None
        self._bytes = 0
        self._most_bytes, self._most = most_bytes, most
        self._makers = asyncio.Semaphore(AT_ONCE)
        self.making = 0
        """Representations that are being made at this moment."""

    async def get(self, state: object, key: Hashable, make: Make) -> Representation:
        """
        Return the representation of `key`, made by `make` in a thread where it is not kept.

        `state` is what all representations depend on besides; a new one lets go of all that is kept.
        Raises what `make` raises; a failure is not kept.
        """
        if state != self._state:
            self._kept.clear()
            self._making.clear()
            self._bytes = 0
        self._state = state
        if (kept := self._kept.get(key)) is not None:
            self._kept.move_to_end(key)
            return kept
        making = self._making.get(key)
        if making is None:
            making = self._making[key] = asyncio.create_task(self._make(state, key, make))
        # Shielded: a client that hangs up does not take the bytes from the others who wait for them.
        return await asyncio.shield(making)

    def is_making(self, key: Hashable) -> bool:
        """Return whether the representation of `key` is being made."""
        return key in self._making

    async def _make(self, state: object, key: Hashable, make: Make) -> Representation:
        try:
            async with self._makers:
                self.making += 1
                try:
                    made = await run_in_threadpool(_represented, make)
                finally:
                    self.making -= 1
        finally:
            if state == self._state:
                self._making.pop(key, None)
        if state == self._state:
            self._keep(key, made)
        return made

    def _keep(self, key: Hashable, made: Representation) -> None:
        if len(made) > self._most_bytes:
            return
        if (same := self._kept.pop(key, None)) is not None:
            self._bytes -= len(same)
        self._kept[key] = made
        self._bytes += len(made)
        while self._bytes > self._most_bytes or len(self._kept) > self._most:
            _, gone = self._kept.popitem(last=False)
            self._bytes -= len(gone)


def _represented(make: Make) -> Representation:
    made = make()
    return made if isinstance(made, Representation) else represent(made)
