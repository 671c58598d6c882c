"""Connections of web clients, bounded in number and in patience: who asks or reads too slowly is let go."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST = 500
"""Connections at once; beyond them a client is sent away, so that descriptors stay for polling and the store."""
FEWEST = 8
"""The same where hardly any descriptors are allowed."""
PATIENCE = 10.0
"""Seconds within which a request must have come whole, and an answer's reader must get on."""
LEAST = 10_000
"""Bytes that a reader takes within that time at least."""


class Connection(H11Protocol):
    """uvicorn's connection, looked at every `PATIENCE` seconds; uvicorn itself waits for a request for ever."""

    patience = PATIENCE
    most = MOST
    _look_again: asyncio.TimerHandle | None = None
    _seen: object = None
    _buffered: int | None = None
    _read_on = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to watch the client."""
        super().connection_made(transport)
        if len(self.connections) > self.most:
            transport.abort()
            return
        self._look_again = self.loop.call_later(self.patience, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Watch no more."""
        if self._look_again is not None:
            self._look_again.cancel()
        super().connection_lost(exc)

    def resume_writing(self) -> None:
        """Remember that the client has read what was sent."""
        self._read_on = True
        super().resume_writing()

    def _look(self) -> None:
        waiting = self.transport.get_write_buffer_size()
        answering = self.cycle is not None and not self.cycle.response_complete
        if waiting:
            stuck = not self._read_on and self._buffered is not None and waiting > self._buffered - LEAST
        else:
            stuck = not answering and self.cycle is self._seen
        if stuck:
            self.transport.abort()
            return
        self._buffered, self._seen, self._read_on = waiting or None, self.cycle, False
        self._look_again = self.loop.call_later(self.patience, self._look)


def connection(most: int) -> type[Connection]:
    """Return the connection of which there are so many at once, at most."""

    class Bounded(Connection):
        """One of so many."""

    Bounded.most = most
    return Bounded


def accepted_together(most: int) -> int:
    """
    Return how many that wait are taken in before the loop goes on: they have descriptors before they can be counted.

    asyncio takes in as many as may wait, without a look at anything else, and where the descriptors end it says so as often.
    """
    return max(4, min(64, most // 8))
