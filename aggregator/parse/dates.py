"""
Dates as publishers write them, to aware instants in UTC.

Reads RFC 822 and RFC 3339 with their usual faults, Chinese, Japanese and Korean dates, and month names of
twenty languages. Knows no "now": a year that is not written cannot be guessed.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

EARLIEST_YEAR = 1990
"""What is older is a default value (epoch 0, year 1) and not a date of a web page (rule 78)."""


@dataclass(frozen=True, slots=True)
class Instant:
    """A date as read: the instant, and whether its text lacked the time of day or the zone."""

    at: datetime
    vague: bool


def read_date(text: str | None) -> Instant | None:
    """
    Return the instant that the text names; None where there is none, or one before 1990 (rule 78).

    A text without a zone is taken as UTC, one without a time of day as midnight; both are `vague`:
    the true instant lies within 26 hours.
    """
    if not text or len(text) > 200:
        return None
    found = _RFC3339.match(text) or _RFC822.match(text)
    return _of_match(found) if found else _read_loosely(text)


_RFC3339 = re.compile(
    r"\s*(?P<year>\d{4})-(?P<month>\d\d?)-(?P<day>\d\d?)"
    r"(?:[Tt\s]\s*(?P<hour>\d\d?):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,]\d+)?)?\s*(?P<zone>[Zz]|[+-]\d\d:?\d\d|[+-]\d\d?)?)?\s*$"
)
_RFC822 = re.compile(
    r"\s*(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),?\s+)?(?P<day>\d\d?)\s+"
    r"(?P<name>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\s+(?P<year>\d{4})\s+"
    r"(?P<hour>\d\d?):(?P<minute>\d\d)(?::(?P<second>\d\d))?\s*(?P<zone>[+-]\d{4}|GMT|UTC|Z)?\s*$"
)

# Minutes east of Greenwich. The American and the one-letter ones are of RFC 822 section 5.1; CST is its
# American one, as programs write it, though a Chinese publisher may mean UTC+8.
_ZONES = {
    name: minutes
    for minutes, names in {
        -720: "m", -600: "hst", -540: "akst", -480: "akdt pst pt", -420: "pdt mst mt", -360: "mdt cst ct", -300: "cdt est et",
        -240: "edt ast at clt", -210: "nst", -180: "adt brt art", -150: "ndt", -60: "a", 0: "ut utc gmt z wet uct",
        60: "n bst west cet met mez", 120: "cest mest mesz eet sast", 180: "eest msk trt", 240: "msd gst", 330: "ist",
        420: "wib ict", 480: "hkt sgt awst bjt", 540: "jst kst", 570: "acst", 600: "aest", 660: "aedt", 720: "y nzst", 780: "nzdt",
    }.items()
    for name in names.split()
}  # fmt: skip

# Beginnings of month names, accents taken off, in English, German, Dutch, French, Spanish, Portuguese, Italian,
# Scandinavian, Finnish, Hungarian, Polish, Czech, Turkish, Indonesian, Russian, Ukrainian and Greek.
# A longer beginning is looked at before a shorter one: "juil" before "jui", "marr" before "mar".
_MONTHS = {
    beginning: month
    for month, beginnings in enumerate(
        (
            "jan gen ene janv tammi sty led oca янв січ ιαν",
            "feb fev febr helmi lut uno sub фев лют φεβ",
            "mar mrt mrz maerz maalis marc bre бер мар μαρ μαω",
            "apr abr avr apri huhti kwi dub nis апр кві квi απρ",
            "may mai mag mei maj touko kve мая май тра μαι",
            "jun juin giu kesa cze cerven haz июн чер ιουν ιον",
            "jul juil lug heina lip cervenec cervenc tem июл лип ιουλ ιολ",
            "aug ago aou aout elo sie srp agu авг сер αυγ",
            "sep set syys wrz zar eyl сен вер σεπ",
            "oct okt out ott loka paz rij eki окт жов οκτ",
            "nov noi marras lis listop kas ноя лис νοε",
            "dec dez dic des dek joulu gru pro ara дек гру δεκ",
        ),
        1,
    )
    for beginning in beginnings.split()
}
_LONGEST = max(map(len, _MONTHS))

_NUMBERED = re.compile(
    r"(?<!\d)(?P<year>\d{4})\s*[-/.年년]\s*(?P<month>\d{1,2})\s*[-/.月월]\s*(?P<day>\d{1,2})\s*(?:[日号號일])?(?!\d)"
)
_DAY_FIRST = re.compile(r"(?<![\d:])(?P<day>\d{1,2})(?P<bar>[-/.])(?P<month>\d{1,2})(?P=bar)(?P<year>\d{4})(?!\d)")
_COMPACT = re.compile(
    r"\s*(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)(?:[Tt ]?(?P<hour>\d\d):?(?P<minute>\d\d):?(?P<second>\d\d)?\s*(?P<zone>[Zz]|[+-]\d\d:?\d\d)?)?\s*$"
)
_DAY_NAMED = re.compile(
    r"(?<![\d:])(?P<day>\d{1,2})(?:st|nd|rd|th|er|º|\.)?[\s\-/,]*(?:de\s+)?(?P<name>[^\W\d_]{3,})\.?,?[\s\-/]*(?:de\s+)?'?(?P<year>\d{4}|\d{2})(?![\d:])"
)
_NAMED_DAY = re.compile(r"(?P<name>[^\W\d_]{3,})\.?\s*(?P<day>\d{1,2})(?:st|nd|rd|th)?(?![\d:])")
_YEAR_NAMED = re.compile(r"(?<!\d)(?P<year>\d{4})[\s\-/]+(?P<name>[^\W\d_]{3,})\.?[\s\-/]+(?P<day>\d{1,2})(?!\d)")
_YEAR = re.compile(r"(?<![\d:+-])(?:19|20)\d\d(?![\d:])")
_TIME = re.compile(
    r"(?<![\d:])(?P<hour>\d{1,2})\s*[:时時시]\s*(?P<minute>\d{1,2})\s*(?:[:分분]\s*(?P<second>\d{1,2})?(?:[.,]\d+)?)?\s*[秒초]?"
    r"\s*(?P<half>[AaPp]\.?[Mm]\b\.?)?"
)
_HALF = re.compile(r"(?P<half>上午|凌晨|早上|下午|晚上|中午|午前|午後|오전|오후)\s*(?=\d)")
_OFFSET = re.compile(r"\s*(?:(?:GMT|UTC|UT|Etc/)\s*)?(?P<sign>[+-])(?P<hours>\d{1,2}):?(?P<minutes>\d\d)?(?!\d)")
_ZONE_NAME = re.compile(r"\s*\(?(?:Etc/)?(?P<zone>[A-Za-z]{1,4})\b")


def _of_match(found: re.Match[str]) -> Instant | None:
    """Return the instant of a text in one of the two standard forms."""
    part = found.groupdict()
    month = _MONTHS[part["name"].lower()] if part.get("name") else int(part["month"])
    clock = (int(part["hour"]), int(part["minute"]), int(part["second"] or 0)) if part.get("hour") else None
    return _instant(int(part["year"]), month, int(part["day"]), clock, _offset_of(part.get("zone")))


def _offset_of(zone: str | None) -> timedelta | None:
    """Return how far the zone lies east of Greenwich; None for no zone, an unknown or an impossible one."""
    if not zone:
        return None
    if zone[0] not in "+-":
        minutes = _ZONES.get(zone.lower())
        return None if minutes is None else timedelta(minutes=minutes)
    digits = zone[1:].replace(":", "")
    hours, rest = (int(digits), 0) if len(digits) < 3 else (int(digits[:-2]), int(digits[-2:]))
    if hours > 15 or rest > 59:
        return None
    return (1 if zone[0] == "+" else -1) * timedelta(hours=hours, minutes=rest)


def _instant(
    year: int, month: int, day: int, clock: tuple[int, int, int] | None, offset: timedelta | None
) -> Instant | None:
    hour, minute, second = clock or (0, 0, 0)
    if not (EARLIEST_YEAR - 1 <= year <= 9998 and hour <= 24):
        return None
    try:
        # 24:00 is the next day's midnight; a leap second is its minute's last one.
        start = datetime(year, month, day, hour % 24, minute, min(second, 59), tzinfo=UTC)
    except ValueError:
        return None
    at = start + timedelta(days=hour // 24) - (offset or timedelta())
    return Instant(at, vague=clock is None or offset is None) if at.year >= EARLIEST_YEAR else None


def _read_loosely(text: str) -> Instant | None:
    """Return the instant of a text in any other form."""
    if found := _COMPACT.match(text):
        return _of_match(found)
    text = _plain(text)
    day = _day_of(text)
    if day is None:
        return None
    (year, month, date), (start, end) = day
    rest = f"{text[:start]} {text[end:]}"
    clock, after = _clock_of(rest)
    return _instant(year, month, date, clock, _zone_of(rest[after:] if clock else ""))


def _plain(text: str) -> str:
    """Return the text with full-width forms made narrow and accents taken off; CJK and Hangul stay as they are."""
    if text.isascii():
        return text
    narrow = unicodedata.normalize("NFKC", text)
    return "".join(_bare(character) for character in narrow).replace("ı", "i").replace("ł", "l")


def _bare(character: str) -> str:
    return character if character >= "\u1100" else unicodedata.normalize("NFD", character)[0]


def _day_of(text: str) -> tuple[tuple[int, int, int], tuple[int, int]] | None:
    """Return year, month and day, and where in the text they stand."""
    if found := _NUMBERED.search(text):
        return (int(found["year"]), int(found["month"]), int(found["day"])), found.span()
    if found := _DAY_FIRST.search(text):
        day, month = int(found["day"]), int(found["month"])
        if found["bar"] == "/" and day <= 12 and month <= 12 and day != month:
            return None  # 03/04/2021 is March in Boston and April in Bristol: better undated than wrong
        if month > 12:
            day, month = month, day
        return (int(found["year"]), month, day), found.span()
    for pattern in (_DAY_NAMED, _YEAR_NAMED):
        for found in pattern.finditer(text):
            if month_number := _month_of(found["name"]):
                return (_whole_year(found["year"]), month_number, int(found["day"])), found.span()
    return _named_day_of(text)


def _named_day_of(text: str) -> tuple[tuple[int, int, int], tuple[int, int]] | None:
    """Return the day of a text such as `Sep 30, 2021` or `Thu Sep 30 12:00:00 2021`: the year may stand at its end."""
    for found in _NAMED_DAY.finditer(text):
        month = _month_of(found["name"])
        if month and (year := _YEAR.search(text, found.end())):
            end = year.end() if not text[found.end() : year.start()].strip(" ,") else found.end()
            return (int(year[0]), month, int(found["day"])), (found.start(), end)
    return None


def _month_of(name: str) -> int | None:
    name = name.casefold().replace("ς", "σ")
    return next((_MONTHS[name[:size]] for size in range(_LONGEST, 2, -1) if name[:size] in _MONTHS), None)


def _whole_year(digits: str) -> int:
    """Return a year of two digits as RFC 2822 section 4.3 reads it, save that 50 to 69 are no years of feeds."""
    year = int(digits)
    return year if len(digits) > 2 else year + (1900 if year >= 70 else 2000)


def _clock_of(text: str) -> tuple[tuple[int, int, int] | None, int]:
    """Return the time of day, None where there is none, and where in the text it ends."""
    found = _TIME.search(text)
    if not found:
        return None, 0
    hour, minute, second = int(found["hour"]), int(found["minute"]), int(found["second"] or 0)
    before = _HALF.search(text)
    half = (found["half"] or "").lower()[:1] or (before["half"] if before else "")
    if half in ("p", "下午", "晚上", "午後", "오후") or (half == "中午" and hour < 11):
        hour += 12 if hour < 12 else 0
    elif half in ("a", "上午", "凌晨", "早上", "午前", "오전") and hour == 12:
        hour = 0
    return ((hour, minute, second) if minute < 60 and second <= 60 else None), found.end()


def _zone_of(text: str) -> timedelta | None:
    """Return the offset that the text after a time of day begins with."""
    if found := _OFFSET.match(text):
        return _offset_of(f"{found['sign']}{found['hours']}{found['minutes'] or ''}")
    if found := _ZONE_NAME.match(text):
        return _offset_of(found["zone"])
    return None
