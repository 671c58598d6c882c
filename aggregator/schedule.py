"""Decide when a source is polled next, and what its state and its host's are, from what its poll came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from aggregator import gaps, hints
from aggregator.freshness import fresh_for, freshness_hints, retry_after, with_hints
from aggregator.habit import remembered, worked_out
from aggregator.hints import spoken
from aggregator.model import Fetched, Hop, NotModified, Source
from aggregator.outcomes import Failed, FailureKind, PollResult, Unchanged, Updated
from aggregator.profile import profiled
from aggregator.redirects import NOBODY_MOVED, followed
from aggregator.silence import noted
from aggregator.terms import Wait, arithmetic, capped, weighed
from storage.states import FeedInfo, HostState, PollState, Term, Validators

MAX_BACKOFF = timedelta(hours=24)
MAX_TRUNCATED = timedelta(hours=2)
WEEK = timedelta(days=7)
OFFLINE_WAIT = timedelta(minutes=5)
LOST_AFTER = timedelta(days=14)
"""A document that is not found for this long is asked for once a week."""
EXPIRED_FOR = timedelta(days=28)
"""A feed that says that it has ended is asked for this long still, once a week (rule 32)."""

BACKOFF = timedelta(hours=1)
REFUSED = timedelta(hours=4)
"""The first wait after 401, 403, 407, 451, and after a 429 that names none; doubles to a day."""

USUAL_AT_LEAST = Source(id="", url="", name="").at_least
UNVALIDATED_AFTER = 3
UNVALIDATED = timedelta(hours=2)
UNVALIDATED_LARGE = timedelta(hours=6)
LARGE = 1_000_000
"""Bytes of a body that is costly to send whole at every poll (rule 14)."""

_TRUNCATED = "truncated: "


@dataclass(frozen=True, slots=True)
class _Ask:
    """What every path of a decision looks at."""

    state: PollState
    source: Source
    now: datetime
    jitter: float


def after(
    state: PollState,
    host: HostState,
    source: Source,
    result: PollResult,
    now: datetime,
    jitter: float,
    *,
    moved_hosts: Mapping[str, int] = NOBODY_MOVED,
) -> tuple[PollState, HostState]:
    """
    Return the states after a poll that ended `now`: when the next one is due and why, validators, health's facts.

    `jitter` in 0..1 only ever adds (rule 28): no poll comes before the interval, the freshness or the Retry-After
    that was promised. `moved_hosts` is what `redirects.moving_hosts` tells. Rules: docs/etiquette.md, sections A to C.
    """
    ask = _Ask(state, source, now, min(max(jitter, 0.0), 1.0))
    match result:
        case Updated():
            return _updated(ask, result, moved_hosts), _refused(rested(host, now), result.refused, ask)
        case Unchanged():
            return _unchanged(ask, result, moved_hosts), rested(host, now)
        case Failed(kind=FailureKind.INTERRUPTED):
            return interrupted(state, now, source), host
        case Failed(kind=FailureKind.OFFLINE):
            return _offline(ask, result), host
        case Failed():
            return _failed(ask, result, host)


def interrupted(state: PollState, now: datetime, source: Source | None = None) -> PollState:
    """
    Return the state of a source whose poll we broke off: nothing is counted, and its floor holds (rule 29).

    Without `source`, the interval in force stands for its floor.
    """
    floor = (source.every or source.at_least) if source else (state.every or USUAL_AT_LEAST)
    earliest = (state.last_attempt_at or now) + floor
    if earliest <= state.next_poll_at:
        return replace(state, lease_until=None)
    reason = "interrupted; not before its floor"
    terms = (Term(earliest, reason), *(term for term in state.terms if term.until > now))
    return replace(state, lease_until=None, next_poll_at=earliest, next_reason=reason, terms=terms)


def rested(host: HostState, now: datetime) -> HostState:
    """Return the host's state without a wait that has passed."""
    if host.not_before is not None and host.not_before <= now:
        return HostState(host.host)
    return host


# --- answers ----------------------------------------------------------------------------------------------------


def _updated(ask: _Ask, result: Updated, moved_hosts: Mapping[str, int]) -> PollState:
    fetched, reading = result.fetched, result.reading
    cut = fetched.truncated or ("the document ends early" if reading.truncated else None)
    came = bool(result.new) or (bool(reading.records) and ask.state.last_new_at is None)
    own = {
        # A document that was not read whole must be sent again: what is sent back is what the last whole one gave.
        "validators": ask.state.validators if cut else fetched.validators,
        "without_validators": _without_validators(ask.state, fetched.validators),
        "degraded": f"{_TRUNCATED}{cut}" if cut else reading.degraded,
        "feed": _described(ask.state.feed, reading.info),
        "ingest_times": remembered(ask.state.ingest_times, result.new),
        "active_days": noted(ask.state.active_days, result.new),
        "profile": ask.state.profile if cut or fetched.delta else profiled(ask.state.profile, reading, ask.now),
        "last_new_at": ask.now if came else ask.state.last_new_at,
        "hints": hints.of_document(reading.hints, ask.state.hints, ask.now, expired=reading.expired)
        | freshness_hints(fetched.headers),
    }
    state = gaps.noted(ask.state, result, ask.now, floor=_floor(ask.source))
    state = _well(state, fetched.status, fetched.hops, ask.now, moved_hosts, own)
    if cut:
        return _after_truncation(replace(ask, state=state), fetched, again=_was_truncated(ask.state))
    return _answered(replace(ask, state=state), fetched)


def _described(stored: FeedInfo, said: FeedInfo) -> FeedInfo:
    """Return what the feed says of itself; many date themselves anew at every answer, which alone says nothing."""
    return stored if replace(said, updated=stored.updated) == stored else said


def _unchanged(ask: _Ask, result: Unchanged, moved_hosts: Mapping[str, int]) -> PollState:
    known, answer = ask.state.hints, result.answer
    status, without = 304, 0
    if isinstance(answer, Fetched):
        status, without = answer.status, _without_validators(ask.state, answer.validators)
        known = {name: value for name, value in known.items() if name not in hints.OF_HEADERS}
    own = {
        "validators": answer.validators,
        "without_validators": without,
        "hints": {**known, **freshness_hints(answer.headers)},
        # The validators are those of the last whole document, so the whole one is what stands there again.
        "degraded": None if _was_truncated(ask.state) else ask.state.degraded,
    }
    state = _well(ask.state, status, answer.hops, ask.now, moved_hosts, own)
    return _answered(replace(ask, state=state), answer)


def _answered(ask: _Ask, answer: Fetched | NotModified) -> PollState:
    """Return the state after a whole answer, of which `ask.state` knows all but what it says of the next poll."""
    headers, body_bytes, state = with_hints(answer.headers, ask.state.hints), 0, ask.state
    if isinstance(answer, Fetched):
        headers, body_bytes = dict(answer.headers), answer.size

    ended_at = hints.expired_since(state.hints)
    if ended_at is not None and ask.now - ended_at >= EXPIRED_FOR:
        return _stopped(state, "finished", "the feed says that it has ended", ask.now)

    usual = _interval(ask, body_bytes)
    fresh = _freshness(headers, ask)
    waits = [usual, *fresh]  # of equals the first decides: our own interval explains most
    if ask.source.every is None and (hint := hints.asked_for(state.hints)):
        most = max(min(hints.MAX_HINT, ask.source.at_most), ask.source.at_least)
        waits.append(capped(hint[0], most, hint[1]))
    if ended_at is not None:
        waits.append(Wait(WEEK, "the feed says that it has ended: every week, for four weeks"))
    fresh_until = ask.now + fresh[0].time if fresh else None
    return _at(ask, waits, usual.time, every=usual.time, fresh_until=fresh_until)


def _after_truncation(ask: _Ask, fetched: Fetched, *, again: bool) -> PollState:
    """Return the state after a body that ended early: asked again soon, as its entries may be missing (rule 52)."""
    usual = _interval(ask, fetched.size)
    wait = min(max(usual.time, BACKOFF * (2 if again else 1)), max(MAX_TRUNCATED, _floor(ask.source)))
    soon = Wait(wait, "the document was truncated, it is asked for again", f"in place of its usual {usual.reason}")
    fresh = _freshness(fetched.headers, ask)
    fresh_until = ask.now + fresh[0].time if fresh else None
    return _at(ask, [soon, *fresh], wait, every=usual.time, fresh_until=fresh_until)


def _well(
    state: PollState,
    status: int,
    hops: tuple[Hop, ...],
    now: datetime,
    moved_hosts: Mapping[str, int],
    own: Mapping[str, Any],
) -> PollState:
    """Return the state with all trouble forgotten, as one good answer resets everything (rule 46), and the answer's own part."""
    state = replace(
        state,
        lease_until=None,
        retry_after_until=None,
        last_success_at=now,
        last_status=status,
        failures=0,
        failure_kind=None,
        failure_detail=None,
        failing_since=None,
        stopped=None,
        polls=state.polls + 1,
        **own,
    )
    return followed(state, hops, now, moved_hosts)


# --- failures ---------------------------------------------------------------------------------------------------


def _failed(ask: _Ask, result: Failed, host: HostState) -> tuple[PollState, HostState]:
    state = _counted(ask, result)
    again = ask.state.failure_kind == result.kind
    if result.kind is FailureKind.GONE and again:
        return _stopped(state, "gone", "410 Gone twice: not polled any more", ask.now), host

    usual = _interval(ask, 0)
    asked = _retry_after(result.headers, ask)
    lost = again and state.failing_since is not None and ask.now - state.failing_since >= LOST_AFTER
    backoff = _backoff(result.kind, state.failures, usual.time, lost=lost, asked=bool(asked))
    fresh = _freshness(result.headers, ask) if result.status in (429, 503) else []
    waits = [*asked, backoff, *fresh, *_promised(ask.state, ask.now), usual]
    state = _at(
        replace(ask, state=state),
        waits,
        max(wait.time for wait in waits),
        every=usual.time,
        retry_after_until=ask.now + asked[0].time if asked else None,
        fresh_until=ask.now + fresh[0].time if fresh else ask.state.fresh_until,
    )
    if result.kind is not FailureKind.RATE_LIMITED:
        return state, rested(host, ask.now)
    return state, _refused(host, result, replace(ask, state=state))


def _refused(host: HostState, result: Failed | None, ask: _Ask) -> HostState:
    """Return the host's state after a 429 of one of its pages; nothing else is for all of the host (rule 45)."""
    if result is None or result.kind is not FailureKind.RATE_LIMITED or result.status is None:
        return host  # one that was not asked, as another of its answers is waited out, said nothing
    # The time that a host names holds for all of it as it is, and our own doubling where it names none.
    named = _retry_after(result.headers, ask) or [Wait(_doubled(REFUSED, max(ask.state.failures, 1)), "")]
    waits = [*named, *_freshness(result.headers, ask)]
    return _held(host, ask.now + max(wait.time for wait in waits), result.detail)


def _counted(ask: _Ask, result: Failed) -> PollState:
    """Return the state with one failure more, before anything is decided of it."""
    lost = result.kind in (FailureKind.GONE, FailureKind.NOT_FOUND)
    return replace(
        ask.state,
        lease_until=None,
        last_status=result.status,
        failures=ask.state.failures + 1,
        failure_kind=result.kind,
        failure_detail=result.detail,
        failing_since=ask.state.failing_since or ask.now,
        polls=ask.state.polls + 1,
        # Before a proven new address is given up for lost, the one that the operator wrote is asked.
        effective_url=None if lost else ask.state.effective_url,
        stopped=None,
    )


def _offline(ask: _Ask, result: Failed) -> PollState:
    """Return the state while no host at all can be reached: nothing is counted (rule 47)."""
    state = replace(ask.state, lease_until=None)
    if not state.failures:
        state = replace(state, failure_kind=result.kind, failure_detail=result.detail)
    soon = Wait(min(_interval(ask, 0).time, OFFLINE_WAIT), "offline: no host could be reached")
    waits = [soon, *_promised(state, ask.now)]
    return _at(replace(ask, state=state), waits, max(wait.time for wait in waits))


def _promised(state: PollState, now: datetime) -> list[Wait]:
    """Return what an earlier answer asked for and is not over yet, as when a poll was asked for by hand."""
    untils = [at for at in (state.fresh_until, state.retry_after_until) if at is not None and at > now]
    return [Wait(max(untils) - now, "an earlier answer asked for this wait")] if untils else []


def _backoff(kind: FailureKind, failures: int, usual: timedelta, *, lost: bool, asked: bool) -> Wait:
    """Return how long our own manners keep us away after the n-th failure in a row (rules 42 to 46)."""
    times = "1 failure" if failures == 1 else f"{failures} failures"
    match kind:
        case FailureKind.GONE:
            return Wait(max(MAX_BACKOFF, usual), "410 Gone: asked once more after a day")
        case FailureKind.NOT_FOUND if lost:
            return Wait(max(WEEK, usual), "not found for two weeks: every week")
        case FailureKind.RATE_LIMITED if not asked:
            return Wait(max(_doubled(REFUSED, failures), usual), f"rate limited, backoff after {times}")
        case FailureKind.AUTH | FailureKind.BLOCKED:
            return Wait(max(_doubled(REFUSED, failures), usual), f"refused, backoff after {times}")
    return Wait(max(_doubled(BACKOFF, failures), usual), f"backoff after {times}")


def _doubled(first: timedelta, failures: int) -> timedelta:
    return min(first * (1 << min(failures - 1, 10)), MAX_BACKOFF)


# --- terms ------------------------------------------------------------------------------------------------------


def _interval(ask: _Ask, body_bytes: int) -> Wait:
    """Return I: the written interval, else what the source's habit, its floor and its ceiling come to (rule 27)."""
    source, state = ask.source, ask.state
    if source.every is not None:
        return Wait(source.every, f"every {spoken(source.every)}, as written")
    floor, reason = source.at_least, ""
    # An `at_least` below the usual one was written for this source: the operator knows what it stands.
    if state.without_validators >= UNVALIDATED_AFTER and source.at_least >= USUAL_AT_LEAST:
        unvalidated = UNVALIDATED_LARGE if body_bytes > LARGE else UNVALIDATED
        floor, reason = max(floor, unvalidated), ", as it gives no validators" if unvalidated > floor else ""
    if state.last_success_at is None:
        # It never answered: no habit to go by, and a newcomer whose network was not up yet waits no longer than he must.
        return Wait(floor, f"every {spoken(floor)}")
    worked = worked_out(state.ingest_times, state.last_new_at, ask.now, at_least=floor, at_most=source.at_most)
    how = arithmetic(worked, floor=floor, at_most=source.at_most, floor_from=reason.removeprefix(", ") or "at_least")
    interval, halvings = worked.interval, gaps.halvings(state, ask.now)
    if halvings and interval > floor:
        interval = max(interval / (1 << halvings), floor)
        reason = ", as entries went by between two polls"
        return Wait(
            interval, f"every {spoken(interval)}{reason}", f"{how}; halved {halvings} times, not below the floor"
        )
    return Wait(interval, f"every {spoken(interval)}{reason if interval == floor else ''}", how)


def _floor(source: Source) -> timedelta:
    return source.every or source.at_least


def _freshness(headers: Mapping[str, str], ask: _Ask) -> list[Wait]:
    """Return the wait that the answer's freshness asks for, capped; none where it says nothing."""
    fresh = fresh_for(headers, ask.now)
    if not fresh:
        return []
    name = "max-age of" if "max-age" in headers.get("cache-control", "").lower() else "Expires in"
    return [capped(fresh, ask.source.max_freshness, f"{name} {spoken(fresh)}")]


def _retry_after(headers: Mapping[str, str], ask: _Ask) -> list[Wait]:
    asked, most = retry_after(headers, ask.now), ask.source.max_retry_after
    if asked is None:
        return []
    until = ask.now + min(asked, most)
    return [capped(asked, most, f"Retry-After until {until.astimezone(UTC):%Y-%m-%d %H:%M} UTC")]


def _at(ask: _Ask, waits: Sequence[Wait], jittered: timedelta, **also: Any) -> PollState:
    """Return the state with its next poll after the longest wait, a share of `jittered` later, all its terms, and `also`."""
    said = weighed(waits, ask.now, jitter=ask.jitter, jittered=jittered, hints=ask.state.hints)
    return replace(ask.state, next_poll_at=said.at, next_reason=said.reason, terms=said.terms, **also)


def _stopped(state: PollState, word: str, reason: str, now: datetime) -> PollState:
    """Return the state of a source that is polled no more."""
    return replace(state, stopped=word, next_poll_at=now, next_reason=reason, terms=(Term(now, reason),))


def _held(host: HostState, until: datetime, why: str) -> HostState:
    """Return the host's state with a wait; one that reaches further stays."""
    if host.not_before is not None and host.not_before >= until:
        return host
    return HostState(host.host, until, why)


def _without_validators(state: PollState, validators: Validators) -> int:
    if validators.etag is None and validators.last_modified is None:
        return state.without_validators + 1
    return 0


def _was_truncated(state: PollState) -> bool:
    return (state.degraded or "").startswith(_TRUNCATED)
