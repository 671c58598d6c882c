"""What the documents of a source are like, and when that turned: another language, entries that lost text, date or link."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from aggregator.model import Reading
from storage.record import DateSource, Record
from storage.states import Profile

FEWEST = 5
"""Entries that a document must have to say what it is like."""
SHOWN = timedelta(days=7)
"""A turn is told for so long; then it is how the source is."""

_MOST, _FEW = 80, 20
_LOST = (("texts", "text"), ("dates", "date"), ("links", "link"))


def profiled(known: Profile | None, reading: Reading, now: datetime) -> Profile | None:
    """
    Return what the source is like after a document.

    A turn is a property that four of five entries had and at most one of five has now, or another language. It is
    told from `known`, which small documents leave as it is.
    """
    if len(reading.records) < FEWEST:
        return known
    seen = _of(reading)
    if known is None:
        return seen
    said = "; ".join(_turns(known, seen))
    if said:
        return seen._replace(turned=said, turned_at=now)
    if known.turned_at is not None and now - known.turned_at < SHOWN:
        return seen._replace(turned=known.turned, turned_at=known.turned_at)
    return seen._replace(language=seen.language or known.language)


def _of(reading: Reading) -> Profile:
    records = reading.records

    def share(had: int) -> int:
        return 100 * had // len(records)

    return Profile(
        language=_language(records) or _primary(reading.info.language),
        texts=share(sum(bool(record.html.strip()) for record in records)),
        dates=share(sum(record.date_source is not DateSource.FIRST_SEEN for record in records)),
        links=share(sum(record.link is not None for record in records)),
    )


def _turns(known: Profile, seen: Profile) -> list[str]:
    turns = [
        f"entries have no {word} any more"
        for name, word in _LOST
        if getattr(known, name) >= _MOST and getattr(seen, name) <= _FEW
    ]
    if known.language and seen.language and known.language != seen.language:
        turns.append(f"its language was {known.language} and is {seen.language}")
    return turns


def _language(records: tuple[Record, ...]) -> str | None:
    """Return the language that nearly all entries name."""
    named = Counter(filter(None, (_primary(record.language) for record in records)))
    if not named:
        return None
    language, count = named.most_common(1)[0]
    return language if count >= len(records) * _MOST / 100 else None


def _primary(tag: str | None) -> str | None:
    """Return the language of a tag, without script and region (RFC 5646): publishers write zh and zh-CN by turns."""
    return tag.replace("_", "-").partition("-")[0].strip().lower() or None if tag else None
