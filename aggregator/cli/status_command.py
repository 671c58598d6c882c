"""`aggregator status`: how the whole is doing, and what needs a hand."""

from __future__ import annotations

from collections import Counter

import click

from aggregator.cli import EXIT_FOUND, Command, Options

WELL = {"ok", "degraded", "paused"}
"""States that want no hand: what a publisher writes wrongly is mended at each poll. A late source wants one."""
UNWELL = ("late", "silent", "degraded", "failing", "blocked", "gone", "moved")
"""States that a monitor may be told of, as `aggregator.health.State` has them."""


@click.command(
    "status",
    cls=Command,
    examples=[
        ("status", "what needs a hand"),
        ("status --json", "the same for a program"),
        ("-q status --fail-on failing --fail-on blocked", "for cron: exit code 1 for these alone"),
    ],
    exits={1: "a source needs a hand", 3: "", 4: ""},
)
@click.option(
    "--fail-on",
    "fatal",
    multiple=True,
    type=click.Choice(UNWELL),
    metavar="STATE",
    help=f"Leave with 1 for a source in this state only; may be repeated. States: {', '.join(UNWELL)}.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def command(options: Options, fatal: tuple[str, ...], as_json: bool) -> int:
    """
    Say how the whole is doing, and what needs a hand.

    Named are the sources that are late, silent, failing, blocked, gone or moved, and the record files that a
    person changed; and a store that cannot be written.
    """
    from aggregator.cli.common import counted, echo_json, settings_of  # noqa: PLC0415 - --help answers without it
    from aggregator.cli.health_view import changed_files, source_rows, state_word, unwritable  # noqa: PLC0415 - the same

    settings = settings_of(options)
    rows = source_rows(settings)
    unwell = [row for row in rows if row["state"] not in WELL]
    found = any(row["state"] in fatal for row in rows) if fatal else bool(unwell)
    files = changed_files(settings)
    fault = unwritable(settings.storage.path)
    counts = Counter(str(row["state"]) for row in rows)
    entries = sum(count for row in rows if isinstance(count := row["entries"], int))
    if as_json:
        echo_json(
            {
                "sources": len(rows),
                "states": counts,
                "entries": entries,
                "unwell": unwell,
                "changed_files": files,
                "store_fault": fault,
            }
        )
        return EXIT_FOUND if found or fault else 0
    states = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
    click.echo(f"{counted(len(rows), 'source')}: {states}; {counted(entries, 'entry')} in {settings.storage.path}")
    if rows and not any(row["last_attempt_at"] for row in rows):
        click.echo("nothing was polled yet: `aggregator run` polls and serves, `aggregator poll` polls once")
    if fault:
        click.echo(f"store     {fault}: nothing is polled until it can be written")
    for row in unwell:
        click.echo(f"{state_word(row)} {row['id']}: {row['reason']}")
    for path in files:
        click.echo(f"changed   {path}: a person edited this record file; it is left as it is")
    return EXIT_FOUND if found or fault else 0
