"""All sources on a page, those that want a hand first: how each is, why, since when, when it is asked next, what it brought."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlencode

from markupsafe import Markup
from starlette.exceptions import HTTPException

from aggregator.health import PAUSED, Row, State, health_of, weather_of
from aggregator.model import Settings
from aggregator.web.drawn import DAYS, by_day
from aggregator.web.pages import Frame, framed
from aggregator.web.rows import rows_of
from storage.contract import Store

A_PAGE = 50
"""Sources on a page."""

_WORST = (
    State.FAILING,
    State.BLOCKED,
    State.GONE,
    State.LATE,
    State.SILENT,
    State.DEGRADED,
    State.MOVED,
    State.OK,
    State.PAUSED,
)


class Standing(NamedTuple):
    """A source among the others, in the order in which they are shown."""

    rank: int
    since: str
    position: int
    id: str
    state: State


def ranked(store: Store, settings: Settings, now: datetime) -> list[Standing]:
    """
    Return all sources of feeds.yaml, the worst first, then those that have been so the longest. Blocks.

    A state is all that is told of each here: with 10,000 sources that takes half a second, a page of them no more.
    """
    states = store.states()
    written, weather = {source.id: source for source in settings.sources}, weather_of(states, now)
    found = [_paused(source.position, source.id) for source in settings.paused]
    for state in states:
        source = state.source
        health = health_of(state, now, written.get(source.id), weather=weather)
        since = health.since.isoformat() if health.since else "~"
        found.append(Standing(_WORST.index(health.state), since, source.position, source.id, health.state))
    return sorted(found)


def _paused(position: int, source_id: str) -> Standing:
    return Standing(_WORST.index(PAUSED.state), "", position, source_id, PAUSED.state)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which sources, and which page of them."""

    state: State | None = None
    page: int = 1

    def place(self, page: int = 1) -> str:
        """Return where that page of the same sources lies."""
        told = [("state", str(self.state))] if self.state else []
        told += [("page", str(page))] if page > 1 else []
        return f"sources?{urlencode(told)}" if told else "sources"


def asked_of(parameters: Sequence[tuple[str, str]]) -> Asked:
    """Return what is asked for. Raises HTTPException 400 with a sentence where it cannot be read."""
    given = dict(parameters)
    state, page = given.get("state") or None, given.get("page") or "1"
    if state is not None and state not in list(State):
        raise HTTPException(400, f"state={state[:40]} is none of {', '.join(State)}")
    if not (page.isascii() and page.isdigit() and len(page) < 7 and int(page)):
        raise HTTPException(400, f"page={page[:40]} is no number of a page")
    return Asked(State(state) if state else None, int(page))


@dataclass(frozen=True, slots=True)
class Told:
    """A source as the page shows it."""

    row: Row
    history: Markup


def board_page(
    store: Store,
    settings: Settings,
    frame: Frame,
    asked: Asked,
    standings: Sequence[Standing],
    now: datetime,
    troubles: Sequence[str] = (),
) -> bytes:
    """
    Return the page of sources; only those that stand on it are looked at. Blocks. Raises StoreError.

    `troubles` are those of the daemon itself, a sentence each: what keeps all sources from being polled stands first.
    """
    wanted = [one for one in standings if asked.state in (None, one.state)]
    last = max(1, -(-len(wanted) // A_PAGE))
    page = min(asked.page, last)
    ids = [one.id for one in wanted[(page - 1) * A_PAGE : page * A_PAGE]]
    sources = {source.id: source for source in (*settings.sources, *settings.paused)}
    rows = {row["id"]: row for row in rows_of(store, settings, [sources[id_] for id_ in ids if id_ in sources], now)}
    today = now.astimezone(UTC).date()
    days = store.days(ids, today - timedelta(days=DAYS - 1))
    counted = Counter(one.state for one in standings)
    return framed(
        "sources.html",
        frame,
        told=[Told(rows[id_], by_day(dict(days.get(id_, {})), today)) for id_ in ids if id_ in rows],
        asked=asked,
        troubles=troubles,
        all=len(standings),
        filters=[(state, counted[state]) for state in _WORST if counted[state]],
        page=page,
        last=last,
        days=DAYS,
    )
