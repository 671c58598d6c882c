"""`aggregator backup`: a copy of the store that opens by itself."""

from __future__ import annotations

from pathlib import Path

import click

from aggregator.cli import EXIT_FOUND, Command, Options


@click.command(
    "backup",
    cls=Command,
    examples=[
        ("backup /mnt/disk/", "write aggregator-20260131T120000Z.db into the folder"),
        ("backup latest.db --replace", "write the file, in place of the one that is there"),
    ],
    exits={1: "the file is there already, or cannot be written", 3: "", 4: ""},
)
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Write over a file that is there, once the new copy is whole.")
@click.pass_obj
def command(options: Options, path: Path, replace: bool) -> int:
    """
    Copy the store to a file, looked through whole.

    PATH is a file, or a folder that is there. A daemon may go on polling meanwhile. The copy holds records, state of
    polling and what was hidden; not feeds.yaml, and not the record files, which are written anew from it.
    """
    from aggregator import clock  # noqa: PLC0415 - --help answers without it
    from aggregator.cli.common import reading, settings_of  # noqa: PLC0415 - the same

    settings = settings_of(options)
    if path.is_dir():
        path /= f"aggregator-{clock.now():%Y%m%dT%H%M%SZ}.db"
    if path.exists() and not replace:
        click.echo(f"{path} exists; nothing was written. --replace writes over it.", err=True)
        return EXIT_FOUND
    if not path.absolute().parent.is_dir():
        raise click.ClickException(f"there is no folder {path.absolute().parent} to write {path.name} to")
    with reading(settings) as store:
        store.backup(path)
    click.echo(f"{path}  {path.stat().st_size:,} bytes")
    return 0
