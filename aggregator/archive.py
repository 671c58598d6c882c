"""Reads the pages before a document that has nothing in common with what is stored (rule 76)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from urllib.parse import urldefrag

from aggregator.budget import Share
from aggregator.fetch import Visit, fetch
from aggregator.gaps import may_follow
from aggregator.hosts import redact, same_site
from aggregator.matching import meets
from aggregator.model import Fetched, Reading, Source
from aggregator.network import Network
from aggregator.outcomes import Failed, FailureKind, Journey, PollError, Updated
from aggregator.reconcile import asked
from aggregator.workers import Reader
from storage.contract import Store, StoreError
from storage.states import Claim, Validators
from storage.values import Known

log = logging.getLogger(__name__)

PAGES = 3
"""Requests at most for what went by between two polls."""

TIME = timedelta(minutes=4)
"""For all of them, the waits for the host's turn included: a lease must outlive it (`roster.LEASE_BEYOND_TIMEOUT`)."""


@dataclass(slots=True)
class _Seeker:
    """A source that looks for what it missed: where its journey stands, and what it has read so far."""

    at: int
    source: Source
    result: Updated

    @property
    def reading(self) -> Reading:
        return self.result.reading

    def found(self, page: Reading) -> None:
        """Add the entries of a page."""
        self.result = replace(self.result, reading=replace(self.reading, older=(*self.reading.older, *page.records)))

    def ended(self, how: str) -> None:
        """Keep in words what became of the search."""
        self.result = replace(self.result, reading=replace(self.reading, followed=how))


class Archive:
    """
    The pages before a document: an archive (RFC 5005 section 4), the next page of a paged feed (section 3), `next_url`.

    They are asked for without conditions, on the document's own site only, one after the other, until one of them has
    an entry that is stored. What goes wrong with them costs nothing of the document: it is kept in words.
    """

    def __init__(
        self,
        network: Network,
        reader: Reader,
        store: Store,
        user_agent: str,
        *,
        turn: Visit,
        visit: Visit,
        hold: Callable[[str], None],
    ) -> None:
        """
        `turn` is awaited before each page, `visit` before each hop of a redirect that a page answers with.

        `hold` is called with the URL of a page that answered 429, so that nothing more starts on its host.
        """
        self._network = network
        self._reader = reader
        self._store = store
        self._user_agent = user_agent
        self._turn = turn
        self._visit = visit
        self._hold = hold

    async def extended(
        self, riders: Sequence[tuple[Claim, Source]], journeys: Sequence[Journey], seen_at: datetime
    ) -> list[Journey]:
        """
        Return the journeys of sources that were given one answer, with the entries of older pages where a gap wants them.

        Each page is asked for once, whoever needs it. `journeys` stand in the order of `riders`.
        """
        extended = list(journeys)
        seekers = [
            _Seeker(at, source, journey.result)
            for at, ((claim, source), journey) in enumerate(zip(riders, journeys, strict=True))
            if isinstance(journey.result, Updated) and may_follow(claim.state, journey.result)
        ]
        try:
            seekers = [seeker for seeker in seekers if await self._wants(seeker)]
            if seekers:
                await self._followed(seekers, seen_at)
        except asyncio.CancelledError:
            _end(seekers, "the pages before it were not read to the end, as we stopped")
        except StoreError as error:
            _end(seekers, f"the pages before it were not read to the end ({error})")
        except Exception:  # a fault of ours must not cost the document that was read
            log.exception("source=%s a fault in following the pages before its document", seekers[0].source.id)
            _end(seekers, "a fault of this program kept it from the pages before")
        for seeker in seekers:
            extended[seeker.at] = replace(extended[seeker.at], result=seeker.result)
        return extended

    async def _wants(self, seeker: _Seeker) -> bool:
        """Return whether there is something stored, and nothing of it in the document."""
        known = await self._known(seeker)
        return any(entry.listed for entry in known.entries) and not meets(known, seeker.reading)

    async def _known(self, seeker: _Seeker) -> Known:
        return await asyncio.to_thread(self._store.known, seeker.source.id, *asked(seeker.reading))

    async def _followed(self, seekers: Sequence[_Seeker], seen_at: datetime) -> None:
        """Follow the pages until all have met what is stored of them, or there is no way on."""
        looking, way = list(seekers), _Way(seekers[0].result.fetched.url, seekers[0].reading.previous)
        try:
            async with asyncio.timeout(TIME.total_seconds()):
                while looking and not way.ended:
                    looking = await self._page(way, looking, seen_at)
            _end(looking, f"{way.ended}; {_pages(way.read)} before it were read, none with what was stored")
        except TimeoutError:
            _end(looking, f"the pages before it were not read to the end, as they took more than {TIME}")
        except PollError as error:
            _end(looking, f"the page before it could not be read: {error.detail} ({error.kind})")
            for seeker in looking:
                refused = Failed(error.kind, error.detail, error.status, error.headers)
                seeker.result = replace(seeker.result, refused=refused)
        for seeker in seekers:
            log.info("source=%s entries went by: %s", seeker.source.id, seeker.reading.followed)

    async def _page(self, way: _Way, looking: Sequence[_Seeker], seen_at: datetime) -> list[_Seeker]:
        """Read one page for all that look, go on to the next, and return those that have not met what they look for."""
        with self._network.budget.share() as share:
            page = await self._asked(way.url, looking[0].source, share)
            way.arrived_at(page.url)
            readings = [await self._reader.read(seeker.source, page, seen_at) for seeker in looking]
        if page.truncated or readings[0].truncated:
            raise PollError(FailureKind.PARSE, f"{redact(page.url)} ends early")
        for seeker, reading in zip(looking, readings, strict=True):
            seeker.found(reading)
        way.leads_to(readings[0].previous)
        met = [meets(await self._known(seeker), seeker.reading) for seeker in looking]
        for seeker in (seeker for seeker, has_met in zip(looking, met, strict=True) if has_met):
            seeker.ended(f"what stood there before was read from {_pages(way.read)} before it")
        return [seeker for seeker, has_met in zip(looking, met, strict=True) if not has_met]

    async def _asked(self, url: str, source: Source, share: Share) -> Fetched:
        await self._turn(url)
        try:
            answer = await fetch(
                self._network, source, url, Validators(), user_agent=self._user_agent, share=share, visit=self._visit
            )
        except PollError as error:
            if error.status == 429:
                self._hold(error.hops[-1].target if error.hops else url)
            raise
        if isinstance(answer, Fetched):
            return answer
        raise PollError(FailureKind.PROTOCOL, "it is not modified, though nothing was said that could be")


@dataclass(slots=True)
class _Way:
    """Where the pages lead: the next one, or why there is none."""

    home: str
    """The document's own URL."""
    previous: str | None
    ended: str = ""
    read: int = 0
    seen: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.seen.add(self.home)
        self.leads_to(self.previous)

    @property
    def url(self) -> str:
        return self.previous or ""

    def arrived_at(self, url: str) -> None:
        """Note the page that answered; one of another site is not read."""
        self.read += 1
        self.seen.add(url)
        if not same_site(url, self.home):
            raise PollError(FailureKind.REDIRECT, f"it lies at another site, {redact(url)}")

    def leads_to(self, previous: str | None) -> None:
        """Take the next page for the way on, if it may be one."""
        self.previous = urldefrag(previous).url if previous else None
        if self.previous is None:
            self.ended = "there it ends"
        elif self.read >= PAGES:
            self.ended = "no more are asked for"
        elif self.previous in self.seen:
            self.ended = "there it leads back to a page that was read"
        elif not same_site(self.previous, self.home):
            self.ended = f"the next page lies at another site, {redact(self.previous)}"
        self.seen.add(self.previous or "")


def _end(seekers: Sequence[_Seeker], how: str) -> None:
    for seeker in seekers:
        seeker.ended(f"entries may have gone by unseen: {how}")


def _pages(count: int) -> str:
    return "1 page" if count == 1 else f"{count} pages"
