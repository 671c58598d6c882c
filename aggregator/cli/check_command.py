"""`aggregator check`: all that is wrong with feeds.yaml."""

from __future__ import annotations

import click

from aggregator.cli import EXIT_FOUND, Options


@click.command("check")
@click.pass_obj
def command(options: Options) -> int:
    """
    Check feeds.yaml and say all that is wrong with it.

    Exit code 3 where it cannot be used, 1 where a source of it was set aside.
    """
    from aggregator.cli.common import counted, settings_of  # noqa: PLC0415 - --help answers without it

    settings = settings_of(options)
    sound = "can be used, with the warnings above" if settings.warnings else "is sound"
    click.echo(f"{settings.path} {sound}: {counted(len(settings.sources), 'source')}")
    return EXIT_FOUND if settings.warnings else 0
