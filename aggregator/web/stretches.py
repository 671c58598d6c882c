"""Stretches of arrival numbers: what the address of an archive document says, so that it says for good who stands there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from zlib import crc32

SHARES = 1 << 32
"""Into so many shares the records of one arrival fall, by their keys, where they are too many for one document."""

_WRITTEN = re.compile(r"(\d{1,18})-(\d{1,18})(?:-(\d{1,10})-(\d{1,10}))?")
_SERIES = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Stretch:
    """Arrivals from the first up to and without the end; of a single one the records of these shares."""

    series: str
    """Digest of what chooses the records of the feed (`archive.series_of`)."""
    first: int
    end: int
    low: int = 0
    high: int = SHARES

    @property
    def whole(self) -> bool:
        """Return whether it holds all that arrived with these numbers."""
        return (self.low, self.high) == (0, SHARES)

    def holds(self, key: str) -> bool:
        """Return whether the record with this key, which arrived within it, belongs to it."""
        return self.low <= share_of(key) < self.high

    def __str__(self) -> str:
        """Return it as it stands in an address."""
        shares = "" if self.whole else f"-{self.low}-{self.high}"
        return f"{self.series}/{self.first}-{self.end}{shares}"


def share_of(key: str) -> int:
    """Return the share of an arrival into which a record falls."""
    return crc32(key.encode("utf-8", "surrogatepass"))


def stretch_of(series: str, written: str) -> Stretch | None:
    """Return the stretch that an address names; None where none can be that, as no address is ever made so."""
    match = _WRITTEN.fullmatch(written)
    if match is None or not _SERIES.fullmatch(series):
        return None
    first, end = int(match[1]), int(match[2])
    low, high = (int(match[3]), int(match[4])) if match[3] else (0, SHARES)
    stretch = Stretch(series, first, end, low, high)
    sound = _aligned(first, end) and _aligned(low, high) and high <= SHARES and (stretch.whole or end - first == 1)
    return stretch if sound and str(stretch) == f"{series}/{written}" else None


def _aligned(first: int, end: int) -> bool:
    size = end - first
    return size > 0 and size & (size - 1) == 0 and first % size == 0


def roundest(low: int, high: int) -> int:
    """Return the number from `low` to `high`, both included, that the highest power of two divides."""
    size = 1
    while -(-low // (2 * size)) * 2 * size <= high and 2 * size <= high:
        size *= 2
    return -(-low // size) * size


def block(at: int, top: int, bottom: int) -> tuple[int, int]:
    """
    Return the largest aligned range of a power of two that holds `at` and lies from `bottom` up to and without `top`.

    At least that of `at` alone. Few ranges are ever named so, and those of old numbers stay as they are.
    """
    first, end, size = at, at + 1, 2
    while True:
        wider = at - at % size
        if wider < bottom or wider + size > top or size > top:
            return first, end
        first, end, size = wider, wider + size, 2 * size
