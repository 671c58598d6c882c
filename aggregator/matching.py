"""Tell which stored entry each entry of a document is: by id, by what they say, or under new ids."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from aggregator.model import Reading
from storage.record import Record
from storage.values import Known, KnownEntry

REUSED_AFTER = timedelta(days=30)
"""An entry this much newer, with another title and link, is not the stored one under the same id (rule 72)."""

MIGRATED = 0.8
"""Share of a page that must be recognised under new ids (rule 73)."""

RECOGNISED = 3
"""So many of them are enough where the page also has new ones."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """What is known of a document's entries; each stands at its place, those of older pages after the document's own."""

    records: dict[int, Record]
    """All of them, those aside that say what an earlier one says."""
    same: dict[int, KnownEntry]
    """Those that are stored, and what is stored of them."""
    renamed: dict[int, KnownEntry]
    """Those that are stored under other ids (rule 73), or came half."""
    unknown: dict[int, Record]


def recognised(known: Known, reading: Reading) -> Recognised:
    """Return which entries of the document and of its older pages are which of the stored ones."""
    within = len(reading.records)
    own = _distinct(reading.records)
    older = _older(reading.older, own, within) if reading.older else {}
    records = own | older if older else own
    same = _matched(own, known.entries)
    if older:  # after the document's own, so that no older page takes an entry from it
        taken = {entry.key for entry in same.values()}
        same |= _matched(older, [entry for entry in known.entries if entry.key not in taken])
    unknown = _without(records, same)
    if not unknown or not known.entries:
        return Recognised(records, same, {}, unknown)
    # What changed alone says nothing of ids: the others are not there to be compared.
    renamed = {} if reading.delta else _migrated(unknown, known.entries, same)
    unknown = _without(unknown, renamed)
    if reading.truncated:
        unknown = _without_half(unknown, within - 1, _absent(known, same))
    elif not reading.delta:
        gone = _absent(known, same | renamed)
        renamed |= _renamed({at: record for at, record in unknown.items() if at < within}, gone)
        unknown = _without(unknown, renamed)
        renamed |= _completed(unknown, same, _absent(known, same | renamed))
    return Recognised(records, same, renamed, _without(unknown, renamed))


def meets(known: Known, reading: Reading) -> bool:
    """Return whether any entry of the document and of its older pages is stored, or was and has been removed."""
    found = recognised(known, reading)
    if found.same or found.renamed:
        return True
    return any({record.identity, record.alias} & known.tombstones for record in found.records.values())


def _without(records: Mapping[int, Record], known: Mapping[int, KnownEntry]) -> dict[int, Record]:
    return {at: record for at, record in records.items() if at not in known}


def _distinct(records: Sequence[Record]) -> dict[int, Record]:
    """Return the records by their place in the document, without those that say what an earlier one says (rule 71)."""
    seen: set[Hashable] = set()
    distinct = {}
    for at, record in enumerate(records):
        # One guid, link and title is one entry, whatever counter its text carries. Where the publisher gave no guid,
        # the whole text and the date tell two entries apart: a changelog may say the same of a thing twice a year.
        said = record.title if record.guid else _digest_and_date(record)
        what = (record.alias, place(record.link), said or record.digest)
        if what not in seen:
            seen.add(what)
            distinct[at] = record
    return distinct


def _older(older: Sequence[Record], own: Mapping[int, Record], start: int) -> dict[int, Record]:
    """Return the entries of older pages that no newer one has another version of (RFC 5005 section 4), from `start` on."""
    ids = Counter(record.alias for record in own.values())
    newer: dict[str, list[Record]] = defaultdict(list)
    for record in own.values():
        newer[record.alias].append(record)
    kept = {}
    for at, record in _distinct(older).items():
        shared = ids[record.alias] > 1
        if any(
            record.title == one.title or (not shared and place(record.link) == place(one.link))
            for one in newer[record.alias]
        ):
            continue
        newer[record.alias].append(record)
        kept[start + at] = record
    return kept


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
    shared = is_shared(record, stored)
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
    if record.title == entry.title or place(record.link) == place(entry.link) or record.publisher_date is None:
        return False
    return record.publisher_date - (entry.publisher_date or entry.published) > REUSED_AFTER


def is_shared(record: Record, stored: Sequence[KnownEntry]) -> bool:
    """Return whether the publisher has given the record's id to several entries of one document."""
    shared = f"{place(record.identity)}|"
    return any((place(entry.identity) or "").startswith(shared) for entry in stored)


def _migrated(
    records: Mapping[int, Record], known: Sequence[KnownEntry], same: Mapping[int, KnownEntry]
) -> dict[int, KnownEntry]:
    """
    Return the stored entries that the publisher gave new ids, none if it did not do so with a whole page (rule 73).

    `records` are those that are not known by their ids. One that was known by an id that the last page did not have
    says nothing: a publisher with two schemes of ids brings it now and then.
    """
    in_use = {entry.alias for entry in known if entry.listed}
    if any(entry.listed for entry in same.values()) or any(record.alias in in_use for record in records.values()):
        return {}
    listed = [entry for entry in known if entry.listed]
    pairs = _Pairs(dict(records), list(listed))
    # A link alone may be the address of a page whose content changes from day to day.
    pairs.match(_title_and_link, unique=True)
    pairs.match(_link_and_date, unique=True)
    pairs.match(_title_and_date, unique=True)
    page = min(len(records), len(listed))
    return pairs.found if page and len(pairs.found) >= MIGRATED * page else _migrated_below(records, pairs.found)


def _migrated_below(records: Mapping[int, Record], found: Mapping[int, KnownEntry]) -> dict[int, KnownEntry]:
    """Return those that were found where they are what stands below entries that are new; of these, only a date tells."""
    dated = {
        at: entry
        for at, entry in found.items()
        if records[at].publisher_date is not None and records[at].publisher_date == entry.publisher_date
    }
    below = [at for at in records if at >= min(dated, default=0)]
    return dated if len(dated) >= max(RECOGNISED, MIGRATED * len(below)) else {}


def _renamed(records: Mapping[int, Record], absent: Sequence[KnownEntry]) -> dict[int, KnownEntry]:
    """Return the stored entries that are not there any more, and of which every word and the date stand under a new id."""
    pairs = _Pairs(dict(records), list(absent))
    pairs.match(_digest_of_its_date, unique=True)
    return pairs.found


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


def _digest_of_its_date(one: Record | KnownEntry) -> Hashable | None:
    return (one.digest, one.publisher_date) if one.publisher_date else None


def _digest(one: Record | KnownEntry) -> Hashable | None:
    return one.digest


def _title(one: Record | KnownEntry) -> Hashable | None:
    return one.title or None


def _link(one: Record | KnownEntry) -> Hashable | None:
    return place(one.link)


def _title_and_link(one: Record | KnownEntry) -> Hashable | None:
    return (one.title, place(one.link)) if one.title and one.link else None


def _link_and_date(one: Record | KnownEntry) -> Hashable | None:
    return (place(one.link), one.publisher_date) if one.link and one.publisher_date else None


def _title_and_date(one: Record | KnownEntry) -> Hashable | None:
    return (one.title, one.publisher_date) if one.title and one.publisher_date else None


def place(link: str | None) -> str | None:
    """Return the link with http and https made one."""
    if link is None:
        return None
    return f"http{link[5:]}" if link[:6].lower() == "https:" else link
