"""What holds between the parts of feeds.yaml: ids and URLs of different sources, fallbacks, and the bounds of polling."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import chain, count
from pathlib import Path

from aggregator.config import ids, rsshub, urls
from aggregator.config.adopting import Here, kept
from aggregator.config.durations import short
from aggregator.config.gathering import Found, Gathered, Level
from aggregator.config.inheritance import BUILT_IN
from aggregator.config.places import Loc
from aggregator.config.sections import RsshubPart
from storage.states import Earlier

LEAST = timedelta(minutes=15)
"""Of `every` and `at_least` for a host that is not the operator's own (docs/etiquette.md, rule 27)."""


@dataclass(slots=True)
class Addressed:
    """A source with the URLs at which it is asked, and its id."""

    source: Gathered
    url: str
    fallback: tuple[str, ...]
    id: str = ""


def addressed(sources: Sequence[Gathered], hub: RsshubPart | None) -> list[Addressed]:
    """
    Return each source with its URLs, shorthands of RSSHub replaced; `hub` is None where that part is faulty.

    Notes a shorthand where there is no base, and a fallback that is the source's own URL or stands there twice.
    """
    found = []
    for source in sources:
        part = source.part
        url = part.url or f"{rsshub.SCHEME}{part.rsshub}"
        every: list[tuple[str, Loc]] = [(url, ("rsshub",) if part.url is None else ("url",))]
        every += [(one, ("fallback", number)) for number, one in enumerate(part.fallback or ())]
        if not (part.fallback or rsshub.is_short(url)):
            found.append(Addressed(source, url, ()))
            continue
        if source.foreign:
            every = [two for two in every if not (rsshub.is_short(two[0]) and hub is not None and not hub.base)]
        all_: dict[str, str] = {}
        for one, at in () if source.foreign else every:
            _one_address(one, at, hub, source, all_)
        first, *others = chain.from_iterable(_expanded(one, hub) for one, _ in every)
        found.append(Addressed(source, first, tuple(dict.fromkeys(other for other in others if other != first))))
    return found


def _one_address(url: str, at: Loc, hub: RsshubPart | None, source: Gathered, all_: dict[str, str]) -> None:
    """Note a fallback that was there before, and a shorthand that leads nowhere."""
    key = url if rsshub.is_short(url) else urls.same(url)
    if key in all_:
        source.places.fault(at, f"is the same as its {all_[key]}; take it out")
    all_.setdefault(key, "`url`" if at[0] != "fallback" else f"fallback number {int(at[1]) + 1}")
    if rsshub.is_short(url) and hub is not None and not hub.base:
        source.places.fault(
            at, "there is no RSSHub to ask; write `rsshub: {base: https://rsshub.example.org}` in the first column"
        )


def _expanded(url: str, hub: RsshubPart | None) -> tuple[str, ...]:
    if not rsshub.is_short(url):
        return (url,)
    bases = hub.base if hub is not None and hub.base else ("http://rsshub.invalid",)
    return rsshub.expanded(rsshub.route(url), bases, hub.key if hub else "")


def assign_ids(sources: Sequence[Addressed], found: Found, before: Sequence[Earlier]) -> list[Addressed]:
    """
    Return the sources with their ids: the given one, else the one that it had (`adopting.kept`), else a new one.

    A new one is the slug of the URL as written; where that is taken it gets a suffix made of the URL as written, and
    what stands first in the file keeps the plain one.
    A given id that is taken is a fault; in a list, a warning, and the source is left out.
    """
    taken: dict[str, Gathered] = {}
    left: set[int] = set()
    for index, one in enumerate(sources):
        given = one.source.part.id
        if given is None:
            continue
        if given not in taken:
            taken[given] = one.source
            one.id = given
        elif one.source.foreign:
            left.add(index)
            found.warnings.append(
                f"{_place(one.source)}: {one.source.named} is left out: its id is taken by {_at(taken[given], one.source)}"
            )
        else:
            at = ("id",)
            written = one.source.places.written(at)
            one.source.places.fault(
                at,
                f'"{written}" is the id of the source in {_at(taken[given], one.source)} too; give one of them another',
            )
    for one, id_ in _kept(sources, left, found, before):
        one.id = id_
        taken[id_] = one.source
    made: dict[str, str] = {one.source.written: one.id for one in sources if one.id and one.source.part.id is None}
    for one in sources:
        if one.id:
            continue
        if one.source.part.id is None:
            written = one.source.written
            # The same URL again is a fault that `check_urls` tells of: it need not have an id of its own.
            one.id = made[written] if written in made else _free(written, taken)
            made[written] = one.id
            taken.setdefault(one.id, one.source)
    return [one for index, one in enumerate(sources) if index not in left]


def _kept(
    sources: Sequence[Addressed], left: Container[int], found: Found, before: Sequence[Earlier]
) -> list[tuple[Addressed, str]]:
    """Return the sources that keep the id that they had."""
    if not before:
        return []
    now: list[tuple[Addressed | None, Here]] = []
    seen: set[str] = set()
    holes = sorted(found.holes, reverse=True)
    for index, one in enumerate(sources):
        while holes and holes[-1][0] <= index:
            now.append((None, Here(None, "", "", holes.pop()[1])))
        part, written = one.source.part, one.source.written
        # Of those that `check_urls` refuses or leaves out the first alone counts.
        if index in left or (part.id is None and written in seen) or (one.source.foreign and one.url in seen):
            continue
        seen |= {one.url} if part.id is not None else {one.url, written}
        now.append((one, Here(part.id, one.url, written, part.name or "")))
    now += [(None, Here(None, "", "", name)) for _, name in reversed(holes)]
    whole = not (found.partial or found.cut)
    ids_ = kept([here for _, here in now], before, whole=whole)
    return [(one, ids_[index]) for index, (one, _) in enumerate(now) if one is not None and index in ids_]


def check_urls(sources: Sequence[Addressed], warnings: list[str]) -> list[Addressed]:
    """
    Note a URL that is written twice with no id to tell the two apart; of a list the first alone is taken.

    Adds sentences on those that have an id, and on URLs written differently that ask for the same.
    """
    first: dict[str, Gathered] = {}
    plain: dict[str, Gathered] = {}
    exact: dict[str, Gathered] = {}
    kept = []
    for one in sources:
        source = one.source
        there = exact.setdefault(one.url, source)
        if there is not source and source.foreign:
            warnings.append(f"{_place(source)}: {source.named} is left out: {_at(there, source)} has its URL already")
            continue
        twin = plain.setdefault(source.written, source) if source.part.id is None else source
        before = first.setdefault(urls.same(one.url), source)
        kept.append(one)
        if twin is not source:
            where = _at(twin, source)
            source.places.fault(
                ("url",) if source.part.url is not None else ("rsshub",),
                f"stands in {where} already; take one out, or give one an id",
            )
        elif before is not source:
            where = _at(before, source)
            warnings.append(f"{_place(source)}: {source.named} has the URL of {before.named} ({where})")
    return kept


def check_bounds(sources: Sequence[Addressed], allow_private: Collection[str], warnings: list[str]) -> list[Addressed]:
    """
    Note intervals that would be unkind to a publisher, and bounds that exclude each other, each place once.

    A source of a list whose own bounds are at fault has those of what stands above it.
    """
    told: set[tuple[int, int, int]] = set()
    kept = []
    for one in sources:
        wrong = [*_too_eager(one, allow_private), *_crossed(one)]
        own = [message for level, _, message in wrong if level.part is one.source.part]
        if one.source.foreign and own:
            warnings.append(f"{_place(one.source)}: {one.source.named}: its intervals are not taken: {own[0]}")
            kept.append(_without_bounds(one))
            continue
        kept.append(one)
        for level, key, message in wrong:
            at = level.places.node((key,))
            place = (id(level.places.report), at.line, at.column)
            if place not in told:
                told.add(place)
                level.places.fault((key,), message)
    return kept


def _without_bounds(one: Addressed) -> Addressed:
    part = one.source.part
    kept = {key: getattr(part, key) for key in part.model_fields_set - {"every", "at_least", "at_most"}}
    bare = type(part).model_construct(_fields_set=set(kept), **kept)
    return replace(one, source=replace(one.source, part=bare))


def _too_eager(one: Addressed, allow_private: Collection[str]) -> Iterator[tuple[Level, str, str]]:
    """Yield the intervals below the least that a publisher's host may be asked at."""
    low = [
        (level, key)
        for key in ("every", "at_least")
        for value, level in [_chosen(key, one.source)]
        if level is not None and isinstance(value, timedelta) and value < LEAST
    ]
    if not low or all(urls.is_own(url, allow_private) for url in (one.url, *one.fallback)):
        return
    for level, key in low:
        which = "" if level.part is one.source.part else f" ({one.source.named} is at one)"
        message = (
            f"{_quoted(level, key)} is less than {short(LEAST)}, the least for a publisher's host{which}; "
            "if the host is your own, name its host:port in polling.allow_private"
        )
        yield level, key, message


def _quoted(level: Level, key: str) -> str:
    written = level.places.written((key,))
    return f'"{written}"' if written else short(getattr(level.part, key))


def _crossed(one: Addressed) -> Iterator[tuple[Level, str, str]]:
    """Yield the bound that was set last where `at_least` is more than `at_most`."""
    least, least_at = _chosen("at_least", one.source)
    most, most_at = _chosen("at_most", one.source)
    at_least = least if isinstance(least, timedelta) else BUILT_IN.at_least
    at_most = most if isinstance(most, timedelta) else BUILT_IN.at_most
    if at_least <= at_most:
        return
    levels = [level.part for level in (*one.source.above.levels, Level(one.source.part, one.source.places))]
    set_at = [(level, key) for level, key in ((least_at, "at_least"), (most_at, "at_most")) if level is not None]
    level, key = max(set_at, key=lambda two: next(i for i, part in enumerate(levels) if part is two[0].part))
    low, high = _said("at_least", least_at, BUILT_IN.at_least), _said("at_most", most_at, BUILT_IN.at_most)
    yield level, key, f"at_least ({low}) is more than at_most ({high}); set both"


def _chosen(key: str, source: Gathered) -> tuple[object, Level | None]:
    """Return the value that holds for the source, and where it stands; None where it is the built-in one."""
    own = Level(source.part, source.places)
    for level in (own, *reversed(source.above.levels)):
        if key in level.part.model_fields_set:
            value = getattr(level.part, key)
            return value, None if value is None else level
    return None, None


def _said(key: str, level: Level | None, built_in: timedelta) -> str:
    if level is None:
        return f"{short(built_in)} by default"
    return level.places.written((key,)) or short(getattr(level.part, key))


def _place(source: Gathered) -> str:
    return f"{source.places.report.file}:{source.places.root.line}"


def _at(other: Gathered, source: Gathered) -> str:
    """Return where the other source stands, as one reads it from this one."""
    line = f"line {other.places.root.line}"
    same = other.places.report is source.places.report
    return line if same else f"{Path(other.places.report.file).name}, {line},"


def _free(written_url: str, taken: Container[str]) -> str:
    slug = ids.slug(written_url)
    hashed = (ids.suffixed(slug, written_url, length) for length in (6, 12, 24, 48))
    numbered = (f"{slug[:40]}-{number}" for number in count(2))
    return next(one for one in chain((slug,), hashed, numbered) if one not in taken)
