"""`aggregator serve`: the merged feed without polling."""

from __future__ import annotations

import click

from aggregator.cli import Command, Options


@click.command(
    "serve",
    cls=Command,
    examples=[("serve", "beside `run`, or for a store that `poll` fills")],
    exits={3: "", 4: ""},
)
@click.pass_obj
def command(options: Options) -> int:
    """
    Serve the merged feed without polling.

    For a second process beside `run`, or for a store that `poll` fills from cron.
    """
    import asyncio  # noqa: PLC0415 - --help answers without it: 30 ms

    from aggregator.cli.common import log_to_stderr, settings_of  # noqa: PLC0415 - --help answers without it
    from aggregator.daemon.serving import serve  # noqa: PLC0415 - the same

    log_to_stderr(options)
    return asyncio.run(serve(settings_of(options), announce=click.echo))
