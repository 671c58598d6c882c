"""How one source is, with every reason for the time of its next poll: `/source/{id}/status` as a page and as JSON."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from starlette.exceptions import HTTPException

from aggregator.account import source_account
from aggregator.health import PAUSED, paused_row
from aggregator.model import Settings
from aggregator.web.feeds import near
from aggregator.web.pages import status_page
from aggregator.web.site import Site
from storage.contract import Store


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


def as_page(site: Site, told: dict[str, Any]) -> bytes:
    """Return the account as a person reads it."""
    if told["state"] == PAUSED.state:
        return status_page(site, told, [("address", told["url"]), ("entries", str(told["entries"]))], [])
    request = told["request"]
    kept = [name for name, there in request["validators"].items() if there and name != "url"]
    lines = [
        ("address", told["url"]),
        ("in use", told["in_use"] if told["in_use"] != told["url"] else None),
        ("suggested line", told["suggest"]),
        ("next poll", _minute(told["next_poll_at"]) or "never"),
        ("because", told["next_reason"]),
        ("its host", _waits(told["host_wait"])),
        ("validators", ", ".join(kept) or "none: every poll has the whole document"),
        ("headers of its own", ", ".join(request["headers"]) or None),
        ("shares its request with", ", ".join(told["twins"]) or None),
        ("last asked", _minute(told["last_attempt_at"])),
        ("last well", _minute(told["last_success_at"])),
        ("newest entry came", _minute(told["last_new_at"])),
        ("something new every", told["habit"]["usual"]),
        ("entries may have gone by", _minute(told["gap"]["at"])),
        ("entries", str(told["entries"])),
    ]
    return status_page(site, told, [(word, said) for word, said in lines if said], told["terms"])


def _waits(wait: dict[str, str] | None) -> str | None:
    return f"{wait['host']} is left alone until {_minute(wait['until'])}: {wait['reason']}" if wait else None


def _minute(instant: str | None) -> str | None:
    """Return the instant of JSON as a person reads it, to the minute."""
    return instant and instant[:16].replace("T", " ")
