"""What every mapping of feeds.yaml has in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, model_validator

from aggregator.config import scalars
from aggregator.config.faults import WrongValueError
from aggregator.config.scalars import LINE, Scalar, kind

Text = Annotated[str, LINE]
Secret = Annotated[str, Scalar(scalars.secret, "text is meant", scalars.TEXT_SHAPE)]
Agent = Annotated[str, Scalar(scalars.user_agent, "one line of text is meant", scalars.TEXT_SHAPE)]


class Part(BaseModel):
    """A mapping of feeds.yaml: unknown keys are faults, and a key without a value has its default."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _told(cls, data: object) -> object:
        if not isinstance(data, dict):
            raise WrongValueError(f"{kind(data)} stands here; a mapping of keys is meant")
        return cls._settled(data)

    @classmethod
    def _settled(cls, data: dict[str, object]) -> dict[str, object]:
        return {key: value for key, value in data.items() if value is not None}


class UnsettledPart(Part):
    """A mapping in which a key without a value resets what would be inherited."""

    @classmethod
    def _settled(cls, data: dict[str, object]) -> dict[str, object]:
        return data
