"""Which addresses of a source are asked, in which order, and what becomes of each: `fallback` in feeds.yaml."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from math import ceil

from aggregator.hosts import host_key
from aggregator.model import Source
from aggregator.outcomes import Failed, FailureKind, Journey, Missed, PollResult, Unchanged, Updated
from aggregator.schedule import after
from storage.states import HostState, PollState, Rest, Term

OURS = frozenset({FailureKind.INTERRUPTED, FailureKind.OFFLINE, FailureKind.STORAGE, FailureKind.INTERNAL})
"""Failures that no other address would mend."""

_LOST = (FailureKind.NOT_FOUND, FailureKind.GONE)
_BRIEF = 90


def addresses(source: Source) -> tuple[str, ...]:
    """Return the addresses of the source as feeds.yaml has them, the first first, each once."""
    return tuple(dict.fromkeys((source.url, *source.fallback)))


def chain(state: PollState, source: Source, now: datetime, *, by_hand: bool = False) -> tuple[str, ...]:
    """
    Return the addresses that a poll asks, one after the other until one answers.

    The one in use comes first, unless the first address is to be tried again. What failed is left alone for as long
    as rules 42 to 46 say; `by_hand`, only for as long as its publisher said. Empty where nothing may be asked.
    """
    known = addresses(source)
    rests = {rest.address: rest for rest in state.rests}
    ready = [at for at in known if at not in rests or _is_over(rests[at], now, by_hand=by_hand)]
    if not ready:  # as when the list was shortened meanwhile
        return tuple(at for at in known if not rests[at].promised)[:1]
    if state.address in ready and known[0] not in ready:
        return (state.address, *(at for at in ready if at != state.address))
    return tuple(ready)


def _is_over(rest: Rest, now: datetime, *, by_hand: bool) -> bool:
    return (by_hand and not rest.promised) or (rest.until is not None and rest.until <= now)


def url_of(state: PollState, address: str) -> str:
    """Return the URL that is asked for an address: where the first one moved for good is asked in its place (rule 35)."""
    return state.effective_url or address if address == state.source.url else address


def none_answered(state: PollState, source: Source, missed: Sequence[Missed]) -> Failed:
    """
    Return the failure of a source none of whose addresses answered.

    Its kind is that of the failure which leaves most hope, so that a source is given up when all are.
    """
    known = addresses(source)
    if len(known) == 1 and missed:
        return missed[0].failure
    asked = {one.address: one.failure for one in missed}
    left = {rest.address: rest for rest in state.rests if rest.address in known and rest.address not in asked}
    failures = [*asked.values(), *(Failed(FailureKind(rest.kind), rest.detail) for rest in left.values())]
    worst = min(failures, key=lambda one: _LOST.index(one.kind) + 1 if one.kind in _LOST else 0)
    said = [f"{nth} ({host_key(at)}): {_brief(at, asked, left)}" for nth, at in enumerate(known, 1)]
    detail = f"none of its {len(known)} addresses answers; {'; '.join(said)}"
    return Failed(worst.kind, detail, worst.status)


def _brief(address: str, asked: dict[str, Failed], left: dict[str, Rest]) -> str:
    if address in asked:
        return f"{asked[address].detail[:_BRIEF]} ({asked[address].kind})"
    if address not in left:
        return "not asked"
    until = left[address].until
    return f"left alone{f' until {_spoken(until)}' if until else ', as it is gone'} ({left[address].kind})"


def left_alone(state: PollState, now: datetime) -> Failed:
    """Return the failure of a poll that found no address which it may ask."""
    until = min((rest.until for rest in state.rests if rest.promised and rest.until), default=now)
    return Failed(
        FailureKind.RATE_LIMITED,
        f"its publisher wants to be left alone until {_spoken(until)}",
        headers={"retry-after": str(ceil((until - now).total_seconds()))},
    )


def for_schedule(result: PollResult, *, first: bool) -> PollResult:
    """Return the result as `schedule.after` is to see it: only the first address moves for good (rule 35)."""
    match result:
        case Updated() if not first:
            return replace(result, fetched=replace(result.fetched, hops=()))
        case Unchanged() if not first:
            return Unchanged(replace(result.answer, hops=()))
    return result


def held(before: PollState, source: Source, journey: Journey, now: datetime) -> tuple[HostState, ...]:
    """Return the hosts that answered 429 on the way, each with its wait (rules 24 and 45)."""
    refused = [one for one in journey.missed if one.failure.status == 429]
    return tuple(
        after(_alone(before, source, one.address), HostState(host_key(one.end)), source, one.failure, now, 0.0)[1]
        for one in refused
    )


def settled(
    before: PollState, state: PollState, source: Source, journey: Journey, now: datetime, jitter: float
) -> PollState:
    """
    Return the state after a poll with what became of each address.

    `before` is the state that the poll began with, `state` what `schedule.after` made of it by the poll's result.
    """
    known = addresses(source)
    rests = {rest.address: rest for rest in before.rests if rest.address in known}
    offline = isinstance(journey.result, Failed) and journey.result.kind is FailureKind.OFFLINE
    if len(known) > 1 and not offline:
        for one in journey.missed:
            if one.failure.kind not in OURS:
                rests[one.address] = _rest(before, source, one, now, jitter)
    if journey.address is not None:
        rests.pop(journey.address, None)
    in_use = before.address if journey.address is None else journey.address
    address = in_use if in_use in known[1:] and (journey.address or source.url in rests) else None
    resting = tuple(rests[address] for address in known if address in rests)
    if (address, resting) != (state.address, state.rests):
        state = replace(state, address=address, rests=resting)
    if journey.address not in (None, source.url):
        state = _first_untouched(before, state, lost=_is_lost(journey, source))
    if state.failures and len(rests) == len(known) > 1:
        state = _all_resting(state, source, now)
    at_host = _other_host(state, source)
    return state if at_host == state.at_host else replace(state, at_host=at_host)


def _rest(before: PollState, source: Source, missed: Missed, now: datetime, jitter: float) -> Rest:
    """Return how long an address that failed is left alone: as long as if it were the source's only one."""
    alone = _alone(before, source, missed.address)
    then, _ = after(alone, HostState(""), source, missed.failure, now, jitter)
    until = None if then.stopped else then.next_poll_at
    kind, detail = missed.failure.kind, missed.failure.detail
    since = alone.failing_since or now
    return Rest(missed.address, until, then.failures, kind, detail, since, then.retry_after_until is not None)


def _alone(before: PollState, source: Source, address: str) -> PollState:
    """Return the state as it were if the address was the source's only one."""
    if len(addresses(source)) == 1:
        return before
    rest = next((rest for rest in before.rests if rest.address == address), None)
    return replace(
        before,
        failures=rest.failures if rest else 0,
        failure_kind=rest.kind if rest else None,
        failing_since=rest.since if rest else None,
        fresh_until=None,
        retry_after_until=None,
    )


def _first_untouched(before: PollState, state: PollState, *, lost: bool) -> PollState:
    """Return the state with what is known of where the first address moved: another one's answer tells nothing of it."""
    if lost:
        return replace(state, effective_url=None, redirect_target=None, redirect_seen=0, redirect_since=None)
    return replace(
        state,
        effective_url=before.effective_url,
        redirect_target=before.redirect_target,
        redirect_seen=before.redirect_seen,
        redirect_since=before.redirect_since,
    )


def _is_lost(journey: Journey, source: Source) -> bool:
    return any(one.address == source.url and one.failure.kind in _LOST for one in journey.missed)


def _all_resting(state: PollState, source: Source, now: datetime) -> PollState:
    """Return the state with its next poll when the first of its addresses may be asked again, not before its floor."""
    promised = [rest.until for rest in state.rests if rest.promised and rest.until]
    all_promised = len(promised) == len(state.rests)
    state = replace(state, retry_after_until=min(promised) if all_promised else None)
    untils = [rest.until for rest in state.rests if rest.until is not None]
    if state.stopped or not untils:
        return state
    at, reason = max(min(untils), now + (source.every or source.at_least)), "each of its addresses is left alone"
    terms = [
        Term(rest.until, f"{host_key(rest.address)} is left alone ({rest.kind})")
        for rest in sorted(state.rests, key=lambda rest: (rest.until is None, rest.until))
        if rest.until is not None
    ]
    return replace(state, next_poll_at=at, next_reason=reason, terms=(Term(at, reason), *terms))


def _other_host(state: PollState, source: Source) -> str | None:
    """Return whose turn the next poll takes, where that is not the source's own host."""
    order = chain(state, source, state.next_poll_at)
    host = host_key(url_of(state, order[0])) if order else state.source.host
    return None if host == state.source.host else host


def _spoken(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
