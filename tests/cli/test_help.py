"""`--help` of every command is a page of a manual: a sentence, what it does, options, examples that work, exit codes."""

from __future__ import annotations

import importlib
import os
import pty
import re
import shlex
import subprocess
import sys

import click
import pytest

from aggregator.cli import EXITS, SECTIONS, Command, cli
from plugins.daemons import rss
from plugins.served_corpus import Home, Shelf

SUMMARIES = {name: summary for section in SECTIONS.values() for name, summary in section.items()}
COMMANDS = {name: importlib.import_module(f"aggregator.cli.{name}_command").command for name in SUMMARIES}
PAGES = {name: command for name, command in COMMANDS.items() if not isinstance(command, click.Group)}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_summary_is_one_sentence_and_begins_the_page(name: str) -> None:
    assert len(re.findall(r"\.(?= |$)", SUMMARIES[name])) == 1
    assert SUMMARIES[name].endswith(".")
    assert len(SUMMARIES[name]) <= 80


@pytest.mark.parametrize("name", PAGES)
def test_every_option_has_a_sentence(name: str) -> None:
    options = [one for one in PAGES[name].params if isinstance(one, click.Option)]

    assert [one.name for one in options if not (one.help or "").strip()] == []


@pytest.mark.parametrize("name", PAGES)
def test_the_page_ends_with_examples_and_exit_codes(name: str) -> None:
    command = PAGES[name]

    assert isinstance(command, Command)
    assert command.examples
    assert set(command.exits) <= set(EXITS)
    page = command.get_help(click.Context(command, info_name=name, parent=click.Context(cli, info_name="aggregator")))
    assert page.index("Options:") < page.index("Examples:") < page.index("Exit codes:")


@pytest.mark.parametrize(
    "line",
    [line for command in PAGES.values() if isinstance(command, Command) for line, _ in command.examples],
)
def test_every_example_is_a_line_that_the_program_takes(line: str) -> None:
    words = shlex.split(line.partition(" > ")[0])
    context = cli.make_context("aggregator", list(words))

    name, command, rest = cli.resolve_command(context, [*context._protected_args, *context.args])

    assert command is not None
    assert command.make_context(name, rest, parent=context).params is not None


@pytest.mark.parametrize(
    ("words", "near"),
    [
        ("lsit", "Did you mean 'list'?"),
        ("import opm", "Did you mean 'opml'?"),
        ("poll --al", "'--all'"),
        ("list --stat ok", "--state"),
        ("--confg x list", "Did you mean '--config'?"),
        ("completion bsh", "'bash'"),
        ("list --sort nxt", "'next'"),
    ],
)
def test_a_wrong_word_is_answered_with_the_near_one(home: Home, words: str, near: str) -> None:
    left = subprocess.run(
        [sys.executable, "-m", "aggregator", *words.split()], check=False, capture_output=True, text=True, timeout=60
    )

    assert left.returncode == 2
    assert near in left.stderr


# --- sorting and colours ---


@pytest.fixture
def polled(home: Home, shelf: Shelf) -> Home:
    """Three sources, one of which is missing."""
    home.settings, home.more = {}, {"notes": {"name": "zebra"}, "missing": {"name": "ant"}, "blog": {"name": "Bee"}}
    home.sources = {"notes": "/a.xml", "missing": "/missing.xml", "blog": "/b.xml"}
    home.write()
    shelf.files = {"/a.xml": rss("1"), "/b.xml": rss("2", "3")}
    assert home.run("poll").returncode == 1
    return home


@pytest.mark.parametrize(
    ("order", "ids"),
    [
        ("name", ["missing", "blog", "notes"]),
        ("entries", ["blog", "notes", "missing"]),
        ("state", ["missing", "notes", "blog"]),
    ],
)
def test_list_sorts(polled: Home, order: str, ids: list[str]) -> None:
    shown = polled.run("list", "--sort", order)

    assert [line.split()[1] for line in shown.stdout.splitlines()[::2]] == ids


def test_list_sorts_by_what_is_polled_next_and_by_what_came_last(polled: Home) -> None:
    following, newest = polled.run("list", "--sort", "next"), polled.run("list", "--sort", "last")

    assert following.stdout.splitlines()[0].split()[1] == "missing"  # an hour; the others three
    assert newest.stdout.splitlines()[-2].split()[1] == "missing"


def on_a_terminal(home: Home, *args: str, **environ: str) -> str:
    """Return what the command writes to a terminal."""
    master, slave = pty.openpty()
    env = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | environ
    command = [sys.executable, "-m", "aggregator", "-c", str(home.config), *args]
    done = subprocess.Popen(command, stdout=slave, stderr=slave, stdin=slave, env=env)
    os.close(slave)
    written = b""
    try:
        while block := os.read(master, 4096):
            written += block
    except OSError:
        pass  # Linux says so at the end
    os.close(master)
    done.wait(60)
    return written.decode()


def test_states_have_colours_on_a_terminal_unless_that_is_unwanted(polled: Home) -> None:
    coloured = on_a_terminal(polled, "list")
    plain = [on_a_terminal(polled, "list", NO_COLOR="1"), on_a_terminal(polled, "--no-color", "list")]

    assert "\033[31mfailing" in coloured
    assert [text for text in plain if "\033[3" in text] == []
    assert "\033" not in polled.run("list").stdout


def test_polling_on_a_terminal_shows_how_far_it_is(polled: Home) -> None:
    shown = on_a_terminal(polled, "poll", "--all")

    assert " 3/3  " in shown
    assert "1 failed" in shown
    assert " 3/3  " not in on_a_terminal(polled, "-q", "poll", "--all")


# --- where the output goes ---

OUTPUTS = ["schema", "list --json", "export jsonl", "export opml", "export atom", "check --json", "completion bash"]


@pytest.fixture
def fed(home: Home, shelf: Shelf) -> Home:
    """A source after a poll."""
    home.settings, home.sources = {}, {"notes": "/notes.xml"}
    home.write()
    shelf.files = {"/notes.xml": rss("1")}
    assert home.run("poll").returncode == 0
    return home


def piped(home: Home, words: str, where: str) -> subprocess.CompletedProcess[str]:
    """Run the command with its output sent elsewhere by a shell."""
    line = f"{shlex.quote(sys.executable)} -m aggregator -c feeds.yaml {words} {where}"
    shell = ["/bin/sh", "-c", line]
    return subprocess.run(shell, capture_output=True, text=True, timeout=60, cwd=home.folder, check=False)


@pytest.mark.parametrize("words", OUTPUTS)
def test_a_closed_output_is_no_fault_of_the_program(fed: Home, words: str) -> None:
    left = piped(fed, words, ">&-")

    assert (left.returncode, left.stderr) == (0, "")


@pytest.mark.parametrize("words", OUTPUTS)
def test_an_output_without_room_is_told_in_a_sentence(fed: Home, words: str) -> None:
    left = piped(fed, words, ">/dev/full")

    assert (left.returncode, left.stderr) == (1, "the output cannot be written: No space left on device\n")


def test_an_argument_that_is_no_text_is_wrong_usage(fed: Home) -> None:
    left = subprocess.run(
        [sys.executable, "-m", "aggregator", "-c", "feeds.yaml", "explain", b"a\xff"],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=fed.folder,
        check=False,
    )

    assert (left.returncode, left.stderr) == (2, "an argument is not UTF-8\n")


@pytest.mark.parametrize("form", ["jsonl", "atom", "opml"])
def test_a_folder_in_place_of_the_file_to_write_is_told(fed: Home, form: str) -> None:
    left = fed.run("export", form, "-o", str(fed.folder))

    assert (left.returncode, left.stdout) == (1, "")
    assert left.stderr == f"Error: {fed.folder} is a folder; name the file in it that -o shall write\n"


def test_polling_loads_neither_a_web_server_nor_what_reads_feeds() -> None:
    polling = "import sys, aggregator.cli.common, aggregator.daemon.once; print(*sys.modules)"

    loaded = subprocess.run([sys.executable, "-c", polling], capture_output=True, text=True, check=True, timeout=30)

    heavy = {"starlette", "uvicorn", "apscheduler", "jinja2", "lxml", "feedparser"}
    assert heavy.isdisjoint(loaded.stdout.split())
