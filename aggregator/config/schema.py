"""The shape of feeds.yaml: the one model that the loader, the list of keys and the docs are held to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

from aggregator.config import ids, urls
from aggregator.config.durations import RULE as DURATION_RULE
from aggregator.config.durations import duration, short
from aggregator.config.environment import Filled
from aggregator.config.faults import WrongValueError, near
from aggregator.model import BodyStyle, Keep, Polling, RecordStyle, Server

VERSION = 1
LATER_AT_ROOT = frozenset(("rsshub", "views"))
LATER_IN_DEFAULTS = frozenset(("auth", "cookies", "filters", "headers", "proxy", "tags", "tls_verify", "user_agent"))
LATER_IN_PLACE_OF_URL = frozenset(("group", "include", "opml", "rsshub", "sources"))
LATER_IN_SOURCE = LATER_IN_DEFAULTS | LATER_IN_PLACE_OF_URL | {"enabled", "fallback", "http2"}
"""Keys of later versions: refused by name until they work, never passed over in silence."""
FIELDS = ("link", "updated", "tags", "lang", "description", "rss")

_SERVER, _POLLING, _KEEP = Server(), Polling(), Keep()
_T = TypeVar("_T")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def _scalar(check: Callable[[str], _T], rule: str) -> BeforeValidator:
    """Make a validator of a check of text; a value that holds a variable is judged and never quoted."""

    def validate(value: object) -> _T:
        if isinstance(value, Filled):
            try:
                return check(str(value))
            except WrongValueError:
                raise WrongValueError(f"what {value.written} stands for does not fit; {rule}") from None
        if isinstance(value, str):
            return check(value)
        raise WrongValueError(f"{kind(value)} stands here; {rule}")

    return BeforeValidator(validate)


def kind(value: object) -> str:
    """Return what a value is, in the words of a message."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping of keys"
    return "a list" if isinstance(value, list) else "text"


def _text(value: str) -> str:
    text = value.strip()
    if not text:
        raise WrongValueError("is empty; write text, or leave the line out")
    if found := _CONTROL.search(text):
        what = "a line break" if found[0] in "\n\r\u2028\u2029" else "a control character"
        raise WrongValueError(f"has {what} in it; one line of text is meant")
    if len(text) > 500:
        raise WrongValueError(f"has {len(text)} characters; at most 500 are taken")
    return text


def _folder(value: str) -> str:
    text = _text(value)
    if "://" in text:
        raise WrongValueError(f'"{urls.cut(text)}" is a URL; a folder is meant')
    return text


def _secret(value: str) -> str:
    if _CONTROL.search(value.strip()):
        raise WrongValueError("has a control character in it")
    return value.strip()


def _whole(least: int, most: int) -> BeforeValidator:
    rule = f"a whole number from {least} to {most}"

    def check(value: str) -> int:
        text = value.strip().replace("_", "").removeprefix("+")
        if not re.fullmatch(r"-?[0-9]{1,18}", text):
            raise WrongValueError(f'"{urls.cut(value)}" is not {rule}')
        if not least <= int(text) <= most:
            raise WrongValueError(f"{text} is not {rule}")
        return int(text)

    return _scalar(check, f"{rule} is meant")


def _between(least: timedelta, most: timedelta) -> BeforeValidator:
    def check(value: str) -> timedelta:
        found = duration(value.strip())
        if not least <= found <= most:
            raise WrongValueError(f"{short(found)} is not between {short(least)} and {short(most)}")
        return found

    return _scalar(check, DURATION_RULE)


def _one_of(words: Iterable[str]) -> BeforeValidator:
    known = tuple(words)
    rule = " or ".join(filter(None, (", ".join(known[:-1]), known[-1])))

    def check(value: str) -> str:
        if value.strip() in known:
            return value.strip()
        raise WrongValueError(f'"{urls.cut(value)}" is not known here; {rule} is', near(value, known))

    return _scalar(check, f"{rule} is meant")


def _version(value: str) -> int:
    if value.strip() == str(VERSION):
        return VERSION
    raise WrongValueError(f'"{urls.cut(value)}" is not a version that this program reads; it reads {VERSION}')


def _every(value: str) -> timedelta | str:
    text = value.strip()
    if text.casefold() == "auto":
        return "auto"
    found = duration(text)
    if not found:
        raise WrongValueError(f'"{text}" would never rest; the least is 15m, or 1s for a host of your own')
    return found


def _images(value: str) -> str | bool:
    text = value.strip()
    if text in {"false", "False", "FALSE"}:
        return False
    if text.casefold() in {"no", "off", "none"}:
        raise WrongValueError(f'"{text}" is text in YAML 1.2', "false")
    if text.casefold() in {"true", "yes", "on"}:
        raise WrongValueError(f'"{text}" names no proxy; write https://proxy.example/?{{url}}, or false')
    return urls.image_template(text)


def _template(*names: str) -> Callable[[str], str]:
    known = [f"{{{name}}}" for name in names]

    def check(value: str) -> str:
        text = _text(value)
        for found in re.findall(r"\{[^{}]*\}", text):
            if found not in known:
                raise WrongValueError(f"{found} is not known here; {' and '.join(known)} are", near(found, known))
        return text

    return check


def _user_agent(value: str) -> str:
    text = _template("base_url", "version")(value)
    if not (text.isascii() and text.isprintable()):
        raise WrongValueError("an HTTP header holds ASCII characters alone")
    return text


Text = Annotated[str, _scalar(_text, "one line of text is meant")]
Folder = Annotated[str, _scalar(_folder, "the path of a folder is meant")]
Duration = Annotated[timedelta, _between(timedelta(seconds=1), timedelta(days=3650))]
Url = Annotated[str, _scalar(urls.source_url, urls.URL_RULE)]


class Part(BaseModel):
    """A mapping of feeds.yaml: unknown keys are faults, and a key without a value has its default."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _told(cls, data: object) -> object:
        if not isinstance(data, dict):
            raise WrongValueError(f"{kind(data)} stands here; a mapping of keys is meant")
        return cls._settled(data)

    @classmethod
    def _settled(cls, data: dict[str, object]) -> dict[str, object]:
        return {key: value for key, value in data.items() if value is not None}


class ServerPart(Part):
    """`server`."""

    listen: Annotated[str, _scalar(urls.listen, urls.LISTEN_RULE)] = _SERVER.listen
    base_url: Annotated[str, _scalar(urls.base_url, "an absolute http(s) URL is meant")] | None = None
    title: Text = _SERVER.title
    access_token: Annotated[str, _scalar(_secret, "text is meant")] = ""


class BackupsPart(Part):
    """`storage.backups`."""

    every: Annotated[timedelta, _between(timedelta(minutes=1), timedelta(days=365))] = timedelta(days=1)
    keep: Annotated[int, _whole(1, 1000)] = 7


class StoragePart(Part):
    """`storage`."""

    path: Folder = "./data"
    records: Folder | None = None
    record_fields: tuple[Annotated[str, _one_of(FIELDS)], ...] = ()
    record_style: Annotated[RecordStyle, _one_of(RecordStyle)] = RecordStyle.HEXO
    backups: BackupsPart = BackupsPart()


class PollingPart(Part):
    """`polling`."""

    user_agent: Annotated[str, _scalar(_user_agent, "one line of text is meant")] = _POLLING.user_agent
    concurrency: Annotated[int, _whole(1, 1000)] = _POLLING.concurrency
    per_host: Annotated[int, _whole(1, 1000)] = _POLLING.per_host
    host_delay: Annotated[timedelta, _between(timedelta(0), timedelta(hours=1))] = _POLLING.host_delay
    allow_private: tuple[Annotated[str, _scalar(urls.private_address, urls.PRIVATE_RULE)], ...] = ()


class KeepPart(Part):
    """`keep`: merged by key, so each may be absent."""

    days: Annotated[int, _whole(1, 365_000)] | None = None
    entries: Annotated[int, _whole(1, 1_000_000_000)] | None = None

    @classmethod
    def _settled(cls, data: dict[str, object]) -> dict[str, object]:
        return data


class Inherited(Part):
    """What goes down from `defaults` to a source: absent inherits, null resets."""

    category: Text | None = None
    site: Text | None = None
    feed: Text | None = None
    author: Annotated[str, _scalar(_template("site", "entry"), "one line of text is meant")] | None = None
    images: Annotated[str | Literal[False], _scalar(_images, "a URL template or false is meant")] | None = None
    images_scope: Annotated[str, _one_of(("http", "all"))] | None = None
    record_body: Annotated[BodyStyle, _one_of(BodyStyle)] | None = None
    every: Annotated[timedelta | Literal["auto"], _scalar(_every, f"auto, or {DURATION_RULE}")] | None = None
    at_least: Duration | None = None
    at_most: Duration | None = None
    timeout: Annotated[timedelta, _between(timedelta(seconds=1), timedelta(minutes=10))] | None = None
    keep: KeepPart | None = None

    @classmethod
    def _settled(cls, data: dict[str, object]) -> dict[str, object]:
        return data


class SourcePart(Inherited):
    """One of `sources`, in its long form; a bare URL is the short one."""

    url: Url
    id: Annotated[str, _scalar(ids.given, ids.RULE)] | None = None
    name: Text | None = None

    @model_validator(mode="before")
    @classmethod
    def _told(cls, data: object) -> object:
        if isinstance(data, str):
            return {"url": data}
        if data is None:
            raise WrongValueError("is empty: nothing stands after the dash")
        if not isinstance(data, dict):
            raise WrongValueError(f"{kind(data)} stands here; a URL, or a mapping with `url` in it, is meant")
        if data.get("url") is None:
            return {key: value for key, value in data.items() if key != "url"}
        return data


class Document(Part):
    """feeds.yaml."""

    version: Annotated[int, _scalar(_version, f"the number {VERSION} is meant")] = VERSION
    server: ServerPart = ServerPart()
    storage: StoragePart = StoragePart()
    polling: PollingPart = PollingPart()
    defaults: Inherited = Inherited()
    sources: tuple[SourcePart, ...] = ()


def names() -> tuple[str, ...]:
    """Return every key with its place, what a source shares with `defaults` once."""
    return tuple(_keys(Document, ""))


def part_at(path: Iterable[str | int]) -> type[Part] | None:
    """Return the model of the mapping at this path of feeds.yaml, None where none is."""
    part: type[Part] = Document
    for step in path:
        if isinstance(step, int):
            continue
        found = _NESTED.get((part, step))
        if found is None:
            return None
        part = found
    return part


def later(part: type[Part]) -> frozenset[str]:
    """Return the keys that a later version reads in this mapping."""
    if part is Document:
        return LATER_AT_ROOT
    if part is SourcePart:
        return LATER_IN_SOURCE
    return LATER_IN_DEFAULTS if part is Inherited else frozenset()


_NESTED: dict[tuple[type[Part], str], type[Part]] = {
    (Document, "server"): ServerPart,
    (Document, "storage"): StoragePart,
    (StoragePart, "backups"): BackupsPart,
    (Document, "polling"): PollingPart,
    (Document, "defaults"): Inherited,
    (Document, "sources"): SourcePart,
    (Inherited, "keep"): KeepPart,
    (SourcePart, "keep"): KeepPart,
}


def _keys(part: type[Part], above: str) -> Iterable[str]:
    for key in part.model_fields:
        if part is SourcePart and key in Inherited.model_fields:
            continue
        yield above + key
        nested = _NESTED.get((part, key))
        if nested is not None:
            yield from _keys(nested, f"{above}{key}.")
