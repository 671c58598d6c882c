"""`aggregator add`: a site's or a feed's address to lines in feeds.yaml."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from aggregator.cli import EXIT_FOUND, Command, Options

if TYPE_CHECKING:
    from aggregator.cli.editing import Known
    from aggregator.config.edit import Edited, Setting
    from aggregator.config.quoting import Value
    from aggregator.daemon.finding import Finding, Found
    from aggregator.model import Settings, Source
    from aggregator.outcomes import PollError

SHORT = "rsshub:"
USUAL = "/feed, /rss.xml, /atom.xml, /index.xml ..."
UNSEEN = "`--no-check` adds the address of a feed as it is"
WAYS_OUT = {
    "dns": "is the name spelled right?",
    "tls": f"its certificate is not sound; {UNSEEN}",
    "auth": f"it wants a log-in; {UNSEEN}, and in feeds.yaml the source gets its `auth` or `headers`",
    "blocked": f"it turns programs away; find the address of its feed in a browser; {UNSEEN}",
    "not-found": "name the first page of the site, or find the address of its feed in a browser",
    "gone": "name the first page of the site, or find the address of its feed in a browser",
    "rate-limited": "it asks to be left alone for a while; try again later",
    "redirect": "open it in a browser, and add the address where it ends",
    "redirect-loop": "open it in a browser, and add the address where it ends",
    "refused-address": "add the private address itself, if it is yours",
    "empty": f"nothing stands there; {UNSEEN}",
    "parse": f"it calls itself a feed and cannot be read; {UNSEEN}",
    "too-large": "it is larger than a feed may be; is there one with fewer entries?",
}


@dataclass(frozen=True, slots=True)
class Wishes:
    """The options that say what to write."""

    name: str | None
    category: str | None
    site: str | None
    feed: str | None
    every: str | None
    id: str | None
    tags: tuple[str, ...]

    def entry(self, address: dict[str, str], title: str | None) -> dict[str, Value]:
        """Return the source as feeds.yaml says it, in the order of the manual."""
        wishes: dict[str, Value | None] = {
            "name": self.name or title or None,
            "id": self.id,
            **address,
            "category": self.category,
            "site": self.site,
            "feed": self.feed,
            "every": self.every,
            "tags": self.tags or None,
        }
        return {key: value for key, value in wishes.items() if value is not None}


@click.command(
    "add",
    cls=Command,
    examples=[
        ("add https://blog.example/", "find the feed of this site and write it into feeds.yaml"),
        ("add https://blog.example/feed --group Engineering --every 2h", "into a group, with its own interval"),
        ("add https://blog.example/ --dry-run", "show what would be written"),
    ],
    exits={1: "no feed was found, or which of several was not said", 2: "", 3: ""},
)
@click.argument("url")
@click.option("--name", help="What the source is called; else the feed's own title.")
@click.option("--category", help="First category of its records, and their folder.")
@click.option("--site", help="Second category; else the feed's own title.")
@click.option("--feed", help="Third category; else `latest`.")
@click.option("--group", help="The group that it is put into; a path `A/B` for one within another.")
@click.option("--every", metavar="DURATION", help="How often it is asked, such as 2h; else `auto`.")
@click.option("--id", "id_", help="Pins /source/ID; else made of the URL.")
@click.option("--tag", "tags", multiple=True, help="A word by which views choose it; may be repeated.")
@click.option("--pick", type=click.IntRange(1), metavar="N", help="Which feed, where the page names several.")
@click.option("--guess", is_flag=True, help=f"Where a page names no feed, ask for {USUAL}")
@click.option("--no-check", is_flag=True, help="Ask nobody; write the address as it is.")
@click.option("--dry-run", is_flag=True, help="Show what would be written, and write nothing.")
@click.option("-y", "--yes", is_flag=True, help="Take the first of several without asking.")
@click.option("--json", "as_json", is_flag=True, help="What was found and written, as one JSON object.")
@click.pass_obj
def command(
    options: Options,
    url: str,
    name: str | None,
    category: str | None,
    site: str | None,
    feed: str | None,
    group: str | None,
    every: str | None,
    id_: str | None,
    tags: tuple[str, ...],
    pick: int | None,
    guess: bool,
    no_check: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """
    Add a source: the address of a feed, or of a page that names one.

    The feed is fetched once and shown; its lines are put at the end of feeds.yaml's list, and every other byte of the
    file stays. A running daemon takes it in by itself. With several feeds you are asked which; without a terminal they
    are listed, and --pick N takes one.
    """
    from aggregator.cli.common import log_to_stderr  # noqa: PLC0415 - --help answers without it
    from aggregator.cli.editing import Known, setting_of  # noqa: PLC0415 - the same

    log_to_stderr(options)
    setting, settings = setting_of(options)
    wishes = Wishes(name, category, site, feed, every, id_, tags)
    adding = _Adding(setting, settings, Known(settings), wishes, group, dry_run, as_json)
    if url.lower().startswith(SHORT):
        return adding.route(url, check=not no_check)
    if (twin := adding.known.has(*_forms(url))) and not id_:
        return adding.there(twin)
    if no_check:
        return adding.write({"url": _forms(url)[0]}, None)
    return adding.of_page(url, guess=guess, pick=1 if yes and pick is None else pick)


def _forms(url: str) -> list[str]:
    from aggregator.daemon.finding import asking_urls  # noqa: PLC0415 - --help answers without it

    try:
        return asking_urls(url)
    except ValueError as wrong:
        raise click.BadParameter(str(wrong), param_hint="URL") from None


@dataclass(slots=True)
class _Adding:
    """One call of `add`."""

    setting: Setting
    settings: Settings
    known: Known
    wishes: Wishes
    group: str | None
    dry_run: bool
    as_json: bool

    def of_page(self, url: str, *, guess: bool, pick: int | None) -> int:
        """Look at the address, and add the feed there, or one of those that the page names."""
        import asyncio  # noqa: PLC0415 - --help answers without it

        from aggregator.daemon.finding import find  # noqa: PLC0415 - the same
        from aggregator.outcomes import PollError  # noqa: PLC0415 - the same

        polling, base_url = self.settings.polling, self.settings.server.base_url
        try:
            finding = asyncio.run(find(url, guess=guess, polling=polling, base_url=base_url))
        except PollError as error:
            return self._failed(refusal(url, error))
        if not finding.found:
            return self._failed("\n".join(nothing_found(url, finding)))
        chosen = self._choice(finding, pick)
        if chosen is None:
            return EXIT_FOUND
        if (twin := self.known.has(chosen.url, chosen.fetched.url)) and not self.wishes.id:
            return self.there(twin)
        self._say(described(chosen))
        from aggregator.config.quoting import literal  # noqa: PLC0415 - --help answers without it

        return self.write({"url": literal(chosen.url)}, chosen)

    def route(self, written: str, *, check: bool) -> int:
        """Add a route of RSSHub; it is asked for at the first address of `rsshub.base`."""
        import asyncio  # noqa: PLC0415 - --help answers without it

        from aggregator.daemon.finding import find  # noqa: PLC0415 - the same
        from aggregator.outcomes import PollError  # noqa: PLC0415 - the same

        address = {"rsshub": "/" + written[len(SHORT) :].strip().lstrip("/")}
        would_be = self._edited(self.wishes.entry(address, None), write=False)
        if (twin := self.known.has(would_be.sources[0].url)) and not self.wishes.id:
            return self.there(twin)
        if not check:
            return self.write(address, None)
        try:
            finding = asyncio.run(find(would_be.sources[0].url, polling=self.settings.polling))
        except PollError as error:
            return self._failed(refusal(written, error))
        if finding.page is not None:
            return self._failed(f"{written}: its RSSHub answers with a page and no feed; is the route spelled right?")
        self._say(described(finding.found[0]))
        return self.write(address, finding.found[0])

    def there(self, source: Source) -> int:
        """Say that the source is there already."""
        if self.as_json:
            self._say_json(None, None, there=source)
        else:
            from aggregator.health import public_url  # noqa: PLC0415 - --help answers without it

            click.echo(f"{source.place} has it already: {source.id}, {public_url(source.url, source.secrets)}")
        return 0

    def write(self, address: dict[str, str], found: Found | None) -> int:
        """Write the source, and show the lines."""
        from aggregator.cli.editing import shown  # noqa: PLC0415 - --help answers without it

        edited = self._edited(self.wishes.entry(address, _title(found)), write=not self.dry_run)
        if self.as_json:
            self._say_json(edited, found)
        else:
            for line in shown(edited, "+"):
                click.echo(line)
            click.echo(
                f"{edited.sources[0].id}: {'not written, as --dry-run says' if self.dry_run else AFTER}", err=True
            )
        self._warn_of_private(edited.sources[0])
        return 0

    def _edited(self, entry: dict[str, Value], *, write: bool) -> Edited:
        from aggregator.config.edit import RefusedError, add  # noqa: PLC0415 - --help answers without it

        try:
            return add(self.setting, [entry], group=self.group, write=write)
        except RefusedError as refused:
            raise click.ClickException(str(refused)) from None

    def _choice(self, finding: Finding, pick: int | None) -> Found | None:
        """Return the feed that is meant; None where that cannot be known, which was told."""
        found = finding.found
        if pick is not None and pick > len(found):
            raise click.BadParameter(f"there are {len(found)} feeds", param_hint="--pick")
        if pick is not None or len(found) == 1:
            return found[(pick or 1) - 1]
        asks = sys.stdin.isatty() and sys.stdout.isatty() and not self.as_json
        if self.as_json:
            self._say_json(None, None, several=found)
        else:
            for number, one in enumerate(found, 1):
                click.echo(f"{number}  {headline(one)}\n   {one.url}")
            for candidate in finding.passed_over:
                click.echo(f"-  {candidate.title or 'not asked for'}\n   {candidate.url}")
        if not asks:
            click.echo("the page names several feeds; `--pick N` takes one", err=True)
            return None
        number = click.prompt("Which", type=click.IntRange(1, len(found)), default=1)
        return found[number - 1]

    def _warn_of_private(self, source: Source) -> None:
        import asyncio  # noqa: PLC0415 - --help answers without it

        from aggregator.daemon.finding import private_address  # noqa: PLC0415 - the same
        from aggregator.hosts import host_and_port  # noqa: PLC0415 - the same

        pair = host_and_port(source.url)
        if pair not in self.settings.polling.allow_private and asyncio.run(private_address(source.url)):
            click.echo(
                f"{pair} lies in a private network and is not asked until feeds.yaml says "
                f'`polling: {{allow_private: ["{pair}"]}}`',
                err=True,
            )

    def _failed(self, sentence: str) -> int:
        click.echo(sentence, err=True)
        return EXIT_FOUND

    def _say(self, text: str) -> None:
        if not self.as_json:
            click.echo(text)

    def _say_json(
        self,
        edited: Edited | None,
        found: Found | None,
        *,
        there: Source | None = None,
        several: list[Found] | None = None,
    ) -> None:
        from aggregator.cli.common import echo_json  # noqa: PLC0415 - --help answers without it
        from aggregator.cli.editing import plain  # noqa: PLC0415 - the same

        echo_json(
            {
                "added": plain(edited.sources) if edited and not self.dry_run else [],
                "would_add": plain(edited.sources) if edited and self.dry_run else [],
                "already": plain([there]) if there else [],
                "file": str(edited.file) if edited else None,
                "line": edited.line if edited else None,
                "lines": list(edited.lines) if edited else [],
                "feeds": [
                    {
                        "url": one.url,
                        "title": one.reading.info.title,
                        "format": one.reading.info.format,
                        "entries": len(one.reading.records),
                    }
                    for one in several or ([found] if found else [])
                ],
            }
        )


AFTER = "written; a running daemon takes it in within seconds, `aggregator poll` asks it now"


def _title(found: Found | None) -> str | None:
    """Return the feed's own title; it is the publisher's word, and no variable of ours is put into it."""
    from aggregator.config.quoting import literal  # noqa: PLC0415 - --help answers without it
    from aggregator.opml import one_line  # noqa: PLC0415 - the same

    return literal(one_line(found.reading.info.title or "")[:200]) or None if found else None


def headline(found: Found) -> str:
    """Return a feed in a line: its title, format and size."""
    from aggregator.cli.common import counted  # noqa: PLC0415 - --help answers without it
    from aggregator.cli.preview_command import format_name  # noqa: PLC0415 - the same

    info = found.reading.info
    newest = max((record.published for record in found.reading.records), default=None)
    dated = f", the newest of {newest:%Y-%m-%d}" if newest else ""
    size = counted(len(found.reading.records), "entry")
    return f"{info.title or '(no title)'}: {format_name(info.format or 'unknown')}, {size}{dated}"


def described(found: Found) -> str:
    """Return a feed with its newest entries."""
    newest = sorted(found.reading.records, key=lambda record: record.published, reverse=True)[:3]
    lines = [headline(found), f"   {found.url}"]
    lines += [f"   {record.published:%Y-%m-%d %H:%M}  {record.title}" for record in newest]
    return "\n".join(lines)


def refusal(url: str, error: PollError) -> str:
    """Return why an address could not be had, and the way out."""
    way_out = WAYS_OUT.get(str(error.kind), f"try again later; {UNSEEN}")
    return f"{url}: {error.kind}: {error.detail}; {way_out}"


def nothing_found(url: str, finding: Finding) -> list[str]:
    """Return what was looked at in vain, line by line, and the way out."""
    what = finding.why.detail if finding.why else "it is no feed"
    lines = [f"{url}: {what}; it names no feed" if not finding.failed else f"{url}: {what}; no feed could be had of it"]
    lines += [f"   {failed}: {error.kind}: {error.detail}" for failed, error in finding.failed]
    if finding.onward:
        lines.append(f"it sends browsers on to another page: `aggregator add {finding.onward}`")
    elif not finding.guessed:
        lines.append(f"`--guess` asks for {USUAL}; or find the address of its feed in a browser")
    else:
        lines.append("the usual places have none either; find the address of its feed in a browser")
    return lines
