"""From the files to `Settings`: read, judge, merge what goes down into the sources; all problems are told at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from aggregator.config import files, ids, rules, views
from aggregator.config.document import MapNode
from aggregator.config.durations import short
from aggregator.config.environment import values_in
from aggregator.config.faults import ConfigError, Report
from aggregator.config.gathering import Found, gather
from aggregator.config.inheritance import Shape, Shapes, merged
from aggregator.config.places import Places
from aggregator.config.schema import Document
from aggregator.config.sections import PollingPart
from aggregator.config.sizes import written
from aggregator.config.values import Values
from aggregator.model import Backups, Polling, Server, Settings, Source, Storage
from storage.states import Earlier

Before = Sequence[Earlier] | Callable[[Path], Sequence[Earlier]]
"""What was known of sources before, or who tells that, given the folder of the store."""

APART = ("sources", "views")
"""Parts that are judged item by item, so that a fault of one hides none of another."""


def read(path: Path, environ: Mapping[str, str], lists: Mapping[str, bytes], before: Before = ()) -> Settings:
    """Return the settings; raise `ConfigError` with all faults. See `aggregator.config.load`."""
    report = Report(str(path), files.text_of(path))
    root = files.root(report)
    places, values = Places(root, report), Values(environ, report)
    document, refused = _judged(root, places, values)
    whole = path.absolute()
    allowed = document.polling.allow_private
    found = gather(root, report, whole, document.defaults, environ, lists, allowed)
    storage = _storage(document, whole.parent)
    earlier = before(storage.path) if callable(before) else before
    polled, paused = _sources(_addressed(document, refused, found, earlier), environ)
    _check_polling(document.polling, (*polled, *paused), places)
    known = views.known_of((*polled, *paused), found.unread, earlier, whole=not found.partial)
    node = root.entries["views"][1] if "views" in root.entries else None
    viewed = views.views_of(node, values, known, places)
    if storage.records == storage.path:
        places.fault(("storage", "records"), "is the folder of `path` too; give the records one of their own")
    _raise_any(found)
    return Settings(
        path=whole,
        server=_server(document, whole.parent),
        storage=storage,
        polling=_polling(document, (*polled, *paused)),
        sources=tuple(polled),
        warnings=tuple(found.warnings or _nothing(path, found)),
        views=viewed,
        watched=tuple(found.watched),
        lists=tuple(found.lists),
        paused=tuple(paused),
    )


def _judged(root: MapNode, places: Places, values: Values) -> tuple[Document, set[str]]:
    """Return what of the file fits the schema, sources and views aside, and the parts that do not, which are told of."""
    content = {key: values.part(value) for key, (_, value) in root.entries.items() if key not in APART}
    try:
        return Document.model_validate(content), set()
    except ValidationError as error:
        refused = {str(loc[0]) for loc in places.tell(error, Document)}
    return Document.model_validate({key: value for key, value in content.items() if key not in refused}), refused


def _raise_any(found: Found) -> None:
    faults = [
        fault
        for report in found.reports
        for fault in sorted(report.faults, key=lambda fault: (fault.line, fault.column))
    ]
    if faults:
        raise ConfigError(faults)


def _nothing(path: Path, found: Found) -> list[str]:
    if found.sources or found.partial:
        return []
    return [f"{path}: no source is listed; put a URL under `sources:`, such as `- https://planetpython.org/rss20.xml`"]


def addressed(
    path: Path, environ: Mapping[str, str], lists: Mapping[str, bytes], before: Before = ()
) -> list[rules.Addressed]:
    """Return the sources, paused ones too, with where each stands; of a file that `read` takes."""
    report = Report(str(path), files.text_of(path))
    root = files.root(report)
    document, refused = _judged(root, Places(root, report), Values(environ, report))
    earlier = before(_storage(document, path.absolute().parent).path) if callable(before) else before
    allowed = document.polling.allow_private
    found = gather(root, report, path.absolute(), document.defaults, environ, lists, allowed)
    return _addressed(document, refused, found, earlier)


def _addressed(document: Document, refused: set[str], found: Found, before: Sequence[Earlier]) -> list[rules.Addressed]:
    all_ = rules.addressed(found.sources, None if "rsshub" in refused else document.rsshub)
    all_ = rules.assign_ids(all_, found, before)
    all_ = rules.check_urls(all_, found.warnings)
    if not {"defaults", "polling"} & refused:
        all_ = rules.check_bounds(all_, document.polling.allow_private, found.warnings)
    return all_


def _sources(all_: Sequence[rules.Addressed], environ: Mapping[str, str]) -> tuple[list[Source], list[Source]]:
    """Return the sources that are polled, and those that are paused, each in their order."""
    shapes = Shapes()
    polled: list[Source] = []
    paused: list[Source] = []
    for position, one in enumerate(all_):
        shape = shapes.of(merged(one.source.above.merged, one.source.part))
        (paused if shape.paused else polled).append(_source(one, position, shape, environ))
    return polled, paused


def _source(one: rules.Addressed, position: int, shape: Shape, environ: Mapping[str, str]) -> Source:
    gathered = one.source
    fallback = (gathered.places.written(("fallback", number)) for number in range(len(gathered.part.fallback or ())))
    return Source(
        id=one.id,
        url=one.url,
        name=gathered.part.name or ids.name(gathered.written),
        position=position,
        place=f"{Path(gathered.places.report.file).name}:{gathered.places.root.line}",
        fallback=one.fallback,
        groups=gathered.above.groups,
        secrets=tuple(value for text in (gathered.written, *fallback) for value in values_in(text, environ)),
        **shape.fields,
    )


def _server(document: Document, base: Path) -> Server:
    part = document.server
    listen = part.listen
    if listen.startswith("unix:"):
        listen = f"unix:{base / Path(listen.removeprefix('unix:')).expanduser()}"
    return Server(listen, part.base_url, part.title, part.access_token)


def _storage(document: Document, base: Path) -> Storage:
    part = document.storage
    return Storage(
        path=base / Path(part.path).expanduser(),
        records=None if part.records is None else base / Path(part.records).expanduser(),
        record_fields=part.record_fields,
        record_style=part.record_style,
        backups=Backups(part.backups.every, part.backups.keep),
    )


def _polling(document: Document, sources: Sequence[Source]) -> Polling:
    part, built_in = document.polling, Polling()
    return Polling(
        part.user_agent,
        part.concurrency,
        part.per_host,
        part.host_delay,
        frozenset(part.allow_private),
        max_in_flight=part.max_in_flight or max(built_in.max_in_flight, _needed(sources)),
        workers=part.workers,
        max_cpu=part.max_cpu,
        max_reading=part.max_reading,
        max_memory=part.max_memory or built_in.max_memory,
    )


def _needed(sources: Sequence[Source]) -> int:
    """Return what all bodies must be able to hold for the largest of one to have its place: half is for large ones."""
    return 2 * max((source.max_body for source in sources), default=0)


def _check_polling(part: PollingPart, sources: Sequence[Source], places: Places) -> None:
    """Note bounds that exclude each other."""
    if part.max_cpu > part.max_reading:
        key = "max_cpu" if "max_cpu" in part.model_fields_set else "max_reading"
        said = (
            f"{name} ({short(getattr(part, name))}{'' if name in part.model_fields_set else ' by default'})"
            for name in ("max_cpu", "max_reading")
        )
        places.fault(("polling", key), f"{' is more than '.join(said)}; set both")
    if part.max_in_flight is not None and part.max_in_flight < _needed(sources):
        largest = max(sources, key=lambda source: source.max_body)
        places.fault(
            ("polling", "max_in_flight"),
            f'{written(part.max_in_flight)} is less than twice the max_body of source "{largest.id}" '
            f"({written(largest.max_body)}), which could not be held",
            written(_needed(sources)),
        )
