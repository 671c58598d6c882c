"""Rows of sources and back: what feeds.yaml says of one, what polling remembers of it."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import timedelta
from typing import Any

from storage.sqlite.rows import MICROSECOND, Row, instant, instant_or_none, micros, micros_or_none, text_tuple, texts
from storage.states import ActiveDay, FeedInfo, PollState, Profile, Rest, SourceRow, Term, Validators

SOURCE = (
    "id", "name", "url", "host", "position", "keep_days", "keep_entries", "settings_digest", "floor", "tags",
    "other_hosts", "paused",
)  # fmt: skip
STATE = (
    "next_poll_at", "next_reason", "etag", "last_modified", "body_digest", "validators_url", "effective_url",
    "fresh_until", "retry_after_until", "lease_until", "last_attempt_at", "last_success_at", "last_new_at",
    "last_status", "failures", "failure_kind", "failure_detail", "failing_since", "degraded", "redirect_target",
    "redirect_seen", "redirect_since", "without_validators", "every", "ingest_times", "stopped", "feed", "polls",
    "hints", "terms", "address", "rests", "at_host", "gaps", "gap_at",
    "gap_note", "active_days", "profile",
)  # fmt: skip


def source_row(source: SourceRow) -> Row:
    """Return the values of `SOURCE`."""
    return (
        source.id,
        source.name,
        source.url,
        source.host,
        source.position,
        source.keep_days,
        source.keep_entries,
        source.settings_digest,
        source.floor // MICROSECOND,
        texts(source.tags),
        texts(source.other_hosts),
        source.paused,
    )


def source_of(row: Row) -> SourceRow:
    """Return the source of a row of the columns `SOURCE`."""
    id_, name, url, host, position, keep_days, keep_entries, settings_digest, floor, tags, others, paused = row
    spared = timedelta(microseconds=floor)
    return SourceRow(
        id_,
        name,
        url,
        host,
        position,
        keep_days,
        keep_entries,
        settings_digest,
        spared,
        text_tuple(tags),
        text_tuple(others),
        bool(paused),
    )


def state_row(state: PollState) -> Row:
    """Return the values of `STATE`."""
    return (
        micros(state.next_poll_at),
        state.next_reason,
        state.validators.etag,
        state.validators.last_modified,
        state.validators.digest,
        state.validators.url,
        state.effective_url,
        micros_or_none(state.fresh_until),
        micros_or_none(state.retry_after_until),
        micros_or_none(state.lease_until),
        micros_or_none(state.last_attempt_at),
        micros_or_none(state.last_success_at),
        micros_or_none(state.last_new_at),
        state.last_status,
        state.failures,
        state.failure_kind,
        state.failure_detail,
        micros_or_none(state.failing_since),
        state.degraded,
        state.redirect_target,
        state.redirect_seen,
        micros_or_none(state.redirect_since),
        state.without_validators,
        None if state.every is None else state.every // MICROSECOND,
        json.dumps([micros(at) for at in state.ingest_times]),
        state.stopped,
        feed_text(state.feed),
        state.polls,
        _hints(state.hints),
        _terms(state.terms),
        state.address,
        _rests(state.rests),
        state.at_host,
        state.gaps,
        micros_or_none(state.gap_at),
        state.gap_note,
        _days(state.active_days),
        _profile_text(state.profile),
    )


def state_of(row: Row) -> PollState:
    """Return the state of a row of the columns `SOURCE` and `STATE`."""
    (
        next_poll_at, next_reason, etag, last_modified, body_digest, validators_url, effective_url,
        fresh_until, retry_after_until, lease_until, last_attempt_at, last_success_at, last_new_at,
        last_status, failures, failure_kind, failure_detail, failing_since, degraded, redirect_target,
        redirect_seen, redirect_since, without_validators, every, ingest_times, stopped, feed, polls,
        hints, terms, address, rests, at_host, gaps, gap_at, gap_note, active_days, profile,
    ) = row[len(SOURCE) :]  # fmt: skip
    return PollState(
        source=source_of(row[: len(SOURCE)]),
        next_poll_at=instant(next_poll_at),
        next_reason=next_reason,
        validators=Validators(etag, last_modified, body_digest, validators_url),
        effective_url=effective_url,
        fresh_until=instant_or_none(fresh_until),
        retry_after_until=instant_or_none(retry_after_until),
        lease_until=instant_or_none(lease_until),
        last_attempt_at=instant_or_none(last_attempt_at),
        last_success_at=instant_or_none(last_success_at),
        last_new_at=instant_or_none(last_new_at),
        last_status=last_status,
        failures=failures,
        failure_kind=failure_kind,
        failure_detail=failure_detail,
        failing_since=instant_or_none(failing_since),
        degraded=degraded,
        redirect_target=redirect_target,
        redirect_seen=redirect_seen,
        redirect_since=instant_or_none(redirect_since),
        without_validators=without_validators,
        every=None if every is None else timedelta(microseconds=every),
        ingest_times=tuple(instant(value) for value in json.loads(ingest_times)),
        stopped=stopped,
        feed=feed_of(feed),
        polls=polls,
        hints={} if hints == "{}" else json.loads(hints),
        terms=() if terms == "[]" else tuple(Term(instant(until), reason) for until, reason in json.loads(terms)),
        address=address,
        rests=() if rests == "[]" else tuple(_rest(rest) for rest in json.loads(rests)),
        at_host=at_host,
        gaps=gaps,
        gap_at=instant_or_none(gap_at),
        gap_note=gap_note,
        active_days=tuple(ActiveDay(*one) for one in _DAY.iter_unpack(active_days)),
        profile=_profile(profile),
    )


_FEED = tuple(field.name for field in fields(FeedInfo))


def feed_text(feed: FeedInfo) -> str:
    """Return what a feed says of itself as JSON, without what it did not say; equal feeds give equal text."""
    said = {name: value for name in _FEED if (value := getattr(feed, name)) is not None}
    if feed.updated is not None:
        said["updated"] = micros(feed.updated)
    return json.dumps(said, ensure_ascii=False)


def feed_of(value: str) -> FeedInfo:
    """Return what a feed says of itself, from its JSON."""
    said = json.loads(value)
    if "updated" in said:
        said["updated"] = instant(said["updated"])
    return FeedInfo(**said)


_DAY = struct.Struct("<HBB")
"""A day takes 4 bytes: the row of a source is written at every poll."""


def _days(days: Sequence[ActiveDay]) -> bytes:
    return b"".join(_DAY.pack(*one) for one in days)


def _profile_text(profile: Profile | None) -> str | None:
    if profile is None:
        return None
    return json.dumps([*profile[:-1], micros_or_none(profile.turned_at)], ensure_ascii=False)


def _profile(value: str | None) -> Profile | None:
    if value is None:
        return None
    language, texts, dates, links, turned, turned_at = json.loads(value)
    return Profile(language, texts, dates, links, turned, instant_or_none(turned_at))


def _hints(hints: Mapping[str, str]) -> str:
    return json.dumps(dict(hints), ensure_ascii=False) if hints else "{}"


def _terms(terms: Sequence[Term]) -> str:
    return json.dumps([(micros(until), reason) for until, reason in terms], ensure_ascii=False) if terms else "[]"


def _rests(rests: Sequence[Rest]) -> str:
    if not rests:
        return "[]"
    rows = [rest._replace(until=micros_or_none(rest.until), since=micros(rest.since)) for rest in rests]  # type: ignore[arg-type]  # as numbers
    return json.dumps(rows, ensure_ascii=False)


def _rest(row: Sequence[Any]) -> Rest:
    rest = Rest(*row)
    return rest._replace(until=instant_or_none(row[1]), since=instant(row[5]))
