"""`aggregator doctor`: whether this machine and this store are well, or what is the matter with one address."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from aggregator.cli import EXIT_FOUND, Command, Options, source_ids

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aggregator.cli.finding import Finding
    from aggregator.model import Settings


@click.command(
    "doctor",
    cls=Command,
    examples=[
        ("doctor", "Python, SQLite, feeds.yaml, the store, the disk: a line each, and the mend"),
        ("doctor https://blog.example/feed", "one address, from its name to what the schedule would do"),
        ("doctor woshipm-latest", "the same of a source, with its own headers and limits"),
    ],
    exits={1: "something is the matter (fail); a warn alone is 0"},
)
@click.argument("address", required=False, metavar="[URL|SOURCE]", shell_complete=source_ids)
@click.option("--json", "as_json", is_flag=True, help="A JSON list of {verdict, what, seen, mend}.")
@click.pass_obj
def command(options: Options, address: str | None, as_json: bool) -> int:
    """
    Look for what is the matter, and say how to mend it.

    Without a URL nothing is asked of anybody: Python and its packages, SQLite, feeds.yaml, folders, space, limits, whether
    a daemon runs, whether the store is whole, its record files, its schedule, its backups.

    With a URL (or a source of feeds.yaml) one request is made: the name, whether its address may be asked, the
    certificate, redirects, the headers that matter, what the document is read as, and when it would be asked again.
    Nothing is stored.
    """
    from aggregator.cli.common import echo_json, log_to_stderr  # noqa: PLC0415 - --help answers without it
    from aggregator.cli.finding import Verdict, shape, text  # noqa: PLC0415 - the same

    log_to_stderr(options)
    found: list[Finding] = []
    for one in _of_address(options, address) if address else _of_machine(options):
        found.append(one)
        if not as_json:
            click.echo(text(one))
    if as_json:
        echo_json(shape(found))
    return EXIT_FOUND if any(one.verdict is Verdict.FAIL for one in found) else 0


def _of_machine(options: Options) -> Iterator[Finding]:
    from aggregator.cli.doctor_here import of_program, of_settings, of_store  # noqa: PLC0415 - --help answers without it
    from aggregator.cli.finding import fail  # noqa: PLC0415 - the same

    yield from of_program()
    settings, fault = _settings(options)
    if settings is None:
        yield fail("feeds.yaml", fault.splitlines()[0], "`aggregator check` tells all; `aggregator init` writes one")
        return
    yield from of_settings(settings)
    yield from of_store(settings)


def _of_address(options: Options, address: str) -> Iterator[Finding]:
    from aggregator.cli.doctor_address import of_address  # noqa: PLC0415 - --help answers without it

    yield from of_address(address, _settings(options)[0])


def _settings(options: Options) -> tuple[Settings | None, str]:
    """Return what feeds.yaml says, or None and why it says nothing."""
    import os  # noqa: PLC0415 - --help answers without it
    from dataclasses import replace  # noqa: PLC0415 - the same

    from aggregator.cli.common import known_before  # noqa: PLC0415 - the same
    from aggregator.config import ConfigError, load  # noqa: PLC0415 - the same

    try:
        settings = load(options.config_path(), os.environ, before=known_before(options))
    except ConfigError as fault:
        return None, str(fault)
    if options.data is not None:
        settings = replace(settings, storage=replace(settings.storage, path=options.data.absolute()))
    return settings, ""
