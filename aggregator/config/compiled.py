"""Regular expressions and selectors of feeds.yaml: the one place of config that asks whether they can be used."""

from __future__ import annotations

from aggregator.config.faults import WrongValueError
from aggregator.patterns import pattern_fault, replacement_fault, selector_fault


def pattern(text: str) -> str:
    """Return a regular expression of linear time; raise `WrongValueError` with the reason where it is none."""
    if not text:
        raise WrongValueError("is empty, and an empty pattern matches everything; write what to look for")
    if fault := pattern_fault(text):
        raise WrongValueError(fault)
    return text


def replacement(pattern_: str, text: str) -> str:
    """Return what takes the place of a sound pattern's matches; raise `WrongValueError` where it cannot."""
    if fault := replacement_fault(pattern_, text):
        raise WrongValueError(fault)
    return text


def selector(text: str) -> str:
    """Return a CSS selector; raise `WrongValueError` with the reason where it is none."""
    if not text.strip():
        raise WrongValueError("is empty; write a CSS selector, such as .share-buttons")
    if fault := selector_fault(text.strip()):
        raise WrongValueError(fault)
    return text.strip()
