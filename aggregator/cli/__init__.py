"""The `aggregator` command. Each command's module is loaded when it is called, so that `--help` answers at once."""

from __future__ import annotations

import difflib
import errno
import importlib
import io
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import click

from aggregator import __version__

SECTIONS: dict[str, dict[str, str]] = {
    "Start here": {
        "init": "Write a commented feeds.yaml to begin with.",
        "add": "Add a source: the address of a feed, or of a page that names one.",
        "run": "Poll and serve, until stopped.",
        "demo": "Run the whole product against a small built-in publisher, with no network.",
    },
    "Sources": {
        "list": "List the sources and how they are.",
        "remove": "Remove a source, and with --purge its records.",
        "import": "Import a list of subscriptions (OPML), or an archive of record files.",
        "check": "Check feeds.yaml and say all that is wrong with it.",
    },
    "Entries": {
        "poll": "Poll what is due, once.",
        "serve": "Serve the merged feed without polling.",
        "search": "Search the records.",
        "hide": "Take one entry out of feeds, pages and files for good.",
        "preview": "Show what a feed's address gives, without storing anything.",
        "explain": "Tell why a source is polled when it is, or why an entry stands where it does.",
        "export": "Write records, a feed of them, or the list of sources (OPML).",
    },
    "Care": {
        "status": "Say how the whole is doing, and what needs a hand.",
        "doctor": "Look for what is the matter, and say how to mend it.",
        "backup": "Copy the store to a file, looked through whole.",
        "restore": "Put a copy in the place of the store.",
        "schema": "Print the JSON schema of feeds.yaml.",
        "completion": "Print the script by which a shell completes commands, options and ids.",
    },
}

EXIT_FOUND, EXIT_USAGE, EXIT_CONFIG, EXIT_STORE, EXIT_INTERRUPTED = 1, 2, 3, 4, 130


@dataclass(frozen=True, slots=True)
class Options:
    """The options that stand before the command."""

    config: Path | None
    data: Path | None
    verbosity: int
    log_format: str

    def config_path(self) -> Path:
        """Return the feeds.yaml that is meant: the one named, else the first that exists of the usual places."""
        if self.config is not None:
            return self.config
        places = usual_places(Path.cwd(), os.environ)
        return next((place for place in places if place.exists()), places[0])


def source_ids(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Return the ids of sources that begin so, for a shell that completes; none where feeds.yaml cannot be used."""
    from aggregator.cli.common import known_before  # noqa: PLC0415 - only where a shell asks
    from aggregator.config import ConfigError, load  # noqa: PLC0415 - the same

    params = ctx.find_root().params  # the group itself is not called here
    try:
        options = Options(params.get("config"), params.get("data"), 0, "text")
        settings = load(options.config_path(), os.environ, before=known_before(options))
    except (ConfigError, OSError):
        return []
    return [one.id for one in (*settings.sources, *settings.paused) if one.id.startswith(incomplete)]


def usual_places(here: Path, environ: os._Environ[str] | dict[str, str]) -> list[Path]:
    """Return where feeds.yaml is looked for, in order: here, the user's configuration folder, the machine's."""
    home = Path(environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", "/")) / ".config")
    return [here / "feeds.yaml", home / "aggregator" / "feeds.yaml", Path("/etc/aggregator/feeds.yaml")]


EXITS = {
    EXIT_FOUND: "something failed or was found",
    EXIT_USAGE: "wrong usage",
    EXIT_CONFIG: "feeds.yaml unusable",
    EXIT_STORE: "storage unusable or locked",
    EXIT_INTERRUPTED: "interrupted",
}
"""What each exit code means; 0 is fine."""


class Command(click.Command):
    """A command whose help ends with examples and with the exit codes that it has."""

    def __init__(
        self, *args: Any, examples: Sequence[tuple[str, str]] = (), exits: Mapping[int, str] | None = None, **more: Any
    ) -> None:
        """`examples`: what is written after `aggregator`, and what it does; `exits` by code, what EXITS says where empty."""
        super().__init__(*args, **more)
        self.examples, self.exits = examples, exits or {}

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples and the exit codes."""
        if self.examples:
            with formatter.section("Examples"):
                for line, words in self.examples:
                    formatter.write(f"  aggregator {line}\n      {words}\n")
        with formatter.section("Exit codes"):
            said = {0: "fine", **{code: words or EXITS[code] for code, words in self.exits.items()}}
            formatter.write_dl([(str(code), words) for code, words in sorted(said.items())])


class Group(click.Group):
    """A group of commands that answers a wrong word with the near one."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; a wrong word is answered with the near one."""
        name = args[0]
        names = self.list_commands(ctx)
        if name not in names and not name.startswith("-"):
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"Did you mean '{near[0]}'?" if near else f"`{ctx.command_path} --help` lists them."
            ctx.fail(f"There is no command '{name}'. {hint}")
        return super().resolve_command(ctx, args)


class Commands(Group):
    """A group whose commands are modules of this package, named in SECTIONS."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names in the order of the sections."""
        return [name for section in SECTIONS.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load the module of the command."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command = importlib.import_module(f"aggregator.cli.{cmd_name}_command").command
        assert isinstance(command, click.Command)  # noqa: S101 - narrows the type; each module defines one
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands by section, without loading any."""
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(list(commands.items()))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what the exit codes mean."""
        with formatter.section("Exit codes"):
            formatter.write_dl([("0", "fine"), *((str(code), words) for code, words in EXITS.items())])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="AGGREGATOR_CONFIG",
    help="The list of sources [AGGREGATOR_CONFIG; ./feeds.yaml; ~/.config/aggregator; /etc/aggregator].",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="AGGREGATOR_DATA",
    help="The data folder, instead of storage.path [AGGREGATOR_DATA].",
)
@click.option("-v", "--verbose", count=True, help="Log more.")
@click.option("-q", "--quiet", is_flag=True, help="Log warnings only, show no progress.")
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", help="How log lines are written.")
@click.option("--no-color", is_flag=True, help="Write no colours (NO_COLOR does the same).")
@click.version_option(__version__, prog_name="aggregator")
@click.pass_context
def cli(
    ctx: click.Context,
    config: Path | None,
    data: Path | None,
    verbose: int,
    quiet: bool,
    log_format: str,
    no_color: bool,
) -> None:
    """Poll RSS, Atom and JSON feeds, keep every entry as one record, serve one merged feed."""
    ctx.obj = Options(config, data, -1 if quiet else verbose, log_format)
    if no_color or os.environ.get("NO_COLOR"):
        ctx.color = False


def main() -> None:
    """Run the command line; every error ends in a sentence on stderr and an exit code."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            # Closed by the caller (`>&-`): what is written goes nowhere, and the command goes on.
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - open to the end
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that knows no Chinese shows escapes, and the command goes on.
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run(cli, sys.argv[1:], sys.stderr))


def run(command: click.Command, args: list[str], stderr: IO[str]) -> int:
    """Run a command and return its exit code; a traceback is shown only where -v asks for it."""
    try:
        code = command.main(args, prog_name="aggregator", standalone_mode=False)
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.ClickException as wrong:
        wrong.show(file=stderr)
        return wrong.exit_code
    except (click.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except (BrokenPipeError, SystemExit):
        # The reader of a pipe has left (`| head`), which click tells by SystemExit: nothing more to say, and no
        # complaint when the interpreter closes its streams.
        _leave_stdout()
        return 0
    except Exception as error:  # the last line of defence between a fault and the user's terminal
        return _explained(error, stderr, show=any(arg in {"-v", "-vv", "--verbose"} for arg in args))
    return code if isinstance(code, int) else 0


def _leave_stdout() -> None:
    """Let what is still to be written go nowhere, so that the interpreter does not complain when it closes its streams."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _is_text(arg: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in arg)


def _explained(error: Exception, stderr: IO[str], *, show: bool) -> int:
    from aggregator.config import ConfigError  # noqa: PLC0415 - loaded only where something went wrong
    from storage.contract import StoreError  # noqa: PLC0415 - the same

    known: list[tuple[type[Exception], int]] = [(ConfigError, EXIT_CONFIG), (StoreError, EXIT_STORE)]
    for kind, code in known:
        if isinstance(error, kind):
            click.echo(str(error), file=stderr)
            return code
    if isinstance(error, OSError) and error.filename:
        click.echo(f"{error.filename}: {error.strerror}", file=stderr)
        return EXIT_FOUND
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EIO, errno.EDQUOT}:
        click.echo(f"the output cannot be written: {error.strerror}", file=stderr)
        _leave_stdout()
        return EXIT_FOUND
    if isinstance(error, UnicodeEncodeError) and not all(_is_text(arg) for arg in sys.argv[1:]):
        click.echo("an argument is not UTF-8", file=stderr)
        return EXIT_USAGE
    if show:
        import traceback  # noqa: PLC0415 - asked for by -v only

        traceback.print_exception(error, file=stderr)
    hint = "" if show else "; `aggregator -v ...` shows where"
    click.echo(f"a fault of this program: {type(error).__name__}: {error}{hint}", file=stderr)
    return EXIT_FOUND
