"""`aggregator export`: the records as JSON lines or as record files."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aggregator.cli import EXIT_FOUND, Options

if TYPE_CHECKING:
    from aggregator.model import Settings
    from storage.contract import Store


@click.command("export")
@click.argument("form", type=click.Choice(["jsonl", "records"]))
@click.option("--since", metavar="DURATION", help="Only what was first seen within it, e.g. 7d.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File (jsonl) or folder (records) to write.")
@click.pass_obj
def command(options: Options, form: str, since: str | None, output: Path | None) -> int:
    """
    Write the records as JSON lines or as record files.

    JSON lines go to stdout unless -o names a file; record files go to the folder that -o names.
    """
    from aggregator import clock  # noqa: PLC0415 - --help answers without it
    from aggregator.cli.common import reading, settings_of  # noqa: PLC0415 - the same
    from aggregator.config import duration  # noqa: PLC0415 - the same

    if form == "records" and output is None:
        raise click.UsageError("export records needs -o FOLDER, the folder to write them to")
    try:
        first = None if since is None else clock.now() - duration(since)
    except ValueError as wrong:
        raise click.BadParameter(str(wrong), param_hint="--since") from None
    settings = settings_of(options)
    with reading(settings) as store:
        if output is not None and form == "records":
            return _export_records(store, settings, output, first)
        return _export_jsonl(store, settings, output, first)


def _export_jsonl(store: Store, settings: Settings, output: Path | None, first: datetime | None) -> int:
    from aggregator.filters import outward  # noqa: PLC0415 - --help answers without it
    from aggregator.shapes import record_shape  # noqa: PLC0415 - the same

    seen_as = outward(settings)
    if output is not None and not output.absolute().parent.is_dir():
        raise click.ClickException(f"there is no folder {output.absolute().parent} to write {output.name} to")
    with click.open_file(str(output) if output else "-", "w", encoding="utf-8", atomic=output is not None) as lines:
        for record in store.records(since=first):
            lines.write(json.dumps(record_shape(seen_as(record)), ensure_ascii=False, separators=(",", ":")) + "\n")
    return 0


def _export_records(store: Store, settings: Settings, folder: Path, first: datetime | None) -> int:
    from aggregator.filing import form_for  # noqa: PLC0415 - --help answers without it
    from aggregator.filters import outward  # noqa: PLC0415 - the same
    from storage.posts import Kept, Posts, PostsError  # noqa: PLC0415 - the same

    seen_as = outward(settings)
    wanted = ((seen_as(record), form_for(settings, record.source_id), None) for record in store.records(since=first))
    try:
        done = Posts(folder).write_many(wanted)
    except PostsError as error:
        raise click.ClickException(str(error)) from None
    kept = [one for one in done if isinstance(one, Kept)]
    click.echo(f"{len(done) - len(kept)} records in {folder}", err=True)
    for one in kept:
        click.echo(one.reason, err=True)
    return EXIT_FOUND if kept else 0
