"""Tell what a document changes: which of its entries are new, which are stored ones, edited or under new ids."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import count

from aggregator.hosts import host_and_port
from aggregator.model import Reading, Source
from storage.contract import Changes, Known, KnownEntry
from storage.record import DateSource, Record, key_of, minted_id

FIRST_IMPORT = 20
"""Entries of a new source that stand in merged feeds; what else it lists is backlog."""

MOST_UPDATES = 24
"""Changes of an entry without a newer date, after which they are taken for noise (rule 74)."""

REUSED_AFTER = timedelta(days=30)
"""An entry this much newer, with another title and link, is not the stored one under the same id (rule 72)."""

MIGRATED = 0.8
"""Share of a page that must be recognised under new ids (rule 73)."""

_DATED = frozenset({DateSource.PUBLISHED, DateSource.UPDATED})
"""Dates that are the publisher's; the others are when the entry was first seen."""


def asked(reading: Reading) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """
    Return the identities, aliases and public ids for which to ask the store what is known.

    All entries that ever shared an id, also those stored under a made-up identity because of that, have its alias.
    """
    records = reading.records
    return (
        frozenset(record.identity for record in records),
        frozenset(record.alias for record in records),
        frozenset(record.public_id for record in records),
    )


def reconcile(known: Known, reading: Reading, source: Source, seen_at: datetime) -> Changes:
    """
    Return what the document read `seen_at` changes in what is stored.

    `known` answers `asked(reading)`. An entry is the stored one with its identity or, http and https being one, its
    alias; equal digest: nothing to write. What was stored first stays: key, public id, arrival, place, dates.
    Absence deletes nothing, and what was removed does not come back. docs/etiquette.md, rules 69 to 79.
    """
    records = _distinct(reading.records)
    matched = _matched(records, known.entries)
    migrated = {} if matched else _migrated(records, known.entries)
    taken = set(known.tombstones).union(entry.identity for entry in known.entries)
    unknown = {at: record for at, record in records.items() if at not in matched and at not in migrated}
    if reading.truncated:
        unknown = _without_half(unknown, len(reading.records) - 1, _absent(known, matched))
    else:
        completed = _completed(unknown, matched, _absent(known, matched | migrated))
        migrated |= completed
        unknown = {at: record for at, record in unknown.items() if at not in completed}
    rekeyed = [_rekeyed(records[at], entry, known, taken, seen_at) for at, entry in migrated.items()]
    arriving = _arriving(unknown, known, taken, source, seen_at)
    if known.empty:
        arriving = _first_import(arriving)

    # Some publishers answer with an empty channel at night: an empty document says nothing of its entries.
    whole = bool(reading.records) and not reading.truncated
    present = {entry.key for entry in (*matched.values(), *migrated.values())}
    return Changes(
        new=tuple(arriving),
        updated=tuple(
            _edited(records[at], entry, seen_at)
            for at, entry in matched.items()
            if _is_news(records[at], entry, seen_at)
        ),
        rekeyed=tuple(rekeyed),
        listed=frozenset(present | {record.key for record in arriving}) if whole else None,
    )


# --- which stored entry it is -----------------------------------------------------------------------------------


def _distinct(records: Sequence[Record]) -> dict[int, Record]:
    """Return the records by their place in the document, without those that say what an earlier one says (rule 71)."""
    seen: set[Hashable] = set()
    distinct = {}
    for at, record in enumerate(records):
        # One guid, link and title is one entry, whatever counter its text carries. Where the publisher gave no guid,
        # the whole text and the date tell two entries apart: a changelog may say the same of a thing twice a year.
        said = record.title if record.guid else _digest_and_date(record)
        what = (record.alias, _place(record.link), said or record.digest)
        if what not in seen:
            seen.add(what)
            distinct[at] = record
    return distinct


def _matched(records: Mapping[int, Record], known: Sequence[KnownEntry]) -> dict[int, KnownEntry]:
    """Return the stored entry of each record that has one; no two records have the same."""
    by_alias: dict[str, list[KnownEntry]] = defaultdict(list)
    for entry in known:
        by_alias[entry.alias].append(entry)
    families: dict[str, dict[int, Record]] = defaultdict(dict)
    for at, record in records.items():
        families[record.alias][at] = record
    matched: dict[int, KnownEntry] = {}
    for alias, family in families.items():
        if stored := by_alias.get(alias):
            matched |= _matched_family(family, stored)
    return matched


def _matched_family(records: Mapping[int, Record], stored: Sequence[KnownEntry]) -> dict[int, KnownEntry]:
    """Return which record is which of the stored entries that share one id with them."""
    at, record = next(iter(records.items()))
    shared = _is_shared(record, stored)
    if len(records) == len(stored) == 1 and not shared:
        return {} if _is_reuse(record, stored[0]) else {at: stored[0]}

    # The id does not tell them apart, so what they say must.
    pairs = _Pairs(dict(records), list(stored))
    pairs.match(_digest_and_date, unique=False)
    pairs.match(_digest, unique=False)
    pairs.match(_title_and_link, unique=False)
    pairs.match(_link, unique=True)
    pairs.match(_title, unique=True)
    if len(records) == len(pairs.records) == 1 and not shared:
        # The id was given anew, one entry after the other: the newest is the one that is edited.
        newest = max(pairs.stored, key=lambda entry: (entry.published, entry.arrival))
        return {} if _is_reuse(record, newest) else {at: newest}
    return pairs.found


def _is_reuse(record: Record, entry: KnownEntry) -> bool:
    """Return whether the record is another entry under the id of the stored one (rule 72)."""
    if record.title == entry.title or _place(record.link) == _place(entry.link) or record.publisher_date is None:
        return False
    return record.publisher_date - (entry.publisher_date or entry.published) > REUSED_AFTER


def _is_shared(record: Record, stored: Sequence[KnownEntry]) -> bool:
    """Return whether the publisher has given the record's id to several entries of one document."""
    shared = f"{_place(record.identity)}|"
    return any((_place(entry.identity) or "").startswith(shared) for entry in stored)


def _migrated(records: Mapping[int, Record], known: Sequence[KnownEntry]) -> dict[int, KnownEntry]:
    """Return the stored entries that the publisher gave new ids, none if it did not do so with a whole page (rule 73)."""
    in_use = {entry.alias for entry in known}
    if any(record.alias in in_use for record in records.values()):
        return {}
    listed = [entry for entry in known if entry.listed]
    pairs = _Pairs(dict(records), list(listed))
    # A link alone may be the address of a page whose content changes from day to day.
    pairs.match(_title_and_link, unique=True)
    pairs.match(_link_and_date, unique=True)
    pairs.match(_title_and_date, unique=True)
    page = min(len(records), len(listed))
    return pairs.found if page and len(pairs.found) >= MIGRATED * page else {}


def _absent(known: Known, matched: Mapping[int, KnownEntry]) -> list[KnownEntry]:
    """Return the entries that the last document listed and this one does not."""
    present = {entry.key for entry in matched.values()}
    return [entry for entry in known.entries if entry.listed and entry.key not in present]


def _without_half(records: dict[int, Record], last: int, absent: Sequence[KnownEntry]) -> dict[int, Record]:
    """Return the records without the last of a document that is cut off, where it is the beginning of a stored one."""
    half = records.get(last)
    if half is None or not any(_begins(half, entry) for entry in absent):
        return records
    return {at: record for at, record in records.items() if at != last}


def _completed(
    records: Mapping[int, Record], matched: Mapping[int, KnownEntry], absent: Sequence[KnownEntry]
) -> dict[int, KnownEntry]:
    """Return the stored entries that came half, at the end of a document that was cut off, and are whole now."""
    completed = {}
    for half in absent:
        # It was the last that was read: the whole one comes right after one that is known, if there is any.
        after = {at + 1 for at in matched} or {0}
        places = [at for at, record in records.items() if at in after and _begins(half, record)]
        if places:
            completed[max(places)] = half
    return completed


def _begins(half: Record | KnownEntry, whole: Record | KnownEntry) -> bool:
    """Return whether this is what a cut leaves of the other: its title or the start of it, and less of what names it."""
    named = (whole.guid or (whole.link and not half.link)) and not half.guid
    same = half.link in {None, whole.link} and half.publisher_date in {None, whole.publisher_date}
    return bool(named) and same and whole.title.startswith(half.title)


@dataclass(slots=True)
class _Pairs:
    """Records and stored entries that are being paired: those without a partner yet, and the pairs."""

    records: dict[int, Record]
    stored: list[KnownEntry]
    found: dict[int, KnownEntry] = field(default_factory=dict)

    def match(self, said: Callable[[Record | KnownEntry], Hashable | None], *, unique: bool) -> None:
        """Pair those that say the same; with `unique` only where no other on either side says it. None says nothing."""
        if not (self.records and self.stored):
            return
        theirs: dict[Hashable, list[KnownEntry]] = defaultdict(list)
        for entry in self.stored:
            theirs[said(entry)].append(entry)
        ours = Counter(said(record) for record in self.records.values())
        for at, record in list(self.records.items()):
            what = said(record)
            partners = theirs.get(what, [])
            if what is None or not partners or (unique and (len(partners) > 1 or ours[what] > 1)):
                continue
            self.found[at] = partners.pop(0)
            self.stored.remove(self.found[at])
            del self.records[at]


def _digest_and_date(one: Record | KnownEntry) -> Hashable | None:
    return one.digest, one.publisher_date


def _digest(one: Record | KnownEntry) -> Hashable | None:
    return one.digest


def _title(one: Record | KnownEntry) -> Hashable | None:
    return one.title or None


def _link(one: Record | KnownEntry) -> Hashable | None:
    return _place(one.link)


def _title_and_link(one: Record | KnownEntry) -> Hashable | None:
    return (one.title, _place(one.link)) if one.title and one.link else None


def _link_and_date(one: Record | KnownEntry) -> Hashable | None:
    return (_place(one.link), one.publisher_date) if one.link and one.publisher_date else None


def _title_and_date(one: Record | KnownEntry) -> Hashable | None:
    return (one.title, one.publisher_date) if one.title and one.publisher_date else None


def _place(link: str | None) -> str | None:
    """Return the link with http and https made one."""
    if link is None:
        return None
    return f"http{link[5:]}" if link[:6].lower() == "https:" else link


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
) -> list[Record]:
    """Return the records, in the order of the document, with identities and ids of their own; none that was removed."""
    claimed = set(known.taken).union(entry.public_id for entry in known.entries)
    in_use = {entry.alias for entry in known.entries}
    host = _host(source.url)
    arriving = []
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
        arriving.append(
            replace(
                record,
                key=key,
                public_id=_free_public_id(record, key, claimed, minted_id(host, seen_at, key)),
                identity=identity,
                published=record.published if dated else date,
                updated=record.updated if dated else date,
                first_seen=seen_at,
                position=at,
            )
        )
    return arriving


def _free_identity(record: Record, known: Known, taken: set[str]) -> str:
    """Return the first of the record's names that is not taken, and take it."""
    identity = next(name for name in _identities(record, known.entries) if name not in taken)
    taken.add(identity)
    return identity


def _free_public_id(record: Record, key: str, claimed: set[str], minted: str) -> str:
    """Return the record's public id where it is its own and nobody has it, else the minted one; claim it."""
    minted_for_another = key != record.key and record.public_id.endswith(f":{record.key}")
    public_id = minted if minted_for_another or record.public_id in claimed else record.public_id
    claimed.add(public_id)
    return public_id


def _identities(record: Record, known: Sequence[KnownEntry]) -> Iterator[str]:
    """Yield names for a new record, best first: its own, then what tells it from others with the same id."""
    name = record.identity
    yield name
    family = [entry for entry in known if entry.alias == record.alias]
    if record.publisher_date and family and not _is_shared(record, family):
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
