"""JSON Feed 1.0 and 1.1 (jsonfeed.org) to `Feed`, tolerant of wrong types and of what is missing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta

from aggregator import podcast
from aggregator.model import Bounds, Entry, Feed, Text
from aggregator.outcomes import FailureKind, PollError
from aggregator.parse.dates import read_date
from aggregator.parse.xmlfeed import absolute
from storage.record import Element, Enclosure
from storage.states import FeedInfo

_ITEMS = re.compile(r'"items"\s*:\s*\[')
_TRAILING_COMMA = re.compile(r'("(?:[^"\\]|\\.)*")|,(?=\s*[\]}])', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")
_SPACE = re.compile(r"\s+")
_DECODER = json.JSONDecoder(
    # Numbers stay text: an id of 30 digits or of `1.10` is kept as it was written, and none is too long to convert.
    parse_int=str,
    parse_float=str,
    parse_constant=lambda _: None,
    # Publishers write line breaks into strings.
    strict=False,
)
_NESTING = (dict, list)
MAX_PODCAST = 200
MOST_BYTES = 10**18
"""Of an attachment: what says more is no size, and no number that readers of feeds and of record files take."""
_FEED_KEYS = ("title", "home_page_url", "feed_url", "version")


def read_json(text: str, url: str, bounds: Bounds = Bounds()) -> Feed:
    """
    Return what a JSON Feed says; its relative URLs stand on `url`.

    Without its `version` it counts as one when it has a list of `items` and a title, a home page or a feed
    URL. One that ends early is `truncated`: its last whole item is left out (rule 52). Raises `PollError`.
    """
    document, note, truncated = _load(text, bounds.depth)
    items = document.get("items")
    if not isinstance(items, list) or not any(_text(document.get(key)) for key in _FEED_KEYS):
        raise PollError(FailureKind.NOT_A_FEED, "it is JSON, but no JSON Feed")
    author = _writers(document)
    return Feed(
        info=_info(document, url),
        entries=tuple(_entry(item, url) for item in items if isinstance(item, dict)),
        author=author[0] if author else None,
        expired=document.get("expired") is True,
        degraded=note,
        truncated=truncated,
        previous=absolute(document.get("next_url"), url),
    )


def _load(text: str, most_deep: int) -> tuple[Mapping[str, object], str | None, bool]:
    """Return the document's object, what was mended, and whether it was cut."""
    try:
        document, end = _DECODER.raw_decode(text)
        note = "text after the end was left out" if text[end:].strip() else None
        truncated = False
    except RecursionError as error:
        raise _too_deep(most_deep) from error
    except ValueError as error:
        document, note, truncated = _salvage(text, error)
    if not isinstance(document, dict):
        raise PollError(FailureKind.NOT_A_FEED, "it is JSON, but no JSON Feed")
    if _is_deeper(document, most_deep):
        raise _too_deep(most_deep)
    return document, note, truncated


def _is_deeper(document: Mapping[str, object], most: int) -> bool:
    """Return whether objects and lists stand more than so deep in each other; level by level, not by recursion."""
    level: list[object] = [document]
    for _ in range(most):
        inner = (each.values() if isinstance(each, dict) else each for each in level if isinstance(each, _NESTING))
        level = [one for values in inner for one in values if isinstance(one, _NESTING)]
        if not level:
            return False
    return True


def _too_deep(most: int) -> PollError:
    return PollError(FailureKind.PARSE_LIMIT, f"the JSON is nested more than {most} deep (max_depth)")


def _salvage(text: str, fault: ValueError) -> tuple[object, str, bool]:
    """Return what can be read of broken JSON: all of it without its stray commas, else its items up to the break."""
    try:
        return (
            _DECODER.decode(_TRAILING_COMMA.sub(r"\1", text)),
            f"not valid JSON ({fault}), stray commas left out",
            False,
        )
    except (ValueError, RecursionError):
        pass
    items = _ITEMS.search(text)
    if not items:
        raise PollError(FailureKind.PARSE, f"not valid JSON: {fault}") from fault
    ends = [items.end()]
    while (end := _end_of_item(text, ends[-1])) is not None:
        ends.append(end)
    # The last item that could be read is left out: what stands before a cut is not trusted either.
    kept = ends[-2] if len(ends) > 1 else items.end()
    try:
        document = _DECODER.decode(f"{text[:kept]}]}}")
    except (ValueError, RecursionError) as error:
        raise PollError(FailureKind.PARSE, f"not valid JSON: {fault}") from error
    return document, f"not valid JSON ({fault})", True


def _end_of_item(text: str, start: int) -> int | None:
    """Return where the item that follows `start` ends; None where no whole one follows."""
    opening = re.compile(r"\s*,?\s*(?=\{)").match(text, start)
    if not opening:
        return None
    try:
        return _DECODER.raw_decode(text, opening.end())[1]
    except (ValueError, RecursionError):
        return None


def _info(document: Mapping[str, object], url: str) -> FeedInfo:
    version = _text(document.get("version")) or ""
    return FeedInfo(
        title=_line(document.get("title")),
        link=absolute(document.get("home_page_url"), url),
        id=_text(document.get("feed_url")),
        language=_text(document.get("language")),
        format="json11" if version.endswith("1.1") else "json1",
        icon=absolute(document.get("icon"), url) or absolute(document.get("favicon"), url),
    )


def _entry(item: Mapping[str, object], url: str) -> Entry:
    published, updated = read_date(_text(item.get("date_published"))), read_date(_text(item.get("date_modified")))
    link = absolute(item.get("url"), url) or absolute(item.get("external_url"), url)
    guid = _text(item.get("id"))
    return Entry(
        guid=guid,
        link=link or absolute(guid, ""),
        title=_plain(item.get("title")),
        content=_content(item, url),
        summary=_plain(item.get("summary")),
        writers=_writers(item),
        tags=tuple(dict.fromkeys(tag for each in _list(item.get("tags")) if (tag := _line(each)))),
        published_at=published.at if published else None,
        updated_at=updated.at if updated else None,
        date_only=published.vague if published else False,
        enclosures=_attachments(item, url),
        image=absolute(item.get("image"), url) or absolute(item.get("banner_image"), url),
        language=_text(item.get("language")),
        podcast=_podcast(item, url),
    )


def _content(item: Mapping[str, object], url: str) -> Text | None:
    html, text = _raw(item.get("content_html")), _raw(item.get("content_text"))
    if html:
        return Text(html, html=True, base=url)
    return Text(text, html=False, base=url) if text else None


def _plain(value: object) -> Text | None:
    text = _raw(value)
    return Text(text) if text else None


def _writers(holder: Mapping[str, object]) -> tuple[str, ...]:
    """Return the names of `authors` (1.1), else of `author` (1.0); a bare string is taken as a name."""
    people = [*_list(holder.get("authors")), holder.get("author")]
    names = (_line(person.get("name") if isinstance(person, dict) else person) for person in people)
    return tuple(dict.fromkeys(name for name in names if name))


def _attachments(item: Mapping[str, object], url: str) -> tuple[Enclosure, ...]:
    attachments: dict[str, Enclosure] = {}
    for each in _list(item.get("attachments")):
        target = absolute(each.get("url"), url) if isinstance(each, dict) else None
        if target and isinstance(each, dict):
            size, seconds = _number(each.get("size_in_bytes")), _number(each.get("duration_in_seconds"))
            attachments.setdefault(
                target,
                Enclosure(
                    url=target,
                    type=_text(each.get("mime_type")),
                    length=int(size) if size is not None and size < MOST_BYTES else None,
                    title=_line(each.get("title")),
                    duration=timedelta(seconds=int(seconds)) if seconds and seconds < 10**8 else None,
                ),
            )
    return tuple(attachments.values())


def _podcast(item: Mapping[str, object], url: str) -> tuple[Element, ...]:
    """Return what `_podcast` says, as our own JSON feeds write it."""
    said = (each for each in _list(item.get("_podcast"))[:MAX_PODCAST] if isinstance(each, dict))
    return podcast.usable((element for each in said for element in _elements(each)), url)


def _elements(said: Mapping[str, object]) -> Iterator[Element]:
    attributes, inner = said.get("attributes"), said.get("elements")
    pairs = attributes.items() if isinstance(attributes, dict) else ()
    told = tuple((key, text) for key, value in pairs if (text := _text(value)))
    yield Element(_text(said.get("name")) or "", _text(said.get("text")) or "", told)
    for each in inner[:MAX_PODCAST] if isinstance(inner, list) else ():
        if isinstance(each, dict):
            yield from _elements({**each, "elements": None})


def _list(value: object) -> list[object]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _number(value: object) -> float | None:
    """Return a number that is not negative; None for anything else."""
    if not isinstance(value, str) or not re.fullmatch(r"\+?\d{1,18}(?:\.\d*)?(?:[eE]\+?\d)?", value.strip()):
        return None
    return float(value)


def _raw(value: object) -> str | None:
    return _SURROGATE.sub("\ufffd", value) if isinstance(value, str) else None


def _text(value: object) -> str | None:
    text = _raw(value)
    return text.strip() or None if text else None


def _line(value: object) -> str | None:
    text = _raw(value)
    return _SPACE.sub(" ", text).strip() or None if text else None
