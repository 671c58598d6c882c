"""`aggregator list`: the sources and how they are."""

from __future__ import annotations

import click

from aggregator.cli import Options


@click.command("list")
@click.option("--state", "wanted", metavar="STATE", help="Only those in this state: ok, late, failing, gone ...")
@click.option("--json", "as_json", is_flag=True, help="A JSON list, in the shape of /sources.json.")
@click.pass_obj
def command(options: Options, wanted: str | None, as_json: bool) -> int:
    """List the sources and how they are."""
    from aggregator.cli.common import echo_json, settings_of  # noqa: PLC0415 - --help answers without it
    from aggregator.cli.health_view import source_rows  # noqa: PLC0415 - the same

    rows = [row for row in source_rows(settings_of(options)) if wanted in (None, row["state"])]
    if as_json:
        echo_json(rows)
        return 0
    for row in rows:
        click.echo(f"{row['state']!s:<9} {row['id']}  {row['entries']} entries  {row['url']}")
        if row["reason"]:
            click.echo(f"          {row['reason']}")
    if not rows:
        click.echo(f"no source is {wanted}" if wanted else "feeds.yaml names no source", err=True)
    return 0
