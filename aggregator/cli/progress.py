"""A bar on a terminal for what takes long: how many are done, at what rate, what was slow."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import click

from aggregator import clock

SLOW = timedelta(seconds=3)
"""What takes longer than this is named."""
CELLS = 24


@dataclass(slots=True)
class Bar:
    """Stands in the last line of stderr, and gives way to what is printed."""

    total: int
    shown: bool
    """False where stderr is no terminal: then it does nothing."""
    done: int = 0
    failed: int = 0
    slowest: tuple[timedelta, str] = (timedelta(), "")
    began: float = field(default_factory=clock.monotonic)

    def note(self, name: str, took: timedelta, *, failed: bool) -> None:
        """Count one that is done."""
        self.done += 1
        self.failed += failed
        self.slowest = max(self.slowest, (took, name))

    def draw(self) -> None:
        """Write the bar."""
        if self.shown:
            click.echo(f"\r{self.text(clock.monotonic() - self.began)}", err=True, nl=False)

    def clear(self) -> None:
        """Take it away, before a line is printed."""
        if self.shown:
            click.echo("\r\033[K", err=True, nl=False)

    def text(self, seconds: float) -> str:
        """Return the bar as it is after so many seconds."""
        filled = min(CELLS, CELLS * self.done // max(self.total, 1))
        bar = "█" * filled + "░" * (CELLS - filled)
        took, name = self.slowest
        slow = f"  slowest {name} {took.total_seconds():.0f} s" if took >= SLOW else ""
        return f"{bar} {self.done}/{self.total}  {self.done / max(seconds, 0.001):.0f}/s  {self.failed} failed{slow}"
