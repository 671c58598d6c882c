"""`aggregator export`: the records as JSON lines, as record files or as a feed; the sources as OPML."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aggregator.cli import EXIT_FOUND, Command, Options

if TYPE_CHECKING:
    from aggregator.model import Settings
    from storage.contract import Store


FEEDS = ("atom", "rss", "json")


@click.command(
    "export",
    cls=Command,
    examples=[
        ("export jsonl --since 7d", "what came within a week, a line each"),
        ("export records -o out", "the record files, below ./out"),
        ("export opml -o subscriptions.opml", "the sources, for another program"),
    ],
    exits={1: "something could not be written, or a file of another content was left as it is", 2: "", 3: "", 4: ""},
)
@click.argument("form", type=click.Choice(["jsonl", "records", *FEEDS, "opml"]))
@click.option("--since", metavar="DURATION", help="Only what was first seen within it, e.g. 7d.")
@click.option("--view", metavar="NAME", help="The view that a feed is of (atom, rss, json); else the merged feed.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File to write, or folder (records).")
@click.option("--secrets", is_flag=True, help="With headers, log-ins, cookies and proxies as they stand (opml).")
@click.pass_obj
def command(
    options: Options, form: str, since: str | None, view: str | None, output: Path | None, secrets: bool
) -> int:
    """
    Write the records (jsonl, records), a feed of them (atom, rss, json), or the list of sources (opml).

    What is written goes to stdout unless -o names a file; record files go to the folder that -o names. The list of
    sources needs no store; `aggregator import opml` takes it back as it is.
    """
    from aggregator import clock  # noqa: PLC0415 - --help answers without it
    from aggregator.cli.common import reading, settings_of  # noqa: PLC0415 - the same
    from aggregator.config import duration  # noqa: PLC0415 - the same

    _check(form, since, view, output, secrets=secrets)
    if form == "opml":
        return _export_opml(options, output, secrets=secrets)
    try:
        first = None if since is None else clock.now() - duration(since)
    except ValueError as wrong:
        raise click.BadParameter(str(wrong), param_hint="--since") from None
    settings = settings_of(options)
    _check_view(view, settings)
    with reading(settings) as store:
        if form in FEEDS:
            return _export_feed(store, settings, form, view, output, first)
        if output is not None and form == "records":
            return _export_records(store, settings, output, first)
        return _export_jsonl(store, settings, output, first)


def _check(form: str, since: str | None, view: str | None, output: Path | None, *, secrets: bool) -> None:
    """Refuse options that the form has no use for."""
    if form == "records" and output is None:
        raise click.UsageError("export records needs -o FOLDER, the folder to write them to")
    if view is not None and form not in FEEDS:
        raise click.UsageError(f"--view is of feeds: {', '.join(FEEDS)}")
    if since is not None and form == "opml":
        raise click.UsageError("--since is of records; a list of sources has all of them")
    if secrets and form != "opml":
        raise click.UsageError("--secrets is of the list of sources: opml")
    if output is not None and form != "records" and not output.absolute().parent.is_dir():
        raise click.ClickException(f"there is no folder {output.absolute().parent} to write {output.name} to")
    if output is not None and form != "records" and output.is_dir():
        raise click.ClickException(f"{output} is a folder; name the file in it that -o shall write")


def _check_view(view: str | None, settings: Settings) -> None:
    from aggregator.cli.common import near_word  # noqa: PLC0415 - --help answers without it

    names = [one.name for one in settings.views]
    if view is not None and view not in names:
        there = f"it has {', '.join(names)}" if names else "it has no views"
        raise click.UsageError(f"{settings.path.name} has no view '{view}'; {near_word(view, names, there)}")


def _export_opml(options: Options, output: Path | None, *, secrets: bool) -> int:
    from aggregator import opml  # noqa: PLC0415 - --help answers without it
    from aggregator.cli.editing import setting_of  # noqa: PLC0415 - the same
    from aggregator.config.standing import standing  # noqa: PLC0415 - the same
    from aggregator.config.subscriptions import listed  # noqa: PLC0415 - the same

    setting, _ = setting_of(options)
    found = {
        id_: listed(one, secrets=secrets)
        for id_, one in standing(setting.path, setting.environ, setting.lists, setting.before).items()
    }
    _write(opml.write(one for one, _ in found.values()), output)
    for id_, (_, left) in found.items():
        if left:
            click.echo(f"{id_}: without its {', '.join(left)}, which may be secret; `--secrets` writes it", err=True)
    return 0


def _export_feed(
    store: Store, settings: Settings, form: str, view: str | None, output: Path | None, first: datetime | None
) -> int:
    from aggregator.web.feeds import Wish, render_feed  # noqa: PLC0415 - --help answers without it
    from aggregator.web.site import site_of  # noqa: PLC0415 - the same

    _write(render_feed(store, settings, site_of(settings.server), Wish(form, view=view, since=first)), output)
    return 0


def _write(data: bytes, output: Path | None) -> None:
    """Write to the file, which is replaced only when all is written, or to stdout."""
    with click.open_file(str(output) if output else "-", "wb", atomic=output is not None) as file:
        file.write(data)


def _export_jsonl(store: Store, settings: Settings, output: Path | None, first: datetime | None) -> int:
    from aggregator.filters import outward  # noqa: PLC0415 - --help answers without it
    from aggregator.shapes import record_shape  # noqa: PLC0415 - the same

    seen_as = outward(settings)
    with click.open_file(str(output) if output else "-", "w", encoding="utf-8", atomic=output is not None) as lines:
        for record in store.records(since=first):
            story = store.stories([record.key]).get(record.key, ()) if record.story else ()
            shape = record_shape(seen_as(record), map(seen_as, story))
            lines.write(json.dumps(shape, ensure_ascii=False, separators=(",", ":")) + "\n")
    return 0


def _export_records(store: Store, settings: Settings, folder: Path, first: datetime | None) -> int:
    from aggregator.filing import filed  # noqa: PLC0415 - --help answers without it
    from aggregator.importing import FEEDS, feeds_text  # noqa: PLC0415 - the same
    from storage.posts import Kept, Posts, PostsError  # noqa: PLC0415 - the same

    shown = filed(settings)
    wanted = ((*shown(record), None) for record in store.records(since=first))
    try:
        done = Posts(folder).write_many(wanted)
        if "rss" in settings.storage.record_fields:
            Posts(folder).keep(FEEDS, feeds_text(store.feeds()))
    except PostsError as error:
        raise click.ClickException(str(error)) from None
    kept = [one for one in done if isinstance(one, Kept)]
    click.echo(f"{len(done) - len(kept)} records in {folder}", err=True)
    for one in kept:
        click.echo(one.reason, err=True)
    return EXIT_FOUND if kept else 0
