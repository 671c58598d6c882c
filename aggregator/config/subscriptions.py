"""Sources of feeds.yaml as feeds of a list of subscriptions, and the other way round; importing an export changes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from aggregator import opml
from aggregator.config import ids
from aggregator.config.faults import WrongValueError
from aggregator.config.quoting import Value
from aggregator.config.schema import SourcePart
from aggregator.config.standing import Standing, route

SECRETS = frozenset(("auth", "cookies", "headers", "proxy"))
"""Keys that may hold what is not to be handed on; a value that stands in a variable is no secret."""
_DEFAULT = re.compile(r"\$\{\w+:-[^}]")
NO_CATEGORY = "uncategorized"


@dataclass(frozen=True, slots=True)
class Taken:
    """A feed of a list as a source."""

    entry: Mapping[str, Value] | None
    """As feeds.yaml says it; None where it cannot be one."""
    told: tuple[str, ...] = ()
    """What was left out, and why: a sentence each."""


def taken(one: opml.Listed, *, category: str | None = None, variables: bool = False) -> Taken:
    """
    Return the feed as a source: its folder is its category, unless one is given.

    A list may be somebody else's: what names a variable of the environment, and so could send its value to a
    stranger, is taken with `variables` only. Keys that feeds.yaml would refuse are left out.
    """
    label = one.title or one.url
    entry: dict[str, Value] = {}
    if one.title and one.title != ids.name(one.url):
        entry["name"] = one.title
    if "id" in one.settings:
        entry["id"] = _value(one.settings["id"])
    entry |= {"rsshub": one.route} if one.route else {"url": one.url}
    if chosen := category or opml.category(one.folders):
        entry["category"] = chosen
    entry |= {key: _value(value) for key, value in one.settings.items() if key not in entry}
    if "${" in str(entry) and not variables:
        return Taken(
            None, (f'"{label}" names a variable of your environment; `--variables` takes it in, if the list is yours',)
        )
    return _fitting(entry, label)


def _fitting(entry: dict[str, Value], label: str) -> Taken:
    """Return the entry without the keys that do not fit; none where that is its address."""
    told: list[str] = []
    for _ in range(2):
        try:
            SourcePart.model_validate(entry)
        except ValidationError as error:
            for fault in error.errors(include_url=False, include_input=False):
                key = str(fault["loc"][0]) if fault["loc"] else "url"
                wrong = fault.get("ctx", {}).get("error")
                said = wrong.message if isinstance(wrong, WrongValueError) else fault["msg"]
                if fault["type"] == "extra_forbidden":
                    said = "is no key of a source"
                told.append(f'"{label}": {key}: {said}')
                entry.pop(key, None)
            if not {"url", "rsshub"} & entry.keys():
                return Taken(None, tuple(told))
            continue
        return Taken(entry, tuple(f"{sentence}; the key is left out" for sentence in told))
    return Taken(None, tuple(told))


def listed(one: Standing, *, secrets: bool = False) -> tuple[opml.Listed, tuple[str, ...]]:
    """
    Return the source as a feed of a list, and the keys that were left out of it because they hold secrets.

    Variables stand there by their names. What defaults and groups say is said of each source.
    """
    settings = dict(one.values)
    folder = settings.pop("category", None)
    left = tuple(key for key in sorted(SECRETS & settings.keys()) if not secrets and _is_secret(key, settings[key]))
    settings = {key: value for key, value in settings.items() if key not in left}
    if one.given_id:
        settings["id"] = one.id
    short = route(one.written)
    url = _public(one.url, short) if short else one.written
    found = opml.Listed(
        url=url,
        title=one.name or ids.name(url),
        folders=(folder,) if isinstance(folder, str) and folder != NO_CATEGORY else (),
        settings={key: _setting(value) for key, value in settings.items()},
        route=short,
    )
    return found, left


def _public(url: str, short: str) -> str:
    """Return the URL of a route without the key of its RSSHub."""
    path = short.partition("#")[0].partition("?")[0]
    return url[: url.index(path)] + short if path in url else url


def _is_secret(key: str, value: Value) -> bool:
    if isinstance(value, str):
        plain = key == "proxy" and "@" not in value
        return not plain and ("${" not in value or bool(_DEFAULT.search(value)))
    inner: Iterable[Value] = value.values() if isinstance(value, Mapping) else value
    return any(_is_secret(key, one) for one in inner)


def _setting(value: Value) -> opml.Setting:
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return {key: _setting(one) for key, one in value.items()}
    return [_setting(one) for one in value]


def _value(setting: object) -> Value:
    """Return a value of a list as it would stand in feeds.yaml: scalars are text."""
    if isinstance(setting, Mapping):
        return {str(key): _value(one) for key, one in setting.items()}
    if isinstance(setting, list):
        return [_value(one) for one in setting]
    return str(setting).lower() if isinstance(setting, bool) else str(setting)


def without_id(entry: Mapping[str, Value]) -> dict[str, Value]:
    """Return the entry with the id that its URL makes."""
    return {key: value for key, value in entry.items() if key != "id"}
