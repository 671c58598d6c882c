"""What every handler works with: the store, the settings in force, the site, and what was made and is kept."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace
from datetime import datetime
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.types import Scope

from aggregator.model import Settings
from aggregator.web.answer import RawHeaders, Representation
from aggregator.web.memory import Make, Memory, Revision
from aggregator.web.site import Site, admits, site_of
from storage.contract import Store

LONGEST = 2000
"""Bytes of a query string, at most."""

LONGEST_LOOK = 10
"""Seconds for which who asks how sources are may wait for a look that is under way, and not begin another one."""

SHARED: RawHeaders = [
    (b"vary", b"Accept, Accept-Encoding"),
    (b"x-content-type-options", b"nosniff"),
    (b"access-control-allow-origin", b"*"),
]
"""What feeds, records and JSON carry."""


class Desk:
    """The store, the settings in force, and what was made of them."""

    def __init__(self, store: Store, settings: Callable[[], Settings], now: Callable[[], datetime]) -> None:
        self.store, self.settings, self.now = store, settings, now
        self.revision = Revision(store)
        self._memory, self._health, self._of_settings = Memory(), Memory(), Memory()
        self._site_of: tuple[Settings, Site] | None = None
        self._made_in: tuple[object, int] = (None, 0)

    @property
    def site(self) -> Site:
        """Return the site of the settings in force."""
        settings = self.settings()
        if self._site_of is None or self._site_of[0] is not settings:
            self._site_of = (settings, site_of(settings.server))
        return self._site_of[1]

    def site_for(self, scope: Scope) -> Site:
        """Return the site for a page that is asked for: its links carry the token on where it stands in the address."""
        site = self.site
        return (
            replace(site, carried=site.token)
            if site.token and admits(site.token, scope["query_string"], None)
            else site
        )

    @property
    def is_making(self) -> bool:
        """Return whether something that shows records is being made for somebody who waits for it."""
        return self._memory.making > 0

    @property
    def fresh(self) -> bytes:
        """Health may change at any moment: kept, but asked for anew every time."""
        return b"private, no-cache" if self.site.token else b"no-cache"

    async def kept(self, key: Hashable, make: Make, *, searched: bool = False) -> Representation:
        """
        Return what shows records, made once for each change of them and of the settings.

        `searched` says that it holds what search found: that may be a moment later than the record, when the index has
        it. `make` must use the settings that are in force now. Raises what it raises, and StoreError.
        """
        settings = self.settings()
        seen = await self.revision.read()
        return await self._memory.get((seen.records, settings), (key, seen.found) if searched else key, make)

    async def at_present(self, key: Hashable, now: datetime, make: Make) -> Representation:
        """
        Return what shows health, made at most once a second: thirty-six thousand sources take 3 s to look at.

        What the store itself changed shows at once. What takes longer than a second is waited for by all who ask.
        """
        state = (await self.revision.read()).records, self.settings()
        made, second = self._made_in
        present = int(now.timestamp())
        if made != state or not 0 <= present - second < LONGEST_LOOK or not self._health.is_making(key):
            self._made_in = state, present
        return await self._health.get(self._made_in, key, make)

    async def of_settings(self, key: Hashable, make: Make) -> Representation:
        """Return what shows feeds.yaml alone; the store is not looked at."""
        return await self._of_settings.get(self.settings(), key, make)


def parameters(scope: Scope) -> list[tuple[str, str]]:
    """Return the names and values of the query string, the token left out. Raises HTTPException 400 where it is too long."""
    query: bytes = scope["query_string"]
    if len(query) > LONGEST:
        raise HTTPException(400, f"the query string is longer than {LONGEST} bytes")
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, errors="replace")
    return [(name, value) for name, value in pairs if name != "token"]
