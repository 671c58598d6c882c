"""The JSON values of the API in words and types (JSON Schema 2020-12): what the OpenAPI document says of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from aggregator.health import State
from aggregator.model import Content
from storage.record import DateSource

Schema: TypeAlias = dict[str, Any]

KEY = "b2jv6hgkz3q7mwxa"
AT = "2026-01-31T08:00:00Z"
_WEB = "https?://.*"


def _typed(kind: str, said: str, example: object, **more: object) -> Schema:
    return {"type": kind, "description": said, "examples": [example], **more}


def text(said: str, example: str = "", **more: object) -> Schema:
    """Return the schema of a text."""
    return _typed("string", said, example, **more)


def number(said: str, example: float, kind: str = "integer", **more: object) -> Schema:
    """Return the schema of a number that is never negative."""
    return {**_typed(kind, said, example), "minimum": 0, **more}


def instant(said: str) -> Schema:
    """Return the schema of an instant."""
    return text(f"{said}; RFC 3339 in UTC", AT, format="date-time", pattern="Z$")


def address(said: str, example: str = "https://paper.example/1") -> Schema:
    """Return the schema of an absolute http or https URL."""
    return text(said, example, pattern=f"^{_WEB}")


def maybe(schema: Schema) -> Schema:
    """Return the schema of what may be null: not said, or not there."""
    return {**schema, "type": [schema["type"], "null"]}


def each(said: str, items: Schema) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "description": said, "items": items}


def whole(said: str, fields: Mapping[str, Schema]) -> Schema:
    """Return the schema of an object that has all these fields and no other."""
    return {
        "type": "object",
        "description": said,
        "properties": dict(fields),
        "required": list(fields),
        "additionalProperties": False,
    }


def named(name: str) -> Schema:
    """Return what stands for a schema that is described once."""
    return {"$ref": f"#/components/schemas/{name}"}


_CURSOR = maybe(text("What to give as `{}` to get the page that follows; null on the last one", "WzE3Njk4NDY0MDAwMD"))
_NEXT = maybe(address("The page that follows, as in the `Link` header; null on the last one", "https://news.example/"))


def page_of(name: str, one: str, said: str, parameter: str) -> Schema:
    """Return the schema of a page: a list and where it goes on."""
    cursor = {**_CURSOR, "description": _CURSOR["description"].format(parameter)}
    return whole(said, {"next": _NEXT, "cursor": cursor, name: each(said, named(one))})


_ENCLOSURE = whole(
    "A file that the publisher attached",
    {
        "url": address("Where it lies", "https://paper.example/1.mp3"),
        "type": maybe(text("Media type as the publisher wrote it", "audio/mpeg")),
        "length": maybe(number("Bytes", 1234)),
        "title": maybe(text("What it is called", "Interview")),
        "duration": maybe(number("Seconds", 95.5, "number")),
    },
)

_ELEMENT = whole(
    "An element; one that stands in another (`podcast:source`) follows it",
    {
        "name": text("Prefix and name", "podcast:transcript"),
        "text": text("Plain text; may be empty", "7"),
        "attributes": {
            "type": "object",
            "description": "Its attributes by name, as they are written in feeds",
            "additionalProperties": text("Plain text, or an absolute http or https URL", "text/vtt"),
        },
    },
)

_ALSO = whole(
    "The same article as another source has it",
    {
        "key": text("Key of that record", KEY, pattern="^[a-z2-7]{16}$"),
        "source": text("Id of its source", "gazette"),
        "title": text("Its title there", "A bridge opens at noon"),
        "link": maybe(address("Where it is read there", "https://gazette.example/bridge")),
    },
)

_ENTRY = whole(
    "A record: one normalised entry; `export jsonl` and `search --json` give the same shape",
    {
        "key": text("Our own name of the record; never changes", KEY, pattern="^[a-z2-7]{16}$"),
        "public_id": text(
            "Its id in feeds, never changed; a merged feed shows a story under one id for good",
            "https://paper.example/1",
        ),
        "source": text("Id of its source", "paper"),
        "title": text("Plain text; empty where the publisher wrote none", "A bridge opens"),
        "link": maybe(address("Where it is read")),
        "guid": maybe(text("The publisher's id as written", "https://paper.example/1")),
        "author": text("The author line of the record: the site's name unless feeds.yaml says otherwise", "The Paper"),
        "writers": each("Who the publisher says wrote it", text("A name", "Ann Writer")),
        "categories": each("Category, site, feed: where it is filed", text("A name", "Press")),
        "tags": each("The publisher's words for it", text("A word", "bridges")),
        "published": instant("The date shown: the publisher's, else when it was first seen"),
        "updated": instant("The publisher's update date, else when its visible text last changed"),
        "first_seen": instant("When it came; never changes"),
        "date_source": text("Where `published` is from", "published", enum=[str(one) for one in DateSource]),
        "image": maybe(address("The lead image", "https://paper.example/1.jpg")),
        "html": text("The body as clean HTML with absolute addresses; `content` may leave it out", "<p>At noon.</p>"),
        "summary": text("Plain text; empty where the publisher wrote none apart from the body", "At noon."),
        "enclosures": each("Files that the publisher attached", _ENCLOSURE),
        "podcast": each("What an episode says in the words of podcasts", _ELEMENT),
        "language": maybe(text("Of the text, as the publisher wrote it", "en")),
        "also_in": each("The same article from other sources, in the order of feeds.yaml", _ALSO),
    },
)

_SOURCE = whole(
    "How a source is; `list --json` and `/sources.json` give the same shape",
    {
        "id": text("Pins /source/{id}", "paper"),
        "name": text("As in feeds.yaml", "The Paper"),
        "url": text("As in feeds.yaml, `***` for what is secret", "https://paper.example/feed"),
        "state": text("How it is, in one word", "ok", enum=[str(one) for one in State]),
        "kind": maybe(text("The word for the failure; null where the last poll was well", "timeout")),
        "reason": text("Why `state` is what it is, in words", "the last answer was whole"),
        "since": maybe(instant("Since when")),
        "failures": number("Failed polls in a row", 0),
        "last_attempt_at": maybe(instant("When it was last asked")),
        "last_success_at": maybe(instant("When it last answered well")),
        "last_new_at": maybe(instant("When it last brought something new")),
        "next_poll_at": maybe(instant("When it is polled next; null where it is polled no more")),
        "next_reason": maybe(text("Why then", "its habit: an entry every 3h")),
        "every": maybe(text("The interval in force, as feeds.yaml writes one", "90m")),
        "entries": number("Records kept", 120),
        "moved_to": maybe(text("Where a permanent redirect leads", "https://paper.example/new")),
        "in_use": maybe(text("The address that is polled", "https://paper.example/feed")),
    },
)

_VIEW = whole(
    "A view of feeds.yaml: a merged feed with its own choice",
    {
        "name": text("Stands in its addresses", "product"),
        "title": text("What its feeds and its page are called", "Product"),
        "page": address("Its page for people", "https://news.example/view/product"),
        "feeds": whole(
            "Its feeds, by format",
            {
                form: address(f"The feed as {name}", f"https://news.example/feed/product.{form}")
                for form, name in (("atom", "Atom"), ("rss", "RSS 2.0"), ("json", "JSON Feed 1.1"))
            },
        ),
        "definition": whole(
            "As feeds.yaml has it, defaults filled in; durations as there, `48h`",
            {
                "sources": each("Ids of sources", text("An id", "paper")),
                "categories": each("Categories", text("A category", "Press")),
                "tags": each("The operator's words for sources", text("A word", "eng")),
                "query": maybe(text("What is searched for", "bridge -boat")),
                "entries": number("So many at least", 50),
                "window": text("Nothing that arrived within it is cut off", "2d"),
                "per_source": maybe(number("So many of each source at most", 20)),
                "content": text("How much of each body its feeds carry", "full", enum=[str(one) for one in Content]),
                "images": {
                    "type": ["string", "boolean", "null"],
                    "description": "The address that images go through; false: none; null: as each source says",
                    "examples": ["https://img.example/?{url}"],
                },
                "filters": each("Its rules, as written", text("A rule", "unique: title")),
            },
        ),
    },
)

_PROBLEM = whole(
    "What went wrong (RFC 9457)",
    {
        "type": text("Always `about:blank`: the status says what kind it is", "about:blank"),
        "title": text("The status in words", "Not Found"),
        "status": number("The status", 404, minimum=400, maximum=599),
        "detail": text(
            "A sentence: what is wrong, and the way out", "there is no source 'papr' (did you mean 'paper'?)"
        ),
        "instance": text("The path that was asked for", "/api/v1/sources/papr"),
    },
)

SCHEMAS: Mapping[str, Schema] = {
    "entry": _ENTRY,
    "entries": page_of("entries", "entry", "Entries, newest first", "before"),
    "source": _SOURCE,
    "sources": page_of("sources", "source", "Sources in the order of feeds.yaml", "after"),
    "view": _VIEW,
    "views": whole("Views in the order of feeds.yaml", {"views": each("Views", named("view"))}),
    "problem": _PROBLEM,
    "document": {"type": "object", "description": "An OpenAPI 3.1 document"},
}
"""Every value that the API answers with, by name."""
