"""What `doctor` finds: a word, what was looked at, what was seen, and the way out."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

import click


class Verdict(StrEnum):
    """How it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


COLOURS = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "red"}


class Finding(NamedTuple):
    """One line of the doctor's."""

    verdict: Verdict
    what: str
    seen: str
    mend: str = ""
    """What to do about it; empty where there is nothing to do."""


def ok(what: str, seen: str) -> Finding:
    """Return what is well."""
    return Finding(Verdict.OK, what, seen)


def warn(what: str, seen: str, mend: str) -> Finding:
    """Return what works and wants a look."""
    return Finding(Verdict.WARN, what, seen, mend)


def fail(what: str, seen: str, mend: str) -> Finding:
    """Return what does not work."""
    return Finding(Verdict.FAIL, what, seen, mend)


def text(one: Finding) -> str:
    """Return the finding for a person; click takes the colour away where stdout is no terminal."""
    word = click.style(f"{one.verdict:<4}", fg=COLOURS[one.verdict])
    mend = f"\n{'':<18}-> {one.mend}" if one.mend else ""
    return f"{word}  {one.what:<11} {one.seen}{mend}"


def shape(findings: Sequence[Finding]) -> list[dict[str, str]]:
    """Return the findings as JSON has them."""
    return [{"verdict": str(one.verdict), "what": one.what, "seen": one.seen, "mend": one.mend} for one in findings]
