"""`aggregator list`: the sources and how they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from aggregator.cli import Command, Options

if TYPE_CHECKING:
    from aggregator.health import Row

ORDERS = ("next", "last", "entries", "name", "state")


@click.command(
    "list",
    cls=Command,
    examples=[
        ("list", "all sources, in the order of feeds.yaml"),
        ("list --sort next", "what is polled next stands first"),
        ("list --state failing --json", "what fails, for a program"),
    ],
    exits={2: "", 3: "", 4: ""},
)
@click.option("--state", "wanted", metavar="STATE", help="Only those in this state: ok, late, failing, gone ...")
@click.option(
    "--sort",
    "order",
    type=click.Choice(ORDERS),
    help="By next poll, newest entry (last), count of entries, name, or state (what wants a hand first).",
)
@click.option("--json", "as_json", is_flag=True, help="A JSON list, in the shape of /sources.json.")
@click.pass_obj
def command(options: Options, wanted: str | None, order: str | None, as_json: bool) -> int:
    """
    List the sources and how they are.

    A line each with state, id, count of entries and address, and a line with the reason. They stand in the order of
    feeds.yaml unless --sort says otherwise; what has nothing to sort by stands last. `aggregator explain SOURCE` tells
    all of one.
    """
    from aggregator.cli.common import echo_json, near_word, settings_of  # noqa: PLC0415 - --help answers without it
    from aggregator.cli.health_view import listed, sorted_rows, source_rows  # noqa: PLC0415 - the same
    from aggregator.health import State  # noqa: PLC0415 - the same

    if wanted is not None and wanted not in set(State):
        hint = near_word(wanted, State, "the states are " + ", ".join(State))
        raise click.BadParameter(f"no source is ever '{wanted}'; {hint}", param_hint="--state")
    rows: list[Row] = [row for row in source_rows(settings_of(options)) if wanted in (None, row["state"])]
    rows = sorted_rows(rows, order) if order else rows
    if as_json:
        echo_json(rows)
        return 0
    for row in rows:
        click.echo("\n".join(listed(row)))
    if not rows:
        click.echo(f"no source is {wanted}" if wanted else "feeds.yaml names no source", err=True)
    return 0
