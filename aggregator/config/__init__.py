"""feeds.yaml: its shape, its positions, its faults. Fetches nothing and reads no clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aggregator.config.durations import duration
from aggregator.config.faults import ConfigError, Fault, render
from aggregator.config.starter import template

if TYPE_CHECKING:
    from aggregator.model import Settings
    from storage.states import Earlier

__all__ = ["ConfigError", "Fault", "duration", "keys", "load", "render", "schema_json", "template"]


def load(
    path: Path,
    environ: Mapping[str, str],
    lists: Mapping[str, bytes] | None = None,
    before: Sequence[Earlier] | Callable[[Path], Sequence[Earlier]] = (),
) -> Settings:
    """
    Return what the file says, defaults and groups merged in; paths in it are absolute.

    `environ` fills `${VAR}`. `lists` holds, by URL, the bytes of the OPML documents that `Settings.lists` names, as far
    as they were fetched. `before` are the sources known so far, in the order of the file, or what returns them, given
    the folder of the store: a source without a written id keeps the id that it had there, as `adopting.kept` says.
    Reads the files that are included; fetches nothing. Raises `ConfigError` with every problem of
    all files at once. What may be set aside alone is left out and named in `Settings.warnings`: a source, group, list or
    include whose variable is missing, a feed of an OPML list that does not fit, a list that was not fetched yet.
    """
    from aggregator.config.settings import read  # noqa: PLC0415 - pydantic and ruamel.yaml take 0.25 s to import

    return read(path, environ, lists or {}, before)


def keys() -> tuple[str, ...]:
    """
    Return every key of feeds.yaml with its place (`polling.host_delay`), in the order of the schema.

    What a source shares with `defaults` is listed once, as `defaults.every`; keys of a view as `views.title`.
    """
    from aggregator.config.schema import names  # noqa: PLC0415 - as above

    return names()


def schema_json() -> str:
    """
    Return the JSON schema of feeds.yaml (draft 2020-12) for editors, as it ships: `feeds.schema.json`.

    `aggregator.config.jsonschema` makes it of the model.
    """
    return Path(__file__).with_name("feeds.schema.json").read_text(encoding="utf-8")
