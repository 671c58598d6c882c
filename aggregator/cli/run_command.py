"""`aggregator run`: the daemon."""

from __future__ import annotations

import click

from aggregator.cli import Command, Options


@click.command(
    "run",
    cls=Command,
    examples=[
        ("run", "poll and serve what ./feeds.yaml names"),
        ("-c /etc/aggregator/feeds.yaml --log-format json run", "as a service, its log for a collector"),
    ],
    exits={3: "", 4: ""},
)
@click.pass_obj
def command(options: Options) -> int:
    """
    Poll and serve, until stopped.

    Polls every source of feeds.yaml when it is due, stores the records, writes the record files where
    storage.records names a folder, and serves the merged feed. A saved change of feeds.yaml takes effect
    within seconds; SIGHUP makes it look at once. SIGINT and SIGTERM end it with exit code 0 within 10 s.
    """
    import asyncio  # noqa: PLC0415 - --help answers without it: 30 ms

    from aggregator.cli.common import log_to_stderr, settings_of  # noqa: PLC0415 - --help answers without it
    from aggregator.daemon.run import run  # noqa: PLC0415 - the same

    log_to_stderr(options)
    settings = settings_of(options)
    return asyncio.run(run(settings, data=options.data, announce=click.echo))
