"""`aggregator remove`: a source's lines out of feeds.yaml, and with --purge its records out of the store."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from aggregator.cli import Command, Options

if TYPE_CHECKING:
    from aggregator.cli.editing import Known
    from aggregator.config.edit import Edited, Setting
    from aggregator.model import Settings
    from storage.sqlite import SqliteStore

STAYS = "its records stay, and age out of the merged feeds as usual; `--purge` deletes them"


@click.command(
    "remove",
    cls=Command,
    examples=[
        ("remove woshipm-latest", "its lines go, its records stay"),
        ("remove woshipm-latest --purge --dry-run", "see what would go with its records"),
    ],
    exits={1: "", 2: "feeds.yaml has no such source", 3: "", 4: "a daemon has the store (--purge)"},
)
@click.argument("source")
@click.option("--purge", is_flag=True, help="Delete its records and their files too, for good.")
@click.option("--dry-run", is_flag=True, help="Show what would go, and leave everything as it is.")
@click.option("-y", "--yes", is_flag=True, help="Delete records without asking.")
@click.option("--json", "as_json", is_flag=True, help="What went, as one JSON object.")
@click.pass_obj
def command(options: Options, source: str, purge: bool, dry_run: bool, yes: bool, as_json: bool) -> int:
    """
    Remove a source: its id, or its URL.

    Its lines go out of feeds.yaml, or out of the file that it includes; every other byte stays, comments above it too.
    Its records stay unless --purge says otherwise, which needs the store for itself. A source that left feeds.yaml
    before can be purged by its id.
    """
    from aggregator.cli.common import log_to_stderr  # noqa: PLC0415 - --help answers without it
    from aggregator.cli.editing import Known, setting_of  # noqa: PLC0415 - the same

    log_to_stderr(options)
    setting, settings = setting_of(options)
    source_id = _id_of(source, settings, Known(settings))
    if not purge:
        if source_id is None:
            from aggregator.cli.common import unknown_source  # noqa: PLC0415 - the same

            raise unknown_source(source, settings)
        edited = _removed(setting, source_id, write=not dry_run)
        _tell(edited, source_id, None, as_json=as_json, dry_run=dry_run)
        return 0
    return _purge(setting, settings, source_id, source, dry_run=dry_run, yes=yes, as_json=as_json)


def _id_of(source: str, settings: Settings, known: Known) -> str | None:
    from aggregator.cli.editing import every  # noqa: PLC0415 - --help answers without it

    if any(one.id == source for one in every(settings)):
        return source
    try:
        found = known.has(source)
    except ValueError:
        return None
    return found.id if found else None


def _removed(setting: Setting, source_id: str, *, write: bool) -> Edited:
    from aggregator.config.edit import RefusedError, remove  # noqa: PLC0415 - --help answers without it

    try:
        return remove(setting, source_id, write=write)
    except KeyError:
        raise click.ClickException(f"{source_id} was taken out by somebody else meanwhile") from None
    except RefusedError as refused:
        raise click.ClickException(str(refused)) from None


def _purge(
    setting: Setting, settings: Settings, source_id: str | None, named: str, *, dry_run: bool, yes: bool, as_json: bool
) -> int:
    """Take the store for ourselves before anything is changed; then the lines, the files, the records."""
    from aggregator.cli.common import unknown_source  # noqa: PLC0415 - --help answers without it
    from storage.contract import StoreLockedError  # noqa: PLC0415 - the same
    from storage.sqlite import SqliteStore  # noqa: PLC0415 - the same

    count = _count(settings, source_id or named)
    if source_id is None and count is None:
        raise unknown_source(named, settings)
    if dry_run:
        edited = _removed(setting, source_id, write=False) if source_id else None
        _tell(edited, source_id or named, count or 0, as_json=as_json, dry_run=True)
        return 0
    if not yes:
        _ask(source_id or named, count or 0)
    try:
        store = SqliteStore.open(settings.storage.path) if count is not None else None
    except StoreLockedError as locked:
        raise StoreLockedError(
            f"nothing was removed: {locked}; without --purge a running daemon is no hindrance"
        ) from None
    try:
        edited = _removed(setting, source_id, write=True) if source_id else None
        gone = _delete(store, settings, source_id or named) if store else 0
    finally:
        if store:
            store.close()
    _tell(edited, source_id or named, gone, as_json=as_json, dry_run=False)
    return 0


def _count(settings: Settings, source_id: str) -> int | None:
    """Return how many records the store has of the source; None where it knows no such source."""
    from aggregator.cli.common import reading  # noqa: PLC0415 - --help answers without it
    from storage.contract import StoreMissingError  # noqa: PLC0415 - the same

    try:
        with reading(settings) as store:
            polled = {state.source.id: 0 for state in store.states()}
            return (polled | dict(store.counts())).get(source_id)
    except StoreMissingError:
        return None


def _ask(source_id: str, count: int) -> None:
    from aggregator.cli.common import counted  # noqa: PLC0415 - --help answers without it

    if not sys.stdin.isatty():
        raise click.UsageError(
            f"--purge deletes {counted(count, 'record')} of {source_id} for good; `--yes` says that it may"
        )
    click.confirm(f"Delete {counted(count, 'record')} of {source_id} and their files, for good?", abort=True)


def _delete(store: SqliteStore, settings: Settings, source_id: str) -> int:
    """Delete the files first: a crash in between leaves the records, and the same call goes on."""
    from storage.posts import Posts, PostsError  # noqa: PLC0415 - --help answers without it

    posts = Posts(settings.storage.records) if settings.storage.records else None
    for record in store.records_of(source_id):
        file = store.file_of(record.key)
        if file is not None and posts is not None:
            try:
                posts.remove(file.path)
            except PostsError as error:
                raise click.ClickException(f"{error}; its records are left, the same command goes on") from None
    return store.purge(source_id)


def _tell(edited: Edited | None, source_id: str, gone: int | None, *, as_json: bool, dry_run: bool) -> None:
    from aggregator.cli.common import counted, echo_json  # noqa: PLC0415 - --help answers without it
    from aggregator.cli.editing import plain, shown  # noqa: PLC0415 - the same

    if as_json:
        echo_json(
            {
                "removed": plain(edited.sources) if edited else [],
                "file": str(edited.file) if edited else None,
                "line": edited.line if edited else None,
                "lines": list(edited.lines) if edited else [],
                "purged": gone,
                "dry_run": dry_run,
            }
        )
        return
    for line in shown(edited, "-") if edited else ():
        click.echo(line)
    if gone is None:
        told = STAYS
    else:
        told = f"{counted(gone, 'record')} {'would be ' if dry_run else ''}deleted, with {'its file' if gone == 1 else 'their files'}"
    click.echo(f"{source_id}: {told}{'; nothing was written' if dry_run else ''}", err=True)
