"""Who is polled, worked out of the settings once: by id, with whom each shares a request, how long a claim holds."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from aggregator.agent import with_agent
from aggregator.fallbacks import addresses, chain
from aggregator.hosts import host_and_port
from aggregator.model import Polling, Settings, Source
from aggregator.trip import twins_of
from aggregator.visits import MOST_WAIT
from storage.states import PollState

LEASE_BEYOND_TIMEOUT = timedelta(minutes=5)
"""A lease outlives its attempt's deadline by this: reading and saving, on a machine that is busy."""


@dataclass(frozen=True, slots=True)
class Roster:
    """Who is polled, worked out of the settings so that what each poll asks for is only looked up."""

    sources: Mapping[str, Source]
    """By id."""
    twins: Mapping[str, frozenset[str]]
    """By id, of those that have any: the others that ask for the same."""
    lease: timedelta
    own: frozenset[str]
    """Ids of the sources on hosts of `allow_private`."""

    def twins_of(self, ids: Collection[str]) -> frozenset[str]:
        """Return the twins of these sources that are none of them."""
        return frozenset[str]().union(*(self.twins.get(one, ()) for one in ids)).difference(ids)

    def ask_alike(self, one: PollState, other: PollState, now: datetime) -> bool:
        """Return whether twins would ask the same addresses in the same order."""
        mine, theirs = self.sources.get(one.source.id), self.sources.get(other.source.id)
        if mine is None or theirs is None or theirs.id not in self.twins.get(mine.id, ()):
            return False
        return one.effective_url == other.effective_url and all(
            chain(one, mine, now, by_hand=by_hand) == chain(other, theirs, now, by_hand=by_hand)
            for by_hand in (False, True)
        )


def roster(settings: Settings) -> Roster:
    """Return who is polled by these settings."""
    private = settings.polling.allow_private
    # Where a body may be read for longer than usual, beside others and then alone.
    patience = settings.polling.max_reading - Polling().max_reading
    longest = max((source.timeout * len(addresses(source)) for source in settings.sources), default=timedelta())
    return Roster(
        sources={source.id: with_agent(source, settings.server.base_url) for source in settings.sources},
        twins=twins_of(settings.sources),
        lease=LEASE_BEYOND_TIMEOUT + timedelta(seconds=MOST_WAIT) + longest + 2 * max(timedelta(), patience),
        own=frozenset(source.id for source in settings.sources if private and host_and_port(source.url) in private),
    )
