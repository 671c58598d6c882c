"""What `check` finds beyond faults: what loading the file would change, what its rules would have hidden, what answers."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

from aggregator import clock
from aggregator.daemon.once import held, no_more, poll_once, too_soon
from aggregator.filters import verdicts
from aggregator.health import duration, public_url
from aggregator.model import FilterKind, Settings, Source
from aggregator.outcomes import Failed
from aggregator.rows import source_row
from aggregator.settling import Outcome
from aggregator.shapes import record_shape
from storage.contract import Store
from storage.record import Record
from storage.sqlite import SqliteStore
from storage.states import PollState, SourceRow

Shape = dict[str, object]

LOOKED_BACK = timedelta(days=30)
EXAMPLES = 3
_JUDGES = frozenset({FilterKind.DROP, FilterKind.KEEP, FilterKind.LIMIT})


# --- what would change ------------------------------------------------------------------------------------------


def changes(settings: Settings, stored: Sequence[PollState]) -> dict[str, list[Shape]]:
    """Return what loading the file would change of what is polled: sources added, removed, paused, changed."""
    before = {state.source.id: state.source for state in stored}
    wanted = {source.id: source_row(source) for source in settings.sources}
    paused = {source.id for source in settings.paused}
    secrets = {source.id: source.secrets for source in (*settings.sources, *settings.paused)}
    altered = ((one, _altered(before[one], row, secrets[one])) for one, row in wanted.items() if one in before)
    return {
        "added": [
            {"id": one, "url": public_url(row.url, secrets[one])} for one, row in wanted.items() if one not in before
        ],
        "removed": [
            {"id": one, "url": public_url(row.url)} for one, row in before.items() if one not in {*wanted, *paused}
        ],
        "paused": [{"id": one} for one in before if one in paused],
        "changed": [{"id": one, "what": what} for one, what in altered if what],
    }


def _altered(old: SourceRow, new: SourceRow, secrets: Sequence[str]) -> list[str]:
    said = []
    if old.url != new.url:
        urls = [public_url(url, secrets) for url in (old.url, new.url)]
        said.append(f"url: {urls[0]} becomes {urls[1]}; it is asked at once, its history stays")
    elif old.settings_digest != new.settings_digest:
        said.append("what is sent or how it is read: the whole document is asked for once")
    if old.name != new.name:
        said.append(f"name: {old.name} becomes {new.name}")
    if old.floor != new.floor:
        said.append(f"floor: {duration(old.floor)} becomes {duration(new.floor)}")
    if (old.keep_days, old.keep_entries) != (new.keep_days, new.keep_entries):
        kept = [f"{one.keep_days} days, {one.keep_entries} entries" for one in (old, new)]
        said.append(f"keep: {kept[0]} becomes {kept[1]}")
    if old.tags != new.tags:
        said.append(f"tags: {', '.join(old.tags) or 'none'} becomes {', '.join(new.tags) or 'none'}")
    return said


# --- what the rules would have hidden ---------------------------------------------------------------------------


def hidden_by_rules(store: Store, sources: Sequence[Source], now: datetime) -> list[Shape]:
    """Return of each rule that hides what it would have hidden of the entries that came within 30 days."""
    told: list[Shape] = []
    for source in sources:
        judging = [rule for rule in source.filters if rule.kind in _JUDGES]
        if not judging:
            continue
        recent = [record for record in store.records_of(source.id) if now - record.first_seen <= LOOKED_BACK]
        hidden = _hidden(recent, source)
        for rule in judging:
            gone = hidden[rule.written]
            told.append(
                {
                    "source": source.id,
                    "rule": rule.written,
                    "hides": len(gone),
                    "of": len(recent),
                    "examples": [record.title for record in gone[:EXAMPLES]],
                }
            )
    return told


def _hidden(recent: Sequence[Record], source: Source) -> dict[str, list[Record]]:
    """Return the records by the rule that hides them; those of one poll are judged together, as `limit` counts them."""
    gone: dict[str, list[Record]] = defaultdict(list)
    for _, poll in groupby(recent, key=lambda record: record.arrival):
        together = list(poll)
        reasons = verdicts(together, source.filters)
        for record in together:
            if reason := reasons[record.key]:
                gone[reason].append(record)
    return gone


# --- what answers -----------------------------------------------------------------------------------------------


def answers(settings: Settings, store: Store | None, report: Callable[[Outcome], None]) -> list[Shape]:
    """
    Ask each source once, as politely as a poll does, and return what came, in the order of feeds.yaml.

    The polls go into a store of their own that is thrown away; no validators are sent, as nothing is kept to compare
    with. A source that was asked within five minutes, or whose publisher wants to be left alone, is not asked.
    """
    spared = _spared(store, settings) if store else {}
    ids = [source.id for source in settings.sources if source.id not in spared]
    outcomes: dict[str, Outcome] = {}

    def take(outcome: Outcome) -> None:
        outcomes[outcome.source.id] = outcome
        report(outcome)

    with TemporaryDirectory(prefix="aggregator-check-") as folder:
        apart = replace(settings, storage=replace(settings.storage, path=Path(folder), records=None))
        if ids:
            asyncio.run(poll_once(apart, ids, due=True, named=True, force=False, index=False, report=take))
        tried = SqliteStore.open_readonly(Path(folder)) if ids else None
        try:
            return [_answer(source, outcomes.get(source.id), spared, tried) for source in settings.sources]
        finally:
            if tried:
                tried.close()


def _spared(store: Store, settings: Settings) -> dict[str, str]:
    """Return by source id why it is not asked now."""
    now, states = clock.now(), store.states()
    return no_more(states) | held(states, store.host, now) | too_soon(states, settings.polling.allow_private, now)


def _answer(source: Source, outcome: Outcome | None, spared: dict[str, str], tried: Store | None) -> Shape:
    told: Shape = {
        "source": source.id,
        "result": "not asked",
        "kind": None,
        "detail": None,
        "entries": 0,
        "record": None,
    }
    if outcome is None or tried is None:
        reason = spared.get(source.id, "").partition("not asked; ")[2]
        return told | {"detail": reason or None}
    if isinstance(outcome.result, Failed):
        return told | {"result": "failed", "kind": str(outcome.result.kind), "detail": outcome.result.detail}
    records = sorted(tried.records_of(source.id), key=lambda record: record.published, reverse=True)
    first = record_shape(records[0]) if records else None
    return told | {"result": "ok", "detail": outcome.state.degraded, "entries": len(records), "record": first}
