"""What a document itself asks of those who poll it: ttl, update period, skipped hours and days, that it has ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

MAX_HINT = timedelta(hours=24)
MAX_SKIP = timedelta(hours=48)
OF_HEADERS = frozenset({"max_age", "expires"})
"""Hints of a state that come from headers (see freshness); all others are the document's."""

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOUR = timedelta(hours=1)
_EXPIRED_SINCE = "expired_since"


def of_document(said: Mapping[str, str], stored: Mapping[str, str], now: datetime, *, expired: bool) -> dict[str, str]:
    """Return the hints of a document that was just read, with since when it says that it has ended."""
    kept = {name: value for name, value in said.items() if name not in OF_HEADERS and name != _EXPIRED_SINCE}
    if not expired:
        return kept
    return kept | {_EXPIRED_SINCE: stored.get(_EXPIRED_SINCE) or now.isoformat()}


def expired_since(hints: Mapping[str, str]) -> datetime | None:
    """Return since when the document says that it has ended (JSON Feed 1.1 `expired`); None where it does not."""
    since = hints.get(_EXPIRED_SINCE)
    return datetime.fromisoformat(since) if since else None


def moved(hints: Mapping[str, str], past: Callable[[datetime], datetime]) -> Mapping[str, str]:
    """Return the hints as they are after our clock was set; `past` moves an instant that lies behind."""
    since = expired_since(hints)
    return hints if since is None else {**hints, _EXPIRED_SINCE: past(since).isoformat()}


def asked_for(hints: Mapping[str, str]) -> tuple[timedelta, str] | None:
    """Return the longest interval that `ttl` or the update period suggests and its words; None where neither does."""
    names = {"ttl": "ttl", "update_every": "update period"}
    terms = [(time, f"{names[name]} of {spoken(time)}") for name in names if (time := _seconds(hints.get(name)))]
    return max(terms, default=None)


def allowed_from(at: datetime, hints: Mapping[str, str], jitter: float) -> tuple[datetime, str]:
    """
    Return the first instant from `at` that the document's skipHours and skipDays leave, and words where it moved.

    Hours and days are in GMT. An instant that moves lands within the first hour that is left, by `jitter`. A list
    of all hours or all days says nothing; no instant moves by more than 48 h (rule 26).
    """
    hours, days = _hours(hints.get("skip_hours", "")), _weekdays(hints.get("skip_days", ""))
    hours = hours if len(hours) < 24 else frozenset()
    days = days if len(days) < 7 else frozenset()
    moved = at.astimezone(UTC)
    if moved.hour not in hours and moved.weekday() not in days:
        return at, ""
    moved = moved.replace(minute=0, second=0, microsecond=0)
    while moved - at < MAX_SKIP and (moved.hour in hours or moved.weekday() in days):
        moved += _HOUR
    # Less than the whole hour: the next one may be skipped again.
    return min(moved + jitter * timedelta(minutes=59), at + MAX_SKIP), ", moved past the hours it skips"


def spoken(time: timedelta) -> str:
    """Return the time in its two largest units: `2 h`, `1 h 30 min`, `45 s`, `2 d`."""
    rest, parts = int(time.total_seconds()), []
    for seconds, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, rest = divmod(rest, seconds)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def _seconds(text: str | None) -> timedelta | None:
    """Return the seconds as a time of at most a year; None where they are none or no whole number."""
    if not text or not (text.isascii() and text.isdigit()):
        return None
    seconds = min(int(text.lstrip("0")[:9] or "0"), 366 * 86400) if len(text.lstrip("0")) < 10 else 366 * 86400
    return timedelta(seconds=seconds) if seconds else None


def _hours(text: str) -> frozenset[int]:
    """Return the hours of a comma-separated list; 24 is midnight, as in older feeds."""
    numbers = (part.strip() for part in text.split(","))
    hours = {int(number) for number in numbers if number.isascii() and number.isdigit() and len(number) < 3}
    return frozenset(hour % 24 for hour in hours if hour <= 24)


def _weekdays(text: str) -> frozenset[int]:
    """Return the weekdays of a comma-separated list, Monday being 0."""
    names = (part.strip().lower()[:3] for part in text.split(","))
    return frozenset(_DAYS.index(name) for name in names if name in _DAYS)
