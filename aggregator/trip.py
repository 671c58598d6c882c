"""One way to a publisher and back: asked once, read for every source that has the address (rule 62)."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from aggregator.budget import Share
from aggregator.calm import UNREACHED
from aggregator.fallbacks import OURS, addresses, chain, left_alone, none_answered, url_of
from aggregator.fetch import Visit, fetch
from aggregator.hosts import host_key
from aggregator.manners import request_of
from aggregator.model import Fetched, NotModified, Source
from aggregator.network import Network
from aggregator.outcomes import Failed, FailureKind, Journey, Missed, PollError, PollResult, Unchanged, Updated
from aggregator.targets import keeps_secrets, locate
from aggregator.workers import Reader
from storage.states import Claim, PollState, Validators

log = logging.getLogger(__name__)


class Rider(NamedTuple):
    """A claimed source on the way."""

    claim: Claim
    source: Source


@dataclass(frozen=True, slots=True)
class Road:
    """What an attempt goes by: the means to ask and to read, and the turns of the hosts that it comes to."""

    network: Network
    reader: Reader
    user_agent: str
    visit: Visit
    """Takes the turn of a URL's host, see `fetch.Visit`."""
    turn: Visit
    """Does so anew where the attempt has it already: for one more request, such as an older page."""
    hold: Callable[[str], None]
    """Lets nothing more start on the host of a URL that answered 429, until the store knows of it."""
    offline: Callable[[], bool]
    """Whether no host of the internet can be reached: then one address says what all would."""


class Trip:
    """
    The way of some claimed sources that ask for the same: one request, one answer, each with its own reading.

    Where it fails, the next of their addresses is asked, each once at most (`fallback`). Whatever happens, each
    source comes back with a result.
    """

    def __init__(self, road: Road, riders: Sequence[Rider], *, force: bool, by_hand: bool = False) -> None:
        self._road = road
        self._riders = riders
        self._force = force
        self._by_hand = by_hand
        self._asked_for: dict[str, str] = {}
        """By URL, as it was sent: the address whose asking came there."""
        self._refused: dict[str, Failed] = {}
        """By host: what its 429 said, which holds for its other addresses too (rule 24)."""

    async def journeys(self, seen_at: datetime) -> list[Journey]:
        """Return what the poll of each rider came to."""
        state, source = self._riders[0].claim.state, self._riders[0].source
        missed: dict[str, list[Missed]] = {rider.source.id: [] for rider in self._riders}
        done: dict[str, Journey] = {}
        under_way = list(self._riders)
        for address in chain(state, source, seen_at, by_hand=self._by_hand):
            url = url_of(state, address)
            if _sent_as(url) in self._asked_for:  # another address has led there
                continue
            results = await self._results(under_way, address, url, seen_at)
            for rider, result in zip(under_way, results, strict=True):
                before = missed[rider.source.id]
                if isinstance(result, Failed):
                    before += [Missed(at, url_of(state, at), result) for at in self._came_to(address)]
                if not isinstance(result, Failed) or result.kind in OURS:
                    answered = None if isinstance(result, Failed) else address
                    done[rider.source.id] = Journey(result, answered, tuple(before))
            under_way = [rider for rider in under_way if rider.source.id not in done]
            if not under_way or self._is_in_vain(results):
                break
        return [done.get(r.source.id) or _in_vain(r, missed[r.source.id], seen_at) for r in self._riders]

    def _came_to(self, address: str) -> list[str]:
        """Return the address that was asked, and those of the others that it led to: they have failed alike."""
        state, source = self._riders[0].claim.state, self._riders[0].source
        others = [at for at in addresses(source) if self._asked_for.get(_sent_as(url_of(state, at))) == address]
        return list(dict.fromkeys((address, *others)))

    def _is_in_vain(self, results: Sequence[PollResult]) -> bool:
        """Return whether our own network explains the failures, so that another address would fail like this one."""
        unreached = all(isinstance(one, Failed) and one.kind in UNREACHED and not one.hops for one in results)
        return unreached and self._road.offline()

    async def _results(self, riders: Sequence[Rider], address: str, url: str, seen_at: datetime) -> list[PollResult]:
        """Ask one address for all; the body has its share of the budget until all have read it."""
        with self._road.network.budget.share() as share:
            answer = await self._answer(riders, address, url, share)
            return [await self._result(rider, answer, seen_at) for rider in riders]

    async def _answer(
        self, riders: Sequence[Rider], address: str, url: str, share: Share
    ) -> Fetched | NotModified | Failed:
        try:
            answer = await self._asked(riders, address, url, share)
        except (Exception, asyncio.CancelledError) as error:
            answer = _failure(error, riders[0])
        for sent in (_sent_as(url), *(hop.target for hop in answer.hops)):
            self._asked_for.setdefault(sent, address)
        if isinstance(answer, Failed) and answer.status == 429:
            at = Missed(address, url, answer).end
            self._refused[host_key(at)] = answer
            self._road.hold(at)
        return answer

    async def _asked(
        self, riders: Sequence[Rider], address: str, url: str, share: Share
    ) -> Fetched | NotModified | Failed:
        if refusal := self._refused.get(host_key(url)):
            return Failed(refusal.kind, f"not asked, as its host said {refusal.detail}", headers=refusal.headers)
        known = riders[0].claim.state.validators
        # A 304 says something only to those who would have asked the same.
        agreed = not self._force and all(rider.claim.state.validators == known for rider in riders)
        # A second address of the host is one more request there, and waits as any other.
        await (self._road.turn(url) if self._asked_for else self._road.visit(url))
        return await fetch(
            self._road.network,
            _at_address(riders[0].source, address),
            url,
            known if agreed else Validators(),
            user_agent=self._road.user_agent,
            share=share,
            visit=self._road.visit,
        )

    async def _result(self, rider: Rider, answer: Fetched | NotModified | Failed, seen_at: datetime) -> PollResult:
        try:
            return await self._read(rider, answer, seen_at)
        except (Exception, asyncio.CancelledError) as error:
            return _failure(error, rider)

    async def _read(self, rider: Rider, answer: Fetched | NotModified | Failed, seen_at: datetime) -> PollResult:
        match answer:
            case Failed():
                return answer
            case NotModified():
                return Unchanged(answer)
            case Fetched() if _same_body(answer, rider.claim.state) and not self._force:
                return Unchanged(answer.without_body())
        reading = await self._road.reader.read(rider.source, answer, seen_at)
        return Updated(answer.without_body(), reading)


def _failure(error: BaseException, rider: Rider) -> Failed:
    """Return what an error is to the poll of the rider."""
    match error:
        case PollError():
            return Failed(error.kind, error.detail, error.status, error.headers, error.hops)
        case asyncio.CancelledError():
            return Failed(FailureKind.INTERRUPTED, "we stopped while it was under way")
    # A fault of ours must cost one poll, not the daemon.
    log.error("source=%s a fault in the corridor", rider.source.id, exc_info=error)
    return Failed(FailureKind.INTERNAL, "a fault of this program; its log has the traceback")


def _in_vain(rider: Rider, missed: Sequence[Missed], seen_at: datetime) -> Journey:
    state, source = rider.claim.state, rider.source
    failed = none_answered(state, source, missed) if missed else left_alone(state, seen_at)
    return Journey(failed, None, tuple(missed))


def _at_address(source: Source, address: str) -> Source:
    """Return the source as the fetch of one of its addresses sees it: what is meant for its first origin stays there."""
    if address == source.url:
        return source
    try:
        kept = keeps_secrets(locate(source.url), locate(address))
    except (PollError, ValueError):
        kept = False
    return replace(source, url=address, headers=source.headers if kept else ())


def _sent_as(url: str) -> str:
    try:
        return locate(url).text
    except (PollError, ValueError):
        return url


def twins_of(sources: Iterable[Source]) -> dict[str, frozenset[str]]:
    """Return for each id that has any the ids of the other sources that ask for the same."""
    families: dict[Hashable, set[str]] = defaultdict(set)
    members = list(sources)
    for source in members:
        families[request_of(source)].add(source.id)
    together = {source.id: families[request_of(source)] - {source.id} for source in members}
    return {name: frozenset(twins) for name, twins in together.items() if twins}


def _same_body(answer: Fetched, state: PollState) -> bool:
    digest = answer.validators.digest
    return answer.truncated is None and digest is not None and digest == state.validators.digest
