"""`aggregator hide`: one entry out of feeds, pages and files for good, and back."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from aggregator.cli import EXIT_FOUND, Command, Options

if TYPE_CHECKING:
    from aggregator.model import Settings
    from storage.contract import Store
    from storage.record import Record

WITHIN = 10.0
"""Seconds that a running daemon has to take it in; it looks every two."""


@click.command(
    "hide",
    cls=Command,
    examples=[("hide k3v9zq", "the entry whose key begins so"), ("hide k3v9zq --undo", "show it again")],
    exits={1: "there is no such entry, or several", 3: "", 4: ""},
)
@click.argument("entry")
@click.option("--undo", is_flag=True, help="Show it again.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def command(options: Options, entry: str, undo: bool, yes: bool) -> int:
    """
    Take one entry out of feeds, pages and files for good.

    ENTRY is its key or the beginning of it, its public id, its link or its guid; `aggregator search` and
    `aggregator explain` show them. It stays out through updates, changed rules and a store that is built anew, until
    `--undo`. Its record file is deleted. A running daemon takes it in within seconds.
    """
    from aggregator.cli.common import reading, settings_of  # noqa: PLC0415 - --help answers without it
    from aggregator.hiding import put_on_list, take_off_list  # noqa: PLC0415 - the same

    settings = settings_of(options)
    with reading(settings) as store:
        record = _meant(store, entry)
    if not (yes or undo) and sys.stdin.isatty():
        click.confirm(f"Take {_called(record)} out of feeds, pages and files?", abort=True, err=True)
    folder = settings.storage.path
    if undo and not take_off_list(folder, record.key):
        click.echo(f"{_called(record)} was not hidden by `aggregator hide`" + _otherwise(record), err=True)
        return EXIT_FOUND
    if not undo:
        put_on_list(folder, record)
    _taken_in(settings, record.key)
    click.echo(_told(settings, record, undo=undo))
    return 0


def _meant(store: Store, entry: str) -> Record:
    keys = store.find(entry, 5)
    found = [record for key in keys if (record := store.get(key)) is not None]
    if not found:
        raise click.ClickException(f"there is no entry {entry!r}; `aggregator search` finds entries by their words")
    if len(found) > 1:
        several = "\n".join(f"  {record.key}  {record.title}" for record in found)
        raise click.ClickException(f"{entry!r} is said of several entries; name one by its key:\n{several}")
    return found[0]


def _taken_in(settings: Settings, key: str) -> None:
    """Do what the list says now, or wait until the process that has the store has done it."""
    from aggregator.daemon.build import settle  # noqa: PLC0415 - --help answers without it
    from storage.contract import StoreLockedError  # noqa: PLC0415 - the same
    from storage.sqlite import SqliteStore  # noqa: PLC0415 - the same

    try:
        store = SqliteStore.open(settings.storage.path)
    except StoreLockedError:
        _wait(settings, key)
        return
    try:
        settle(store, settings)
    finally:
        store.close()


def _wait(settings: Settings, key: str) -> None:
    from threading import Event  # noqa: PLC0415 - another process does the work; --help answers without it

    from aggregator.cli.common import reading  # noqa: PLC0415 - --help answers without it
    from aggregator.clock import monotonic  # noqa: PLC0415 - the same
    from aggregator.hiding import BY_OPERATOR, listed  # noqa: PLC0415 - the same

    wanted, until, nothing = key in listed(settings.storage.path), monotonic() + WITHIN, Event()
    with reading(settings) as store:
        while monotonic() < until:
            record = store.get(key)
            if record is None or (record.hidden == BY_OPERATOR) is wanted:
                return
            nothing.wait(0.1)
    click.echo("the process that has the store has not taken it in yet; it does when it looks next", err=True)


def _called(record: Record) -> str:
    return f'"{record.title}" ({record.key})'


def _otherwise(record: Record) -> str:
    return f"; a rule hides it: {record.hidden}" if record.hidden else ""


def _told(settings: Settings, record: Record, *, undo: bool) -> str:
    from aggregator.cli.common import reading  # noqa: PLC0415 - --help answers without it

    with reading(settings) as store:
        now = store.get(record.key)
        left = [one for one in store.stories([record.key]).get(record.key, ()) if one.hidden is None]
    if not undo:
        hidden = f"{_called(record)} is hidden; `aggregator hide --undo {record.key}` shows it again"
        return "\n".join([hidden, *map(_left, left)])
    return (
        f"{_called(record)} is shown again"
        if now and not now.hidden
        else f"{_called(record)} is off the list" + (_otherwise(now) if now else "")
    )


def _left(other: Record) -> str:
    """Say of another record of the same article that it stands there still."""
    return f"{other.source_id} has the same article, which is shown: `aggregator hide {other.key}` takes it out too"
