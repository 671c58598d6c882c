"""Environment variables inside the strings of feeds.yaml: `${VAR}`, `${VAR:-default}`, `${VAR:?message}`, `$${`."""

from __future__ import annotations

import re
from collections.abc import Mapping

_PLACE = re.compile(r"\$\$\{|\$\{(?P<inside>[^{}]*)(?P<end>\}?)")
_INSIDE = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?:(?P<how>:-|:\?)(?P<rest>.*))?", re.DOTALL)


class MissingVariableError(Exception):
    """A variable that a value needs is not set (or empty, under `:?`); the text says which and how to mend it."""


class BadPlaceholderError(Exception):
    """A `${` that is none of the four forms."""


class Filled(str):
    """
    A string into which variables were put: it must never be shown.

    `written` is the text as it stands in the file, which may be.
    """

    __slots__ = ("written",)
    written: str

    def __new__(cls, value: str, written: str) -> Filled:
        """Hold the value, and beside it the text that may be shown."""
        filled = super().__new__(cls, value)
        filled.written = written
        return filled


def fill(text: str, environ: Mapping[str, str]) -> str:
    """
    Return the text with its variables replaced: the very string where it has none, else a `Filled`.

    `:-` and `:?` take an empty variable as missing, as a shell does.
    """
    if "${" not in text:
        return text
    value = _PLACE.sub(lambda place: _one(place, environ), text)
    return Filled(value, text)


def values_in(text: str, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return what the environment puts into the text: what must never be shown."""
    if "${" not in text:
        return ()
    insides = (_INSIDE.fullmatch(place["inside"] or "") for place in _PLACE.finditer(text))
    return tuple(value for inside in insides if inside is not None and (value := environ.get(inside["name"])))


def without_placeholders(text: str, mark: str = "") -> str:
    """Return the text as written with `mark` in place of each `${...}`: what a name or an id may be made of."""
    return _PLACE.sub(mark, text) if "${" in text else text


def _one(place: re.Match[str], environ: Mapping[str, str]) -> str:
    if place["inside"] is None:
        return "${"
    inside = _INSIDE.fullmatch(place["inside"])
    if inside is None or not place["end"]:
        raise BadPlaceholderError(
            f'"{place[0]}" is no variable; write ${{NAME}}, ${{NAME:-default}} or ${{NAME:?message}}, and $${{ for a plain ${{'
        )
    name, how, rest = inside["name"], inside["how"], inside["rest"]
    value = environ.get(name)
    if how == ":-":
        return value or rest
    if value is None or (how == ":?" and not value):
        raise MissingVariableError(_sentence(name, rest, empty=value is not None))
    return value


def _sentence(name: str, message: str | None, *, empty: bool) -> str:
    said = f": {message.strip()}" if message and message.strip() else ""
    return f"the environment variable {name} is {'empty' if empty else 'not set'}{said}"
