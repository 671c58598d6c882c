"""Write a record as a front-matter file (R1-R9, R12); how such a file is read back stands in `storage.reading`."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime, parsedate_to_datetime
from typing import TypeAlias

from storage import images
from storage.escapes import cleared, escaped, unescaped
from storage.images import ImagePolicy
from storage.record import Element, Enclosure, Record

EXTRA_FIELDS = ("link", "updated", "tags", "lang", "description", "rss")
"""What `record_fields` may name, in the order in which a file has them."""

Value: TypeAlias = "str | tuple[Value, ...] | Mapping[str, Value] | None"
"""A value of front matter. Scalars are text as it was written (`0123`, `false`); None is YAML's null."""

_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff\ufffe\uffff\ud800-\udfff]")
_BREAKS = re.compile("[\t\r\n\x85\u2028\u2029]+")
_BETWEEN = frozenset(" ·.()/+-")
_KEYWORDS = frozenset({"yes", "no", "on", "off", "true", "false", "null", "nan", "inf", "~", "y", "n"})
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_LINE_ENDS = re.compile(r"(?<![ \t])[ \t]++$", re.MULTILINE)
_SURROGATES = re.compile("[\ud800-\udfff]")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_RFC_1123 = re.compile(rf"[A-Z][a-z]{{2}}, (\d\d) ({'|'.join(_MONTHS)}) (\d{{4}}) (\d\d):(\d\d):(\d\d) GMT")
_PLAIN_KEYS = frozenset({"format", "position", "arrival", "updates", "cleaner", "length", "backlog", "all_schemes"})
"""Numbers and truth values of the `rss` map: written without quotes."""


@dataclass(frozen=True, slots=True)
class RecordForm:
    """How record files are written."""

    fields: tuple[str, ...] = ()
    """Keys beyond the seven, of EXTRA_FIELDS; their order in the file is always the same."""
    portable: bool = False
    """True: no blank first line and quoted ISO dates, for Jekyll, Eleventy and VitePress; False: as the seed."""
    images: ImagePolicy | None = None
    stored: Record | None = None
    """The record as it is stored, where rules changed what its file shows: `rss` keeps both."""

    def __post_init__(self) -> None:
        if unknown := [name for name in self.fields if name not in EXTRA_FIELDS]:
            message = f"record_fields: there is no field {unknown[0]!r}; there are {', '.join(EXTRA_FIELDS)}"
            raise ValueError(message)


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """What a record file says: its keys in their order, and the body with R7 undone and no `<div>` round it."""

    fields: Mapping[str, Value]
    body: str
    """Stripped of white space at both ends; image URLs as they stand in the file."""
    place: str = field(default="", compare=False)
    """The file, for messages."""

    def text(self, key: str) -> str:
        """Return the value of a key that holds text; empty where it is missing, null, a list or a map."""
        value = self.fields.get(key)
        return value if isinstance(value, str) else ""

    @property
    def date(self) -> datetime | None:
        """The instant of `date`; None where it is missing or no date. One without a zone is taken as UTC."""
        return instant(self.text("date"))

    def digest(self) -> str:
        """
        Return a digest of what the file says, whatever its form: quotes, order, date style, spaces at line ends.

        Equal digests: nobody has changed the content.
        """
        body = _LINE_ENDS.sub("", self.body)
        content = json.dumps([_comparable("", self.fields), body], sort_keys=True)
        return hashlib.sha256(content.encode("ascii")).hexdigest()


def dumps(record: Record, form: RecordForm | None = None) -> str:
    """
    Return the text of a record's file: the same record and form give the same characters.

    The body is the publisher's own HTML where the record keeps it, else the clean one.
    """
    return written(record, form or RecordForm())[0]


def written(record: Record, form: RecordForm) -> tuple[str, FrontMatter]:
    """Return the text of a record's file, and what it says: `storage.reading.loads` of the text gives an equal value."""
    body = escaped(images.rewrite(cleared(body_of(record)), form.images))
    said = FrontMatter(_fields(record, form, unescaped(body)), unescaped(body))
    head = "\n".join(_lines(said.fields, portable=form.portable))
    first = "" if form.portable else "\n"
    return f"{first}---\n{head}\n---\n\n<div>   \n{body}  \n</div>\n            ", said


def body_of(record: Record) -> str:
    """Return the HTML that the record's file shows, image URLs original (R8)."""
    return record.html if record.raw_html is None else record.raw_html


# --- what a file says -------------------------------------------------------------------------------------------


def _fields(record: Record, form: RecordForm, body: str) -> dict[str, Value]:
    image = scalar(images.through(record.image, form.images)) if record.image else ""
    seven: dict[str, Value] = {
        "title": scalar(record.title),
        "categories": tuple(map(scalar, record.categories)),
        "headimg": image,
        "author": scalar(record.author),
        "comments": "false",
        "date": _date(record.published, form),
        "thumbnail": image,
    }
    extra: dict[str, Value] = {
        "link": scalar(record.link or ""),
        "updated": _date(record.updated, form),
        "tags": tuple(map(scalar, record.tags)),
        "lang": scalar(record.language or ""),
        "description": scalar(record.summary),
    }
    if "rss" in form.fields:
        extra["rss"] = _rss(record, form, body, image)
    return seven | {key: extra[key] for key in EXTRA_FIELDS if key in form.fields}


def _rss(record: Record, form: RecordForm, body: str, image: str) -> dict[str, Value]:
    """Return what the other keys and the body do not carry, or not to the last character."""
    policy = form.images
    rss: dict[str, Value] = {
        "format": "1",
        "source": exact(record.source_id),
        "guid": _exact(record.guid),
        "link": _exact(record.link),
        "ids": {
            "key": exact(record.key),
            "public": exact(record.public_id),
            "identity": exact(record.identity),
            "alias": exact(record.alias),
        },
        "published": record.published.astimezone(UTC).isoformat(),
        "publisher_date": None if record.publisher_date is None else record.publisher_date.astimezone(UTC).isoformat(),
        "updated": record.updated.astimezone(UTC).isoformat(),
        "first_seen": record.first_seen.astimezone(UTC).isoformat(),
        "date_source": str(record.date_source),
        "title": exact(record.title),
        "author": exact(record.author),
        "categories": tuple(map(exact, record.categories)),
        "writers": tuple(map(exact, record.writers)),
        "tags": tuple(map(exact, record.tags)),
        "language": _exact(record.language),
        "summary": exact(record.summary),
        "image": _exact(record.image),
        "images": None
        if policy is None
        else {"template": exact(policy.template), "all_schemes": _flag(on=policy.all_schemes)},
        "enclosures": tuple(map(_enclosure, record.enclosures)),
        "body": "clean" if record.raw_html is None else "verbatim",
        "digest": exact(record.digest),
        "cleaner": str(record.cleaner),
        "position": str(record.position),
        "arrival": str(record.arrival),
        "updates": str(record.updates),
        "backlog": _flag(on=record.backlog),
        "hidden": _exact(record.hidden),
    }
    if record.story_id is not None:
        rss["story_id"] = exact(record.story_id)
    if record.podcast:
        rss["podcast"] = tuple(map(_element, record.podcast))
    for name in ("title", "author"):
        if rss[name] == scalar(getattr(record, name)):
            del rss[name]
    if rss["categories"] == tuple(map(scalar, record.categories)):
        del rss["categories"]
    if form.stored is not None:
        rss["before"] = _before(record, form.stored) | {"shown": shown_digest(scalar(record.title), body, image)}
    # A body whose own text looks as if we had escaped it, or that R1 shortened, would not come back.
    if images.restore(body, policy) != body_of(record):
        rss["html"] = exact(body_of(record))
    return rss


RULED = ("title", "html", "raw_html", "summary", "image", "marked_html")
"""What rules of feeds.yaml change, and by what they choose it."""


def _before(shown: Record, stored: Record) -> dict[str, Value]:
    """Return what rules changed of the stored record, as it is without them."""
    return {
        name: _exact(value)
        for name in RULED
        if (value := getattr(stored, name)) != getattr(shown, name) or (name == "marked_html" and value is not None)
    }


def shown_digest(title: str, body: str, image: str) -> str:
    """Return a digest of what rules act on in a file: another one means that a person edited it since."""
    return hashlib.sha256("\0".join((title, _LINE_ENDS.sub("", body), image)).encode("utf-8", "replace")).hexdigest()


def _enclosure(enclosure: Enclosure) -> dict[str, Value]:
    length, duration = enclosure.length, enclosure.duration
    return {
        "url": exact(enclosure.url),
        "type": _exact(enclosure.type),
        "length": None if length is None else str(length),
        "title": _exact(enclosure.title),
        "duration": None if duration is None else f"{Decimal(duration // timedelta(microseconds=1)) / 1_000_000:f}",
    }


def _element(element: Element) -> dict[str, Value]:
    """Return an element of a podcast; names and values of its attributes take turns, as values may be of any look."""
    said: dict[str, Value] = {"name": exact(element.name), "text": exact(element.text)}
    if element.attributes:
        said["attributes"] = tuple(exact(text) for pair in element.attributes for text in pair)
    return said


def _flag(*, on: bool) -> str:
    return "true" if on else "false"


def _exact(text: str | None) -> str | None:
    return None if text is None else exact(text)


def exact(text: str) -> str:
    """Return the text as `rss` keeps it: whole, but for halves of surrogate pairs, which no file can hold."""
    return _SURROGATES.sub("", text)


def _date(at: datetime, form: RecordForm) -> str:
    at = at.astimezone(UTC).replace(microsecond=0)
    return at.isoformat().replace("+00:00", "Z") if form.portable else format_datetime(at, usegmt=True)


def instant(text: str) -> datetime | None:
    """Return the instant that a date of front matter means, in UTC: RFC 1123, or what YAML takes as a timestamp."""
    try:
        if ours := _RFC_1123.fullmatch(text):
            # email.utils reads the year 0001, which some publishers write, as 2001.
            day, month, year, hour, minute, second = ours.groups()
            return datetime(
                int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second), tzinfo=UTC
            )
        # YAML timestamps may part time and zone by spaces.
        iso = re.sub(r"(?<=\d)[ \t]++(?=[+Z-])", "", text.strip())
        at = datetime.fromisoformat(iso) if iso[:4].isdecimal() else parsedate_to_datetime(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError, IndexError, TypeError):
        return None


def _comparable(key: str, value: Value) -> object:
    match value:
        case str() if key in {"date", "updated", "published"} and (at := instant(value)):
            return at.isoformat()
        case Mapping():
            return {name: _comparable(name, inner) for name, inner in value.items()}
        case tuple() if value:
            return [_comparable("", inner) for inner in value]
        case _:
            return value or ""


# --- YAML -------------------------------------------------------------------------------------------------------


def _lines(fields: Mapping[str, Value], *, portable: bool) -> Iterator[str]:
    for key, value in fields.items():
        match value:
            case Mapping():
                yield f"{key}:"
                yield from _block(value, "  ")
            case tuple() if value:
                yield f"{key}: " if key == "categories" else f"{key}:"
                yield from (f" - {_name(item)}" for item in value if isinstance(item, str))
            case tuple():
                yield f"{key}: []"
            case str() if key in {"author", "lang"}:
                yield f"{key}: {_name(value)}"
            case str() if key == "comments" or (key in {"date", "updated"} and not portable):
                yield f"{key}: {value}"
            case str():
                yield f"{key}: {_single(value)}"


def _block(value: Mapping[str, Value], indent: str) -> Iterator[str]:
    for key, inner in value.items():
        match inner:
            case None:
                yield f"{indent}{key}: null"
            case str():
                yield f"{indent}{key}: {inner if key in _PLAIN_KEYS else _double(inner)}"
            case Mapping():
                yield f"{indent}{key}:"
                yield from _block(inner, indent + "  ")
            case _ if any(isinstance(item, Mapping) for item in inner):
                yield f"{indent}{key}:"
                for item in inner:
                    if isinstance(item, Mapping):
                        first, *rest = _block(item, indent + "    ")
                        yield f"{indent}  - {first.lstrip(' ')}"
                        yield from rest
            case _:
                yield f"{indent}{key}: [{', '.join(_double(item) for item in inner if isinstance(item, str))}]"


def scalar(text: str) -> str:
    """Return the text as one line that every YAML reader takes (R1)."""
    return _CONTROLS.sub("", _BREAKS.sub(" ", text)).strip()


def _single(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _double(text: str) -> str:
    return _UNPRINTABLE.sub(lambda c: f"\\u{ord(c[0]):04x}", json.dumps(text, ensure_ascii=False))


def _name(text: str) -> str:
    """Return a category, a tag or an author: plain where no YAML 1.1 or 1.2 reader takes it for something else (R3)."""
    plain = (
        text[:1].isalpha()
        and text[-1:].isalnum()
        and text.casefold() not in _KEYWORDS
        and all(character.isalnum() or character in _BETWEEN for character in text)
    )
    return text if plain else _single(text)
