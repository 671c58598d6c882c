"""`aggregator preview`: what a feed's address gives, without storing anything."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from aggregator.cli import EXIT_FOUND, Command, Options

if TYPE_CHECKING:
    from aggregator.model import Fetched, Reading


@click.command(
    "preview",
    cls=Command,
    examples=[
        ("preview https://blog.example/feed", "title, format, validators, newest entries"),
        ("preview --record https://blog.example/feed", "the newest entry as its record file"),
    ],
    exits={1: "it cannot be fetched, or is no feed", 2: "it is no address"},
)
@click.argument("url")
@click.option("--record", "as_record", is_flag=True, help="Show the newest entry's record file.")
@click.option("--json", "as_json", is_flag=True, help="A JSON list of the records.")
@click.pass_obj
def command(options: Options, url: str, as_record: bool, as_json: bool) -> int:
    """
    Show what a feed's address gives, without storing anything.

    One request is made. feeds.yaml is not needed.
    """
    import asyncio  # noqa: PLC0415 - --help answers without it: 30 ms

    from aggregator.cli.common import echo_json, log_to_stderr  # noqa: PLC0415 - --help answers without it
    from aggregator.daemon.once import look  # noqa: PLC0415 - the same
    from aggregator.outcomes import PollError  # noqa: PLC0415 - the same
    from aggregator.shapes import record_shape  # noqa: PLC0415 - the same
    from storage.frontmatter import RecordForm, dumps  # noqa: PLC0415 - the same

    log_to_stderr(options)
    try:
        fetched, reading = asyncio.run(look(url))
    except ValueError as wrong:
        raise click.BadParameter(str(wrong), param_hint="URL") from None
    except PollError as error:
        click.echo(f"{url}: {error.kind}: {error.detail}", err=True)
        return EXIT_FOUND
    if as_json:
        echo_json([record_shape(record) for record in reading.records])
    elif as_record:
        if not reading.records:
            click.echo("the feed is sound and has no entries, so there is no record to show", err=True)
            return EXIT_FOUND
        click.echo(dumps(max(reading.records, key=lambda record: record.published), RecordForm()), nl=False)
    else:
        click.echo(described(fetched, reading))
    return 0


def format_name(word: str) -> str:
    """Return `RSS 2.0` for `rss20`; a word without a version stays as it is."""
    found = re.match(r"(rss|atom|json)(\d)(\d)", word)
    if found is None:
        return word
    name = {"rss": "RSS", "atom": "Atom", "json": "JSON Feed"}[found[1]]
    return f"{name} {found[2]}.{found[3]}"


def described(fetched: Fetched, reading: Reading) -> str:
    """Return what a person wants to know of a feed before subscribing to it."""
    from aggregator.cli.common import counted  # noqa: PLC0415 - --help answers without it
    from aggregator.plain import contained  # noqa: PLC0415 - the same

    info, records = reading.info, reading.records
    size = f"{counted(len(fetched.body), 'byte')}, {counted(len(records), 'entry')}"
    lines = [
        f"title    {info.title or '(none)'}",
        f"format   {format_name(info.format or 'unknown')}, {size}",
        f"address  {fetched.url}",
    ]
    lines += [f"         after a redirect ({hop.status}) from {hop.url}" for hop in fetched.hops]
    lines += [f"home     {contained(info.link)}"] if info.link else []
    lines += [f"mended   {reading.degraded}"] if reading.degraded else []
    if fetched.validators.etag is None and fetched.validators.last_modified is None:
        lines.append("caution  it sends no validator: every poll downloads it whole")
    lines += [f"{record.published:%Y-%m-%d %H:%M}  {record.title}" for record in records[:10]]
    if len(records) > 10:
        lines.append(f"                  and {len(records) - 10} more")
    return "\n".join(lines)
