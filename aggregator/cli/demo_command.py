"""`aggregator demo`: the whole product with no network."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path

import click

from aggregator.cli import Command, Options


@click.command(
    "demo",
    cls=Command,
    examples=[("demo", "look at http://127.0.0.1:8080/ while it runs"), ("demo --port 0", "on a free port")],
    exits={1: "the port is taken"},
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    help="Port to serve on; 0 takes a free one.",
)
@click.pass_obj
def command(options: Options, port: int) -> int:
    """
    Run the whole product against a small built-in publisher, with no network.

    Its feeds are in Chinese and English: RSS 2.0, Atom, JSON Feed, RSS in GBK; one is slow, one fails, one
    gains an entry every few seconds. What it stores is removed at the end, unless --data names a folder.
    """
    import asyncio  # noqa: PLC0415 - --help answers without it: 30 ms

    from aggregator import clock  # noqa: PLC0415 - --help answers without it
    from aggregator.cli.common import log_to_stderr, settings_of  # noqa: PLC0415 - the same
    from aggregator.daemon.run import run  # noqa: PLC0415 - the same
    from aggregator.daemon.serving import ListenError  # noqa: PLC0415 - the same
    from aggregator.demo.publisher import Publisher, feeds_yaml  # noqa: PLC0415 - the same

    log_to_stderr(options)
    publisher = Publisher(clock.now)
    with tempfile.TemporaryDirectory(prefix="aggregator-demo-") as folder:
        path = Path(folder) / "feeds.yaml"
        path.write_text(feeds_yaml(publisher, f"127.0.0.1:{port}"), encoding="utf-8")
        settings = settings_of(replace(options, config=path))
        publisher.start()
        try:
            click.echo(f"a publisher of our own answers at {publisher.base}; its sources stand in {path}")
            return asyncio.run(run(settings, data=options.data, announce=click.echo))
        except ListenError as taken:
            why = os.strerror(taken.errno or 0)
            raise click.ClickException(f"cannot listen at 127.0.0.1:{port}: {why}; --port 0 takes a free one") from None
        finally:
            publisher.stop()
