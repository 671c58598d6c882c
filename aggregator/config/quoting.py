"""Values as feeds.yaml writes them: plain where that is safe, else in quotes; on lines of their own, in braces, as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from aggregator.config.document import NULLS

Value = str | Sequence["Value"] | Mapping[str, "Value"]
"""What a key of a source holds: scalars are text, as YAML reads them here."""

_UNSAFE_FIRST = frozenset("-?:,[]{}#&*!|>'\"%@` =~<")
_UNSAFE = re.compile(r":(?:\s|$)|\s#|[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")
_UNSAFE_IN_BRACES = re.compile(r"[,\[\]{}:#'\"&*!|>%@`]")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")


def scalar(text: str, *, braces: bool = False) -> str:
    """Return the text as a YAML scalar that reads as it; `braces` where it stands inside [ ] or { }."""
    if _UNSEEN.search(text):
        return _escaped(text)
    unsafe = (
        text.strip() != text
        or text in NULLS
        or text[0] in _UNSAFE_FIRST
        or _UNSAFE.search(text)
        or (braces and _UNSAFE_IN_BRACES.search(text))
    )
    return "'" + text.replace("'", "''") + "'" if unsafe else text


def literal(text: str) -> str:
    """Return text that somebody else wrote so that no variable is put into it: `${` as `$${`."""
    return text.replace("${", "$${")


def inline(value: Value) -> str:
    """Return the value on one line: `{url: 'https://...', tags: [a, b]}`."""
    if isinstance(value, str):
        return scalar(value, braces=True)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key, braces=True)}: {inline(one)}" for key, one in value.items()) + "}"
    return "[" + ", ".join(inline(one) for one in value) + "]"


def as_json(value: Value) -> str:
    """Return the value on one line of JSON."""
    return json.dumps(value, ensure_ascii=False)


def lines(value: Value, gap: int = 2) -> list[str]:
    """
    Return an item of a list as lines that begin with its dash; `gap` is from the dash to what follows it.

    The sources of a group get lines of their own, everything else of a mapping one line a key.
    """
    lead = "-".ljust(gap)
    if isinstance(value, str):
        return [lead + scalar(value)]
    if not isinstance(value, Mapping):
        return [lead + inline(value)]
    found = [line for key, one in value.items() for line in _entry(key, one, gap)]
    return [(lead if number == 0 else " " * gap) + line for number, line in enumerate(found)]


def _entry(key: str, value: Value, gap: int) -> list[str]:
    """Return a key with its value; `sources` of a group as lines, everything else on one."""
    if key == "sources" and not isinstance(value, str | Mapping):
        return [f"{key}:", *(f"  {line}" for one in value for line in lines(one, gap))]
    return [f"{scalar(key)}: {scalar(value) if isinstance(value, str) else inline(value)}"]


def _escaped(text: str) -> str:
    """Return the text in double quotes, with escapes for what cannot be seen."""
    plain = json.dumps(text, ensure_ascii=False)
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", plain)
