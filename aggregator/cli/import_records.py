"""`aggregator import records`: the records of an archive of record files into the store."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aggregator.cli import EXIT_FOUND, Command, Options, source_ids

if TYPE_CHECKING:
    from collections.abc import Callable

    from aggregator.model import Settings
    from aggregator.rebuilding import Loaded, Wish

TOLD = 100
"""Files that are named; `--json` has them all."""


@click.command(
    "records",
    cls=Command,
    examples=[
        ("import records ./data/records", "build the store anew from the record files, with `rss` in them"),
        ("import records old/_posts --dry-run", "see what would come of an archive"),
        ("import records old --source woshipm-latest", "files without ids, all of this source"),
    ],
    exits={
        1: "a file was refused; the others are in the store",
        2: "feeds.yaml has no such source",
        3: "",
        4: "the store cannot be used, or a daemon has it: nothing was changed",
        130: "broken off; what is in the store stays, and the same command goes on from there",
    },
)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--source", metavar="ID", shell_complete=source_ids, help="The source of all files without ids.")
@click.option("--update", is_flag=True, help="Take what a person changed in files of stored records.")
@click.option("--dry-run", is_flag=True, help="Read all and say what would be stored; store nothing.")
@click.option("--json", "as_json", is_flag=True, help="What became of it, every refused file too, as one JSON object.")
@click.pass_obj
def command(options: Options, folder: Path, source: str | None, update: bool, dry_run: bool, as_json: bool) -> int:
    """
    Import the record files below DIR: all that end with .md or .markdown, links not followed.

    Files with the `rss` map give the records that they were: ids, dates and order unchanged, so that no subscriber
    sees anything new. Files without it (older systems, other tools) get ids of their own, keep their dates, and stand
    in their source's own feed only. They are of the source under whose site and feed they are filed, else of a source
    `archive`. What is stored already is left alone. Every body is cleaned. Stop the daemon before.
    """
    from aggregator.cli.common import log_to_stderr, settings_of, unknown_source  # noqa: PLC0415 - --help is fast
    from aggregator.rebuilding import Wish  # noqa: PLC0415 - the same

    log_to_stderr(options)
    settings = settings_of(options)
    if source is not None and source not in {one.id for one in (*settings.sources, *settings.paused)}:
        raise unknown_source(source, settings)
    shown = sys.stderr.isatty() and options.verbosity >= 0 and not as_json
    wish, report = Wish(folder.absolute(), source, update), _bar(shown=shown)
    loaded = _tried(settings, wish, report) if dry_run else _stored(settings, wish, report)
    if shown:
        click.echo("\r\033[K", err=True, nl=False)
    _tell(loaded, folder, as_json=as_json, dry_run=dry_run, update=update)
    return EXIT_FOUND if loaded.refused else 0


def _bar(*, shown: bool) -> Callable[[int, int], None]:
    """Return what shows on a terminal how far it is, every 50 files."""
    from datetime import timedelta  # noqa: PLC0415 - --help answers without it

    from aggregator.cli.progress import Bar  # noqa: PLC0415 - the same

    bar = Bar(0, shown)

    def report(done: int, total: int) -> None:
        bar.total = total
        bar.note("", timedelta(), failed=False)
        if done % 50 == 0 or done == total:
            bar.draw()

    return report


def _tried(settings: Settings, wish: Wish, report: Callable[[int, int], None]) -> Loaded:
    """Say what an import would do; a daemon may be running."""
    from aggregator import clock  # noqa: PLC0415 - --help answers without it
    from aggregator.cli.common import reading  # noqa: PLC0415 - the same
    from aggregator.rebuilding import Loader  # noqa: PLC0415 - the same
    from storage.contract import StoreMissingError  # noqa: PLC0415 - the same

    try:
        with reading(settings) as store:
            return Loader(store, settings, wish, clock.now()).load(report, dry=True)
    except StoreMissingError:
        return Loader(None, settings, wish, clock.now()).load(report, dry=True)


def _stored(settings: Settings, wish: Wish, report: Callable[[int, int], None]) -> Loaded:
    """Import, then do what a poll does after it: hide what rules and the operator hide, write files, index."""
    from contextlib import closing  # noqa: PLC0415 - --help answers without it

    from aggregator import clock, indexing  # noqa: PLC0415 - the same
    from aggregator.daemon.build import settle  # noqa: PLC0415 - the same
    from aggregator.rebuilding import Loader  # noqa: PLC0415 - the same
    from aggregator.rows import source_rows  # noqa: PLC0415 - the same
    from storage.sqlite import SqliteStore  # noqa: PLC0415 - the same

    with closing(SqliteStore.open(settings.storage.path)) as store:
        store.sync_sources(source_rows(settings), clock.now())
        loaded = Loader(store, settings, wish, clock.now()).load(report)
        settle(store, settings)
        indexing.bring_up_to_date(store)
    return loaded


def _tell(loaded: Loaded, folder: Path, *, as_json: bool, dry_run: bool, update: bool) -> None:
    from aggregator.cli.common import counted, echo_json  # noqa: PLC0415 - --help answers without it

    if as_json:
        echo_json(
            {
                "files": loaded.files,
                "new": loaded.new,
                "known": loaded.known,
                "updated": loaded.updated,
                "gone": loaded.gone,
                "without_ids": loaded.without_ids,
                "sources": dict(sorted(loaded.sources.items())),
                "differing": loaded.differing,
                "refused": [{"file": one.path, "line": one.line, "reason": one.reason} for one in loaded.refused],
                "dry_run": dry_run,
            }
        )
        return
    for one in loaded.refused[:TOLD]:
        click.echo(f"{folder / one.path}:{one.line}: {one.reason}", err=True)
    if len(loaded.refused) > TOLD:
        click.echo(f"and {len(loaded.refused) - TOLD:,} more; --json names them all", err=True)
    if loaded.differing and not update:
        files = counted(len(loaded.differing), "file")
        click.echo(f"changed since they were written: {files} of stored records; --update takes that in", err=True)
    for source, number in sorted(loaded.sources.items()):
        click.echo(f"{source}  {counted(number, 'record')}")
    parts = [f"{loaded.new:,} {'would be stored' if dry_run else 'stored'}"]
    parts += [f"{loaded.known:,} known"] if loaded.known else []
    parts += [f"{loaded.updated:,} updated"] if loaded.updated else []
    parts += [f"{loaded.gone:,} let go of before"] if loaded.gone else []
    parts += [f"{len(loaded.refused):,} refused"] if loaded.refused else []
    click.echo(f"{counted(loaded.files, 'file')}: {', '.join(parts)}")
