"""`aggregator poll`: what is due, once."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from aggregator.cli import EXIT_FOUND, Command, Options, source_ids
from aggregator.cli.progress import Bar

if TYPE_CHECKING:
    from aggregator.model import Settings
    from aggregator.settling import Outcome


@dataclass(slots=True)
class Report:
    """Prints a line a source as it comes in, a bar on a terminal, and the summary at the end."""

    as_json: bool
    bar: Bar
    counts: Counter[str] = field(default_factory=Counter)
    new: int = 0

    def __call__(self, outcome: Outcome) -> None:
        """Take in one outcome."""
        from aggregator.cli.common import echo_json_line  # noqa: PLC0415 - --help answers without it

        line = outcome_line(outcome)
        self.counts[str(line["result"])] += 1
        self.new += len(outcome.saved.new)
        self.bar.note(outcome.source.id, outcome.took, failed=line["result"] == "failed")
        self.bar.clear()
        with self._stdout():
            if self.as_json:
                echo_json_line(line)
            else:
                click.echo(outcome_text(line))
        self.bar.draw()

    @contextmanager
    def _stdout(self) -> Iterator[None]:
        """Say nothing more once the reader of the pipe has left (`| head`): what was begun is polled to its end."""
        try:
            yield
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def summary(self) -> str:
        """Return `12 sources: 10 ok (37 new), 1 unchanged, 1 failed`."""
        from aggregator.cli.common import counted  # noqa: PLC0415 - --help answers without it

        counts = self.counts
        new = f" ({self.new} new)" if self.new else ""
        parts = [f"{counts['ok']} ok{new}", f"{counts['unchanged']} unchanged", f"{counts['failed']} failed"]
        return f"{counted(counts.total(), 'source')}: {', '.join(parts)}"

    def finish(self) -> None:
        """Print the summary."""
        self.bar.clear()
        with self._stdout():
            click.echo(self.summary(), err=self.as_json)


def outcome_line(outcome: Outcome) -> dict[str, object]:
    """Return the JSON shape of one poll's outcome."""
    from aggregator.outcomes import Failed, Unchanged  # noqa: PLC0415 - --help answers without it
    from aggregator.shapes import instant  # noqa: PLC0415 - the same

    line: dict[str, object] = {
        "source": outcome.source.id,
        "result": "ok",
        "kind": None,
        "detail": outcome.state.degraded,
        "new": len(outcome.saved.new),
        "updated": len(outcome.saved.updated),
        "seconds": round(outcome.took.total_seconds(), 3),
        "next_poll_at": instant(outcome.state.next_poll_at),
        "next_reason": outcome.state.next_reason,
    }
    match outcome.result:
        case Failed() as failed:
            line |= {"result": "failed", "kind": str(failed.kind), "detail": failed.detail}
        case Unchanged():
            line["result"] = "unchanged"
    return line


def outcome_text(line: dict[str, object]) -> str:
    """Return the line that a person reads."""
    match line["result"]:
        case "failed":
            told = f"{line['kind']}: {line['detail']}"
        case "unchanged":
            told = ""
        case _:
            told = f"{line['new']} new" + (f", {line['updated']} updated" if line["updated"] else "")
            told += f" ({line['detail']})" if line["detail"] else ""
    return f"{line['result']!s:<9} {line['source']}  {told}".rstrip()


def nothing_due(settings: Settings) -> str:
    """Return why nothing was polled: what is due next, and what may be done about it."""
    from aggregator.cli.health_view import source_rows  # noqa: PLC0415 - --help answers without it

    due = [(str(row["next_poll_at"])[:16], str(row["id"])) for row in source_rows(settings) if row["next_poll_at"]]
    if not due:
        return f"there is nothing to poll: {settings.path} names no source that is still polled"
    at, source_id = min(due)
    return f"nothing is due before {at}Z ({source_id}); --all polls what is not due too"


@click.command(
    "poll",
    cls=Command,
    examples=[
        ("poll", "what is due, as from cron"),
        ("poll woshipm-latest", "this source, due or not"),
        ("-q poll --all", "everything that may be asked now, with no bar"),
    ],
    exits={
        1: "a source failed",
        2: "feeds.yaml has no such source",
        3: "",
        4: "the store cannot be used, or a daemon polls into it",
        130: "",
    },
)
@click.argument("sources", nargs=-1, metavar="[SOURCE]...", shell_complete=source_ids)
@click.option("--all", "all_", is_flag=True, help="Poll what is not due too.")
@click.option("--force", is_flag=True, help="Send no validators; read the body even if it did not change.")
@click.option(
    "--no-index", is_flag=True, help="Leave the search index as it is; the next poll or run brings it up to date."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a source.")
@click.pass_obj
def command(options: Options, sources: tuple[str, ...], all_: bool, force: bool, no_index: bool, as_json: bool) -> int:
    """
    Poll what is due, once.

    With --all also what is not due: but nothing before a Retry-After has passed, and nothing within five
    minutes of its last attempt, private hosts aside. A SOURCE (its id, as `aggregator list` shows it) is
    polled whether due or not.
    """
    import asyncio  # noqa: PLC0415 - --help answers without it: 30 ms

    from aggregator.cli.common import log_to_stderr, settings_of, unknown_source  # noqa: PLC0415 - --help is fast
    from aggregator.daemon.once import poll_once, refresh_lists  # noqa: PLC0415 - the same

    log_to_stderr(options)
    settings = settings_of(options)
    if settings.lists:
        asyncio.run(refresh_lists(settings))
        settings = settings_of(options)
    known = {source.id for source in settings.sources}
    for wanted in sources:
        if wanted not in known:
            raise unknown_source(wanted, settings)
    shown = sys.stderr.isatty() and options.verbosity >= 0 and not as_json
    report = Report(as_json, Bar(len(sources or known), shown))
    due = not (all_ or sources)
    try:
        waiting = asyncio.run(
            poll_once(
                settings, sources or known, due=due, named=bool(sources), force=force, index=not no_index, report=report
            )
        )
    except KeyboardInterrupt:
        report.finish()
        raise
    report.finish()
    for sentence in waiting:
        click.echo(sentence, err=True)
    if not waiting and not report.counts:
        click.echo(nothing_due(settings), err=True)
    return EXIT_FOUND if report.counts["failed"] else 0
