"""Tell what a document changes: which of its entries are new, which are stored ones, edited or under new ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from typing import Any

from aggregator.hosts import host_and_port
from aggregator.matching import Recognised, is_shared, recognised
from aggregator.model import Reading, Source
from storage.record import DateSource, Record, key_of, minted_id, podcast_digest
from storage.values import Changes, Known, KnownEntry

FIRST_IMPORT = 20
"""Entries of a new source that stand in merged feeds; what else it lists is backlog."""

MOST_UPDATES = 24
"""Changes of an entry without a newer date, after which they are taken for noise (rule 74)."""

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

_DATED = frozenset({DateSource.PUBLISHED, DateSource.UPDATED})
"""Dates that are the publisher's; the others are when the entry was first seen."""


def asked(reading: Reading) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """
    Return the identities, aliases and public ids for which to ask the store what is known.

    All entries that ever shared an id, also those stored under a made-up identity because of that, have its alias.
    """
    records = reading.records + reading.older
    return (
        frozenset(record.identity for record in records),
        frozenset([*(record.alias for record in records), *(deleted.ref for deleted in reading.deleted)]),
        frozenset(record.public_id for record in records),
    )


def reconcile(known: Known, reading: Reading, source: Source, seen_at: datetime) -> Changes:
    """
    Return what the document read `seen_at` changes in what is stored.

    `known` answers `asked(reading)`. An entry is the stored one with its identity or, http and https being one, its
    alias; equal digest: nothing to write. What was stored first stays: key, public id, arrival, place, dates.
    Absence deletes nothing, and what was removed does not come back. Older pages add, and edit nothing that is stored.
    docs/etiquette.md, rules 69 to 79.
    """
    found = recognised(known, reading)
    within = len(reading.records)
    taken = set(known.tombstones).union(entry.identity for entry in known.entries)
    rekeyed = [_rekeyed(found.records[at], entry, known, taken, seen_at) for at, entry in found.renamed.items()]
    arriving = _arriving(found.unknown, known, taken, source, seen_at)
    if reading.older:
        arriving = _in_their_time(arriving, found, known, within, seen_at)
    edited = {at: entry for at, entry in found.same.items() if at < within}
    rekeyed += [
        _retold(found.records[at], entry, seen_at) for at, entry in edited.items() if _tells(found.records[at], entry)
    ]
    new = list(arriving.values())
    if known.empty:
        new = _first_import(new)

    present = {entry.key for at, entry in (found.same | found.renamed).items() if at < within}
    present |= {record.key for at, record in arriving.items() if at < within}
    # Some publishers answer with an empty channel at night: an empty document says nothing of its entries.
    whole = bool(reading.records) and not reading.truncated and not reading.delta
    return Changes(
        new=tuple(new),
        updated=tuple(
            _edited(found.records[at], entry, seen_at)
            for at, entry in edited.items()
            if _is_news(found.records[at], entry, seen_at)
        ),
        rekeyed=tuple(rekeyed),
        listed=frozenset(present) if whole else None,
        unlisted=frozenset(record.key for at, record in arriving.items() if at >= within),
        withdrawn=_withdrawn(known, reading, found, present if whole else None),
    )


def _withdrawn(known: Known, reading: Reading, found: Recognised, present: Set[str] | None) -> frozenset[str]:
    """Return the keys of what the publisher says it took back: missing in a complete document, or named (rule 75)."""
    gone = set()
    if reading.complete and present is not None:
        gone = {entry.key for entry in known.entries if entry.listed and entry.key not in present}
    named: dict[str, datetime | None] = {}
    for ref, when in reading.deleted:
        named[ref] = max(filter(None, (named.get(ref), when)), default=None)
    here = {entry.key: found.records[at] for at, entry in found.same.items() if at < len(reading.records)}
    for entry in known.entries if named else ():
        if entry.alias not in named:
            continue
        when, record = named[entry.alias], here.get(entry.key)
        # An entry that is newer than its tombstone was published again (RFC 6721 section 5).
        if (when is None and record is None) or (when is not None and when >= (record or entry).updated):
            gone.add(entry.key)
    return frozenset(gone)


# --- what is written of it --------------------------------------------------------------------------------------


def _is_news(record: Record, entry: KnownEntry, seen_at: datetime) -> bool:
    """Return whether the stored entry is to be written anew."""
    if record.digest == entry.digest:
        return False
    return entry.updates < MOST_UPDATES or _newly_dated(record, entry, seen_at) is not None


def _edited(record: Record, entry: KnownEntry, seen_at: datetime) -> Record:
    """Return the record as it is stored from now on: the content is new, the rest as it was first stored."""
    return replace(
        record,
        key=entry.key,
        public_id=entry.public_id,
        identity=entry.identity,
        alias=entry.alias,
        published=_published(record, entry),
        updated=_newly_dated(record, entry, seen_at) or max(seen_at, entry.updated),
        first_seen=entry.first_seen,
        date_source=DateSource(entry.date_source),
        publisher_date=record.publisher_date or entry.publisher_date,
        position=entry.position,
        arrival=entry.arrival,
        updates=entry.updates + 1,
        backlog=entry.backlog,
        hidden=entry.hidden,
    )


def _tells(record: Record, entry: KnownEntry) -> bool:
    """
    Return whether the stored entry, which shows the same, is to be written with other elements of a podcast.

    One that was stored before they were kept has none: it gets them, and that is no change of the publisher's.
    """
    if record.digest != entry.digest or podcast_digest(record.podcast) == entry.podcast:
        return False
    return not entry.podcast or entry.updates < MOST_UPDATES


def _retold(record: Record, entry: KnownEntry, seen_at: datetime) -> Record:
    """Return the record with what a podcast says anew: an episode number or a transcript makes no entry an updated one."""
    kept = _edited(record, entry, seen_at)
    return replace(kept, updated=entry.updated, published=entry.published, updates=entry.updates + bool(entry.podcast))


def _rekeyed(record: Record, entry: KnownEntry, known: Known, taken: set[str], seen_at: datetime) -> Record:
    """Return the record under its publisher's new id; key and public id stay, so no subscriber sees it twice."""
    kept = _edited(record, entry, seen_at)
    if record.digest == entry.digest:
        kept = replace(kept, updated=entry.updated, published=entry.published, updates=entry.updates)
    return replace(kept, identity=_free_identity(record, known, taken), alias=record.alias)


def _published(record: Record, entry: KnownEntry) -> datetime:
    """Return the date shown: the first one, unless the publisher moved it forward and says that it updated (rule 79)."""
    dated = record.date_source is DateSource.PUBLISHED and entry.date_source == DateSource.PUBLISHED
    moved = dated and record.published > entry.published and record.updated > record.published
    return record.published if moved else entry.published


def _newly_dated(record: Record, entry: KnownEntry, seen_at: datetime) -> datetime | None:
    """Return the publisher's date of the update where it gives a newer one that has come."""
    given = record.date_source in _DATED
    return record.updated if given and entry.updated < record.updated <= seen_at else None


# --- what is new ------------------------------------------------------------------------------------------------


def _arriving(
    records: Mapping[int, Record], known: Known, taken: set[str], source: Source, seen_at: datetime
) -> dict[int, Record]:
    """Return the records, in the order of the document, with identities and ids of their own; none that was removed."""
    claimed = set(known.taken).union(entry.public_id for entry in known.entries)
    in_use = {entry.alias for entry in known.entries}
    host = _host(source.url)
    arriving = {}
    for at, record in records.items():
        # An id of which another entry lives is given to several: one of them removed does not bar the next.
        removed = record.identity in known.tombstones or record.alias in known.tombstones
        if removed and record.alias not in in_use:
            continue
        identity = _free_identity(record, known, taken)
        key = record.key if identity == record.identity else key_of(source.id, identity)
        dated = record.date_source in _DATED
        # Undated entries of a first import go down by a second each, so that they keep the document's order.
        date = seen_at - timedelta(seconds=at) if known.empty else seen_at
        own: dict[str, Any] = {
            "key": key,
            "public_id": _free_public_id(record, key, claimed, host, seen_at),
            "identity": identity,
            "published": record.published if dated else date,
            "updated": record.updated if dated else date,
            "first_seen": seen_at,
            "position": at,
        }
        # Most are so already, and a copy of a record costs as much as all else that is done here.
        is_so = all(getattr(record, name) == value for name, value in own.items())
        arriving[at] = record if is_so else replace(record, **own)
    return arriving


def _in_their_time(
    arriving: Mapping[int, Record], found: Recognised, known: Known, within: int, seen_at: datetime
) -> dict[int, Record]:
    """
    Return the new entries, those of older pages where they belong: behind what is newer, and none as of now.

    One without a date comes a second after the entry that stands above it. What is older than the newest that was
    stored did not go by between two polls: it is backlog, as is all that is undated below an entry that is stored.
    """
    stored = found.same | found.renamed
    newest = max((entry.published for entry in known.entries if entry.listed), default=_LONG_AGO)
    lowest = max((at for at in stored if at >= within), default=-1)
    shown, placed = seen_at, dict(arriving)
    for at in sorted(found.records):
        if at in stored:
            shown = stored[at].published
        elif at in placed:
            record = placed[at]
            dated = record.date_source in _DATED
            if at >= within:
                date = record.published if dated else shown - timedelta(seconds=1)
                late = date <= newest if dated else at > lowest
                placed[at] = replace(record, published=date, updated=record.updated if dated else date, backlog=late)
            shown = placed[at].published
    return placed


def _free_identity(record: Record, known: Known, taken: set[str]) -> str:
    """Return the first of the record's names that is not taken, and take it."""
    identity = next(name for name in _identities(record, known.entries) if name not in taken)
    taken.add(identity)
    return identity


def _free_public_id(record: Record, key: str, claimed: set[str], host: str, seen_at: datetime) -> str:
    """Return the record's public id where it is its own and nobody has it, else a minted one; claim it."""
    minted_for_another = key != record.key and record.public_id.endswith(f":{record.key}")
    is_free = not minted_for_another and record.public_id not in claimed
    public_id = record.public_id if is_free else minted_id(host, seen_at, key)
    claimed.add(public_id)
    return public_id


def _identities(record: Record, known: Sequence[KnownEntry]) -> Iterator[str]:
    """Yield names for a new record, best first: its own, then what tells it from others with the same id."""
    name = record.identity
    yield name
    family = [entry for entry in known if entry.alias == record.alias]
    if record.publisher_date and family and not is_shared(record, family):
        yield f"{name}#{record.publisher_date:%Y-%m-%d}"
    if record.link and record.link != name:
        yield f"{name}|{record.link}"
    said = f"{record.title}\0{record.link}\0{record.digest}\0{record.publisher_date}"
    yield f"{name}|{sha256(said.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"
    yield from (f"{name}|{ordinal}" for ordinal in count(2))


def _first_import(records: Sequence[Record]) -> list[Record]:
    """Return the records, all but the newest 20 as backlog: a new source does not flood the merged feed."""
    newest_first = sorted(records, key=lambda record: (-record.published.timestamp(), record.position))
    shown = {record.key for record in newest_first[:FIRST_IMPORT]}
    return [record if record.key in shown else replace(record, backlog=True) for record in records]


def _host(url: str) -> str:
    return host_and_port(url).rpartition(":")[0].strip("[]") or "localhost"
