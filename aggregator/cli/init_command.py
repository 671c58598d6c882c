"""`aggregator init`: a commented feeds.yaml to begin with."""

from __future__ import annotations

from pathlib import Path

import click

from aggregator.cli import EXIT_FOUND, Command, Options


@click.command(
    "init",
    cls=Command,
    examples=[("init", "write ./feeds.yaml"), ("-c news/feeds.yaml init", "write it there")],
    exits={1: "the file exists; nothing was written"},
)
@click.pass_obj
def command(options: Options) -> int:
    """
    Write a commented feeds.yaml to begin with.

    It goes to the file that --config names, else to ./feeds.yaml. An existing file is never touched.
    """
    from aggregator.config import template  # noqa: PLC0415 - --help answers without it

    path = options.config or Path("feeds.yaml")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as made:  # "x": what comes into being meanwhile is not written over
            made.write(template())
    except FileExistsError:
        click.echo(f"{path} exists; nothing was written. `aggregator check` says whether it is sound.", err=True)
        return EXIT_FOUND
    click.echo(f"wrote {path}\nnext: `aggregator run`, then subscribe to the address that it prints")
    return 0
