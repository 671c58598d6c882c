"""Give account of a source and of an entry: everything that `explain` and the status page tell, as one JSON shape each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import urlsplit

from aggregator.habit import worked_out
from aggregator.health import duration, public_url, roughly, source_row_of, suggestion
from aggregator.manners import request_of
from aggregator.model import Settings, Source
from aggregator.shapes import instant
from storage.record import DateSource, Record
from storage.states import HostState, PollState, Rest
from storage.stories import words_of
from storage.values import Circumstances

Shape = dict[str, object]

_DATES = {
    DateSource.PUBLISHED: "the publisher's own publication date",
    DateSource.UPDATED: "the publisher's update date, as it gives no other",
    DateSource.FIRST_SEEN: "when it was first seen, as the publisher gives no date that can be read",
    DateSource.FUTURE: "when it was first seen, as the publisher's own date lay in the future then",
}


# --- a source ---------------------------------------------------------------------------------------------------


def source_account(
    written: Source,
    state: PollState,
    host: HostState,
    entries: int,
    now: datetime,
    sources: Sequence[Source] = (),
) -> Shape:
    """
    Return all that can be told of a source: a row of `list --json`, and why it is polled when and how it is.

    No value of a header, no password and no secret of a URL is in it. `sources` are all of feeds.yaml: those that ask
    for the same share its requests, and are its `twins`.
    """
    asked = request_of(written)
    twins = [source.id for source in sources if source.id != written.id and request_of(source) == asked]
    waits = host.not_before is not None and host.not_before > now
    return {
        **source_row_of(state, entries, now, written),
        "terms": [{"until": instant(term.until), "reason": term.reason} for term in state.terms],
        "host_wait": {"host": host.host, "until": _at(host.not_before), "reason": host.reason} if waits else None,
        "request": _request(written, state),
        "redirect": _redirect(state, written.secrets),
        "suggest": suggestion(state, written.secrets),
        "fallback": _fallback(written, state),
        "twins": twins,
        "gap": {"halved": state.gaps, "at": _at(state.gap_at), "note": state.gap_note},
        "habit": _habit(written, state, now),
        "hints": dict(state.hints),
        "feed": {"title": state.feed.title, "link": state.feed.link, "format": state.feed.format},
        "degraded": state.degraded,
        "last_status": state.last_status,
        "polls": state.polls,
        "place": written.place,
    }


def _request(written: Source, state: PollState) -> Shape:
    validators = state.validators
    return {
        "timeout": duration(written.timeout),
        "headers": [name for name, _ in written.headers],
        "user_agent": written.user_agent,
        "proxy": _proxy(written.proxy),
        "tls_verify": written.tls_verify,
        "validators": {
            "etag": validators.etag is not None,
            "last_modified": validators.last_modified is not None,
            "body": validators.digest is not None,
            "url": public_url(validators.url, written.secrets) if validators.url else None,
        },
    }


def _proxy(proxy: str | None) -> str | None:
    """Return the proxy without the credentials in it."""
    if proxy is None:
        return None
    parts = urlsplit(proxy)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _redirect(state: PollState, secrets: Sequence[str]) -> Shape | None:
    target = state.redirect_target or state.effective_url
    if target is None:
        return None
    return {
        "target": public_url(target, secrets),
        "proven": state.redirect_target is None,
        "seen": state.redirect_seen,
        "since": _at(state.redirect_since),
    }


def _fallback(written: Source, state: PollState) -> Shape | None:
    if not written.fallback:
        return None
    return {
        "addresses": [public_url(url, written.secrets) for url in (written.url, *written.fallback)],
        "in_use": public_url(state.address or written.url, written.secrets),
        "resting": [_rest(rest, written.secrets) for rest in state.rests],
    }


def _rest(rest: Rest, secrets: Sequence[str]) -> Shape:
    return {
        "address": public_url(rest.address, secrets),
        "until": _at(rest.until),
        "failures": rest.failures,
        "kind": rest.kind,
        "detail": rest.detail,
        "since": instant(rest.since),
    }


def _habit(written: Source, state: PollState, now: datetime) -> Shape:
    worked = worked_out(state.ingest_times, state.last_new_at, now, at_least=written.at_least, at_most=written.at_most)
    return {
        "usual": roughly(worked.gap) if worked.gap is not None else None,
        "idle": roughly(worked.idle) if worked.idle is not None else None,
        "every": None if written.every is None else duration(written.every),
        "at_least": duration(written.at_least),
        "at_most": duration(written.at_most),
        "ingest_times": [instant(at) for at in state.ingest_times],
    }


# --- an entry ---------------------------------------------------------------------------------------------------


def entry_account(
    record: Record,
    beside: Circumstances,
    standing: Mapping[str, str | None],
    settings: Settings,
    story: Sequence[Record] = (),
) -> Shape:
    """
    Return all that can be told of an entry: when it came, what it is known by, why it stands where it does.

    `standing` tells by view why the entry is not in it, None where it is; `story` are all the records of its story,
    as `Store.stories` gives them.
    """
    names = {source.id: source.name for source in (*settings.sources, *settings.paused)}
    file = beside.file.path if beside.file else None
    records = settings.storage.records
    return {
        "key": record.key,
        "public_id": record.public_id,
        "title": record.title,
        "link": record.link,
        "source": record.source_id,
        "source_name": names.get(record.source_id),
        "came": instant(record.first_seen),
        "with_its_source": record.backlog,
        "identity": record.identity,
        "alias": record.alias,
        "guid": record.guid,
        "date": instant(record.published),
        "date_source": str(record.date_source),
        "date_reason": _DATES[record.date_source],
        "publisher_date": _at(record.publisher_date),
        "updated": instant(record.updated),
        "updates": record.updates,
        "hidden": record.hidden,
        "withdrawn": _at(beside.withdrawn_at),
        "listed": beside.unlisted_at is None,
        "unlisted_at": _at(beside.unlisted_at),
        "duplicates": [
            {"source": source_id, "source_name": names.get(source_id), "key": key} for source_id, key in beside.same
        ],
        "story": _story(record, story, names) if story else None,
        "views": [{"view": name, "stands": why is None, "why": why} for name, why in standing.items()],
        "file": str(records / file) if records and file else file,
    }


def _story(record: Record, story: Sequence[Record], names: Mapping[str, str]) -> Shape:
    """Return why these records are one story, and which of them the merged feed of all sources shows under which id."""
    may = [one for one in story if one.hidden is None and not one.backlog]
    shown = may[0] if may else story[0]
    id_ = shown.story_id or shown.public_id
    giver = next((one for one in story if one.public_id == id_), None)
    return {
        "shown": shown.key if may else None,
        "source": shown.source_id,
        "first": shown.source_id in names,
        "id": id_,
        "id_of": giver.key if giver else None,
        "names": list(words_of(record.link, record.guid)),
        "others": [_other(record, one, names) for one in story if one.key != record.key],
    }


def _other(record: Record, other: Record, names: Mapping[str, str]) -> Shape:
    own = words_of(record.link, record.guid)
    return {
        "key": other.key,
        "source": other.source_id,
        "source_name": names.get(other.source_id),
        "title": other.title,
        "link": other.link,
        "shares": [name for name in words_of(other.link, other.guid) if name in own],
        "hidden": other.hidden,
    }


def _at(at: datetime | None) -> str | None:
    return None if at is None else instant(at)
