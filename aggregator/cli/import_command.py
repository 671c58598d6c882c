"""`aggregator import`: sources from a list of subscriptions; the records of an archive stand in `import_records`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

import click

from aggregator.cli import EXIT_FOUND, Command, Group, Options, import_records

if TYPE_CHECKING:
    from aggregator.cli.editing import Known
    from aggregator.config.edit import Edited
    from aggregator.config.quoting import Value
    from aggregator.model import Settings
    from aggregator.opml import Listing

TOLD = 100
"""Sentences on what was skipped that are printed; `--json` has them all."""


@click.group("import", cls=Group)
def command() -> None:
    """Import what other programs exported, or what was exported before."""


command.add_command(import_records.command)


@command.command(
    "opml",
    cls=Command,
    examples=[
        ("import opml subscriptions.opml --dry-run", "show what would be added, and what not and why"),
        ("import opml - --group Imported < list.opml", "all of a list into a group of its own"),
    ],
    exits={1: "the file is no list, or feeds.yaml could not be edited", 2: "", 3: ""},
)
@click.argument("file", type=click.File("rb"))
@click.option("--group", help="The group that they are put into; a path `A/B` for one within another.")
@click.option("--category", help="First category of all of them; else the folder in which each stands.")
@click.option("--variables", is_flag=True, help="Take in what names variables (${KEY}) too: for a list of your own.")
@click.option("--dry-run", is_flag=True, help="Show what would be added, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="What was added, was there and was skipped, as one JSON object.")
@click.pass_obj
def opml_command(
    options: Options,
    file: IO[bytes],
    group: str | None,
    category: str | None,
    variables: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """
    Import the feeds of an OPML file, or of - for stdin.

    All are put at the end of feeds.yaml's list in one edit. The innermost folder of a feed becomes its category. What
    is there already, or cannot be read, is left out and told; a broken file is read as far as it goes. A plain list
    of addresses, one a line, is taken too.
    """
    from aggregator.cli.common import log_to_stderr  # noqa: PLC0415 - --help answers without it
    from aggregator.cli.editing import Known, setting_of  # noqa: PLC0415 - the same
    from aggregator.config.edit import RefusedError, add  # noqa: PLC0415 - the same
    from aggregator.opml import OpmlError, read  # noqa: PLC0415 - the same

    log_to_stderr(options)
    setting, settings = setting_of(options)
    try:
        listing = read(file.read())
    except OpmlError as wrong:
        click.echo(f"{file.name}: {wrong}", err=True)
        return EXIT_FOUND
    harvest = Harvest(category, variables)
    harvest.take(listing, Known(settings), settings)
    try:
        edited = add(setting, harvest.entries, group=group, write=not dry_run) if harvest.entries else None
    except RefusedError as refused:
        raise click.ClickException(str(refused)) from None
    harvest.tell(edited, file.name, as_json=as_json, dry_run=dry_run)
    return 0


@dataclass(slots=True)
class Harvest:
    """What of a list is added, and what not."""

    category: str | None
    variables: bool
    entries: list[dict[str, Value]] = field(default_factory=list)
    already: list[tuple[str, str]] = field(default_factory=list)
    """URL, and the id of the source that has it."""
    skipped: list[str] = field(default_factory=list)
    degraded: str | None = None

    def take(self, listing: Listing, known: Known, settings: Settings) -> None:
        """Sort the feeds of a list."""
        from aggregator.cli.editing import every  # noqa: PLC0415 - --help answers without it
        from aggregator.config.subscriptions import taken, without_id  # noqa: PLC0415 - the same

        self.degraded, self.skipped = listing.degraded, list(listing.skipped)
        ids = {source.id for source in every(settings)}
        for one in listing.feeds:
            if twin := known.has(one.url):
                self.already.append((one.url, twin.id))
                continue
            found = taken(one, category=self.category, variables=self.variables)
            self.skipped += [f"line {one.line}: {sentence}" for sentence in found.told]
            if found.entry is None:
                continue
            entry = dict(found.entry)
            if entry.get("id") in ids:
                self.skipped.append(f'line {one.line}: the id "{entry["id"]}" is taken; the source gets another')
                entry = without_id(entry)
            self.entries.append(entry)

    def tell(self, edited: Edited | None, name: str, *, as_json: bool, dry_run: bool) -> None:
        """Print what became of it."""
        from aggregator.cli.common import echo_json  # noqa: PLC0415 - --help answers without it
        from aggregator.cli.editing import plain, shown  # noqa: PLC0415 - the same

        if as_json:
            came = plain(edited.sources) if edited else []
            echo_json(
                {
                    "added": [] if dry_run else came,
                    "would_add": came if dry_run else [],
                    "already": [{"url": url, "id": id_} for url, id_ in self.already],
                    "skipped": self.skipped,
                    "degraded": self.degraded,
                    "file": str(edited.file) if edited else None,
                    "line": edited.line if edited else None,
                }
            )
            return
        if self.degraded:
            click.echo(f"{name}: {self.degraded}", err=True)
        for sentence in self.skipped[:TOLD]:
            click.echo(f"{name}: {sentence}", err=True)
        if len(self.skipped) > TOLD:
            click.echo(f"{name}: and {len(self.skipped) - TOLD:,} more of the kind", err=True)
        for line in shown(edited, "+") if edited else ():
            click.echo(line)
        click.echo(self._summary(dry_run=dry_run))

    def _summary(self, *, dry_run: bool) -> str:
        from aggregator.cli.common import counted  # noqa: PLC0415 - --help answers without it

        verb = "would be added" if dry_run else "added"
        parts = [f"{counted(len(self.entries), 'source')} {verb}"]
        parts += [f"{len(self.already):,} already there"] if self.already else []
        parts += [f"{len(self.skipped):,} skipped or changed"] if self.skipped else []
        return ", ".join(parts)
