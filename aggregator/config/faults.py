"""What is wrong with a file, where, and the way out: the faults, and how they read on a terminal."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import NoReturn

SHOWN = 50
"""Faults that the text of a `ConfigError` holds; a wrong file of 36,000 lines need not fill the log."""
WIDTH = 100
"""Characters of a line that an excerpt shows: a JSON dump may be one line of a megabyte."""
LINE_BREAK = re.compile("\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class Fault:
    """One problem of a file; `line` and `column` count from 1, and are 0 where the file as a whole is meant."""

    file: str
    line: int
    column: int
    message: str
    excerpt: str = ""
    """The line, or the part of a long one round the problem."""
    caret: str = ""
    """Spaces and a `^` that stands under the problem when both are shown in one column grid."""
    suggestion: str | None = None
    """What was probably meant, to be written in its place."""


class ConfigError(Exception):
    """
    The file cannot be used (exit code 3).

    `faults`: every problem found, in the order of the file. As text: all of them, ready for a terminal.
    """

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(tuple(faults))
        self.faults: tuple[Fault, ...] = tuple(faults)

    def __str__(self) -> str:
        """Return the faults, rendered one under the other."""
        shown = [render(fault) for fault in self.faults[:SHOWN]]
        if len(self.faults) > SHOWN:
            shown.append(f"... and {len(self.faults) - SHOWN} more")
        return "\n".join(shown)


class WrongValueError(ValueError):
    """A value that does not fit: why, as a sentence's end after `key: `, and what was probably meant."""

    def __init__(self, message: str, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.suggestion = suggestion


def render(fault: Fault) -> str:
    """Return the fault as `file:line:column: message`, the line, a caret, and what was probably meant."""
    place = f"{fault.file}:{fault.line}:{fault.column}" if fault.line else fault.file
    lines = [f"{place}: {fault.message}"]
    if fault.excerpt:
        number = f"{fault.line:>5}"
        lines.append(f"{number} | {fault.excerpt}")
        lines.append(f"{'':>5} | {fault.caret}")
    if fault.suggestion is not None:
        lines.append(f'      did you mean "{fault.suggestion}"?')
    return "\n".join(lines)


def near(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that `word` is probably a slip of, or None."""
    folded = {name.casefold(): name for name in known}
    exact = folded.get(word.casefold().replace("-", "_"))
    if exact is not None:
        return exact
    turned = next((name for name in folded if sorted(name) == sorted(word.casefold())), None)
    found = [turned] if turned else get_close_matches(word.casefold(), folded, n=1, cutoff=0.72)
    return folded[found[0]] if found else None


class Report:
    """The faults of one file, as they are found."""

    def __init__(self, file: str, text: str = "") -> None:
        self.file = file
        self.text = text
        self.faults: list[Fault] = []

    @cached_property
    def _lines(self) -> list[str]:
        return LINE_BREAK.split(self.text)

    def line(self, number: int) -> str:
        """Return a line of the text, counted from 1; `""` where there is none."""
        return self._lines[number - 1] if 0 < number <= len(self._lines) else ""

    def add(self, line: int, column: int, message: str, suggestion: str | None = None) -> None:
        """Note a fault at a place of the text."""
        excerpt, caret = _window(self.line(line), column)
        self.faults.append(Fault(self.file, line, column, message, excerpt, caret, suggestion))

    def refuse(self, message: str, line: int = 0, column: int = 0, suggestion: str | None = None) -> NoReturn:
        """Note a fault after which there is nothing more to find, and raise."""
        self.add(line, column, message, suggestion)
        self.raise_any()
        raise AssertionError  # pragma: no cover - a fault was just added

    def raise_any(self) -> None:
        """Raise `ConfigError` where a fault was noted."""
        if self.faults:
            raise ConfigError(sorted(self.faults, key=lambda fault: (fault.line, fault.column)))


def _window(line: str, column: int) -> tuple[str, str]:
    """Return the part of the line round the column, and the caret under it."""
    at = max(column - 1, 0)
    start = 0 if len(line) <= WIDTH or at < WIDTH * 2 // 3 else at - WIDTH // 2
    head, tail = ("... " if start else ""), ("" if start + WIDTH >= len(line) else " ...")
    # Control characters would move the terminal's cursor; a tab stays, and stands in the caret's line too.
    part = "".join(c if c == "\t" or c.isprintable() else " " for c in line[start : start + WIDTH])
    before = head + part[: at - start]
    return f"{head}{part}{tail}".rstrip(), "".join(_blank(c) for c in before) + "^"


def _blank(character: str) -> str:
    """Return white space as wide as the character on a terminal (UAX 11)."""
    if character == "\t":
        return "\t"
    if unicodedata.combining(character):
        return ""
    return "  " if unicodedata.east_asian_width(character) in "WF" else " "
