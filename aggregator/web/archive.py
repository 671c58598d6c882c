"""The archive of a feed (RFC 5005 section 4): documents cut by arrival, which together hold all that its document does not."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from heapq import merge
from itertools import islice

from aggregator.filters import HIDING, digest_of
from aggregator.merge import Shown, came, first_arrived, in_order, judged, lasting, members, told
from aggregator.model import View
from aggregator.web.stream import LONGEST, Stories, length
from aggregator.web.stretches import SHARES, Stretch, block, roundest, share_of
from storage.contract import Store
from storage.record import Record
from storage.values import RecordQuery

MOST = 100
"""Records that an archive document holds at most, as it is cut."""
MOST_LOOKED_AT = 1_000
"""Records that are looked at to cut one: where rules leave out nearly all of them, documents may be empty."""

_FORM = 1
"""Of the digest of a series; another one where another rule says who stands in an archive."""
_STEP = 25
_LONGEST_STEP = 200


class MovedError(Exception):
    """What is asked for has come to hold more than a document may; the first part of it is `stretch`."""

    def __init__(self, stretch: Stretch) -> None:
        super().__init__(str(stretch))
        self.stretch = stretch


def series_of(view: View) -> str:
    """
    Return what tells the archive of the view from that of another definition of it.

    It rests on what chooses records for good: sources (with those that its tags stand for), categories, query, the
    rules that leave out. How many it shows, how they look and what it is called change no archive.
    """
    chosen = (sorted(set(view.sources)), sorted(set(view.categories)), view.query, view.in_all, view.backlog)
    said = repr((_FORM, chosen, digest_of(view.filters, HIDING)))
    return sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class _Item:
    """A record whose place in the archive is that of a story, and what stands there."""

    at: int
    """Arrival of the place."""
    key: str
    """Of the record that has it."""
    story: tuple[Record, ...]

    @property
    def length(self) -> int:
        return length(self.story[0])


class Archive:
    """The archive of a view; its tags must stand for sources already (`choice.with_tagged`)."""

    def __init__(self, store: Store, view: View, most: int = MOST, most_looked_at: int = MOST_LOOKED_AT) -> None:
        """`most` records stand in a document, as it is cut; `most_looked_at` are looked at to cut one."""
        self._store, self._view, self.series = store, lasting(view), series_of(view)
        self._most, self._most_looked_at = most, most_looked_at
        self._stories = Stories(store, self._view, self._stands)

    def newest(self, shown: Collection[Shown]) -> Stretch | None:
        """
        Return the stretch that comes before a document which holds these; None where it holds all.

        All that it does not hold arrived before the end of that stretch. Where nothing is missing among the newest
        1,000 that are looked at, the archive begins there, at a number that stays as long as it can: what the
        document does not show is not to change it.
        """
        held = {record.key for one in shown for record in (one.record, *one.also)}
        last = None
        for number, (record, item) in enumerate(self._items(None)):
            last = last or record
            if number == self._most_looked_at:
                return self._below(roundest(record.arrival + 1, last.arrival + 1))
            if item is not None and held.isdisjoint(one.key for one in item.story):
                return self._below(item.at + 1)
        return None

    def before(self, stretch: Stretch) -> Stretch | None:
        """Return the stretch of what arrived before it; None where nothing did."""
        return self._share_below(stretch.first, stretch.low) if stretch.low else self._below(stretch.first)

    def held(self, stretch: Stretch) -> tuple[Shown, ...]:
        """
        Return what stands in the document of the stretch, newest first.

        Raises MovedError where that has become more than a document may hold: a rule lets through more than it did,
        texts have grown.
        """
        items, texts, single = list[_Item](), 0, stretch.end - stretch.first == 1
        for number, (_, item) in enumerate(self._items((stretch.first, stretch.end))):
            if item is not None and stretch.holds(item.key):
                items.append(item)
                texts += item.length
            too_many = len(items) > self._most or (texts > LONGEST and len(items) > 1)
            if (too_many and stretch.high - stretch.low > 1) or (number == self._most_looked_at and not single):
                raise MovedError(self._first_part(stretch))
        return tuple(in_order(told(self._view, item.story) for item in items))

    # --- cutting ---

    def _first_part(self, stretch: Stretch) -> Stretch:
        single = stretch.end - stretch.first == 1
        part = self._share_below(stretch.first, stretch.high) if single else self._below(stretch.end)
        return part or stretch

    def _below(self, top: int) -> Stretch | None:
        """Return the stretch that ends at `top` or before it, with as many records as a document may hold."""
        gathered, bottom, ended = list[_Item](), 0, True
        texts = 0
        for number, (record, item) in enumerate(self._items((0, top))):
            texts += item.length if item else 0
            full = item is not None and (len(gathered) == self._most or (gathered != [] and texts > LONGEST))
            if full or number == self._most_looked_at:
                bottom, ended = record.arrival + 1, False
                break
            if item is not None:
                gathered.append(item)
        if not gathered:
            # Nothing among all that may be looked at for one request: the chain goes on behind it.
            return None if ended else Stretch(self.series, *block(top - 1, top, bottom))
        at = gathered[0].at
        if at < bottom:
            return self._share_below(at, SHARES)
        return Stretch(self.series, *block(at, top, bottom))

    def _share_below(self, at: int, high: int) -> Stretch | None:
        """Return the stretch of one arrival that ends at the share `high` or before it, else what arrived before."""
        items = [item for _, item in self._items((at, at + 1)) if item is not None and share_of(item.key) < high]
        items.sort(key=lambda item: share_of(item.key), reverse=True)
        if not items:
            return self._below(at)
        texts, bottom = 0, 0
        for number, item in enumerate(items):
            texts += item.length
            if number == self._most or (number and texts > LONGEST):
                bottom = share_of(item.key) + 1
                break
        low, end = block(share_of(items[0].key), high, bottom)
        return Stretch(self.series, at, at + 1, low, end)

    # --- reading ---

    def _stands(self, record: Record) -> bool:
        return judged(record, self._view, record.first_seen)

    def _items(self, arrivals: tuple[int, int] | None) -> Iterator[tuple[Record, _Item | None]]:
        """Yield what the view's queries give, the last arrived first, and what has its place there."""
        records, step = self._merged(arrivals), _STEP
        while batch := list(islice(records, step)):
            stands = [record for record in batch if self._stands(record)]
            stories = self._stories.standing(stands)
            standing = {record.key: stories.get(record.key) or (record,) for record in stands}
            for record in batch:
                story = standing.get(record.key)
                placed = story is not None and first_arrived(story).key == record.key
                yield record, _Item(record.arrival, record.key, story) if story and placed else None
            step = min(2 * step, _LONGEST_STEP) if sum(map(length, batch)) < LONGEST // 12 else _STEP

    def _merged(self, arrivals: tuple[int, int] | None) -> Iterator[Record]:
        previous = None
        queries = [replace(query, arrivals=arrivals) for query in members(self._view)]
        for record in merge(*map(self._read, queries), key=came, reverse=True):
            if record.key != previous:
                yield record
            previous = record.key

    def _read(self, query: RecordQuery) -> Iterator[Record]:
        before, step = None, _STEP
        while True:
            records: Sequence[Record] = self._store.arrived(replace(query, limit=step), before)
            yield from records
            if len(records) < step:
                return
            before = records[-1]
            step = min(2 * step, _LONGEST_STEP) if sum(map(length, records)) < LONGEST // 12 else _STEP
