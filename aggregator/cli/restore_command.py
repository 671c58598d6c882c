"""`aggregator restore`: a copy in the place of the store."""

from __future__ import annotations

from pathlib import Path

import click

from aggregator.cli import Command, Options


@click.command(
    "restore",
    cls=Command,
    examples=[("restore data/backups/aggregator-20260131T120000Z.db", "go back to this copy; the daemon is stopped")],
    exits={3: "", 4: "a daemon has the store, or the copy is damaged: nothing was changed"},
)
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
@click.pass_obj
def command(options: Options, path: Path) -> int:
    """
    Put a copy that `backup` made in the place of the store.

    The copy is looked through whole first. The store that is there is not removed: it is kept beside, under another
    name. Stop the daemon before: over a running one nothing is done. Publishers are then asked again for what came
    since the copy was made, at the times that it has; record files stay as they are.
    """
    from aggregator import clock  # noqa: PLC0415 - --help answers without it
    from aggregator.cli.common import counted, reading, settings_of  # noqa: PLC0415 - the same
    from storage.contract import StoreError  # noqa: PLC0415 - the same
    from storage.sqlite import restore  # noqa: PLC0415 - the same

    settings = settings_of(options)
    replaced = restore(settings.storage.path, path, f"{clock.now():%Y%m%dT%H%M%SZ}")
    try:
        with reading(settings) as store:
            entries = counted(sum(store.counts().values()), "entry")
    except StoreError:
        entries = "a store of an older version, which `aggregator run` brings up to date"
    click.echo(f"restored {path} to {settings.storage.path}: {entries}")
    if replaced:
        click.echo(f"the store that was there is kept as {replaced}; remove it when all is well")
    return 0
