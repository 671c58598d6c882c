"""What the commands share: reading feeds.yaml, opening the store, writing JSON, showing progress."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import click

from aggregator.cli import Options
from aggregator.config import load
from aggregator.logs import set_up
from aggregator.model import Settings
from storage.contract import Store, StoreError
from storage.sqlite import SqliteStore
from storage.states import Earlier

log = logging.getLogger(__name__)


def settings_of(options: Options, *, warn: bool = True) -> Settings:
    """Return what feeds.yaml says, `--data` taken in; warn of sources set aside. Raises ConfigError."""
    before = known_before(options)
    settings = load(options.config_path(), os.environ, before=before)
    if settings.lists and (lists := stored_lists(options.data or settings.storage.path)):
        settings = load(options.config_path(), os.environ, lists, before)
    for warning in settings.warnings if warn else ():
        if options.log_format == "json":  # a collector reads stderr, and wants an object a line
            log_to_stderr(options)
            log.warning("%s", warning)
        else:
            click.echo(warning, err=True)
    if options.data is None:
        return settings
    return replace(settings, storage=replace(settings.storage, path=options.data.absolute()))


def known_before(options: Options) -> Callable[[Path], Sequence[Earlier]]:
    """Return who tells `load` of the sources in the store, so that they keep their ids; without a store there are none."""

    def known(folder: Path) -> Sequence[Earlier]:
        try:
            return SqliteStore.known_sources((options.data or folder).absolute())
        except StoreError:
            return ()

    return known


def stored_lists(folder: Path) -> Mapping[str, bytes]:
    """Return what the lists on the web said when the daemon last asked; nothing where there is no store to tell."""
    try:
        with closing(SqliteStore.open_readonly(folder.absolute())) as store:
            return {state.url: state.body for state in store.lists() if state.body is not None}
    except StoreError:
        return {}


def log_to_stderr(options: Options) -> None:
    """Send log lines to stderr as the options say."""
    set_up(verbosity=options.verbosity, form=options.log_format)


@contextmanager
def reading(settings: Settings) -> Iterator[Store]:
    """Open the store for reading; a daemon may be writing to it. Raises StoreError where there is none."""
    store = SqliteStore.open_readonly(settings.storage.path)
    try:
        yield store
    finally:
        store.close()


def echo_json(value: object) -> None:
    """Write a JSON value on stdout, indented for a person on a terminal and compact for a program."""
    indent = 2 if sys.stdout.isatty() else None
    click.echo(json.dumps(value, ensure_ascii=False, indent=indent))


def echo_json_line(value: object) -> None:
    """Write one line of JSON Lines."""
    click.echo(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def counted(number: int, noun: str) -> str:
    """Return `1 source`, `2 sources`, `0 entries`."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def unknown_source(wanted: str, settings: Settings) -> click.ClickException:
    """Return the error of a source that feeds.yaml does not have, with the near id."""
    hint = near_word(wanted, [source.id for source in settings.sources], "`aggregator list` names them")
    return click.UsageError(f"{settings.path.name} has no source '{wanted}'; {hint}")


def near_word(wanted: str, known: Iterable[str], otherwise: str) -> str:
    """Return `did you mean 'x'?` with the known word that is near, or the other hint where none is."""
    import difflib  # noqa: PLC0415 - only where a name is wrong

    near = difflib.get_close_matches(wanted, list(known), n=1)
    return f"did you mean '{near[0]}'?" if near else otherwise
