"""`aggregator explain`: why a source is polled when it is, and why an entry stands where it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from aggregator.cli import Command, Options, source_ids

if TYPE_CHECKING:
    from aggregator.model import Settings
    from storage.contract import Store
    from storage.record import Record

SHOWN = 10
"""Entries that are named where a word means several."""


@click.command(
    "explain",
    cls=Command,
    examples=[
        ("explain woshipm-latest", "why this source is polled when it is"),
        ("explain https://blog.example/2026/harbour", "why this entry stands where it does"),
        ("explain k3v9 --json", "the same of the entry whose key begins so, for a program"),
    ],
    exits={2: "no source and no entry, or several entries, are called that", 3: "", 4: ""},
)
@click.argument("what", metavar="SOURCE|ENTRY", shell_complete=source_ids)
@click.option("--json", "as_json", is_flag=True, help="One JSON object: everything that is known.")
@click.pass_obj
def command(options: Options, what: str, as_json: bool) -> int:
    """
    Tell why a source is polled when it is, or why an entry stands where it does.

    A SOURCE is an id of feeds.yaml. Told are every reason for the time of its next poll, the deciding one first, what
    its host asked for, which address is in use, where it moved and the line to write, what is sent (names of headers,
    never their values), and when its last entries came.

    An ENTRY is a key (or its beginning), a public id, a link or a guid. Told are when it came, what it is known by,
    where its date is from, which rule hides it, which other sources have it, in which views it stands or why not,
    and its file. Nothing is fetched.
    """
    from aggregator import clock  # noqa: PLC0415 - --help answers without it
    from aggregator.cli.common import echo_json, reading, settings_of  # noqa: PLC0415 - the same
    from aggregator.cli.explain_view import entry_text, of_source, source_text  # noqa: PLC0415 - the same
    from aggregator.web.standing import of_entry  # noqa: PLC0415 - the same
    from storage.contract import StoreMissingError  # noqa: PLC0415 - the same

    settings = settings_of(options)
    written = next((one for one in (*settings.sources, *settings.paused) if one.id == what), None)
    try:
        with reading(settings) as store:
            if written is None:
                told = of_entry(store, settings, _record(store, settings, what))
            else:
                told = of_source(store, settings, written)
    except StoreMissingError:
        if written is None:
            raise _unknown(what, settings) from None
        told = of_source(None, settings, written)
    if as_json:
        echo_json(told)
    else:
        click.echo(entry_text(told) if written is None else source_text(told, clock.now()))
    return 0


def _record(store: Store, settings: Settings, what: str) -> Record:
    found = store.find(what, SHOWN + 1) if what.strip() else []
    if not found:
        raise _unknown(what, settings)
    records = [record for key in found if (record := store.get(key))]
    if len(records) > 1:
        named = [f"  {record.key}  {record.source_id}  {record.title}" for record in records[:SHOWN]]
        more = ["  ..."] if len(records) > SHOWN else []
        raise click.UsageError(
            "\n".join([f"several entries are meant by '{what}'; name one by its key:", *named, *more])
        )
    return records[0]


def _unknown(what: str, settings: Settings) -> click.ClickException:
    from aggregator.cli.common import near_word  # noqa: PLC0415 - --help answers without it

    ids = [source.id for source in (*settings.sources, *settings.paused)]
    hint = near_word(what, ids, "`aggregator list` names the sources, `aggregator export jsonl` the entries")
    return click.UsageError(f"neither a source nor an entry is called '{what}'; {hint}")
