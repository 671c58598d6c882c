"""One way to a publisher and back: asked once, read for every source that has the address (rule 62)."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from aggregator.budget import Share
from aggregator.fetch import fetch
from aggregator.manners import request_of
from aggregator.model import (
    Failed,
    FailureKind,
    Fetched,
    NotModified,
    PollError,
    PollResult,
    Source,
    Unchanged,
    Updated,
)
from aggregator.network import Network
from aggregator.workers import Reader
from storage.contract import Claim, PollState, Validators

log = logging.getLogger(__name__)


class Rider(NamedTuple):
    """A claimed source on the way."""

    claim: Claim
    source: Source


class Trip:
    """
    The way of some claimed sources that ask for the same: one request, one answer, each with its own reading.

    Whatever happens, each comes back with a result.
    """

    def __init__(
        self, network: Network, reader: Reader, user_agent: str, riders: Sequence[Rider], *, force: bool
    ) -> None:
        self._network = network
        self._reader = reader
        self._user_agent = user_agent
        self._riders = riders
        self._force = force
        self._answer: Fetched | NotModified | Failed | None = None

    async def results(self, seen_at: datetime) -> list[PollResult]:
        """Return what the poll of each rider came to; the body has its share of the budget until all are read."""
        with self._network.budget.share() as share:
            return [await self._result(rider, seen_at, share) for rider in self._riders]

    async def _result(self, rider: Rider, seen_at: datetime, share: Share) -> PollResult:
        result: PollResult
        try:
            if self._answer is None:
                self._answer = await self._asked(share)
            return await self._read(rider, self._answer, seen_at)
        except PollError as error:
            result = Failed(error.kind, error.detail, error.status, error.headers, error.hops)
        except asyncio.CancelledError:
            self._answer = result = Failed(FailureKind.INTERRUPTED, "we stopped while it was under way")
        except Exception:  # a fault of ours must cost one poll, not the daemon; the traceback is logged
            log.exception("source=%s a fault in the corridor", rider.source.id)
            result = Failed(FailureKind.INTERNAL, "a fault of this program; its log has the traceback")
        # What was refused to the first is not asked for again by the next.
        self._answer = self._answer or result
        return result

    async def _asked(self, share: Share) -> Fetched | NotModified:
        state, source = self._riders[0].claim.state, self._riders[0].source
        # A 304 says something only to those who would have asked the same.
        agreed = not self._force and all(rider.claim.state.validators == state.validators for rider in self._riders)
        return await fetch(
            self._network,
            source,
            state.effective_url or source.url,
            state.validators if agreed else Validators(),
            user_agent=self._user_agent,
            share=share,
        )

    async def _read(self, rider: Rider, answer: Fetched | NotModified | Failed, seen_at: datetime) -> PollResult:
        match answer:
            case Failed():
                return answer
            case NotModified():
                return Unchanged(answer)
            case Fetched() if _same_body(answer, rider.claim.state) and not self._force:
                return Unchanged(answer)
        return Updated(answer, await self._reader.read(rider.source, answer, seen_at))


def twins_of(sources: Iterable[Source]) -> dict[str, frozenset[str]]:
    """Return for each id that has any the ids of the other sources that ask for the same."""
    families: dict[Hashable, set[str]] = defaultdict(set)
    members = list(sources)
    for source in members:
        families[request_of(source)].add(source.id)
    together = {source.id: families[request_of(source)] - {source.id} for source in members}
    return {name: frozenset(twins) for name, twins in together.items() if twins}


def _same_body(answer: Fetched, state: PollState) -> bool:
    return answer.truncated is None and answer.validators.digest == state.validators.digest
