"""Save what finished polls came to: reconciled, scheduled, all of a batch in one transaction."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from aggregator.calm import host_moved, moved
from aggregator.fallbacks import for_schedule, held, settled
from aggregator.gaps import went_by
from aggregator.hiding import Hiding
from aggregator.hosts import host_key
from aggregator.model import Fetched, Settings, Source
from aggregator.outcomes import Failed, FailureKind, Journey, PollResult, Unchanged, Updated
from aggregator.pacer import Ended, Pacer
from aggregator.reconcile import asked, reconcile
from aggregator.redirects import NOBODY_MOVED, moving_hosts
from aggregator.schedule import after, interrupted, rested
from storage.contract import Store, StoreError
from storage.states import Attempt, Claim, HostState, PollState
from storage.values import Changes, Poll, Saved

log = logging.getLogger(__name__)

_CAPPED = ", capped at "
"""In a reason: what was asked for is more than may be asked for; logged when it begins (rule 23)."""


Holds: TypeAlias = tuple[HostState, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one poll came to, as it was saved."""

    source: Source
    result: PollResult
    state: PollState
    saved: Saved
    took: timedelta
    attempt: Attempt | None = None
    """As its history has it; None for one that we broke off ourselves."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """Where the shell's time and dice come from; given once by the daemon."""

    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    jitter: Callable[[], float]
    """Uniform in 0..1."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A poll that has ended and is not saved yet."""

    claim: Claim
    source: Source
    journey: Journey
    seen_at: datetime
    took: timedelta
    ended: float
    """Monotonic seconds."""
    moved: timedelta = timedelta()
    """`Pacer.moved` when it began."""

    def by_clock(self, moved_now: timedelta) -> Finished:
        """Return it with its states, and when it was seen, as they are by a clock that was set while it was under way."""
        step = moved_now - self.moved
        if not step:
            return self
        state, host = moved(self.claim.state, step), host_moved(self.claim.host, step)
        claim = replace(self.claim, state=state, host=host)
        return replace(self, claim=claim, seen_at=self.seen_at + step, moved=moved_now)

    def with_result(self, result: PollResult) -> Finished:
        """Return it with another result, which then is of no address."""
        if result is self.journey.result:
            return self
        return replace(self, journey=Journey(result, None, self.journey.missed))


class Settler:
    """Turns finished polls into what the store keeps of them. Blocks; runs in one thread at a time."""

    def __init__(self, store: Store, pacer: Pacer, clocks: Clocks) -> None:
        self._store = store
        self._pacer = pacer
        self._clocks = clocks
        self._hiding = Hiding()
        self._waits: dict[str, HostState] = {}
        """By host: the longest wait of those that are being saved."""

    def use(self, settings: Settings) -> None:
        """Judge by the rules of these settings from now on."""
        self._hiding.use(settings)

    def save(self, finished: Sequence[Finished]) -> list[Outcome]:
        """Reconcile and schedule each, save them together; what could not be saved is tried once more alone."""
        now = self._clocks.now()
        finished = [one.by_clock(self._pacer.moved) for one in finished]
        ended = [Ended(one.source, one.claim.state, one.journey, one.ended) for one in finished]
        results = self._pacer.judged(ended, now)
        self._waits.clear()
        finished = [one.with_result(result) for one, result in zip(finished, results, strict=True)]
        settled = [self._settled_whatever_comes(one, now) for one in finished]
        saved = self._store.save_polls([poll for poll, _ in settled], now)
        outcomes = []
        for one, (poll, result), done in zip(finished, settled, saved, strict=True):
            if done.error is None:
                outcomes.append(Outcome(one.source, result, poll.state, done, one.took, poll.attempt))
            else:
                outcomes.append(self._save_alone(one, now))
        return outcomes

    def _save_alone(self, one: Finished, now: datetime) -> Outcome:
        """Save a poll that clashed with another of its batch (two sources claiming one public id), or its failure."""
        poll, result = self._settled_whatever_comes(one, now)
        (done,) = self._store.save_polls([poll], now)
        if done.error is not None:
            log.error("source=%s could not be saved: %s", one.source.id, done.error)
            result = Failed(FailureKind.STORAGE, done.error)
            poll, result = self._settled(one.with_result(result), now)
            (done,) = self._store.save_polls([poll], now)
        return Outcome(one.source, result, poll.state, done, one.took, poll.attempt)

    def _settled_whatever_comes(self, one: Finished, now: datetime) -> tuple[Poll, PollResult]:
        """Do what `_settled` does; a fault of ours there is this poll's outcome, and no matter of its batch."""
        failed = Failed(FailureKind.INTERNAL, "a fault of this program; its log has the traceback")
        for result in (one.journey.result, failed):
            try:
                return self._settled(one.with_result(result), now)
            except StoreError:
                raise
            except Exception:  # as in `_poll`: a document must not take those that are saved beside it along
                log.exception("source=%s a fault in what its poll changes", one.source.id)
        return Poll(interrupted(one.claim.state, now, one.source), rested(one.claim.host, now)), failed

    def _settled(self, one: Finished, now: datetime) -> tuple[Poll, PollResult]:
        """Return what is to be saved of a finished poll, and its result with the instants of what is new."""
        result, changes = one.journey.result, Changes()
        if isinstance(result, Updated):
            known = self._store.known(one.source.id, *asked(result.reading))
            changes = reconcile(known, result.reading, one.source, one.seen_at)
            changes = self._hiding.judged(changes, result.reading.records, one.source.id)
            result = replace(result, gap=went_by(one.claim.state, known, changes, result, one.seen_at))
            if not known.empty:
                result = replace(result, new=tuple(sorted(min(r.published, r.first_seen) for r in changes.new)))
        state, host, held = self._scheduled(one, result, now)
        if _CAPPED in state.next_reason and _CAPPED not in one.claim.state.next_reason:
            log.info("source=%s is asked again sooner than it wishes: %s", one.source.id, state.next_reason)
        return Poll(state, host, changes, _told(one, result, changes, now), held), result

    def _scheduled(self, one: Finished, result: PollResult, now: datetime) -> tuple[PollState, HostState, Holds]:
        """Return the state after the poll, that of the host whose turn it took, and the hosts that it is to let alone."""
        before, source = one.claim.state, one.source
        plain = for_schedule(result, first=one.journey.address in {None, source.url})
        moved = moving_hosts(before, self._store.states()) if _redirected_for_good(plain) else NOBODY_MOVED
        jitter = self._clocks.jitter()
        # A wait that was over when the poll began may have been followed by another one, which it knows nothing of.
        claimed = rested(one.claim.host, now)
        at = claimed if isinstance(plain, Failed) else _host_of(plain, claimed)
        state, host = after(before, at, source, plain, now, jitter, moved_hosts=moved)
        state = settled(before, state, source, one.journey, now, jitter)
        # Which host refused is told by the address that was asked, or where it led, not by whose turn it began.
        refused = held(before, source, one.journey, now)
        waits = refused if isinstance(plain, Failed) else (*refused, host)
        return state, claimed, tuple(map(self._longest, waits))

    def _longest(self, host: HostState) -> HostState:
        """Return the host with the wait that it asked for, or with a longer one that it asked for before."""
        if host.not_before is None:
            return host
        known = self._waits.get(host.host) or self._store.host(host.host)
        if known.not_before is not None and known.not_before > host.not_before:
            host = known
        self._waits[host.host] = host
        return host


def _told(one: Finished, result: PollResult, changes: Changes, now: datetime) -> Attempt | None:
    """Return the poll as its history shows it; None for one that we broke off ourselves."""
    match result:
        case Updated(fetched=answer):
            detail = answer.truncated or result.reading.degraded
            size, new, updated = answer.size, len(changes.new), len(changes.updated)
            return Attempt(now, one.took, "updated", answer.status, size, new, updated, detail)
        case Unchanged(answer=answer):
            if isinstance(answer, Fetched):
                return Attempt(now, one.took, "unchanged", answer.status, answer.size)
            return Attempt(now, one.took, "unchanged", 304)
        case Failed(kind=FailureKind.INTERRUPTED):
            return None
        case Failed():
            return Attempt(now, one.took, str(result.kind), result.status, detail=result.detail)


def _host_of(answered: Updated | Unchanged, claimed: HostState) -> HostState:
    """Return the state of the host that answered, which may not be the one whose turn the poll began with."""
    answer = answered.fetched if isinstance(answered, Updated) else answered.answer
    host = host_key(answer.url)
    return claimed if host == claimed.host else HostState(host)


def _redirected_for_good(result: PollResult) -> bool:
    """Return whether the answer came by a permanent redirect, so that it matters who else moves there (rule 35)."""
    match result:
        case Updated(fetched=answer) | Unchanged(answer=answer):
            return bool(answer.hops) and answer.hops[0].status in (301, 308)
    return False
