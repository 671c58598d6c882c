"""From the file to `Settings`: read, compose, judge, merge the defaults in; all problems are told at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from aggregator.config import ids, rules
from aggregator.config.document import ListNode, MapNode, Node, TextNode, compose
from aggregator.config.faults import LINE_BREAK, Report
from aggregator.config.places import Loc, Places
from aggregator.config.schema import Document, Inherited, KeepPart, SourcePart
from aggregator.config.values import Values
from aggregator.model import Backups, Keep, Polling, Server, Settings, Source, Storage
from storage.images import ImagePolicy

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")
STAND_IN = "http://stand.in.invalid/"
"""The URL of what takes the place of a faulty source while the rest is judged."""


def read(path: Path, environ: Mapping[str, str]) -> Settings:
    """Return the settings; raise `ConfigError` with all faults. See `aggregator.config.load`."""
    report = Report(str(path), _text(path))
    places = Places(_root(report), report)
    values = Values(environ, report)
    content = {key: values.part(value) for key, (_, value) in places.root.entries.items() if key != "sources"}
    listed, warnings = _sources(places, values)
    if listed is not None:
        content["sources"] = listed
    document, refused = _judged(content, places)
    return _checked(document, refused, warnings, path, places)


def _text(path: Path) -> str:
    """Return the file's text; raise `ConfigError` where it cannot be read or is not UTF-8."""
    report = Report(str(path))
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        report.refuse("there is no such file; `aggregator init` writes one to start from")
    except IsADirectoryError:
        report.refuse("this is a folder; name the file in it, such as feeds.yaml")
    except (OSError, ValueError) as error:
        report.refuse(f"the file cannot be read: {getattr(error, 'strerror', None) or error}")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in data[:64]:
        report.refuse("the file is not UTF-8 (it looks like UTF-16); save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        report = Report(str(path), data.decode("utf-8-sig", "replace"))
        lines = LINE_BREAK.split(data[: error.start].decode("utf-8-sig"))
        what = f"the byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8"
        report.refuse(what, len(lines), len(lines[-1]) + 1)


def _root(report: Report) -> MapNode:
    if found := _CONTROL.search(report.text):
        lines = LINE_BREAK.split(report.text[: found.start()])
        report.refuse(f"a control character (U+{ord(found[0]):04X}) stands here", len(lines), len(lines[-1]) + 1)
    node = compose(report.text, report)
    if node is None or (isinstance(node, TextNode) and node.null):
        report.refuse("the file says nothing; `aggregator init` writes one to start from")
    if not isinstance(node, MapNode):
        what = "a list" if isinstance(node, ListNode) else "plain text"
        hint = "put `sources:` above it" if isinstance(node, ListNode) else "it begins with keys, such as `sources:`"
        report.refuse(f"the file is {what}; {hint}", node.line, node.column)
    return node


def _sources(places: Places, values: Values) -> tuple[object, list[str]]:
    """Return the list of sources without those that lack a variable, and a sentence on each of these."""
    if "sources" not in places.root.entries:
        return None, []
    key, node = places.root.entries["sources"]
    if not isinstance(node, ListNode):
        return values.part(node), []
    found: list[object] = []
    kept: list[Node] = []
    warnings = []
    for index, item in enumerate(node.items):
        value, missing = values.source(item)
        if missing is None:
            found.append(value)
            kept.append(item)
        elif missing:
            warnings.append(f"{places.report.file}:{item.line}: {places.label(index)} is set aside: {missing}")
    # What the schema counts is what was kept.
    entries = {**places.root.entries, "sources": (key, ListNode(node.line, node.column, kept))}
    places.root = MapNode(places.root.line, places.root.column, entries)
    return found, warnings


def _judged(content: dict[str, object], places: Places) -> tuple[Document, list[Loc]]:
    """Return what of the content fits the schema, and the places that do not, which are told of."""
    try:
        return Document.model_validate(content), []
    except ValidationError as error:
        refused = places.tell(error)
    return Document.model_validate(_without(content, refused)), refused


def _without(content: dict[str, object], refused: list[Loc]) -> dict[str, object]:
    """Return the content without its faulty parts, so that the rules between the sound ones are still checked."""
    parts = {loc[0] for loc in refused if loc[0] != "sources" or len(loc) == 1}
    bad = {loc[1] for loc in refused if loc[0] == "sources" and len(loc) > 1}
    sound = {key: value for key, value in content.items() if key not in parts}
    listed = sound.get("sources")
    if isinstance(listed, list) and bad:
        # An index must stay what it is in the file: a faulty source leaves a stand-in that is not looked at.
        sound["sources"] = [STAND_IN if index in bad else value for index, value in enumerate(listed)]
    return sound


def _checked(document: Document, refused: list[Loc], warnings: list[str], path: Path, places: Places) -> Settings:
    bad = {loc[1] for loc in refused if loc[0] == "sources" and len(loc) > 1}
    sound = {index: source for index, source in enumerate(document.sources) if index not in bad}
    chosen = rules.assign_ids(sound, places)
    warnings += rules.check_urls(sound, places)
    if not {"defaults", "polling"} & {loc[0] for loc in refused}:
        rules.check_bounds(sound, document.defaults, document.polling.allow_private, places)
    base = path.absolute().parent
    storage = _storage(document, base)
    if storage.records == storage.path:
        places.fault(("storage", "records"), "is the folder of `path` too; give the records one of their own")
    places.report.raise_any()
    if not sound and not warnings:
        warnings.append(
            f"{path}: no source is listed; put a URL under `sources:`, such as `- https://planetpython.org/rss20.xml`"
        )
    return Settings(
        path=path.absolute(),
        server=_server(document, base),
        storage=storage,
        polling=_polling(document),
        sources=tuple(
            _source(source, document.defaults, index, chosen[index], places) for index, source in sound.items()
        ),
        warnings=tuple(warnings),
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


def _polling(document: Document) -> Polling:
    part = document.polling
    return Polling(part.user_agent, part.concurrency, part.per_host, part.host_delay, frozenset(part.allow_private))


def _source(part: SourcePart, defaults: Inherited, index: int, id_: str, places: Places) -> Source:
    node = places.node(("sources", index))
    all_ = rules.inherited(part, defaults)
    keep = all_.keep or KeepPart()
    template = all_.images or None
    return Source(
        id=id_,
        url=part.url,
        name=part.name or ids.name(places.url(index)),
        position=index,
        category=all_.category or rules.BUILT_IN.category,
        site=all_.site,
        feed=all_.feed or rules.BUILT_IN.feed,
        author=all_.author or rules.BUILT_IN.author,
        images=None if template is None else ImagePolicy(template, all_schemes=all_.images_scope == "all"),
        record_body=all_.record_body or rules.BUILT_IN.record_body,
        every=None if all_.every == "auto" else all_.every,
        at_least=all_.at_least or rules.BUILT_IN.at_least,
        at_most=all_.at_most or rules.BUILT_IN.at_most,
        timeout=all_.timeout or rules.BUILT_IN.timeout,
        keep=Keep(keep.days or rules.BUILT_IN.keep.days, keep.entries or rules.BUILT_IN.keep.entries),
        place=f"{Path(places.report.file).name}:{node.line}",
    )
