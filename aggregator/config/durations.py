"""Durations as feeds.yaml writes them: one whole number and one unit, `45s 30m 6h 1d`."""

from __future__ import annotations

import re
from datetime import timedelta

from aggregator.config.faults import WrongValueError

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
LONGEST = timedelta(days=3650)
UNITS = {
    "s": ("s", "sec", "secs", "second", "seconds", "秒"),
    "m": ("m", "min", "mins", "minute", "minutes", "分", "分钟"),
    "h": ("h", "hr", "hrs", "hour", "hours", "小时"),
    "d": ("d", "day", "days", "天", "日"),
    "w": ("w", "week", "weeks", "周"),
}
LETTER = {word: letter for letter, words in UNITS.items() for word in words}
RULE = "a duration is one number and a unit: 45s, 30m, 6h, 1d"

_ONE = re.compile(r"([0-9]{1,12})([smhd])")
_PART = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*([^\W\d_]+)")


def duration(text: str) -> timedelta:
    """Return the duration; raise `WrongValueError` with the mend where it is not one."""
    found = _ONE.fullmatch(text)
    if found is None:
        raise _not_one(text)
    seconds = int(found[1]) * SECONDS[found[2]]
    if seconds > LONGEST.total_seconds():
        raise WrongValueError(f'"{text}" is longer than ten years')
    return timedelta(seconds=seconds)


def short(value: timedelta) -> str:
    """Return the duration as feeds.yaml writes it, in the largest unit that holds it whole."""
    seconds = int(value.total_seconds())
    unit = next(unit for unit in "dhms" if seconds % SECONDS[unit] == 0)
    return f"{seconds // SECONDS[unit]}{unit}" if seconds else "0s"


def _not_one(text: str) -> WrongValueError:
    if text.isdecimal() and text.isascii():
        return WrongValueError(f'"{text}" has no unit; write "{text}m" (s, m, h, d: seconds to days)')
    if text.startswith("-"):
        return WrongValueError(f'"{text}" is negative; {RULE}')
    total = _sum(text.strip().casefold())
    if total is None:
        return WrongValueError(f'"{text}" is no duration; {RULE}')
    return WrongValueError(f'"{text}" is not one number and one unit; write "{total}"')


def _sum(text: str) -> str | None:
    """Return what `1h 30m`, `5 minutes`, `0.5h` or `PT30M` come to, written as we want it; None where they say nothing."""
    text = text.removeprefix("p").removeprefix("t") if text.startswith("p") else text
    parts = _PART.findall(text)
    if not parts or _PART.sub("", text).strip(" ,t"):
        return None
    letters = [LETTER.get(unit) for _, unit in parts]
    if None in letters:
        return None
    seconds = {**SECONDS, "w": 7 * 86400}
    total = sum(float(number) * seconds[letter] for (number, _), letter in zip(parts, letters, strict=True) if letter)
    if total != int(total) or total > LONGEST.total_seconds():
        return None
    return short(timedelta(seconds=total))
