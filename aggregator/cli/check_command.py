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
    from aggregator.cli.common import settings_of  # noqa: PLC0415 - --help answers without it

    settings = settings_of(options)
    count = len(settings.sources)
    click.echo(f"{settings.path} is sound: {count} source{'' if count == 1 else 's'}")
    return EXIT_FOUND if settings.warnings else 0
