"""`aggregator init`: a commented feeds.yaml to begin with."""

from __future__ import annotations

import click

from aggregator.cli import EXIT_FOUND, Options


@click.command("init")
@click.pass_obj
def command(options: Options) -> int:
    """
    Write a commented feeds.yaml to begin with.

    An existing file is never touched.
    """
    from aggregator.config import template  # noqa: PLC0415 - --help answers without it

    path = options.config if options.config is not None else options.config_path()
    if path.exists():
        click.echo(f"{path} exists; nothing was written. `aggregator check` says whether it is sound.", err=True)
        return EXIT_FOUND
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(template(), encoding="utf-8")
    click.echo(f"wrote {path}\nnext: `aggregator run`, then subscribe to the address that it prints")
    return 0
