"""Which id a source without a written one keeps: the id of a default is assigned once, and known from then on."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from aggregator.config import ids
from storage.states import Earlier


@dataclass(frozen=True, slots=True)
class Here:
    """A source as it stands in the file now; one without URL is set aside, so that its place alone is known."""

    id: str | None
    """As it is written; None where none is."""
    url: str
    written: str
    name: str
    """As it is written; `""` where none is."""


def kept(now: Sequence[Here], before: Sequence[Earlier], *, whole: bool = True) -> Mapping[int, str]:
    """
    Return by index of `now` the ids that sources without a written id keep; both are in the order of the file.

    In this order, and no id twice, nor one that is written:
    the id of the source that had the same URL; the id that the URL makes, where a source of the file had it; the id of
    the one source of the same written name that vanished; the id of the one source that vanished from the same place:
    what stands before and after it (or the end) stood right before and after that one, and a name that was written is
    the same. Whoever has none of these is new. Where a choice would have to be made between two, both are new.
    With `whole` False sources may be missing from `now`, and nothing is said to have vanished.
    """
    if not before:
        return {}
    adoption = _Adoption(now, before)
    adoption.by_url()
    adoption.by_slug()
    if whole:
        adoption.by_name()
        adoption.by_place()
    return adoption.found


class _Adoption:
    """Ids found so far, and the sources that still need one."""

    def __init__(self, now: Sequence[Here], before: Sequence[Earlier]) -> None:
        self.now = now
        self.before = before
        self.placed = [one for one in before if one.placed]
        self.found: dict[int, str] = {}
        self._taken = {one.id for one in now if one.id is not None}

    def by_url(self) -> None:
        """Take ids of the same URL: one that is in the file before others, the one that the URL makes before others."""
        for placed in (True, False):
            at: dict[str, list[str]] = defaultdict(list)
            for one in self.before:
                if one.placed is placed and one.id not in self._taken:
                    at[one.url].append(one.id)
            there = [(index, here) for index, here in self._without() if here.url in at]
            for index, here in there:
                made = _natural(here.written) if len(at[here.url]) > 1 else ()
                self._take_first(index, [one for one in made if one in at[here.url]])
            for index, here in there:
                self._take_first(index, at[here.url])

    def by_slug(self) -> None:
        """Take the id that the URL as written makes: variables in it may stand for something else than before."""
        there = {one.id for one in self.placed}
        for index, here in self._without():
            self._take_first(index, [one for one in reversed(_natural(here.written)) if one in there])

    def by_name(self) -> None:
        """Take the id of what vanished with the same name, where nothing else has or had it."""
        had = Counter(one.name for one in self.placed)
        have = Counter(here.name for here in self.now if here.name)
        gone = {one.name: one.id for one in self._vanished() if had[one.name] == 1 and not _made_up(one)}
        for index, here in self._without():
            if have[here.name] == 1 and here.name in gone:
                self._take_first(index, [gone[here.name]])

    def by_place(self) -> None:
        """Take the id of what vanished between the same two neighbours, where it was alone there, as this one is."""
        gone = {one.id: one for one in self._vanished()}
        order = {one.id: number for number, one in enumerate(self.placed)}
        away = {one.id for one in self.before if not one.placed}
        known = [(index, self.found.get(index, here.id)) for index, here in enumerate(self.now)]
        known = [(index, one) for index, one in known if one is None or one not in away]
        ends: list[int | None] = [-1, *(None if one is None else order.get(one) for _, one in known), len(order)]
        for number, (index, one) in enumerate(known, 1):
            left, right = ends[number - 1], ends[number + 1]
            if one is not None or not self.now[index].url or left is None or right is None or right - left != 2:
                continue
            old = self.placed[left + 1]
            if old.id in gone and (_made_up(old) or old.name == self.now[index].name):
                self._take_first(index, [old.id])

    def _without(self) -> Iterator[tuple[int, Here]]:
        """Yield what needs an id."""
        for index, here in enumerate(self.now):
            if here.id is None and here.url and index not in self.found:
                yield index, here

    def _vanished(self) -> Iterable[Earlier]:
        """Return what stood in the file and does no more, neither by its id nor by its URL."""
        urls = {here.url for here in self.now}
        return [one for one in self.placed if one.id not in self._taken and one.url not in urls]

    def _take_first(self, index: int, choice: Iterable[str]) -> None:
        """Let the source have the first of the ids that is free, if it has none yet."""
        id_ = next((one for one in choice if one not in self._taken), None)
        if id_ is not None and index not in self.found:
            self.found[index] = id_
            self._taken.add(id_)


def _natural(written: str) -> tuple[str, str]:
    """Return the ids that the URL as written makes: the plain one, and the one where that is taken."""
    slug = ids.slug(written)
    return slug, ids.suffixed(slug, written)


def _made_up(one: Earlier) -> bool:
    """Return whether nobody wrote the name: it is made of the URL as written, which holds `…` for variables."""
    return one.name == ids.name(one.url) or one.name.startswith("rsshub:") or "…" in one.name
