"""Draw a row of numbers as bars: SVG without a style of its own, and the same in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from markupsafe import Markup

DAYS = 30
"""Days of a source's history that are drawn."""

_STEP, _BAR, _HIGH = 6, 5, 32


@dataclass(frozen=True, slots=True)
class Bar:
    """One number, and whether it is one to look at."""

    value: float
    bad: bool = False


def bars(values: Sequence[Bar], said: str) -> Markup:
    """Return the numbers as a drawing, the first on the left; `said` is what who does not see it is told."""
    most = max((one.value for one in values), default=0) or 1
    drawn = Markup().join(_bar(place, one, most) for place, one in enumerate(values))
    width = max(1, len(values)) * _STEP
    return Markup(
        '<svg class="bars" role="img" aria-label="{}" width="{}" height="{}" viewBox="0 0 {} {}">'
        '<path class="ground" d="M0 {}.5H{}"/>{}</svg>'
    ).format(said, width, _HIGH, width, _HIGH, _HIGH - 1, width, drawn)


def _bar(place: int, one: Bar, most: float) -> Markup:
    if one.value <= 0 and not one.bad:
        return Markup()
    # What is there at all is seen, however little it is beside the others.
    high = max(2, round(one.value / most * (_HIGH - 2)))
    kind = "bar bad" if one.bad else "bar"
    return Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>').format(
        kind, place * _STEP, _HIGH - 1 - high, _BAR, high
    )


def by_day(counts: dict[date, int], today: date) -> Markup:
    """Return the entries of each of the newest days as bars; `counts` lacks the days that had none."""
    days = [today - timedelta(days=back) for back in reversed(range(DAYS))]
    numbers = [counts.get(day, 0) for day in days]
    said = f"Entries a day in the {DAYS} days to {today}: {sum(numbers)} in all"
    if most := max(numbers):
        said += f", most on {days[numbers.index(most)]} with {most}, {numbers[-1]} on the last day"
    return bars([Bar(number) for number in numbers], said)
