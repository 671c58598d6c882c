"""
Lists of subscriptions as OPML 2.0: read as far as they can be read, and written so that reading gives the same back.

Sound XML is read by expat, with no entity and no file but the text itself; what is not well-formed is read tag by tag.
What feeds.yaml says of a source beyond its title and address stands in attributes of a namespace of our own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html.entities import html5
from xml.parsers import expat

from aggregator.charset import decode

NAMESPACE = "urn:feed-aggregator:opml"
"""Of attributes that are keys of a source in feeds.yaml."""
STRUCTURED = frozenset(("auth", "cookies", "fallback", "filters", "headers", "keep", "tags"))
"""Keys whose value is a list or a mapping, which stands there as JSON."""
MAX_BYTES = 32 * 1024 * 1024
"""A list of 100,000 feeds has about 20 MB."""
MAX_FEEDS = 100_000
MAX_FOLDERS = 32
"""Folders within each other whose names are kept; deeper ones are read as if they stood in the last of these."""
MAX_TEXT = 500
"""Characters of a title or the name of a folder."""

Setting = str | list[object] | dict[str, object]


class OpmlError(ValueError):
    """The document is no list of subscriptions; the text says what it is, and the way out."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A feed of a list."""

    url: str
    """http or https, as the list has it, trimmed; `feed:` and the like are mended, the rest is not judged."""
    title: str = ""
    """One line; `""` where the list gives none, or the address for one."""
    html_url: str = ""
    folders: tuple[str, ...] = ()
    """Names of the folders that it stands in, outermost first."""
    settings: Mapping[str, Setting] = field(default_factory=dict)
    """
    Keys of a source in feeds.yaml with their values as written there, `${VAR}` among them.

    Of a list that somebody else wrote they are somebody else's wishes, and so is a variable in `url`.
    """
    route: str = ""
    """The route of RSSHub that `url` was made of, `/a/b`, where our settings name one."""
    line: int = 0
    """Where its outline begins, for messages; no part of what is written."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a list says, as far as it can be read."""

    feeds: tuple[Listed, ...]
    """Each address once (with each id once, where settings give one), in the order of the list."""
    skipped: tuple[str, ...] = ()
    """What is no feed, or stands twice: a sentence each, `line 12: ...`, in the order of the list."""
    title: str = ""
    degraded: str | None = None
    """Why it had to be read tag by tag; None where it is well-formed."""


def category(folders: Sequence[str]) -> str | None:
    """
    Return the category of a feed in these folders: the innermost, None outside of all.

    Some programs put every folder into one that is named after themselves, so that the outermost says nothing.
    """
    return folders[-1] if folders else None


def read(data: bytes, content_type: str | None = None) -> Listing:
    """
    Return the feeds of an OPML document, or of a plain list with an address on each line.

    `content_type` is the HTTP header, where there was one. Raises `OpmlError` for anything else.
    """
    if len(data) > MAX_BYTES:
        raise OpmlError(f"it is larger than {MAX_BYTES // 1024 // 1024} MB; a list of subscriptions never is")
    text = decode(data, content_type).text
    if not _OUTLINES.search(text):
        return _plain_list(text)
    reader = _Reader()
    degraded = None
    try:
        _read_strictly(text, reader)
    except (expat.ExpatError, _EntityError) as error:
        degraded = f"it is not well-formed XML ({_in_words(error)}); it was read tag by tag"
        reader = _Reader()
        _read_loosely(text, reader)
    return reader.listing(_title(text), degraded)


def write(feeds: Iterable[Listed], title: str = "Subscriptions") -> bytes:
    """
    Return the list as OPML 2.0, UTF-8; reading it gives the same feeds in the same order.

    The same feeds give the same bytes: no date is written. Feeds of one folder stand together.
    """
    from lxml import etree  # noqa: PLC0415 - who only reads does without it

    listed = list(feeds)
    root = etree.Element("opml", {"version": "2.0"}, nsmap={"aggregator": NAMESPACE})
    head, body = etree.SubElement(root, "head"), etree.SubElement(root, "body")
    etree.SubElement(head, "title").text = one_line(title)
    folders: dict[tuple[str, ...], etree._Element] = {(): body}
    for place, one in _placed(listed):
        for depth, name in enumerate(one.folders, 1):
            path = one.folders[:depth]
            if path not in folders:
                folders[path] = etree.SubElement(folders[path[:-1]], "outline", {"text": name, "title": name})
        etree.SubElement(folders[one.folders], "outline", _attributes(one, place))
    # etree.tostring promises str or bytes by its arguments; with an encoding it is bytes.
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True))


def _placed(listed: Sequence[Listed]) -> Iterator[tuple[str, Listed]]:
    """Return the feeds with their places as text, `""` for all where folders leave the order as it is."""
    clean = [replace(one, title=one_line(one.title), folders=_folders(one.folders)) for one in listed]
    # A folder stands where the first of its feeds would.
    first: dict[tuple[str, ...], int] = {}
    for index, one in enumerate(clean):
        for depth in range(1, len(one.folders) + 1):
            first.setdefault(one.folders[:depth], index)
    order = sorted(range(len(clean)), key=lambda index: [*_steps(clean[index].folders, first), index])
    kept = order == list(range(len(clean)))
    return (("" if kept else str(index), one) for index, one in enumerate(clean))


def _steps(folders: tuple[str, ...], first: Mapping[tuple[str, ...], int]) -> list[int]:
    return [first[folders[:depth]] for depth in range(1, len(folders) + 1)]


def _attributes(one: Listed, place: str) -> dict[str, str]:
    title = one.title or one.url
    found = {"type": "rss", "text": title, "title": title, "xmlUrl": one.url}
    if one.html_url:
        found["htmlUrl"] = one.html_url
    for key in sorted(one.settings):
        value = one.settings[key]
        found[f"{{{NAMESPACE}}}{key}"] = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    ours = {_PLACE: place, _ROUTE: one.route}
    found |= {f"{{{NAMESPACE}}}{key}": value for key, value in ours.items() if value}
    return {key: _ILLEGAL.sub("", value) for key, value in found.items()}


_PLACE = "position"
"""The attribute that holds a feed's place where folders part the order of feeds.yaml."""
_ROUTE = "rsshub"
_BAR = "\x0c"
_OUTLINES = re.compile(r"<(?:[\w.-]+:)?(?:opml|outline)\b", re.IGNORECASE)
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")
_SPACE = re.compile(r"[\s\x85\u2028\u2029]+")
_LINE = re.compile(r"\r\n|\r|\n")
_ENTITY = re.compile(r"&(?:#([0-9]{1,7})|#[xX]([0-9A-Fa-f]{1,6})|([A-Za-z][A-Za-z0-9]{1,31}));")
_TITLE = re.compile(r"<title\b[^>]*>([^<]*)", re.IGNORECASE)
_WEB = re.compile(r"https?://[^\s/?#]", re.IGNORECASE)
_MENDED = re.compile(r"(?:feed|rss|itpc|pcast|podcast):(?://)?", re.IGNORECASE)
_ROOT = re.compile(r"<(?:[\w.-]+:)?(rss|feed|rdf|html|head|body)\b", re.IGNORECASE)

# An attribute's value may hold `<` (that is not XML, and it happens), but not the tag that follows: there a quote is missing.
_VALUE = r"(?:[^{0}<]|<(?!/?(?:outline|body|opml)\b))*+"
_QUOTED = f'"{_VALUE.format(chr(34))}"', f"'{_VALUE.format(chr(39))}'"
# What is never closed runs to the end: looking for its end again and again would be quadratic.
_SPOT = re.compile(
    r"<!--.*?(?:-->|\Z)|<!\[CDATA\[.*?(?:\]\]>|\Z)|<\?.*?(?:\?>|\Z)"
    rf"|<(?P<end>/?)(?:[\w.-]+:)?outline\b(?P<rest>(?:{_QUOTED[0]}|{_QUOTED[1]}|[^>\"'<]|[\"']|<(?!/?outline\b))*+)(?P<closed>>?)",
    re.IGNORECASE | re.DOTALL,
)
_ATTRIBUTE = re.compile(rf"([^\s=/>\"'<]+)\s*=\s*({_QUOTED[0]}|{_QUOTED[1]}|[^\s>\"']+)", re.IGNORECASE)


class _EntityError(Exception):
    """An entity is declared, which is how bombs and local files come in."""


class _Reader:
    """Takes in outlines as they open and close."""

    def __init__(self) -> None:
        self.feeds: dict[tuple[str, object], tuple[str, Listed]] = {}
        self.skipped: list[tuple[int, str]] = []
        self._open: list[_Outline] = []

    def start(self, attributes: Mapping[str, str], line: int) -> None:
        """Take in an outline; the names of its attributes are in lower case, ours after the namespace and `_BAR`."""
        text = one_line(attributes.get("text") or attributes.get("title") or "")
        if self._open:
            self._open[-1].holds = True
        kind = attributes.get("type", "").strip().lower()
        url = attributes.get("xmlurl") or (attributes.get("url", "") if kind in {"rss", "atom", "feed"} else "")
        folders = self._open[-1].within() if self._open else ()
        self._open.append(
            _Outline(text, folders, line, kind, attributes.get("url", "").strip(), holds=bool(url.strip()))
        )
        if url.strip():
            self._feed(url, text, attributes, line)

    def end(self) -> None:
        """Close the outline that was opened last; one that held nothing is told of."""
        if not self._open:
            return
        closed = self._open.pop()
        if not closed.holds:
            self.skipped.append((closed.line, closed.told()))

    def listing(self, title: str, degraded: str | None) -> Listing:
        """Return what was read; outlines that are still open end here."""
        while self._open:
            self.end()
        found = list(self.feeds.values())
        if found and all(place.isdecimal() for place, _ in found):
            found.sort(key=lambda one: int(one[0]))
        told = tuple(f"line {line}: {sentence}" for line, sentence in sorted(self.skipped))
        return Listing(tuple(one for _, one in found), told, title, degraded)

    def _feed(self, written: str, text: str, attributes: Mapping[str, str], line: int) -> None:
        url, wrong = _address(written)
        label = f'"{text}"' if text else f'"{_cut(url)}"'
        settings = _settings(attributes)
        place, route = str(settings.pop(_PLACE, "")), str(settings.pop(_ROUTE, ""))
        before = self.feeds.get((url, settings.get("id")))
        if wrong:
            self.skipped.append((line, f"{label}: {wrong}"))
        elif before is not None:
            self.skipped.append((line, f"{_cut(url)} stands in line {before[1].line} already"))
        elif len(self.feeds) >= MAX_FEEDS:
            self.skipped.append((line, f"{label}: more than {MAX_FEEDS:,} feeds are not read"))
        else:
            title = "" if text == url else text
            html_url = _address(attributes.get("htmlurl", ""))
            one = Listed(url, title, "" if html_url[1] else html_url[0], self._open[-1].folders, settings, route, line)
            self.feeds[url, settings.get("id")] = place, one


@dataclass(slots=True)
class _Outline:
    text: str
    folders: tuple[str, ...]
    line: int
    kind: str
    url: str
    holds: bool
    """Whether it is a feed, or has an outline in it."""

    def within(self) -> tuple[str, ...]:
        """Return the folders of what stands in it."""
        return (*self.folders, self.text) if self.text and len(self.folders) < MAX_FOLDERS else self.folders

    def told(self) -> str:
        """Return why nothing was made of it."""
        name = f'"{self.text}"' if self.text else "an outline without a name"
        if self.kind == "include" and self.url:
            return f"{name} includes another list, {_cut(self.url)}; it is not fetched: import that one too"
        if self.kind in {"link", "include"}:
            return f"{name} is a link and no feed"
        return f"{name} has no xmlUrl, the address of a feed"


def _settings(attributes: Mapping[str, str]) -> dict[str, Setting]:
    found: dict[str, Setting] = {}
    for name, value in attributes.items():
        key = name.partition(f"{NAMESPACE}{_BAR}")[2]
        if not key:
            continue
        found[key] = value
        if key in STRUCTURED:
            try:
                made = json.loads(value)
            except (ValueError, RecursionError):
                continue  # stays text, which feeds.yaml will not take for a list: it is told of there
            found[key] = made if isinstance(made, list | dict) else value
    return found


def _address(written: str) -> tuple[str, str]:
    """Return the address as it is fetched, and `""` or why it cannot be."""
    url = _MENDED.sub(_scheme, written.strip(), count=1)
    if url.startswith("//"):
        url = f"https:{url}"
    url = url.replace(" ", "%20")
    if not _WEB.match(url):
        scheme = re.match(r"[A-Za-z][\w+.-]*(?=:)", url)
        return url, f"{scheme[0]}: is not fetched, only http and https are" if scheme else "its address has no scheme"
    return url, "its address has characters that none may have" if _SPACE.search(url) or _ILLEGAL.search(url) else ""


def _scheme(found: re.Match[str]) -> str:
    """Return what `feed:` and the like stand for: nothing before a whole address, else http."""
    return "" if found.start() or _WEB.match(found.string, found.end()) else "http://"


def _folders(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(one_line(name) for name in names if one_line(name))[:MAX_FOLDERS]


def one_line(text: str) -> str:
    """Return the text as one line that feeds.yaml takes."""
    return _SPACE.sub(" ", _ILLEGAL.sub("", text)).strip()[:MAX_TEXT].rstrip()


def _cut(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:97]}..."


def _title(text: str) -> str:
    found = _TITLE.search(text, 0, 65_536)
    return one_line(_unescaped(found[1])) if found else ""


def _in_words(error: Exception) -> str:
    if isinstance(error, expat.ExpatError):
        return f"{expat.ErrorString(error.code)}, line {error.lineno}"
    return str(error)


def _plain_list(text: str) -> Listing:
    """Return the feeds of a text with an address on each line; empty lines and those that begin with # are left out."""
    if found := _ROOT.search(text, 0, 65_536):
        what = "a web page" if found[1].lower() in {"html", "head", "body"} else "a feed itself"
        raise OpmlError(f"it is {what}, no list of subscriptions; `aggregator add` takes the address of one")
    lines = [(number, line.strip()) for number, line in enumerate(_LINE.split(text), 1)]
    lines = [(number, line) for number, line in lines if line and not line.startswith("#")]
    if not lines or not any(_WEB.match(line) for _, line in lines):
        raise OpmlError("it is no OPML: there is no <outline> in it")
    reader = _Reader()
    for number, line in lines:
        reader.start({"xmlurl": line}, number)
        reader.end()
    return reader.listing("", None)


def _read_strictly(text: str, reader: _Reader) -> None:
    """Hand the outlines of well-formed XML to the reader. Raises ExpatError, and _EntityError where one is declared."""
    parser = expat.ParserCreate("utf-8", _BAR)

    def start(name: str, attributes: dict[str, str]) -> None:
        if _is_outline(name):
            found = {key if _BAR in key else key.lower(): value for key, value in attributes.items()}
            reader.start(found, parser.CurrentLineNumber)

    def refuse(name: str, *_: object) -> None:
        msg = f"an entity is declared: {name[:40]}"
        raise _EntityError(msg)

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda name: reader.end() if _is_outline(name) else None
    parser.EntityDeclHandler = refuse
    parser.Parse(text.replace("\x00", " "), True)


def _is_outline(name: str) -> bool:
    return name.rpartition(_BAR)[2].lower() == "outline"


def _read_loosely(text: str, reader: _Reader) -> None:
    """Hand the outlines to the reader as their tags come, however broken the rest is; linear in the text."""
    ours = _prefix(text)
    lines = _line_counter(text)
    for spot in _SPOT.finditer(text):
        if spot["rest"] is None:
            continue
        if spot["end"]:
            reader.end()
            continue
        line = lines(spot.start())
        if not spot["closed"]:
            reader.skipped.append((line, "an outline that is never closed; a quote or a > is missing"))
            continue
        reader.start(_loose_attributes(spot["rest"], ours), line)
        if spot["rest"].endswith("/"):
            reader.end()


def _line_counter(text: str) -> Callable[[int], int]:
    """Return a function that tells the line of a place; places only ever rise."""
    breaks = _LINE.finditer(text)
    following = next(breaks, None)
    line = 1

    def at(place: int) -> int:
        nonlocal following, line
        while following is not None and following.end() <= place:
            line += 1
            following = next(breaks, None)
        return line

    return at


def _prefix(text: str) -> str:
    """Return the prefix of our namespace with its colon, `""` where it is not declared."""
    found = re.search(rf"xmlns:([\w.-]{{1,40}})\s*=\s*[\"']{NAMESPACE}[\"']", text[:65_536])
    return f"{found[1]}:" if found else ""


def _loose_attributes(rest: str, ours: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, quoted in _ATTRIBUTE.findall(rest):
        value = _unescaped(quoted[1:-1] if quoted[0] in "\"'" else quoted.removesuffix("/"))
        key = f"{NAMESPACE}{_BAR}{name.removeprefix(ours)}" if ours and name.startswith(ours) else name.lower()
        found.setdefault(key, value)
    return found


def _unescaped(text: str) -> str:
    """Return the text with the references of XML and HTML replaced; a bare ampersand stays one."""
    return _ENTITY.sub(_character, text) if "&" in text else text


def _character(found: re.Match[str]) -> str:
    if found[3]:
        return html5.get(f"{found[3]};", found[0])
    number = int(found[1]) if found[1] else int(found[2], 16)
    return chr(number) if 0 < number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF else ""
