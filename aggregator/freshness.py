"""Read what an answer's headers say of time: how long it stays fresh, and how long to stay away."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

LONGEST = 2**31
"""Seconds that a longer delta counts as (RFC 9111 section 1.2.2)."""

_DIRECTIVE = re.compile(r"""(?:^|,)\s*([!#$%&'*+.^_`|~\w-]+)\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^\s,]*))?""")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?\s+)?"
_CLOCK = r"(?P<hour>\d{1,2}):(?P<minute>\d{2}):(?P<second>\d{2})"
# RFC 9110 section 5.6.7: IMF-fixdate, then the obsolete forms of RFC 850 and of asctime.
_DATES = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"{_DAY}(?P<day>\d{{1,2}})[ -](?P<month>[a-z]{{3}})[ -](?P<year>\d{{4}}|\d{{2}})\s+{_CLOCK}\s*(?:GMT|UTC|Z)",
        rf"{_DAY}(?P<month>[a-z]{{3}})\s+(?P<day>\d{{1,2}})\s+{_CLOCK}\s+(?P<year>\d{{4}})",
    )
)


def fresh_for(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """
    Return how long the response says it stays fresh, or None if it does not say.

    `max-age`, else `Expires` less the server's own `Date`, less `Age` (RFC 9111 section 4.2); the first
    where one is repeated. `no-cache` and `no-store` say zero. `s-maxage` is ignored: we are a private
    cache (section 5.2.2.10). Never negative: an `Expires` in the past, or one that cannot be read, gives zero.
    A `max-age` that cannot be read says nothing. The result is not capped, but is at most 2^31 seconds.
    """
    said = _directives(headers.get("cache-control", ""))
    if "no-store" in said or "no-cache" in said:
        return timedelta()
    age = timedelta(seconds=_seconds(headers.get("age", "")) or 0)
    if "max-age" in said:
        seconds = _seconds(said["max-age"])
        return None if seconds is None else max(timedelta(seconds=seconds) - age, timedelta())
    if "expires" not in headers:
        return None
    expires = http_date(headers["expires"], now)
    if expires is None:
        return timedelta()
    return max(expires - _server_time(headers, now) - age, timedelta())


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """
    Return how long the answer asks us to stay away, or None if it does not ask.

    Seconds, or a date that is taken relative to the server's own `Date` (RFC 9110 section 10.2.3); the longest
    where it is repeated. What is zero, past, negative or garbage asks for nothing (rule 24).
    """
    value = headers.get("retry-after", "")
    parts = value.split(",")
    waits = [timedelta(seconds=seconds) for part in parts if (seconds := _seconds(part)) is not None]
    if not waits:
        server_time = _server_time(headers, now)
        waits = [date - server_time for date in _dates_in(value, now)]
    longest = max(waits, default=timedelta())
    return longest if longest > timedelta() else None


def http_date(text: str, now: datetime) -> datetime | None:
    """
    Return the instant that an HTTP date names, in any of its three formats, or None where it is none.

    A year of two digits is the one that lies at most 50 years ahead of `now` (RFC 9110 section 5.6.7).
    """
    for form in _DATES:
        if found := form.fullmatch(text.strip()):
            return _instant(found, now)
    return None


def freshness_hints(headers: Mapping[str, str]) -> dict[str, str]:
    """
    Return the headers that say how long a document stays fresh, under the names in which a state keeps them.

    `max_age` holds the whole Cache-Control value and `expires` the Expires one: a later 304 may leave both out.
    """
    kept = {"max_age": headers.get("cache-control"), "expires": headers.get("expires")}
    return {name: value for name, value in kept.items() if value is not None}


def with_hints(headers: Mapping[str, str], hints: Mapping[str, str]) -> dict[str, str]:
    """Return a 304's headers with what they leave out of freshness taken from the stored answer (rule 6)."""
    stored = {"cache-control": hints.get("max_age"), "expires": hints.get("expires")}
    return {name: value for name, value in stored.items() if value is not None} | dict(headers)


def _directives(value: str) -> dict[str, str]:
    """Return the directives of Cache-Control by lower-case name; of a repeated one the first."""
    said: dict[str, str] = {}
    for found in _DIRECTIVE.finditer(value):
        name, argument = found[1].lower(), found[2] or ""
        if len(argument) >= 2 and argument[0] == argument[-1] == '"':
            argument = re.sub(r"\\(.)", r"\1", argument[1:-1])
        said.setdefault(name, argument)
    return said


def _seconds(text: str) -> int | None:
    """Return a count of seconds, 2^31 for anything greater; None where it is not written in digits alone."""
    digits = text.strip()
    if not (digits.isascii() and digits.isdigit()):
        return None
    # A thousand digits cost quadratic time as a number, and say no more than "for ever".
    digits = digits.lstrip("0")
    return LONGEST if len(digits) > 10 else min(int(digits or "0"), LONGEST)


def _server_time(headers: Mapping[str, str], now: datetime) -> datetime:
    return http_date(headers.get("date", ""), now) or now


def _dates_in(value: str, now: datetime) -> list[datetime]:
    found = (_instant(match, now) for form in _DATES for match in form.finditer(value))
    return [date for date in found if date is not None]


def _instant(found: re.Match[str], now: datetime) -> datetime | None:
    if found["month"].lower() not in _MONTHS:
        return None
    month = 1 + _MONTHS.index(found["month"].lower())
    year = int(found["year"])
    if len(found["year"]) == 2:
        year += now.year - now.year % 100
        if year > now.year + 50:
            year -= 100
    # 60 is a leap second, which datetime does not know.
    second = min(int(found["second"]), 59)
    try:
        return datetime(year, month, int(found["day"]), int(found["hour"]), int(found["minute"]), second, tzinfo=UTC)
    except ValueError:
        return None
