"""feeds.yaml: its shape, its positions, its faults. Fetches nothing and reads no clock."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from aggregator.config.durations import duration
from aggregator.config.faults import ConfigError, Fault, render
from aggregator.config.starter import template

if TYPE_CHECKING:
    from aggregator.model import Settings

__all__ = ["ConfigError", "Fault", "duration", "keys", "load", "render", "template"]


def load(path: Path, environ: Mapping[str, str]) -> Settings:
    """
    Return what the file says, defaults merged in; paths in it are absolute.

    `environ` fills `${VAR}`. Raises `ConfigError` with every problem of the file at once.
    A source whose variable is missing is left out and named in `Settings.warnings`.
    """
    from aggregator.config.settings import read  # noqa: PLC0415 - pydantic and ruamel.yaml take 0.25 s to import

    return read(path, environ)


def keys() -> tuple[str, ...]:
    """
    Return every key of feeds.yaml with its place (`polling.host_delay`), in the order of the schema.

    What a source shares with `defaults` is listed once, as `defaults.every`.
    """
    from aggregator.config.schema import names  # noqa: PLC0415 - as above

    return names()
