"""Tell browsers that something has changed, as server-sent events: few listeners, one look at the store for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable

from starlette.types import Receive, Scope, Send

from aggregator.web.answer import Answer, RawHeaders
from aggregator.web.memory import Revision
from storage.contract import Store, StoreError

MOST = 64
"""Listeners at once; one more is sent away, and its page stays as it is until it is loaded anew."""

LOOK = 2.0
"""Seconds between two looks at the store, while anybody listens."""

BEAT = 15.0
"""Seconds after which a listener is told that we are still here: proxies close what is silent for a minute."""

LONGEST = 3600.0
"""Seconds for which a listener is told; its browser comes again by itself, with the token that holds then."""

_RETRY = b"retry: 10000\n\n"


class Events:
    """Who listens, and what was last seen."""

    def __init__(self, store: Store, revision: Revision, most: int = MOST) -> None:
        self._store, self._revision, self._most = store, revision, most
        self._listening = 0
        self._looking: asyncio.Task[None] | None = None
        self._changed: asyncio.Event | None = None
        self._seen = ""
        self._left = False

    @property
    def is_full(self) -> bool:
        """Return whether one more listener is one too many, or all are being sent home."""
        return self._left or self._listening >= self._most

    def leave(self) -> None:
        """End every stream: the server stops, and waits for no listener."""
        self._left = True
        if self._changed is not None:
            self._changed.set()

    async def told(self, receive: Receive, send: Send) -> None:
        """Tell a listener of every change, until it hangs up, its time is over, or the server stops."""
        self._listening += 1
        gone = asyncio.create_task(_gone(receive))
        try:
            await self._tell(gone, send)
        finally:
            gone.cancel()
            self._listening -= 1
            if not self._listening and self._looking is not None:
                self._looking.cancel()
                self._looking = self._changed = None

    async def _tell(self, gone: asyncio.Task[None], send: Send) -> None:
        loop = asyncio.get_running_loop()
        end, seen = loop.time() + LONGEST, None
        await send({"type": "http.response.body", "body": _RETRY, "more_body": True})
        while not self._left and not gone.done() and loop.time() < end:
            changed = self._changes()
            if self._seen and self._seen != seen:
                event = b"" if seen is None else f"event: changed\ndata: {self._seen}\n\n".encode()
                seen = self._seen
            else:
                waiting = asyncio.create_task(changed.wait())
                done, _ = await asyncio.wait({waiting, gone}, timeout=BEAT, return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
                event = b"" if done else b": still here\n\n"
            if event:
                await send({"type": "http.response.body", "body": event, "more_body": True})
        if not gone.done():
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _changes(self) -> asyncio.Event:
        """Return what is set at the next change; the first who listens begins the looking."""
        if self._changed is None:
            self._changed = asyncio.Event()
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        return self._changed

    async def _look(self) -> None:
        stamp: Hashable = None
        commits = 0
        while not self._left:
            now = self._store.stamp()
            if now != stamp or now is None:
                stamp, commits = now, commits + 1
                await self._say(commits)
            await asyncio.sleep(LOOK)

    async def _say(self, commits: int) -> None:
        """Note what is to be told: `records commits`; pages of entries look at the first number, the sources' at both."""
        try:
            seen = await self._revision.read()
        except StoreError:  # it may be there again at the next look
            return
        self._seen = f"{seen.records} {commits}"
        changed, self._changed = self._changed, asyncio.Event()
        if changed is not None:
            changed.set()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class Stream(Answer):
    """An answer that goes on."""

    def __init__(self, events: Events, headers: RawHeaders) -> None:
        super().__init__(200, headers)
        del self.raw_headers[-1]  # its length is not known
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what happens as it happens; to HEAD the headers."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b""})
        else:
            await self._events.told(receive, send)
