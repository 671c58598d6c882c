"""Sizes as feeds.yaml writes them: one whole number and one unit, `512KB 10MB 1GB`; a KB is 1,024 bytes."""

from __future__ import annotations

import re

from aggregator.config.faults import WrongValueError

BYTES = {"KB": 1024, "MB": 1024**2, "GB": 1024**3}
RULE = "a size is one number and a unit: 512KB, 10MB"

_ONE = re.compile(r"([0-9]{1,9})(KB|MB|GB)")
_LOOSE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)\s*([kmg])(?:i?b|bytes?)?", re.IGNORECASE)


def size(text: str) -> int:
    """Return the bytes; raise `WrongValueError` with the mend where it is no size."""
    found = _ONE.fullmatch(text)
    if found is not None:
        return int(found[1]) * BYTES[found[2]]
    if text.isascii() and text.isdecimal():
        raise WrongValueError(f'"{text}" has no unit; write "{text}MB" (KB, MB, GB)')
    if text.startswith("-"):
        raise WrongValueError(f'"{text[:40]}" is negative; {RULE}')
    if (loose := _LOOSE.fullmatch(text.strip())) and (
        whole := float(loose[1]) * BYTES[f"{loose[2].upper()}B"]
    ) % 1024 == 0:
        raise WrongValueError(f'"{text}" is not one number and one unit; write "{written(int(whole))}"')
    raise WrongValueError(f'"{text[:40]}" is no size; {RULE}')


def written(count: int) -> str:
    """Return a number of bytes as feeds.yaml writes it, in the largest unit that holds it whole."""
    unit = next((unit for unit in ("GB", "MB", "KB") if count and count % BYTES[unit] == 0), None)
    return f"{count // BYTES[unit]}{unit}" if unit else f"{count} bytes"
