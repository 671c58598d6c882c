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
    from aggregator.cli.common import counted, echo_json, near_word, settings_of  # noqa: PLC0415 - --help answers without it
    from aggregator.cli.health_view import source_rows  # noqa: PLC0415 - the same
    from aggregator.health import State  # noqa: PLC0415 - the same

    if wanted is not None and wanted not in set(State):
        hint = near_word(wanted, State, "the states are " + ", ".join(State))
        raise click.BadParameter(f"no source is ever '{wanted}'; {hint}", param_hint="--state")
    rows = [row for row in source_rows(settings_of(options)) if wanted in (None, row["state"])]
    if as_json:
        echo_json(rows)
        return 0
    for row in rows:
        click.echo(f"{row['state']!s:<9} {row['id']}  {counted(int(row['entries'] or 0), 'entry')}  {row['url']}")
        if row["reason"]:
            click.echo(f"          {row['reason']}")
    if not rows:
        click.echo(f"no source is {wanted}" if wanted else "feeds.yaml names no source", err=True)
    return 0
