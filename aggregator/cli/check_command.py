"""`aggregator check`: all that is wrong with feeds.yaml, what loading it would change, and what its sources answer."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from aggregator.cli import EXIT_CONFIG, EXIT_FOUND, Command, Options

if TYPE_CHECKING:
    from aggregator.config import ConfigError
    from aggregator.model import Settings


@click.command(
    "check",
    cls=Command,
    examples=[
        ("check", "what is wrong with ./feeds.yaml, and what loading it would change"),
        ("-c new.yaml --data ./data check", "the same of an edited copy, held to the store that is there"),
        ("check --online", "ask each source once, show its newest entry, store nothing"),
    ],
    exits={1: "a source was set aside, or one did not answer (--online)", 3: ""},
)
@click.option(
    "--online", is_flag=True, help="Ask each source once, politely, and show its newest entry; store nothing."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object; faults too.")
@click.pass_obj
def command(options: Options, online: bool, as_json: bool) -> int:
    """
    Check feeds.yaml and say all that is wrong with it.

    Where it is sound, and where there is a store already: what would change if it were loaded (sources added, removed,
    paused, changed), and what each of its rules that hide entries would have hidden of the last 30 days.

    With --online each source is asked once, under the limits of `polling`; not those that were asked within five
    minutes or whose publisher wants to be left alone. Nothing is stored.
    """
    from aggregator.cli.common import echo_json, settings_of  # noqa: PLC0415 - --help answers without it
    from aggregator.config import ConfigError  # noqa: PLC0415 - the same

    try:
        settings = settings_of(options)
    except ConfigError as fault:
        if not as_json:
            raise
        echo_json({"sound": False, "faults": _faults(fault)})
        return EXIT_CONFIG
    told = _told(options, settings, online=online, as_json=as_json)
    if as_json:
        echo_json(told)
    else:
        _print(told, settings)
    failed = any(one["result"] == "failed" for one in told["online"] or ())
    return EXIT_FOUND if settings.warnings or failed else 0


def _faults(error: ConfigError) -> list[dict[str, object]]:
    return [
        {"file": one.file, "line": one.line, "column": one.column, "message": one.message, "suggestion": one.suggestion}
        for one in error.faults
    ]


def _told(options: Options, settings: Settings, *, online: bool, as_json: bool) -> dict[str, Any]:
    from contextlib import ExitStack  # noqa: PLC0415 - --help answers without it

    from aggregator import clock  # noqa: PLC0415 - the same
    from aggregator.cli.check_view import answers, changes, hidden_by_rules  # noqa: PLC0415 - the same
    from aggregator.cli.common import log_to_stderr, reading  # noqa: PLC0415 - the same
    from aggregator.cli.progress import Bar  # noqa: PLC0415 - the same
    from aggregator.outcomes import Failed  # noqa: PLC0415 - the same
    from storage.contract import StoreError, StoreMissingError  # noqa: PLC0415 - the same

    bar = Bar(len(settings.sources), sys.stderr.isatty() and options.verbosity >= 0 and not as_json)

    def note(outcome: Any) -> None:
        bar.note(outcome.source.id, outcome.took, failed=isinstance(outcome.result, Failed))
        bar.draw()

    told: dict[str, Any] = {"sound": True, "sources": len(settings.sources), "warnings": list(settings.warnings)}
    with ExitStack() as opened:
        try:
            store = opened.enter_context(reading(settings))
        except StoreMissingError:
            store = None  # nothing was polled yet: nothing to compare with
        except StoreError as unusable:
            store = None
            click.echo(f"not compared with the store: {unusable}", err=True)
        told["changes"] = changes(settings, store.states()) if store else None
        told["rules"] = hidden_by_rules(store, settings.sources, clock.now()) if store else []
        if online:
            log_to_stderr(replace(options, verbosity=options.verbosity - 1))  # the answers say it
        told["online"] = answers(settings, store, note) if online else None
    bar.clear()
    return told


def _print(told: Mapping[str, Any], settings: Settings) -> None:
    from aggregator.cli.common import counted  # noqa: PLC0415 - --help answers without it

    sound = "can be used, with the warnings above" if settings.warnings else "is sound"
    paused = f", {len(settings.paused)} more paused" if settings.paused else ""
    click.echo(f"{settings.path} {sound}: {counted(told['sources'], 'source')}{paused}")
    for line in [*_change_lines(told["changes"] or {}), *map(_rule_line, told["rules"])]:
        click.echo(line)
    for one in told["online"] or ():
        click.echo("\n".join(_answer_lines(one)))


def _change_lines(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    if found and not any(found.values()):
        return ["nothing changes of what is polled"]
    lines = [
        f"{word:<9} {one['id']}  {one.get('url', '')}".rstrip()
        for word in found
        for one in found[word]
        if word != "changed"
    ]
    return lines + [f"changed   {one['id']}  {what}" for one in found.get("changed", ()) for what in one["what"]]


def _rule_line(one: Mapping[str, Any]) -> str:
    named = (
        f": {'; '.join(one['examples'])}{' ...' if one['hides'] > len(one['examples']) else ''}" if one["hides"] else ""
    )
    return f"rule      {one['source']}  {one['rule']}  hides {one['hides']} of {one['of']} of the last 30 days{named}"


def _answer_lines(one: Mapping[str, Any]) -> list[str]:
    from aggregator.cli.common import counted  # noqa: PLC0415 - --help answers without it

    if one["result"] != "ok":
        kind = f"{one['kind']}: " if one["kind"] else ""
        return [f"{one['result']:<9} {one['source']}  {kind}{one['detail'] or ''}".rstrip()]
    mended = f" (mended: {one['detail']})" if one["detail"] else ""
    lines = [f"{'ok':<9} {one['source']}  {counted(one['entries'], 'entry')}{mended}"]
    if record := one["record"]:
        where = " / ".join(record["categories"])
        lines.append(f"          {record['published'][:16].replace('T', ' ')}  {record['title']}")
        lines.append(f"          {where}  {record['link'] or ''}".rstrip())
    return lines
