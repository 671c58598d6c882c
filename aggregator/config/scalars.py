"""The scalars of feeds.yaml: each a check of text, the sentence for what is no text, and its shape in the JSON schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from aggregator.config import sizes, urls
from aggregator.config.durations import RULE as DURATION_RULE
from aggregator.config.durations import duration, short
from aggregator.config.environment import Filled
from aggregator.config.faults import WrongValueError, near

Shape: TypeAlias = dict[str, Any]
"""A fragment of JSON schema."""

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
VARIABLE = r"\$\{"
VARIABLE_SHAPE: Shape = {"type": "string", "pattern": VARIABLE}
TEXT_SHAPE: Shape = {"type": ["string", "number", "boolean"]}
"""YAML's readers make numbers of `2021` and truth of `true`, which are text to us."""


@dataclass(frozen=True, eq=False)
class Scalar:
    """
    What one scalar may be; it stands in `Annotated`, where pydantic asks it for its two schemas.

    A value that holds a variable is judged and never quoted.
    """

    check: Callable[[str], object]
    rule: str
    shape: Shape

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Check text, and say what stands there where none does."""
        return core_schema.no_info_plain_validator_function(self.validate)

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> Shape:
        """Return the shape."""
        return dict(self.shape)

    def validate(self, value: object) -> object:
        """Return what the check makes of the value; raise `WrongValueError`."""
        if isinstance(value, Filled):
            try:
                return self.check(str(value))
            except WrongValueError:
                raise WrongValueError(f"what {value.written} stands for does not fit; {self.rule}") from None
        if isinstance(value, str):
            return self.check(value)
        raise WrongValueError(f"{kind(value)} stands here; {self.rule}")


def kind(value: object) -> str:
    """Return what a value is, in the words of a message."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping of keys"
    return "a list" if isinstance(value, list) else "text"


def matching(pattern: str) -> Shape:
    """Return the shape of text that matches, or that holds a variable."""
    return {"type": "string", "pattern": f"{pattern}|{VARIABLE}"}


# --- text ---


def text(value: str) -> str:
    """Return one line of text, trimmed, of at most 500 characters."""
    line = value.strip()
    if not line:
        raise WrongValueError("is empty; write text, or leave the line out")
    if found := CONTROL.search(line):
        what = "a line break" if found[0] in "\n\r\u2028\u2029" else "a control character"
        raise WrongValueError(f"has {what} in it; one line of text is meant")
    if len(line) > 500:
        raise WrongValueError(f"has {len(line)} characters; at most 500 are taken")
    return line


def folder(value: str) -> str:
    """Return the path of a folder."""
    path = text(value)
    if "://" in path:
        raise WrongValueError(f'"{urls.cut(path)}" is a URL; a folder is meant')
    urls.at_home(path)
    return path


def secret(value: str) -> str:
    """Return text that is never quoted; it may be empty."""
    if CONTROL.search(value.strip()):
        raise WrongValueError("has a control character in it")
    return value.strip()


def bearer(value: str) -> str:
    """Return a token that goes into a header."""
    token = secret(value)
    if not token or not token.isascii() or " " in token:
        raise WrongValueError("is no token: one word of ASCII characters is meant")
    return token


def username(value: str) -> str:
    """Return the name of a log-in (RFC 7617: it holds no colon)."""
    name = secret(value)
    if not name:
        raise WrongValueError("is empty; write the name of the log-in")
    if ":" in name:
        raise WrongValueError("has a colon in it; the password goes under `password`")
    return name


def template(*names: str) -> Callable[[str], str]:
    """Make a check of one line of text in which these places may stand."""
    known = [f"{{{name}}}" for name in names]

    def check(value: str) -> str:
        line = text(value)
        for found in re.findall(r"\{[^{}]*\}", line):
            if found not in known:
                raise WrongValueError(f"{found} is not known here; {' and '.join(known)} are", near(found, known))
        return line

    return check


def user_agent(value: str) -> str:
    """Return the template of a User-Agent header."""
    line = template("base_url", "version")(value)
    if not (line.isascii() and line.isprintable()):
        raise WrongValueError("an HTTP header holds ASCII characters alone")
    return line


def proxy(value: str) -> str | bool:
    """Return the URL of a proxy, or False."""
    if value.strip() in FALSE:
        return False
    return urls.proxy(value)


def images(value: str) -> str | bool:
    """Return the template of an image proxy, or False."""
    word = value.strip()
    if word in FALSE:
        return False
    if word.casefold() in {"no", "off", "none"}:
        raise WrongValueError(f'"{word}" is text in YAML 1.2', "false")
    if word.casefold() in {"true", "yes", "on"}:
        raise WrongValueError(f'"{word}" names no proxy; write https://proxy.example/?{{url}}, or false')
    return urls.image_template(word)


def every(value: str) -> timedelta | str:
    """Return `auto` or a duration above nothing."""
    word = value.strip()
    if word.casefold() == "auto":
        return "auto"
    found = duration(word)
    if not found:
        raise WrongValueError(f'"{word}" would never rest; the least is 15m, or 1s for a host of your own')
    return found


FALSE = frozenset(("false", "False", "FALSE"))
TRUE = frozenset(("true", "True", "TRUE"))


def truth(value: str) -> bool:
    """Return true or false; YAML 1.2 has no other words for them."""
    word = value.strip()
    if word in TRUE or word in FALSE:
        return word in TRUE
    folded = word.casefold()
    if folded in {"no", "off", "n", "0", "none", "never"}:
        raise WrongValueError(f'"{urls.cut(word)}" is text in YAML 1.2', "false")
    if folded in {"yes", "on", "y", "1"}:
        raise WrongValueError(f'"{urls.cut(word)}" is text in YAML 1.2', "true")
    raise WrongValueError(f'"{urls.cut(word)}" is neither true nor false', near(folded, ("true", "false")))


# --- makers of scalars ---

LINE = Scalar(text, "one line of text is meant", TEXT_SHAPE)


def whole(least: int, most: int) -> Scalar:
    """Make the scalar of a whole number within bounds."""
    rule = f"a whole number from {least} to {most}"

    def check(value: str) -> int:
        digits = value.strip().replace("_", "").removeprefix("+")
        if not re.fullmatch(r"-?[0-9]{1,18}", digits):
            raise WrongValueError(f'"{urls.cut(value)}" is not {rule}')
        if not least <= int(digits) <= most:
            raise WrongValueError(f"{digits} is not {rule}")
        return int(digits)

    number = {"type": "integer", "minimum": least, "maximum": most}
    return Scalar(check, f"{rule} is meant", {"anyOf": [number, matching(r"^\+?[0-9_]{1,18}$")]})


def between(least: timedelta, most: timedelta) -> Scalar:
    """Make the scalar of a duration within bounds."""

    def check(value: str) -> timedelta:
        found = duration(value.strip())
        if not least <= found <= most:
            raise WrongValueError(f"{short(found)} is not between {short(least)} and {short(most)}")
        return found

    return Scalar(check, DURATION_RULE, DURATION_SHAPE)


def sized(least: int, most: int) -> Scalar:
    """Make the scalar of a size within bounds, in bytes."""

    def check(value: str) -> int:
        found = sizes.size(value.strip())
        if not least <= found <= most:
            bounds = f"{sizes.written(least)} and {sizes.written(most)}"
            raise WrongValueError(f'"{value.strip()}" is not between {bounds}')
        return found

    return Scalar(check, sizes.RULE, matching("^[0-9]{1,9}(KB|MB|GB)$"))


def one_of(words: Iterable[str]) -> Scalar:
    """Make the scalar of one of these words."""
    meant = {str(word): word for word in words}
    known = tuple(meant)
    rule = " or ".join(filter(None, (", ".join(known[:-1]), known[-1])))

    def check(value: str) -> str:
        if value.strip() in known:
            return meant[value.strip()]
        raise WrongValueError(f'"{urls.cut(value)}" is not known here; {rule} is', near(value, known))

    return Scalar(check, f"{rule} is meant", {"anyOf": [{"enum": list(known)}, VARIABLE_SHAPE]})


DURATION_SHAPE = matching("^[0-9]{1,12}[smhd]$")
"""`45s`, `30m`, `6h`, `1d`."""
EVERY_SHAPE: Shape = {"anyOf": [{"const": "auto"}, DURATION_SHAPE]}
TRUTH_SHAPE: Shape = {"anyOf": [{"type": "boolean"}, VARIABLE_SHAPE]}
IMAGES_SHAPE: Shape = {"anyOf": [{"const": False}, matching(r"\{url(_encoded)?\}")]}
PROXY_SHAPE: Shape = {"anyOf": [{"const": False}, matching("^(https?|socks5h?)://")]}
URL_SHAPE = matching(r"^\s*(https?://|rsshub:)")
HTTP_SHAPE = matching(r"^\s*https?://")
