"""The rules of `filters`: their shapes in feeds.yaml, and the values that they become."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, ClassVar, Self

from pydantic import (
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from aggregator.config import compiled, scalars
from aggregator.config.environment import Filled
from aggregator.config.faults import WrongValueError
from aggregator.config.parts import Part
from aggregator.config.scalars import LINE, TEXT_SHAPE, Scalar, between, one_of, whole
from aggregator.model import Condition, Filter, FilterKind


class _Matched(Scalar):
    """A regular expression, or a list of words of which one must be there."""

    def validate(self, value: object) -> object:
        """Return the pattern, or the words as a tuple."""
        if not isinstance(value, list):
            return super().validate(value)
        if not value:
            raise WrongValueError("is an empty list, which nothing matches; write words, or take the rule out")
        return tuple(str(LINE.validate(word)) for word in value)


_LIST: scalars.Shape = {"type": "array", "items": TEXT_SHAPE, "minItems": 1}
Matched = Annotated[
    str | tuple[str, ...],
    _Matched(compiled.pattern, "a regular expression, or a list of words, is meant", {"anyOf": [TEXT_SHAPE, _LIST]}),
]
Pattern = Annotated[str, Scalar(compiled.pattern, "a regular expression is meant", TEXT_SHAPE)]
Selector = Annotated[str, Scalar(compiled.selector, "a CSS selector is meant", TEXT_SHAPE)]
Replacement = Annotated[str, Scalar(str, "text is meant", TEXT_SHAPE)]


class ConditionsPart(Part):
    """What an entry must be like: all of the keys must hold."""

    title: Matched | None = Field(default=None, description="The title: a regular expression, or a list of words.")
    text: Matched | None = Field(default=None, description="Title and body text together.")
    author: Matched | None = Field(default=None, description="The entry's writers.")
    tag: Matched | None = Field(default=None, description="The publisher's own tags of the entry.")
    link: Matched | None = Field(default=None, description="The address of the entry.")

    @classmethod
    def _settled(cls, data: dict[str, object]) -> dict[str, object]:
        given = super()._settled(data)
        if not given:
            raise WrongValueError("is empty, and would hold for every entry; write {title: ...} or {text: [...]}")
        if "older" in given and "older" not in cls.model_fields:
            raise WrongValueError("`older` counts back from the newest entry of a view; it stands in views alone")
        return given

    def conditions(self) -> Iterator[Condition]:
        """Yield what the keys say."""
        for field in ("title", "text", "author", "tag", "link"):
            match getattr(self, field):
                case str(pattern):
                    yield Condition(field, pattern=pattern)
                case tuple(words):
                    yield Condition(field, words=words)


class ViewConditionsPart(ConditionsPart):
    """What an entry of a view must be like."""

    older: Annotated[timedelta, between(timedelta(seconds=1), timedelta(days=3650))] | None = Field(
        default=None, description="Longer before the newest arrival of the view than this."
    )

    def conditions(self) -> Iterator[Condition]:
        """Yield what the keys say."""
        yield from super().conditions()
        if self.older is not None:
            yield Condition("age", older=self.older)


class ReplacePart(Part):
    """What is put in place of what."""

    model_config = ConfigDict(json_schema_extra={"required": ["in", "pattern", "with"]})

    in_: Annotated[str, one_of(("title", "body"))] = Field(alias="in", description="Where: title or body.")
    pattern: Pattern = Field(description="A regular expression.")
    with_: Replacement = Field(alias="with", description="What takes the place of each match; \\1 is the first group.")

    @field_validator("with_")
    @classmethod
    def _fits(cls, value: str, info: ValidationInfo) -> str:
        return compiled.replacement(info.data["pattern"], value) if "pattern" in info.data else value


class RulePart(Part):
    """A rule: one key."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})
    ELSEWHERE: ClassVar[dict[str, str]] = {}
    """Keys of the other kind of rule, and why they are not taken here."""

    replace: ReplacePart | None = Field(default=None, description="Changes the text on output.")
    remove: tuple[Selector, ...] | None = Field(default=None, description="CSS selectors: these parts of the body go.")

    _written: str = PrivateAttr("")

    @classmethod
    def _settled(cls, data: dict[str, object]) -> dict[str, object]:
        if fields := [key for key in data if key not in cls.model_fields and key in ConditionsPart.model_fields]:
            told = next((key for key in ("keep", "drop") if key in data), "drop")
            raise WrongValueError(
                f"`{fields[0]}` stands beside its rule; it belongs into it: {told}: {{{fields[0]}: ...}}"
            )
        if len(data) > 1:
            raise WrongValueError(f"has {len(data)} keys ({' and '.join(map(str, list(data)[:3]))}); a rule has one")
        if not data:
            raise WrongValueError(f"is empty; a rule is one of {', '.join(cls.model_fields)}")
        key, value = next(iter(data.items()))
        if key in cls.ELSEWHERE:
            raise WrongValueError(cls.ELSEWHERE[key])
        if value is None:
            raise WrongValueError(f"{key}: says nothing; write what it is to do, or take it out")
        return data

    @model_validator(mode="wrap")
    @classmethod
    def _remembered(cls, data: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        part = handler(data)
        part._written = flow(data)[1:-1]  # noqa: SLF001 - its own
        return part

    def value(self) -> Filter:
        """Return the rule as the rest of the program knows it."""
        if self.replace is not None:
            how = self.replace
            return Filter(FilterKind.REPLACE, self._written, field=how.in_, pattern=how.pattern, replacement=how.with_)
        return Filter(FilterKind.REMOVE, self._written, selectors=self.remove or ())


class FilterPart(RulePart):
    """A rule of a source: one key."""

    ELSEWHERE: ClassVar[dict[str, str]] = {
        "unique": "`unique` compares the entries of a view; it stands in views alone"
    }

    drop: ConditionsPart | None = Field(default=None, description="Hides what matches.")
    keep: ConditionsPart | None = Field(default=None, description="Hides what does not match; several must all hold.")
    limit: Annotated[int, whole(1, 100_000)] | None = Field(
        default=None, description="Only the newest so many of a poll."
    )

    def value(self) -> Filter:
        """Return the rule as the rest of the program knows it."""
        if self.drop is not None:
            return Filter(FilterKind.DROP, self._written, conditions=tuple(self.drop.conditions()))
        if self.keep is not None:
            return Filter(FilterKind.KEEP, self._written, conditions=tuple(self.keep.conditions()))
        if self.limit is not None:
            return Filter(FilterKind.LIMIT, self._written, newest=self.limit)
        return super().value()


class ViewFilterPart(RulePart):
    """A rule of a view: one key."""

    ELSEWHERE: ClassVar[dict[str, str]] = {
        "limit": "`limit` counts the entries of a poll; in a view `entries: 20` says how many it holds"
    }

    drop: ViewConditionsPart | None = Field(default=None, description="Leaves out what matches.")
    keep: ViewConditionsPart | None = Field(default=None, description="Leaves out what does not match.")
    unique: Annotated[str, one_of(("title", "link"))] | None = Field(
        default=None, description="Of entries with one title, or one link, the first alone."
    )

    def value(self) -> Filter:
        """Return the rule as the rest of the program knows it."""
        if self.drop is not None:
            return Filter(FilterKind.DROP, self._written, conditions=tuple(self.drop.conditions()))
        if self.keep is not None:
            return Filter(FilterKind.KEEP, self._written, conditions=tuple(self.keep.conditions()))
        if self.unique is not None:
            return Filter(FilterKind.UNIQUE, self._written, field=self.unique)
        return super().value()


def flow(value: object) -> str:
    """Return a value as one line of YAML, variables as they stand in the file."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(flow, value))}]"
    if value is None:
        return "null"
    text = value.written if isinstance(value, Filled) else str(value)
    return text if text and all(c.isalnum() or c in "_-." for c in text) else "'" + text.replace("'", "''") + "'"
