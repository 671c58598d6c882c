"""`aggregator search`: the records that hold what is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from aggregator.cli import EXIT_FOUND, Command, Options

if TYPE_CHECKING:
    from storage.record import Record
    from storage.search import Query

LONGEST_PAGE = 500


@click.command(
    "search",
    cls=Command,
    context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]},
    examples=[
        ("search 大模型 产品经理", "what has both"),
        (
            "search '\"large language\" -sponsored source:simonwillison since:30d'",
            "a phrase, a word left out, a source, a time",
        ),
    ],
    exits={1: "nothing was found", 3: "", 4: ""},
)
@click.argument("words", nargs=-1, required=True, metavar="TEXT...")
@click.option(
    "--limit", type=click.IntRange(1, LONGEST_PAGE), default=20, show_default=True, help="Show at most so many."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a record, in the shape of `export jsonl`.")
@click.pass_obj
def command(options: Options, words: tuple[str, ...], limit: int, as_json: bool) -> int:
    r"""
    Search the records, newest first.

    All words must stand in a record: in its title, its author line or its body. A "phrase" must stand there as it
    is written, -word must not. Chinese of any length is found, from one character on; simplified and traditional
    characters, full and half width, upper and lower case are one.

    \b
    title:WORD     in the title alone; author:WORD in the author line
    source:WORD    of sources whose id or name holds it
    category:NAME  of that category
    tag:WORD       of sources with that tag in feeds.yaml
    since:DATE     dated at or after it (2026-03-01), or since:7d, before the newest arrival

    No text is an error.
    """
    from aggregator.cli.common import counted, echo_json_line, reading, settings_of  # noqa: PLC0415 - --help is fast
    from aggregator.shapes import record_shape  # noqa: PLC0415 - the same
    from storage.search import parse  # noqa: PLC0415 - the same
    from storage.values import RecordQuery  # noqa: PLC0415 - the same

    text = " ".join(words)
    settings = settings_of(options)
    with reading(settings) as store:
        page = store.page(RecordQuery(text=text, backlog=True, limit=limit))
        waiting = bool(store.unsearched(1))
        stories = store.stories([record.key for record in page.records if record.story]) if as_json else {}
    for record in page.records:
        if as_json:
            echo_json_line(record_shape(record, stories.get(record.key, ())))
        else:
            _show(record, parse(text))
    if waiting:
        click.echo(
            "some records are not in the index yet; `aggregator run` and `aggregator poll` put them there", err=True
        )
    if not page.records:
        click.echo("nothing was found", err=True)
        return EXIT_FOUND
    if page.next and not as_json:
        click.echo(f"the newest {counted(limit, 'entry')} of more; --limit shows others", err=True)
    return 0


def _show(record: Record, query: Query) -> None:
    from aggregator.indexing import body_text  # noqa: PLC0415 - --help answers without it
    from aggregator.plain import contained  # noqa: PLC0415 - the same
    from storage.search import snippet  # noqa: PLC0415 - the same

    click.echo(
        f"{record.published:%Y-%m-%d}  {click.style(contained(record.title or record.link or record.key), bold=True)}"
    )
    click.echo(f"            {record.source_id}  {contained(record.link or record.key)}")
    pieces = snippet(contained(body_text(record)), query)
    if said := "".join(click.style(piece.text, fg="yellow") if piece.hit else piece.text for piece in pieces).strip():
        click.echo(f"            {said}")
