"""How one source is, with every reason for the time of its next poll: `/source/{id}/status` as a page and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.exceptions import HTTPException

from aggregator.account import source_account
from aggregator.health import PAUSED, State, paused_row
from aggregator.model import Settings
from aggregator.web.drawn import DAYS, Bar, bars, by_day
from aggregator.web.feeds import near
from aggregator.web.pages import Frame, framed
from storage.contract import Store
from storage.states import Attempt

POLLS = 50
"""Polls of its history that a page shows."""

_WELL = ("updated", "unchanged")


def source_status(store: Store, settings: Settings, source_id: str, now: datetime) -> dict[str, Any]:
    """
    Return the account of a source. Blocks: to be called in a thread.

    Raises HTTPException 404 for what feeds.yaml does not name, and StoreError.
    """
    known = {source.id: source for source in (*settings.sources, *settings.paused)}
    written = known.get(source_id)
    state = next(iter(store.states({source_id})), None)
    entries = store.counts().get(source_id, 0)
    if written in settings.paused:
        return {**paused_row(known[source_id], entries)}
    if written is None or state is None:
        raise HTTPException(404, f"there is no source {source_id[:80]!r}{near(source_id, sorted(known))}")
    return source_account(written, state, store.host(state.host), entries, now, settings.sources)


def as_json(told: dict[str, Any]) -> bytes:
    """Return the account as a program reads it; where in feeds.yaml a source stands is the operator's alone."""
    shown = {key: value for key, value in told.items() if key != "place"}
    return json.dumps(shown, ensure_ascii=False, indent=1).encode() + b"\n"


def status_page(store: Store, settings: Settings, frame: Frame, source_id: str, now: datetime) -> bytes:
    """Return the account, what happened to the source and how its polls went as a page. Blocks and raises as above."""
    told = source_status(store, settings, source_id, now)
    polls = store.attempts(source_id, POLLS)
    today = now.astimezone(UTC).date()
    days = store.days([source_id], today - timedelta(days=DAYS - 1)).get(source_id, {})
    paused = told["state"] == PAUSED.state
    return framed(
        "status.html",
        frame,
        told=told,
        mends=mends(told),
        next_lines=[] if paused else _next(told),
        told_lines=[("address", told["url"])] if paused else _told(told, store, source_id),
        entry_lines=[("entries", str(told["entries"]))] if paused else _entries(told),
        terms=[] if paused else told["terms"],
        incidents=store.incidents(source_id, limit=20),
        polls=polls,
        went=bars([_bar(one) for one in reversed(polls)], _said(polls)) if polls else None,
        days=by_day(dict(days), today),
    )


def mends(told: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what mends it: what that does, and the command, or the line for feeds.yaml."""
    name, state = told["id"], told["state"]
    if told.get("suggest"):
        return [("write its new address into feeds.yaml", told["suggest"])]
    if state == State.PAUSED:
        return [("take this line out of feeds.yaml", "enabled: false")]
    if state == State.LATE:
        return [("poll as long as this runs", "aggregator run"), ("poll it once", f"aggregator poll {name}")]
    again = ("try it again now", f"aggregator poll {name}")
    out = ("take it out of feeds.yaml", f"aggregator remove {name}")
    if state == State.GONE:
        return [again, out]
    if state in (State.FAILING, State.BLOCKED):
        look = ("see what its publisher answers, step by step", f"aggregator doctor {name}")
        dead = told.get("kind") == "not-found"
        return [look, again, out] if dead else [look, again]
    return []


def _bar(one: Attempt) -> Bar:
    return Bar(one.took.total_seconds(), bad=one.result not in _WELL)


def _said(polls: Sequence[Attempt]) -> str:
    bad = sum(one.result not in _WELL for one in polls)
    longest = max(one.took for one in polls).total_seconds()
    return f"How long its last {len(polls)} polls took, the longest {longest:.1f} s; {bad} of them failed"


def _next(told: Mapping[str, Any]) -> list[tuple[str, str]]:
    lines = [
        ("next poll", _minute(told["next_poll_at"]) or "never"),
        ("because", told["next_reason"]),
        ("its host", _waits(told["host_wait"])),
        ("shares its request with", ", ".join(told["twins"]) or None),
        ("last asked", _minute(told["last_attempt_at"])),
        ("last well", _minute(told["last_success_at"])),
    ]
    return [(word, said) for word, said in lines if said]


def _told(told: Mapping[str, Any], store: Store, source_id: str) -> list[tuple[str, str]]:
    """Return what its publisher said, and what is sent to it."""
    request, redirect = told["request"], told["redirect"]
    state = next(iter(store.states({source_id})))
    kept = [name for name, there in request["validators"].items() if there and name != "url"]
    lines = [
        ("address", told["url"]),
        ("in use", told["in_use"] if told["in_use"] != told["url"] else None),
        ("suggested line", told["suggest"]),
        ("redirect", _redirect(redirect) if redirect else None),
        ("last HTTP status", str(told["last_status"]) if told["last_status"] else None),
        ("validators", ", ".join(kept) or "none: every poll has the whole document"),
        ("fresh until", _minute(state.fresh_until)),
        ("asked to wait until", _minute(state.retry_after_until)),
        ("hints of the document", ", ".join(f"{name} {said}" for name, said in told["hints"].items()) or None),
        ("format", told["feed"]["format"]),
        ("headers of its own", ", ".join(request["headers"]) or None),
    ]
    return [(word, said) for word, said in lines if said]


def _redirect(redirect: Mapping[str, Any]) -> str:
    proof = "proven" if redirect["proven"] else f"seen {redirect['seen']} times, not proven yet"
    return f"{redirect['target']} ({proof})"


def _entries(told: Mapping[str, Any]) -> list[tuple[str, str]]:
    lines = [
        ("entries", str(told["entries"])),
        ("newest entry came", _minute(told["last_new_at"])),
        ("something new every", told["habit"]["usual"]),
        ("entries may have gone by", _minute(told["gap"]["at"])),
    ]
    return [(word, said) for word, said in lines if said]


def _waits(wait: dict[str, str] | None) -> str | None:
    return f"{wait['host']} is left alone until {_minute(wait['until'])}: {wait['reason']}" if wait else None


def _minute(instant: datetime | str | None) -> str | None:
    """Return the instant, of JSON or not, as a person reads it, to the minute."""
    return str(instant)[:16].replace("T", " ") if instant else None
