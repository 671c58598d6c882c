"""Tell from how sources are, now and when last looked at, which times of trouble begin, go on and end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from aggregator.health import Health, State
from storage.states import Incident, PollState

TROUBLE = frozenset({State.FAILING, State.BLOCKED, State.GONE, State.SILENT, State.MOVED, State.DEGRADED})
"""How a source is during an incident. `late` is the daemon's own trouble, and `paused` the operator's wish."""
FAILURES = 2
"""Polls that fail one after the other before it is told: one alone is a hiccup."""
LASTING = timedelta(days=1)
"""A fallback that serves, or a gap, is told of after this long. What was mended in a document is not: every poll shows it."""
AGAIN = timedelta(hours=6)
"""Who fails again so soon after a recovery is told of in the same incident."""


def followed(
    known: Sequence[Incident], seen: Mapping[str, tuple[PollState, Health]], now: datetime
) -> tuple[Incident, ...]:
    """
    Return the incidents that are new or to be told otherwise than in `known`.

    `known` are those that are open and those that ended of late; `seen` how each source that is polled is, by id.
    One that is polled no more ends its incident. An incident that goes on keeps its number, so that who reads of it
    sees it edited; one that ended less than six hours ago is opened again.
    """
    changes = [_told(one, seen.get(one.source_id), now) for one in known if one.ended_at is None]
    open_ = {one.source_id for one in known if one.ended_at is None}
    for source_id, (state, health) in seen.items():
        if source_id not in open_ and _is_trouble(state, health, now):
            changes.append(_begun(known, source_id, state, health, now))
    return tuple(change for change in changes if change is not None)


def _is_trouble(state: PollState, health: Health, now: datetime) -> bool:
    match health.state:
        case State.FAILING | State.BLOCKED:
            return state.failures >= FAILURES
        case State.DEGRADED:
            return health.since is not None and now - health.since >= LASTING
        case _:
            return health.state in TROUBLE


def _told(one: Incident, seen: tuple[PollState, Health] | None, now: datetime) -> Incident | None:
    """Return an open incident as it is now; None where there is nothing new to say."""
    if seen is None:
        return replace(one, ended_at=now, changed_at=now)
    state, health = seen
    if health.state not in TROUBLE:
        return None if health.state is State.LATE else replace(one, ended_at=now, changed_at=now)
    if (one.state, one.kind) == (str(health.state), _kind(state, health)):
        return None
    return replace(one, state=str(health.state), kind=_kind(state, health), reason=health.reason, changed_at=now)


def _begun(known: Sequence[Incident], source_id: str, state: PollState, health: Health, now: datetime) -> Incident:
    for one in known:
        if one.source_id == source_id and one.ended_at is not None and now - one.ended_at < AGAIN:
            again = replace(one, ended_at=None, changed_at=now)
            return replace(again, state=str(health.state), kind=_kind(state, health), reason=health.reason)
    since = health.since if health.since is not None and health.since <= now else now
    return Incident(0, source_id, str(health.state), _kind(state, health), health.reason, since, now)


def _kind(state: PollState, health: Health) -> str | None:
    return state.failure_kind if health.state in (State.FAILING, State.BLOCKED, State.GONE) else None
