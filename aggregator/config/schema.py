"""The shape of feeds.yaml: the one model that the loader, the JSON schema, the list of keys and the docs are held to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from aggregator.config import headers, ids, rsshub, scalars, urls
from aggregator.config.durations import RULE as DURATION_RULE
from aggregator.config.faults import WrongValueError
from aggregator.config.filtering import ConditionsPart, FilterPart, RulePart, ViewFilterPart
from aggregator.config.parts import Agent, Part, Secret, Text, UnsettledPart
from aggregator.config.scalars import Scalar, between, kind, matching, one_of, sized, whole
from aggregator.config.sections import PollingPart, RsshubPart, ServerPart, StoragePart
from aggregator.model import BodyStyle, Bounds, Content, Keep

VERSION = 1
MOST_BYTES = 64 * 1024**2
"""Of one body (rule 51)."""

DEEPEST = 800
"""Levels of JSON that Python's own stack stands (its limit is 1,000), with what calls the reader."""

_KEEP, _BOUNDS = Keep(), Bounds()


def _version(value: str) -> int:
    if value.strip() == str(VERSION):
        return VERSION
    raise WrongValueError(f'"{urls.cut(value)}" is not a version that this program reads; it reads {VERSION}')


def _address(value: str) -> str:
    """Return the http(s) URL, or the shorthand of RSSHub as `rsshub:/a/b`."""
    return rsshub.SCHEME + rsshub.route(value) if rsshub.is_short(value) else urls.source_url(value)


Duration = Annotated[timedelta, between(timedelta(seconds=1), timedelta(days=3650))]
Size = Annotated[int, sized(1024, MOST_BYTES)]
Truth = Annotated[bool, Scalar(scalars.truth, "true or false is meant", scalars.TRUTH_SHAPE)]
Route = Annotated[str, Scalar(rsshub.route, rsshub.RULE, matching("^(rsshub:|/)"))]
Address = Annotated[str, Scalar(_address, urls.URL_RULE, scalars.URL_SHAPE)]
Images = Annotated[
    str | Literal[False], Scalar(scalars.images, "a URL template or false is meant", scalars.IMAGES_SHAPE)
]
Scope = Annotated[str, one_of(("http", "all"))]
HeaderName = Annotated[str, Scalar(headers.header_name, "the name of a header is meant", matching("^[A-Za-z0-9-]+$"))]
HeaderValue = Annotated[str, Scalar(headers.header_value, "text is meant", scalars.TEXT_SHAPE)]
CookieName = Annotated[str, Scalar(headers.cookie_name, "the name of a cookie is meant", matching("^[^ =;,]+$"))]
CookieValue = Annotated[str, Scalar(headers.cookie_value, "text is meant", scalars.TEXT_SHAPE)]


class KeepPart(UnsettledPart):
    """`keep`: merged by key, so each may be absent."""

    days: Annotated[int, whole(1, 365_000)] | None = Field(
        default=None, description=f"Days since an entry was last listed by its source. Default {_KEEP.days}."
    )
    entries: Annotated[int, whole(1, 1_000_000_000)] | None = Field(
        default=None, description=f"How many entries of a source stay. Default {_KEEP.entries}."
    )


class AuthPart(Part):
    """`auth`: a log-in, sent as an Authorization header to the origin of `url` alone."""

    username: Annotated[str, Scalar(scalars.username, "text is meant", scalars.TEXT_SHAPE)] | None = Field(
        default=None, description="Name of a log-in (Basic)."
    )
    password: Secret = Field(default="", description="Password of the log-in; best from a variable.")
    bearer: Annotated[str, Scalar(scalars.bearer, "text is meant", scalars.TEXT_SHAPE)] | None = Field(
        default=None, description="A token (Bearer), instead of name and password; best from a variable."
    )

    @classmethod
    def _settled(cls, data: dict[str, object]) -> dict[str, object]:
        given = super()._settled(data)
        if cls.model_fields.keys() >= given.keys():
            if "bearer" in given and len(given) > 1:
                raise WrongValueError("has a bearer token and a user name; a source logs in one way")
            if given.keys() == {"password"}:
                raise WrongValueError("has a password and no `username`")
            if not given:
                raise WrongValueError("is empty; write `{username: ..., password: ...}` or `{bearer: ...}`")
        return given


class Inherited(UnsettledPart):
    """What goes down from `defaults` through groups to a source: absent inherits, null resets."""

    category: Text | None = Field(
        default=None, description="First category of the records, and first folder. Default uncategorized."
    )
    site: Text | None = Field(
        default=None, description="Second category and folder. Default: the feed's title, else its host."
    )
    feed: Text | None = Field(default=None, description="Third category and folder. Default latest.")
    author: (
        Annotated[str, Scalar(scalars.template("site", "entry"), "one line of text is meant", scalars.TEXT_SHAPE)]
        | None
    ) = Field(default=None, description="The record's author line; {site} and {entry} are replaced. Default '{site}'.")
    images: Images | None = Field(
        default=None,
        description="Template of an image proxy with {url} or {url_encoded} in it, or false. Default false.",
    )
    images_scope: Scope | None = Field(
        default=None, description="Which images go through the proxy: those of http: URLs, or all. Default http."
    )
    record_body: Annotated[BodyStyle, one_of(BodyStyle)] | None = Field(
        default=None, description="clean, or the publisher's own HTML with its scripts. Default clean."
    )
    every: (
        Annotated[timedelta | Literal["auto"], Scalar(scalars.every, f"auto, or {DURATION_RULE}", scalars.EVERY_SHAPE)]
        | None
    ) = Field(default=None, description="How often to ask: auto learns it from the source. Default auto.")
    at_least: Duration | None = Field(default=None, description="auto asks no more often than this. Default 60m.")
    at_most: Duration | None = Field(default=None, description="auto asks no more seldom than this. Default 24h.")
    timeout: Annotated[timedelta, between(timedelta(seconds=1), timedelta(minutes=10))] | None = Field(
        default=None, description="For a whole attempt, redirects and body included. Default 30s."
    )
    keep: KeepPart | None = Field(default=None, description="How long entries stay.")
    tags: tuple[Text, ...] | None = Field(default=None, description="Words of yours by which views choose sources.")
    filters: tuple[FilterPart, ...] | None = Field(
        default=None, description="Rules, in order; a hidden entry is stored and comes back when its rule goes."
    )
    headers: dict[HeaderName, HeaderValue | None] | None = Field(
        default=None, description="Request headers of its own; they never leave the origin of `url`."
    )
    auth: AuthPart | None = Field(default=None, description="A log-in: {username, password}, or {bearer}.")
    cookies: dict[CookieName, CookieValue | None] | None = Field(
        default=None, description="Cookies, sent as they stand; what the publisher sets is not kept."
    )
    user_agent: Agent | None = Field(default=None, description="In place of polling.user_agent.")
    proxy: Annotated[str | Literal[False], Scalar(scalars.proxy, urls.PROXY_RULE, scalars.PROXY_SHAPE)] | None = Field(
        default=None,
        description="http://, https://, socks5:// or socks5h:// with host and port; false: none. Default none.",
    )
    tls_verify: Truth | None = Field(
        default=None, description="false takes any certificate, and so any stranger in between. Default true."
    )
    max_download: Size | None = Field(default=None, description="Bytes on the wire, at most. Default 10MB.")
    max_body: Size | None = Field(default=None, description="Bytes once unpacked, at most. Default 16MB.")
    max_entries: Annotated[int, whole(1, 20_000)] | None = Field(
        default=None, description=f"Entries read of one document: its newest. Default {_BOUNDS.entries}."
    )
    max_entry: Annotated[int, sized(10 * 1024, 16 * 1024**2)] | None = Field(
        default=None, description="Bytes of text of one entry; what is beyond is cut off. Default 1MB."
    )
    max_depth: Annotated[int, whole(16, DEEPEST)] | None = Field(
        default=None, description=f"How deep elements may stand in each other. Default {_BOUNDS.depth}."
    )
    max_attributes: Annotated[int, whole(8, 1000)] | None = Field(
        default=None, description=f"Attributes read of one element. Default {_BOUNDS.attributes}."
    )
    max_freshness: Annotated[timedelta, between(timedelta(0), timedelta(days=365))] | None = Field(
        default=None, description="The longest wait that Cache-Control or Expires may ask for. Default 48h."
    )
    max_retry_after: Annotated[timedelta, between(timedelta(minutes=1), timedelta(days=365))] | None = Field(
        default=None, description="The longest wait that Retry-After may ask for. Default 7d."
    )
    enabled: Truth | None = Field(
        default=None, description="false: known and shown as paused, and not polled. Default true."
    )

    @classmethod
    def _settled(cls, data: dict[str, object]) -> dict[str, object]:
        given = data.get("headers")
        if (
            data.get("auth")
            and isinstance(given, dict)
            and any(name.strip().casefold() == "authorization" for name in given)
        ):
            raise WrongValueError("has `auth` and a header Authorization, which are the same; take one out")
        return data


class SourcePart(Inherited):
    """A source in its long form; a bare URL is the short one."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["url"]}, {"required": ["rsshub"]}]},
    )

    url: Address | None = Field(default=None, description="Address of the feed: http or https, or rsshub:/a/b.")
    rsshub: Route | None = Field(
        default=None, description="In place of `url`: a route of RSSHub, asked at each address of rsshub.base in turn."
    )
    id: Annotated[str, Scalar(ids.given, ids.RULE, {"anyOf": [matching(ids.PATTERN), {"type": "integer"}]})] | None = (
        Field(default=None, description="Pins /source/<id> and every record of the source. Default: made of the URL.")
    )
    name: Text | None = Field(
        default=None, description="What the source is called in lists and logs. Default: host and path."
    )
    fallback: tuple[Address, ...] | None = Field(
        default=None,
        description="Addresses that are tried in turn when the first fails; one identity, whichever answers.",
    )

    @model_validator(mode="before")
    @classmethod
    def _told(cls, data: object) -> object:
        if isinstance(data, str):
            return {"url": data}
        if data is None:
            raise WrongValueError("is empty: nothing stands after the dash")
        if not isinstance(data, dict):
            raise WrongValueError(f"{kind(data)} stands here; a URL, or a mapping with `url` in it, is meant")
        return cls._settled(data)


class GroupPart(Inherited):
    """A group: its values go down to its sources; groups nest."""

    group: Text = Field(description="Name of the group, for people; it sets no category.")
    sources: tuple[Item, ...] | None = Field(default=None, description="The sources of the group.")


class OpmlPart(Inherited):
    """The feeds of an OPML document; folders become categories."""

    opml: Text = Field(description="An OPML file, or the URL of one.")


class IncludePart(Inherited):
    """The sources of other files."""

    include: Text = Field(description="A file or a pattern (./feeds.d/*.yaml) of files that hold a list of sources.")


Item = (
    Annotated[str, Scalar(_address, urls.URL_RULE, scalars.URL_SHAPE)] | SourcePart | GroupPart | OpmlPart | IncludePart
)
KINDS: dict[str, type[Inherited]] = {
    "url": SourcePart,
    "rsshub": SourcePart,
    "group": GroupPart,
    "opml": OpmlPart,
    "include": IncludePart,
}
"""What an item of `sources` is, by the key that tells."""


class ViewPart(Part):
    """A merged feed with its own title and choice: /feed/<name>.atom and /view/<name>."""

    title: Text | None = Field(default=None, description="Title of the feed. Default: the view's name.")
    sources: tuple[Text, ...] = Field(
        default=(), description="Ids of sources. A source counts that matches any of the three."
    )
    categories: tuple[Text, ...] = Field(default=(), description="Categories of sources.")
    tags: tuple[Text, ...] = Field(default=(), description="Tags of sources.")
    query: Text | None = Field(default=None, description="Words that an entry must have, in the search syntax.")
    entries: Annotated[int, whole(1, 500)] = Field(default=50, description="How many entries the feed holds.")
    window: Annotated[timedelta, between(timedelta(0), timedelta(days=365))] = Field(
        default=timedelta(hours=48), description="Nothing that arrived within it is cut off, up to 500 entries."
    )
    per_source: Annotated[int, whole(1, 500)] | None = Field(
        default=None, description="At most so many entries of one source. Default: no cap."
    )
    content: Annotated[Content, one_of(Content)] = Field(
        default=Content.FULL, description="How much of an entry the feed carries."
    )
    images: Images | None = Field(
        default=None, description="As of a source, for this view; false: the publishers' own URLs."
    )
    images_scope: Scope = Field(
        default="http", description="Which images go through the proxy: those of http: URLs, or all."
    )
    filters: tuple[ViewFilterPart, ...] = Field(default=(), description="Rules, in order, after those of the sources.")


class Document(Part):
    """feeds.yaml: which feeds are polled, how their entries are filed, and how they are served."""

    version: Annotated[int, Scalar(_version, f"the number {VERSION} is meant", {"enum": [VERSION, str(VERSION)]})] = (
        Field(default=VERSION, description="Version of this format.")
    )
    server: ServerPart = Field(
        default=ServerPart(), description="Where and under which name the merged feed is served."
    )
    storage: StoragePart = Field(default=StoragePart(), description="What lies on disk, and where.")
    polling: PollingPart = Field(default=PollingPart(), description="How publishers are asked.")
    defaults: Inherited = Field(
        default=Inherited(), description="What holds for every source that does not say otherwise."
    )
    rsshub: RsshubPart = Field(default=RsshubPart(), description="Where rsshub:/a/b leads.")
    sources: tuple[Item, ...] = Field(
        default=(), description="What is polled: URLs, sources, groups, OPML and other files."
    )
    views: dict[str, ViewPart | None] = Field(default={}, description="Merged feeds with their own title and choice.")


SHARED: tuple[tuple[type[Part], type[Part]], ...] = (
    (Inherited, Inherited),
    (RulePart, FilterPart),
    (ConditionsPart, ConditionsPart),
)
"""Models whose keys stand in several places, and at which of these they are listed."""


def names() -> tuple[str, ...]:
    """Return every key with its place, what a source shares with `defaults` once."""
    return tuple(dict.fromkeys(_keys(Document, "")))


def part_at(part: type[Part], path: Iterable[str | int]) -> type[Part] | None:
    """Return the model of the mapping at this path below `part`, None where none is."""
    found: type[Part] | None = part
    for step in path:
        if isinstance(step, int):
            continue
        field = found.model_fields.get(step) if found else None
        found = next(iter(parts_in(field.annotation)), None) if field else None
    return found


def parts_in(annotation: object) -> Iterator[type[Part]]:
    """Yield the models that a type names, in its order."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if issubclass(annotation, Part):
            yield annotation
        return
    for inner in get_args(annotation):
        yield from parts_in(inner)


def _keys(part: type[Part], above: str) -> Iterator[str]:
    for key, field in part.model_fields.items():
        if any(issubclass(part, shared) and part is not told and key in shared.model_fields for shared, told in SHARED):
            continue
        yield above + (field.alias or key)
        if part is GroupPart:
            continue  # its sources are sources
        for nested in parts_in(field.annotation):
            yield from _keys(nested, f"{above}{key}.")


def known(part: type[Part]) -> dict[str, str]:
    """Return the keys of a mapping as the file has them, and what each is for."""
    return {field.alias or key: field.description or "" for key, field in part.model_fields.items()}


GroupPart.model_rebuild()  # it names items, which name it
Document.model_rebuild()
