"""Values to rows and back: instants as microseconds since 1970, lists as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

from storage.record import DateSource, Element, Enclosure, Record
from storage.states import FeedInfo, PollState, Rest, SourceRow, Term, Validators
from storage.values import KnownEntry

Row = tuple[Any, ...]
"""What sqlite3 gives; this module is where its values get their types."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(at: datetime) -> int:
    """Return the instant as microseconds since 1970; a naive one raises TypeError."""
    return (at - _EPOCH) // _MICROSECOND


def micros_or_none(at: datetime | None) -> int | None:
    """Return the instant as microseconds since 1970, None as None."""
    return None if at is None else (at - _EPOCH) // _MICROSECOND


def instant(value: int) -> datetime:
    """Return the instant, in UTC."""
    return _EPOCH + timedelta(microseconds=value)


def instant_or_none(value: int | None) -> datetime | None:
    """Return the instant, in UTC, None as None."""
    return None if value is None else _EPOCH + timedelta(microseconds=value)


def chunks(values: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """
    Yield placeholders and parameters for `IN (...)`, as many times as the values need.

    Few distinct lengths, so that prepared statements are found again; padded by repeating the last value.
    Parameters and not json_each, which ends a text at its first NUL.
    """
    size = 8 if len(values) <= 8 else 32 if len(values) <= 32 else 512
    for start in range(0, len(values), size):
        part = list(values[start : start + size])
        part += part[-1:] * (size - len(part))
        yield ",".join("?" * size), part


# --- records ----------------------------------------------------------------------------------------------------

FIXED = ("key", "public_id", "source", "first_seen", "position", "arrival", "story_id")
"""Columns of a record that are written once."""
CONTENT = (
    "identity", "alias", "category", "site", "feed", "title", "link", "guid", "author", "writers", "tags",
    "published", "updated", "date_source", "publisher_date", "image", "language", "digest", "cleaner", "updates",
    "backlog", "hidden",
)  # fmt: skip
"""Columns of a record that an update may change."""
BODY = ("html", "raw_html", "summary", "enclosures", "marked_html", "podcast")

_RECORD = ("source.id", *(f"r.{column}" for column in (*FIXED, *CONTENT, "story")), *(f"b.{column}" for column in BODY))
SELECT_RECORD = (
    f"SELECT {', '.join(_RECORD)} FROM records r CROSS JOIN bodies b ON b.id = r.id "  # noqa: S608 # own names only
    "CROSS JOIN sources source ON source.n = r.source"
)


def fixed_row(record: Record, source: int, arrival: int) -> Row:
    """Return the values of `FIXED`."""
    return (record.key, record.public_id, source, micros(record.first_seen), record.position, arrival, record.story_id)


def content_row(record: Record) -> Row:
    """Return the values of `CONTENT`."""
    category, site, feed = record.categories
    return (
        record.identity,
        record.alias,
        category,
        site,
        feed,
        record.title,
        record.link,
        record.guid,
        record.author,
        _texts(record.writers),
        _texts(record.tags),
        micros(record.published),
        micros(record.updated),
        record.date_source.value,
        micros_or_none(record.publisher_date),
        record.image,
        record.language,
        record.digest,
        record.cleaner,
        record.updates,
        int(record.backlog),
        record.hidden,
    )


def body_row(record: Record) -> Row:
    """Return the values of `BODY`."""
    return (
        record.html,
        record.raw_html,
        record.summary,
        _enclosures(record.enclosures),
        record.marked_html,
        _elements(record.podcast),
    )


def record_of(row: Row) -> Record:
    """Return the record of a row of `SELECT_RECORD`."""
    (
        source_id, key, public_id, _, first_seen, position, arrival, story_id,
        identity, alias, category, site, feed, title, link, guid, author, writers, tags,
        published, updated, date_source, publisher_date, image, language, digest, cleaner, updates,
        backlog, hidden, story, html, raw_html, summary, enclosures, marked_html, podcast,
    ) = row  # fmt: skip
    return Record(
        key=key,
        public_id=public_id,
        source_id=source_id,
        identity=identity,
        alias=alias,
        categories=(category, site, feed),
        title=title,
        link=link,
        guid=guid,
        author=author,
        writers=_text_tuple(writers),
        tags=_text_tuple(tags),
        published=instant(published),
        updated=instant(updated),
        first_seen=instant(first_seen),
        date_source=DateSource(date_source),
        publisher_date=instant_or_none(publisher_date),
        image=image,
        html=html,
        summary=summary,
        enclosures=_enclosure_tuple(enclosures),
        language=language,
        digest=digest,
        cleaner=cleaner,
        raw_html=raw_html,
        position=position,
        arrival=arrival,
        updates=updates,
        backlog=bool(backlog),
        hidden=hidden,
        marked_html=marked_html,
        podcast=_element_tuple(podcast),
        story=story,
        story_id=story_id,
    )


KNOWN = (
    "key, public_id, identity, alias, title, link, guid, published, updated, first_seen, date_source, "
    "publisher_date, digest, position, arrival, updates, backlog, hidden, unlisted_at IS NULL, withdrawn_at"
)


def known_entry(row: Row) -> KnownEntry:
    """Return the entry of a row of `id` and the columns `KNOWN`."""
    (
        _, key, public_id, identity, alias, title, link, guid, published, updated, first_seen, date_source,
        publisher_date, digest, position, arrival, updates, backlog, hidden, listed, withdrawn_at,
    ) = row  # fmt: skip
    return KnownEntry(
        key=key,
        public_id=public_id,
        identity=identity,
        alias=alias,
        title=title,
        link=link,
        guid=guid,
        published=instant(published),
        updated=instant(updated),
        first_seen=instant(first_seen),
        date_source=DateSource(date_source),
        publisher_date=instant_or_none(publisher_date),
        digest=digest,
        position=position,
        arrival=arrival,
        updates=updates,
        backlog=bool(backlog),
        hidden=hidden,
        listed=bool(listed),
        withdrawn_at=instant_or_none(withdrawn_at),
    )


def _texts(values: Sequence[str]) -> str:
    return json.dumps(values, ensure_ascii=False) if values else "[]"


def _text_tuple(value: str) -> tuple[str, ...]:
    return tuple(json.loads(value)) if value != "[]" else ()


def _elements(values: Sequence[Element]) -> str:
    return json.dumps(values, ensure_ascii=False) if values else "[]"


def _element_tuple(value: str) -> tuple[Element, ...]:
    if value == "[]":
        return ()
    return tuple(
        Element(name, text, tuple((key, said) for key, said in attributes))
        for name, text, attributes in json.loads(value)
    )


def _enclosures(values: Sequence[Enclosure]) -> str:
    if not values:
        return "[]"
    return json.dumps(
        [
            (e.url, e.type, e.length, e.title, None if e.duration is None else e.duration // _MICROSECOND)
            for e in values
        ],
        ensure_ascii=False,
    )


def _enclosure_tuple(value: str) -> tuple[Enclosure, ...]:
    if value == "[]":
        return ()
    return tuple(
        Enclosure(url, type_, length, title, None if duration is None else timedelta(microseconds=duration))
        for url, type_, length, title, duration in json.loads(value)
    )


# --- sources ----------------------------------------------------------------------------------------------------

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
    "gap_note",
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
        source.floor // _MICROSECOND,
        _texts(source.tags),
        _texts(source.other_hosts),
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
        _text_tuple(tags),
        _text_tuple(others),
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
        None if state.every is None else state.every // _MICROSECOND,
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
    )


def state_of(row: Row) -> PollState:
    """Return the state of a row of the columns `SOURCE` and `STATE`."""
    (
        next_poll_at, next_reason, etag, last_modified, body_digest, validators_url, effective_url,
        fresh_until, retry_after_until, lease_until, last_attempt_at, last_success_at, last_new_at,
        last_status, failures, failure_kind, failure_detail, failing_since, degraded, redirect_target,
        redirect_seen, redirect_since, without_validators, every, ingest_times, stopped, feed, polls,
        hints, terms, address, rests, at_host, gaps, gap_at, gap_note,
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
