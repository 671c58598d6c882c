"""What the API can be asked: one table of paths and parameters, by which requests are read and which OpenAPI describes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.exceptions import HTTPException

from aggregator.health import State
from aggregator.merge import MOST
from aggregator.model import Content
from aggregator.web.described import AT, KEY, Schema, text
from aggregator.web.feeds import near

ROOT = "/api/v1"

Given = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Parameter:
    """What may be asked for: its values' schema says which of them are taken."""

    name: str
    schema: Schema
    many: bool = False
    """May be repeated; any of the values will do."""

    def refusal(self, values: Sequence[str]) -> str | None:
        """Return why these values are not taken, None where they are, as far as its schema tells."""
        if len(values) > 1 and not self.many:
            return f"{self.name}= is given {len(values)} times; once is enough"
        if not all(values) and self.schema.get("minLength"):
            return f"{self.name}= is empty; leave it out"
        known: Sequence[str] | None = self.schema.get("enum")
        if known and (wrong := [value for value in values if value not in known]):
            return f"{self.name}={wrong[0][:40]} is none of {', '.join(known)}"
        return None


@dataclass(frozen=True, slots=True)
class Operation:
    """A path that answers GET, and HEAD with the same headers."""

    name: str
    path: str
    said: str
    answer: str
    """Name of the schema of its answer."""
    parameters: tuple[Parameter, ...] = ()
    place: Parameter | None = None
    """What stands in its path."""
    links: bool = False
    """Whether its answer says where it goes on."""

    def read(self, pairs: Sequence[tuple[str, str]]) -> Given:
        """
        Return the values of a query string by name.

        Raises HTTPException 400 where a parameter is unknown, too often there, or not one of the words it may be:
        an answer to another question than the one that was meant is worse than none.
        """
        known = {one.name: one for one in self.parameters}
        given: dict[str, list[str]] = {}
        for name, value in pairs:
            given.setdefault(name, []).append(value)
        for name, values in given.items():
            if name not in known:
                raise HTTPException(400, f"there is no parameter {name[:40]!r} here{near(name, [*known])}")
            if refused := known[name].refusal(values):
                raise HTTPException(400, refused)
        return given


_WORD = {"minLength": 1}
_LIMIT = Parameter(
    "limit",
    {
        "type": "integer",
        "minimum": 1,
        "default": 50,
        "description": f"So many at most; above {MOST} is {MOST}",
        "examples": [20],
    },
)

ENTRIES = Operation(
    "entries",
    f"{ROOT}/entries",
    "Entries, newest first; the pages that `next` leads to partition the whole",
    "entries",
    (
        Parameter("q", text("What they must hold, in the syntax of `aggregator search`; empty: all", "bridge -boat")),
        Parameter("category", text("First category of records", "Press", **_WORD), many=True),
        Parameter("source", text("Id of a source", "paper", **_WORD), many=True),
        Parameter("tag", text("One of the operator's words for sources", "eng", **_WORD), many=True),
        Parameter("view", text("Name of a view: its choice, in place of `category`, `source` and `tag`", "", **_WORD)),
        Parameter("since", text("Dated at or after it; RFC 3339", AT, format="date-time")),
        Parameter("before", text("The `cursor` of the page before", "", pattern=r"^[A-Za-z0-9_\-.~:=]{1,200}$")),
        _LIMIT,
        Parameter(
            "content",
            text(
                "How much of each body: `summary` leaves `html` empty and makes a `summary` where there is none",
                "summary",
                enum=[str(one) for one in Content],
                default=str(Content.FULL),
            ),
        ),
    ),
    links=True,
)
ENTRY = Operation(
    "entry",
    f"{ROOT}/entries/{{key}}",
    "One entry, also one that is in no merged feed; 404 for one that is hidden",
    "entry",
    place=Parameter("key", text("Key of the record", KEY, **_WORD)),
)
SOURCES = Operation(
    "sources",
    f"{ROOT}/sources",
    "How the sources are, in the order of feeds.yaml",
    "sources",
    (
        Parameter("state", text("Only sources in that state", "failing", enum=[str(one) for one in State]), many=True),
        Parameter("after", text("The `cursor` of the page before", "", pattern=r"^[A-Za-z0-9_\-]{1,400}$")),
        _LIMIT,
    ),
    links=True,
)
SOURCE = Operation(
    "source",
    f"{ROOT}/sources/{{id}}",
    "How one source is",
    "source",
    place=Parameter("id", text("Id of the source", "paper", **_WORD)),
)
VIEWS = Operation("views", f"{ROOT}/views", "The views of feeds.yaml, and where they can be subscribed to", "views")
DOCUMENT = Operation("document", f"{ROOT}/openapi.json", "This document", "document")

OPERATIONS = (ENTRIES, ENTRY, SOURCES, SOURCE, VIEWS, DOCUMENT)
