"""A feed of an OPML list as a source of feeds.yaml: what does not fit is left out and told, and refuses nothing."""

from __future__ import annotations

from collections.abc import Collection

from pydantic import ValidationError

from aggregator import opml
from aggregator.config import urls
from aggregator.config.faults import WrongValueError
from aggregator.config.schema import SourcePart

HARMLESS = frozenset(
    ("id", "name", "category", "site", "feed", "author", "tags", "enabled", "every", "at_least", "at_most")
)
"""Keys that a list from the network may set: it is somebody else's, and must not choose proxies, log-ins or scripts."""


def source_of(
    one: opml.Listed, *, remote: bool, closed: Collection[str] | None = None
) -> tuple[SourcePart | None, list[str]]:
    """
    Return the source, None where its URL does not do, and a sentence on each key that is left out.

    `closed` is the `allow_private` of feeds.yaml where the list has no say in who is asked there; None: it has.
    """
    given = {key: _plain(value) for key, value in one.settings.items() if not remote or key in HARMLESS}
    if "${" in f"{one.url}{given}":
        return None, ["variables are not replaced in a list; the source is left out"]
    value: dict[str, object] = {"name": one.title, **given} if one.title else dict(given)
    if category := opml.category(one.folders):
        value.setdefault("category", category)
    value["url"] = one.url
    part, told = _fitting(value)
    if part is not None and closed is not None and urls.is_own(part.url or "", closed):
        said = "its URL lies in your own network, which a list on the web opens to nobody; the source is left out"
        return None, [f"{said}: write it into feeds.yaml itself"]
    return part, told


def _fitting(value: dict[str, object]) -> tuple[SourcePart | None, list[str]]:
    """Return the source without the keys that do not fit, None where its URL is one of them, and a sentence on each."""
    try:
        return SourcePart.model_validate(value), []
    except ValidationError as error:
        wrong = _told(error)
    told = [f"{key}: {said}; {'the source' if key == 'url' else 'the key'} is left out" for key, said in wrong]
    if any(key == "url" for key, _ in wrong):
        return None, told
    bad = {key for key, _ in wrong}
    return SourcePart.model_validate({key: one for key, one in value.items() if key not in bad}), told


def _told(error: ValidationError) -> list[tuple[str, str]]:
    """Return the keys that do not fit, and why."""
    found = []
    for one in error.errors(include_url=False, include_input=False):
        wrong = one.get("ctx", {}).get("error")
        said = wrong.message if isinstance(wrong, WrongValueError) else one["msg"]
        found.append((str(one["loc"][0]) if one["loc"] else "url", said))
    return found


def _plain(value: object) -> object:
    """Return a value of a list as it would stand in feeds.yaml: scalars are text."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, bool):
        return str(value).lower()
    return value if value is None else str(value)
