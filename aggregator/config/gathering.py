"""All sources of feeds.yaml in their order: through groups, included files and OPML, each with what holds for it."""

from __future__ import annotations

import glob
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import ValidationError

from aggregator import opml
from aggregator.config import files, ids, listing, urls
from aggregator.config.document import ListNode, MapNode, Node, TextNode
from aggregator.config.faults import ConfigError, Report, WrongValueError
from aggregator.config.inheritance import merged
from aggregator.config.places import Places, label
from aggregator.config.schema import KINDS, GroupPart, IncludePart, Inherited, OpmlPart, SourcePart
from aggregator.config.values import Values, written

MOST_FILES = 1000


@dataclass(frozen=True, slots=True)
class Level:
    """Where values come from: `defaults`, a group, or the source itself."""

    part: Inherited
    places: Places


@dataclass(frozen=True, slots=True)
class Above:
    """What stands above an item."""

    levels: tuple[Level, ...]
    merged: Inherited
    """What the levels come to."""
    groups: tuple[str, ...]
    folder: Path
    """Where relative paths begin."""
    files: tuple[Path, ...]
    """The files that led here, the outermost first."""

    def within(self, part: Inherited, places: Places, group: str | None = None) -> Above:
        """Return what stands above the items of a group, an included file or a list."""
        return replace(
            self,
            levels=(*self.levels, Level(part, places)),
            merged=merged(self.merged, part),
            groups=self.groups if group is None else (*self.groups, group),
        )


@dataclass(slots=True)
class Gathered:
    """A source that could be read."""

    part: SourcePart
    places: Places
    above: Above
    written: str
    """Its URL or shorthand as it stands in the file: what its id and name are made of."""
    named: str
    """`source "36kr"`."""
    foreign: bool = False
    """From a list that somebody else may have written: a fault of its sets it aside and refuses no file."""


@dataclass(slots=True)
class Found:
    """What a file and all that it names come to."""

    sources: list[Gathered] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    watched: list[str] = field(default_factory=list)
    lists: list[str] = field(default_factory=list)
    unread: list[Node] = field(default_factory=list)
    """Items that were set aside or are faulty; what views name of them is not unknown."""
    holes: list[tuple[int, str]] = field(default_factory=list)
    """Where items are missing from `sources`: the number of those before it, and its name."""
    partial: bool = False
    """True where sources are not known yet, so that a view may name what is not there."""
    cut: bool = False
    """True where a list could be read in part only, so that sources of it may be missing."""

    def leave_out(self, name: str) -> None:
        """Note that an item is missing here."""
        self.holes.append((len(self.sources), name))

    def set_aside(self, item: Node) -> None:
        """Note an item that cannot be used."""
        self.unread.append(item)
        name = item.entries["name"][1] if isinstance(item, MapNode) and "name" in item.entries else None
        self.leave_out(name.text.strip() if isinstance(name, TextNode) else "")


def gather(
    root: MapNode,
    report: Report,
    path: Path,
    defaults: Inherited,
    environ: Mapping[str, str],
    lists: Mapping[str, bytes],
    allow_private: Collection[str],
) -> Found:
    """Return the sources of a file; faults go into the reports, of which `report` is the first."""
    walk = _Walk(environ, lists, allow_private)
    walk.found.reports.append(report)
    walk.found.watched.append(str(path))
    if "sources" in root.entries:
        places = Places(root.entries["sources"][1], report, "sources: ")
        above = Above(
            (Level(defaults, Places(root, report).below(("defaults",), "defaults.")),),
            defaults,
            (),
            path.parent,
            (files.whole(path),),
        )
        walk.items(places, above)
    return walk.found


class _Walk:
    """Goes through the items of one file and of those that it names."""

    def __init__(self, environ: Mapping[str, str], lists: Mapping[str, bytes], allow_private: Collection[str]) -> None:
        self.environ = environ
        self.lists = lists
        self.allow_private = allow_private
        self.found = Found()
        self.included: dict[Path, str] = {}
        self._values: dict[int, Values] = {}

    def items(self, places: Places, above: Above) -> None:
        """Take in a list of sources."""
        node = places.root
        if isinstance(node, ListNode):
            for number, item in enumerate(node.items, 1):
                self._item(item, places.report, above, number)
        elif not (isinstance(node, TextNode) and node.null):
            self.found.partial = True
            places.no_list(())

    def _item(self, item: Node, report: Report, above: Above, number: int) -> None:
        kind = self._kind(item, report, number)
        if kind is None:
            self.found.set_aside(item)
            return
        part = KINDS[kind]
        if part is SourcePart:
            self._source(item, report, above, number)
            return
        assert isinstance(item, MapNode)  # noqa: S101 - only a mapping holds the key that told
        written_ = Places(item, report).written((kind,))
        named = f'{kind} "{written_[:80]}": ' if written_ else f"item {number}: "
        places = Places(item, report, named)
        own = MapNode(item.line, item.column, {key: one for key, one in item.entries.items() if key != "sources"})
        judged = self._judged(own if part is GroupPart else item, part, places, item)
        if isinstance(judged, GroupPart):
            self._group(judged, places, above)
        elif isinstance(judged, OpmlPart):
            self._opml(judged, places, above)
        elif isinstance(judged, IncludePart):
            self._include(judged, places, above)

    def _kind(self, item: Node, report: Report, number: int) -> str | None:
        """Return by which key the item is what it is; None, and a fault, where that cannot be told."""
        if not isinstance(item, MapNode):
            return "url"
        said = [key for key in KINDS if key in item.entries and not _null(item.entries[key][1])]
        if len(said) == 1 and not ("sources" in item.entries and said != ["group"]):
            return said[0]
        places = Places(item, report, f"{label(item, number)}: ")
        if said and "sources" in item.entries and "group" not in said:
            said.append("sources")
        if len(said) > 1:
            second = max(said, key=lambda key: (item.entries[key][0].line, item.entries[key][0].column))
            names = " and ".join(f"`{key}`" for key in said)
            at = item.entries[second][0]
            told = f"{names} stand together; an item is one of {', '.join(KINDS)}"
            more = "; what is tried when `url` fails goes under `fallback`" if set(said) == {"url", "rsshub"} else ""
            report.add(at.line, at.column, f"{places.whose}{told}{more}")
        else:
            self._no_kind(places, item)
        return None

    def _no_kind(self, places: Places, item: MapNode) -> None:
        """Tell that nothing says what the item is; where that stands under a wrong name, that alone."""
        before = len(places.report.faults)
        for key in item.entries:
            if key not in SourcePart.model_fields and key not in {*KINDS, "sources"}:
                places.unknown((key,), SourcePart, also=(*KINDS, "sources"))
        meant = {fault.suggestion for fault in places.report.faults[before:]}
        if meant & {*KINDS, "sources"}:
            return
        if "sources" in item.entries:
            at = item.entries["sources"][0]
            told = "a group is `- group: Name` with `sources` under it; the name is missing here"
            places.report.add(at.line, at.column, told)
            return
        empty = next((key for key in KINDS if key in item.entries), "url")
        told = "lacks its `url`" if empty == "url" else f"`{empty}` says nothing"
        places.report.add(item.line, item.column, f"{places.whose}{told}")

    def _judged(self, node: Node, part: type[Inherited], places: Places, item: Node) -> Inherited | None:
        """Return the item as its model; None, and a fault or a warning, where it cannot be used."""
        value, missing = self._values_of(places.report).source(node)
        if missing is not None:
            self.found.set_aside(item)
            self.found.partial |= part in (OpmlPart, IncludePart, GroupPart)
            if missing:
                at = f"{places.report.file}:{item.line}"
                self.found.warnings.append(f"{at}: {places.whose.removesuffix(': ')} is set aside: {missing}")
            return None
        try:
            return part.model_validate(value)
        except ValidationError as error:
            refused = {str(loc[0]) for loc in places.tell(error, part) if loc}
        if part is SourcePart or not isinstance(value, dict) or refused & KINDS.keys():
            self.found.set_aside(item)
            return None
        # What stands in it may hold faults of its own, to be told at once.
        return part.model_validate({key: one for key, one in value.items() if key not in refused})

    def _values_of(self, report: Report) -> Values:
        return self._values.setdefault(id(report), Values(self.environ, report))

    # --- what an item may be ---

    def _source(self, item: Node, report: Report, above: Above, number: int) -> None:
        named = label(item, number)
        places = Places(item, report, f"{named}: ")
        part = self._judged(item, SourcePart, places, item)
        if isinstance(part, SourcePart):
            self.found.sources.append(Gathered(part, places, above, written(item).strip(), named))

    def _group(self, part: GroupPart, places: Places, above: Above) -> None:
        root = places.root
        if not isinstance(root, MapNode) or "sources" not in root.entries or _null(root.entries["sources"][1]):
            places.report.add(root.line, root.column, f"{places.whose}has no `sources` under it")
            return
        self.items(places.below(("sources",), f"{places.whose}sources: "), above.within(part, places, part.group))

    def _include(self, part: IncludePart, places: Places, above: Above) -> None:
        pattern = self._path(part.include, "include", places, above)
        if pattern is None:
            return
        self._watch(pattern)
        wild = glob.has_magic(pattern) and not files.is_there(Path(pattern))
        names = sorted(glob.glob(pattern, recursive=True)) if wild else [pattern]  # noqa: PTH207 - the pattern is absolute
        paths = [Path(name) for name in names if not (wild and files.is_folder(Path(name)))]
        if not paths:
            at = f"{places.report.file}:{places.root.line}"
            self.found.warnings.append(f"{at}: include: no file matches {places.written(('include',))}")
        within = above.within(part, places)
        for path in paths:
            self._file(path, places, within)

    def _file(self, path: Path, places: Places, above: Above) -> None:
        whole = files.whole(path)
        if whole in above.files:
            chain = " > ".join(one.name for one in (*above.files[above.files.index(whole) :], whole))
            self._no_sources(places, "include", f"the files include each other without end: {chain}")
            return
        if whole in self.included:
            self._no_sources(places, "include", f"{path.name} is included already, by {self.included[whole]}")
            return
        if len(self.included) >= MOST_FILES:
            self._no_sources(places, "include", f"more than {MOST_FILES} files are included")
            return
        self.included[whole] = f"{Path(places.report.file).name}:{places.root.line}"
        if not glob.has_magic(str(path)):
            self._watch(str(path))
        report = Report(files.shown(path, Path(places.report.file).parent))
        try:
            report, node = files.included(path, report)
        except ConfigError as error:
            at = next(iter(error.faults))
            self.found.partial = True
            if at.line:
                report.faults = list(error.faults)
                self.found.reports.append(report)
            else:
                self._no_sources(places, "include", f"{path.name}: {at.message}")
            return
        self.found.reports.append(report)
        below = replace(above, folder=path.parent, files=(*above.files, whole))
        self.items(Places(node, report, "sources: "), below)

    def _opml(self, part: OpmlPart, places: Places, above: Above) -> None:
        foreign = part.opml.strip()
        if "://" in foreign:
            self._remote_list(foreign, part, places, above)
            return
        name = self._path(foreign, "opml", places, above)
        if name is None:
            return
        self._watch(name)
        try:
            data = files.octets(Path(name), opml.MAX_BYTES)
        except (OSError, ValueError) as error:
            self._no_sources(places, "opml", files.unreadable(error))
            return
        try:
            read = opml.read(data)
        except opml.OpmlError as error:
            self._no_sources(places, "opml", str(error))
            return
        self._listed(read, part, places, above)

    def _remote_list(self, url: str, part: OpmlPart, places: Places, above: Above) -> None:
        try:
            urls.source_url(url)
        except WrongValueError as error:
            written_ = places.written(("opml",))
            if "${" in written_:
                self._no_sources(places, "opml", f"what {written_} stands for does not fit; {urls.URL_RULE}")
            else:
                self._no_sources(places, "opml", error.message, error.suggestion)
            return
        if url not in self.found.lists:
            self.found.lists.append(url)
        data = self.lists.get(url)
        if data is None:
            self.found.partial = True
            self._say(places, "was not fetched yet; its sources are taken in when it was")
            return
        try:
            read = opml.read(data)
        except opml.OpmlError as error:
            # What the network said must not keep the program from starting.
            self.found.partial = True
            self._say(places, f"brings no sources: {error}")
            return
        self._listed(read, part, places, above, url)

    def _listed(self, read: opml.Listing, part: OpmlPart, places: Places, above: Above, remote: str = "") -> None:
        within = above.within(part, places)
        if read.degraded:
            self.found.cut = True
            self._say(places, read.degraded)
        for told in read.skipped:
            self._say(places, told)
        for one in read.feeds:
            self._feed(one, places, within, remote)

    def _feed(self, one: opml.Listed, places: Places, above: Above, remote: str) -> None:
        # A list that lies in the operator's own network is the operator's, too.
        closed = self.allow_private if remote and not urls.is_own(remote, self.allow_private) else None
        judged, told = listing.source_of(one, remote=bool(remote), closed=closed)
        for sentence in told:
            self._say(places, f"line {one.line}: {sentence}")
        if judged is None:
            self.found.leave_out(one.title)
        else:
            named = f'source "{judged.id or judged.name or ids.name(one.url)}"'
            at = Places(places.root, places.report, f"{places.whose}{named}: ")
            groups = replace(above, groups=(*above.groups, *one.folders))
            self.found.sources.append(Gathered(judged, at, groups, one.url, named, foreign=True))

    # --- what they share ---

    def _path(self, text: str, key: str, places: Places, above: Above) -> str | None:
        """Return the absolute path or pattern; None, and a fault, for what can be none."""
        if "://" in text:
            shown = urls.cut(places.written((key,)))
            self._no_sources(places, key, f'"{shown}" is a URL; a file on this machine is meant')
            return None
        try:
            path = above.folder / urls.at_home(text)
        except WrongValueError as error:
            self._no_sources(places, key, error.message)
            return None
        if files.is_folder(path):
            more = ("; name the files in it", f"{text.rstrip('/')}/*.yaml") if key == "include" else ("", None)
            self._no_sources(places, key, f"this is a folder{more[0]}", more[1])
            return None
        return str(path)

    def _no_sources(self, places: Places, key: str, message: str, suggestion: str | None = None) -> None:
        """Note a fault that keeps sources from being known; what views name of them is not unknown for sure."""
        self.found.partial = True
        places.fault((key,), message, suggestion)

    def _watch(self, name: str) -> None:
        if name not in self.found.watched:
            self.found.watched.append(name)

    def _say(self, places: Places, sentence: str) -> None:
        self.found.warnings.append(f"{places.report.file}:{places.root.line}: {places.whose}{sentence}")


def _null(node: Node) -> bool:
    return isinstance(node, TextNode) and node.null
