"""What holds between the parts of feeds.yaml: ids and URLs of different sources, and the bounds of polling."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from itertools import chain, count

from aggregator.config import ids, urls
from aggregator.config.durations import short
from aggregator.config.places import Loc, Places
from aggregator.config.schema import Inherited, SourcePart
from aggregator.model import Source

LEAST = timedelta(minutes=15)
"""Of `every` and `at_least` for a host that is not the operator's own (docs/etiquette.md, rule 27)."""

BUILT_IN = Source(id="", url="", name="")
"""What holds where neither the source nor the defaults say anything."""

Sources = Mapping[int, SourcePart]
"""By their place in the list of the file, those that could be read."""


def assign_ids(sources: Sources, places: Places) -> dict[int, str]:
    """
    Return the id of each source: the given one, else the slug of its URL.

    A slug that is taken gets a suffix made of the URL as written; what stands first in the file keeps the plain one.
    """
    taken: dict[str, int] = {}
    chosen: dict[int, str] = {}
    for index, source in sources.items():
        if source.id is None:
            continue
        if source.id in taken:
            at = ("sources", index, "id")
            line = places.node(("sources", taken[source.id])).line
            places.fault(
                at, f'"{places.written(at)}" is the id of the source in line {line} too; give one of them another'
            )
            continue
        taken[source.id] = index
        chosen[index] = source.id
    made: dict[str, str] = {}
    for index, source in sources.items():
        if source.id is None:
            written = places.url(index)
            # The same URL again is a fault that `check_urls` tells of: it need not have an id of its own.
            chosen[index] = made[written] if written in made else _free(written, taken)
            made[written] = chosen[index]
            taken[chosen[index]] = index
    return chosen


def check_urls(sources: Sources, places: Places) -> list[str]:
    """
    Note a URL that is written twice with no id to tell the two apart.

    Return sentences on those that have one, and on URLs written differently that ask for the same.
    """
    first: dict[str, int] = {}
    plain: dict[str, int] = {}
    warnings = []
    for index, source in sources.items():
        twin = plain.setdefault(places.url(index), index) if source.id is None else index
        before = first.setdefault(urls.same(source.url), index)
        if twin != index:
            line = places.node(("sources", twin)).line
            places.fault(("sources", index, "url"), f"stands in line {line} already; take one out, or give one an id")
        elif before != index:
            at, line = places.node(("sources", index)).line, places.node(("sources", before)).line
            warnings.append(
                f"{places.report.file}:{at}: {places.label(index)} has the URL of {places.label(before)} (line {line})"
            )
    return warnings


def check_bounds(sources: Sources, defaults: Inherited, allow_private: Collection[str], places: Places) -> None:
    """Note intervals that would be unkind to a publisher, and bounds that exclude each other, each place once."""
    told: set[Loc] = set()
    for index, source in sources.items():
        for at, message in _too_eager(source, defaults, index, allow_private, places) + _crossed(
            source, defaults, index, places
        ):
            if at not in told:
                told.add(at)
                places.fault(at, message)


def _too_eager(
    source: SourcePart, defaults: Inherited, index: int, allow_private: Collection[str], places: Places
) -> list[tuple[Loc, str]]:
    """Return the intervals below the least that a publisher's host may be asked at."""
    low = [
        at
        for value, at in (_chosen(key, source, defaults, index) for key in ("every", "at_least"))
        if at is not None and isinstance(value, timedelta) and value < LEAST
    ]
    if not low or urls.is_own(source.url, allow_private):
        return []
    return [(at, _eager(at, index, places)) for at in low]


def _eager(at: Loc, index: int, places: Places) -> str:
    which = f" ({places.label(index)} is at one)" if at[0] == "defaults" else ""
    return (
        f'"{places.written(at)}" is less than {short(LEAST)}, the least for a publisher\'s host{which}; '
        "if the host is your own, name its host:port in polling.allow_private"
    )


def _crossed(source: SourcePart, defaults: Inherited, index: int, places: Places) -> list[tuple[Loc, str]]:
    """Return the bound that was set last where `at_least` is more than `at_most`."""
    least, least_at = _chosen("at_least", source, defaults, index)
    most, most_at = _chosen("at_most", source, defaults, index)
    at_least = least if isinstance(least, timedelta) else BUILT_IN.at_least
    at_most = most if isinstance(most, timedelta) else BUILT_IN.at_most
    if at_least <= at_most:
        return []
    at = max((at for at in (least_at, most_at) if at), key=lambda loc: loc[0] == "sources")
    low, high = _said(least_at, BUILT_IN.at_least, places), _said(most_at, BUILT_IN.at_most, places)
    return [(at, f"at_least ({low}) is more than at_most ({high}); set both")]


def inherited(source: SourcePart, defaults: Inherited) -> Inherited:
    """Return what holds for the source: absent keys come from the defaults, null ones are reset, `keep` merges by key."""
    own = {key: getattr(source, key) for key in source.model_fields_set if key in Inherited.model_fields}
    if not own:
        return defaults
    if source.keep is not None and defaults.keep is not None:
        mine = {key: getattr(source.keep, key) for key in source.keep.model_fields_set}
        own["keep"] = defaults.keep.model_copy(update=mine)
    return defaults.model_copy(update=own)


def _chosen(key: str, source: SourcePart, defaults: Inherited, index: int) -> tuple[object, Loc | None]:
    """Return the value that holds for the source, and where it stands; None where it is the built-in one."""
    own = key in source.model_fields_set
    value = getattr(source if own else defaults, key)
    if value is None:
        return None, None
    return value, ("sources", index, key) if own else ("defaults", key)


def _said(at: Loc | None, built_in: timedelta, places: Places) -> str:
    return places.written(at) if at else f"{short(built_in)} by default"


def _free(written_url: str, taken: Collection[str]) -> str:
    slug = ids.slug(written_url)
    hashed = (ids.suffixed(slug, written_url, length) for length in (6, 12, 24, 48))
    numbered = (f"{slug[:40]}-{number}" for number in count(2))
    return next(one for one in chain((slug,), hashed, numbered) if one not in taken)
