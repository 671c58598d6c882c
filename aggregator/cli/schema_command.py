"""`aggregator schema`: the JSON schema of feeds.yaml."""

from __future__ import annotations

import click

from aggregator.cli import Command


@click.command(
    "schema",
    cls=Command,
    examples=[("schema > feeds.schema.json", "put it beside feeds.yaml, whose first line names it to editors")],
)
def command() -> int:
    """
    Print the JSON schema of feeds.yaml.

    Editors complete and check feeds.yaml by it, where its first line is
    `# yaml-language-server: $schema=./feeds.schema.json`. It is made of the model that the program itself reads
    feeds.yaml by.
    """
    from aggregator.config import schema_json  # noqa: PLC0415 - --help answers without it

    click.echo(schema_json().rstrip("\n"))
    return 0
