"""The documents say what the program does: commands, options, paths, words, links, and the README's own commands."""

from __future__ import annotations

import importlib
import re
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
from starlette.applications import Starlette

from aggregator.cli import SECTIONS, cli
from aggregator.clock import now
from aggregator.config import load
from aggregator.health import State
from aggregator.metrics import ROUTES, Metrics, Present
from aggregator.outcomes import FailureKind
from aggregator.web.app import create_app
from aggregator.web.feeds import ARCHIVED, FORMATS

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = [name for section in SECTIONS.values() for name in section]


def tracked(*endings: str) -> list[Path]:
    """Return the files of the project with one of these endings, all of them without."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
        cwd=ROOT,
        text=True,
    )
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [path for path in paths if path.is_file() and (not endings or path.suffix in endings)]


def page(name: str) -> str:
    """Return the text of a document."""
    return (ROOT / name).read_text(encoding="utf-8")


def sections(text: str, level: str = "##") -> dict[str, str]:
    """Return a document's sections of a level by their headings."""
    parts = re.split(rf"^{level} (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def fenced(text: str, language: str) -> list[str]:
    """Return the blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


# --- commands ---


def test_every_command_has_its_section() -> None:
    headings = list(sections(page("docs/cli.md")))

    assert set(COMMANDS) - set(headings) == set()
    assert [heading for heading in headings if heading.islower() and heading not in COMMANDS] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_a_command_stands_in_its_section(name: str) -> None:
    command: click.Command = importlib.import_module(f"aggregator.cli.{name}_command").command
    section = sections(page("docs/cli.md"))[name]

    assert [option for option in options_of(command) if not re.search(rf"{option}(?![\w-])", section)] == []
    assert f"aggregator {name}" in section


def test_every_option_before_the_command_stands_in_the_table() -> None:
    section = sections(page("docs/cli.md"))["Options before the command"]

    assert [option for option in options_of(cli) if f"`{option}" not in section] == []


@pytest.mark.parametrize("path", tracked(".md", ".yaml", ".py"), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_document_names_a_command_that_there_is_not(path: Path) -> None:
    text = path.read_text(encoding="utf-8").partition("\n## Not there yet")[0]

    assert set(re.findall(r"`aggregator ([a-z]+)", text)) - set(COMMANDS) == set()


def options_of(command: click.Command) -> list[str]:
    """Return the long names of a command's options, and the short ones that have no long one."""
    found = [option.opts for option in command.params if isinstance(option, click.Option)]
    return [next((name for name in names if name.startswith("--")), names[0]) for names in found]


# --- what is served ---


def test_every_path_of_the_server_stands_in_the_table_and_no_other() -> None:
    nothing: Any = None  # no request is made: only the list of routes is looked at
    door = create_app(nothing, lambda: nothing, lambda: nothing, now)
    inside = next(part for part in vars(door).values() if isinstance(part, Starlette))
    served = {route.path for route in inside.routes}  # type: ignore[attr-defined]  # all of ours are Routes
    feeds = ("feed", "feed/{view}", "source/{id}")
    served |= {f"/{place}.{ending}" for place in feeds for ending in FORMATS}
    served |= {f"/{place}/archive/{{series}}/{{range}}.{ending}" for place in feeds for ending in ARCHIVED}

    assert {path.replace("/...", "/{name}") for path in documented_paths()} == served


def documented_paths() -> set[str]:
    """Return the paths of http.md's table; a cell may add endings to its first path (`.rss` `.json`)."""
    paths = set()
    for cell in re.findall(r"^\| (`/.*?) \|", sections(page("docs/http.md"))["Paths"], flags=re.MULTILINE):
        first = ""
        for word in re.findall(r"`([^`]+)`", cell):
            first = word if word.startswith("/") else first
            paths.add(word if word.startswith("/") else first.rpartition(".")[0] + word)
    return paths


def test_every_state_of_a_source_is_named_and_explained() -> None:
    section = sections(page("docs/http.md"))["`/sources.json`"]
    row = next(line for line in section.splitlines() if line.startswith("| `state` |"))

    assert re.findall(r"`([a-z]+)`", row)[1:] == list(State)


def test_every_failure_has_its_heading_and_no_other() -> None:
    section = sections(page("docs/operations.md"))["Failure kinds"]

    assert sorted(sections(section, "###")) == sorted(FailureKind)
    assert [kind for kind, text in sections(section, "###").items() if "Mend: " not in text.replace("\n", " ")] == []


def test_every_metric_stands_in_the_table_with_its_labels() -> None:
    present = Present(dict.fromkeys(map(str, State), 1), 1, 1, 1, 1.0, ready=True, config_good=True, incidents=1)
    metrics = Metrics()
    metrics.answered("feed", 200)
    told = {
        (sample.name, label)
        for family in metrics.families(present)
        for sample in family.samples
        for label in (*sample.labels, "")
        if label != "le" and not sample.name.endswith(("_bucket", "_sum"))
    }
    rows = re.findall(
        r"^\| `(aggregator_\w+)` \| (.*?) \|", sections(page("docs/operations.md"))["Metrics"], re.MULTILINE
    )
    written = {(name, label) for name, labels in rows for label in (*re.findall(r"`(\w+)`:?", labels), "")}

    assert {(name.removesuffix("_count"), label) for name, label in told} - written == set()
    assert {name for name, _ in written} == {name.removesuffix("_count") for name, _ in told}
    assert [one for one in ROUTES if f"`{one}`" not in sections(page("docs/operations.md"))["Metrics"]] == []


def test_the_states_of_the_runbook_are_all_that_there_are() -> None:
    table = sections(page("docs/operations.md"))["States"]

    assert re.findall(r"^\| `([a-z]+)` \|", table, re.MULTILINE) == list(State)


# --- the code ---


def test_every_file_that_a_document_names_exists() -> None:
    named = {
        name
        for path in tracked(".md")
        for name in re.findall(
            r"`((?:aggregator|storage|tests|bench|docs)/[\w/.-]*)`", path.read_text(encoding="utf-8")
        )
    }

    known = {str(path.relative_to(ROOT)) for path in tracked()}
    known |= {f"{parent}/" for name in known for parent in Path(name).parents}

    assert [name for name in sorted(named) if name not in known and f"{name}/" not in known] == []
    assert len(named) > 15


@pytest.mark.parametrize("path", tracked(".md"), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    text = re.sub(r"^```.*?^```$|`[^`\n]*`", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]

    assert [link for link in links if not leads_somewhere(path, link)] == []


def leads_somewhere(path: Path, link: str) -> bool:
    """Tell whether the file that a link names exists and has the heading."""
    name, _, anchor = link.partition("#")
    target = (path.parent / name).resolve() if name else path
    if not target.exists() or not anchor:
        return target.exists()
    headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_document_is_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        path = waiting.pop()
        if path in reached or path.suffix != ".md" or not path.exists():
            continue
        reached.add(path)
        links = re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8"))
        waiting += [(path.parent / link).resolve() for link in links if "://" not in link]

    assert [path for path in tracked(".md") if path.is_relative_to(ROOT / "docs") and path not in reached] == []


ELSEWHERE = (
    "/wor" + "k/",
    "/tm" + "p/",
    "/roo" + "t/",
    "/hom" + "e/",
    "/op" + "t/(?!aggregator)",
    "desig" + "n/",
    "fetchin" + "g.md",
    "produc" + "t.md",
)
"""
Places of one machine, and papers that do not come with the project; split so that this file does not hold them.

The folder of our own in `/opt` is where the unit and the image put the program: every machine that follows them has it.
"""


def test_nothing_points_to_a_place_that_only_one_machine_has() -> None:
    found = []
    for path in tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture
        lines = text.splitlines()
        found += [
            f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}"
            for number, line in enumerate(lines, 1)
            if any(re.search(rf"(?<![\w.}}~]){place}", line) for place in ELSEWHERE)
        ]

    assert found == []


# --- the README and the Makefile ---


def test_the_makes_of_the_documents_exist_and_help_names_them_all() -> None:
    makefile = page("Makefile")
    targets = set(re.findall(r"^([a-z]+):", makefile, flags=re.MULTILINE))
    named = {
        name
        for path in [*tracked(".md"), ROOT / ".ci" / "run"]
        for name in re.findall(r"(?:^|`)make ([a-z]+)", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    }
    shown = subprocess.run(["make", "-C", str(ROOT)], check=True, capture_output=True, text=True).stdout

    assert named - targets == set()
    assert {"run", "test", "demo"} <= named
    assert [name for name in sorted(targets) if f"make {name} " not in shown] == []


def test_the_commands_of_the_readme_are_ours() -> None:
    lines = [line.partition("#")[0].split() for block in fenced(page("README.md"), "sh") for line in block.splitlines()]

    assert [" ".join(line) for line in lines] == [
        "make demo",
        "make run",
        "make test",
        "python3.11 -m venv .venv",
        ".venv/bin/pip install .",
        ".venv/bin/aggregator init",
        ".venv/bin/aggregator run",
    ]


def test_the_feeds_yaml_of_the_readme_is_ten_lines_and_sound(tmp_path: Path) -> None:
    (example,) = fenced(page("README.md"), "yaml")
    (tmp_path / "feeds.yaml").write_text(example, encoding="utf-8")

    settings = load(tmp_path / "feeds.yaml", {})

    assert len(example.splitlines()) == 10
    assert settings.warnings == ()
    assert [source.name for source in settings.sources] == ["planetpython.org/rss20.xml", "人人都是产品经理 最新文章"]


def test_our_own_feeds_yaml_is_what_init_writes_and_sound() -> None:
    settings = load(ROOT / "feeds.yaml", {})

    assert settings.warnings == ()
    assert settings.sources[0].id == "woshipm-latest"


@pytest.mark.parametrize("name", re.findall(r"!\[.+?\]\((\S+?)\)", page("README.md")))
def test_the_pictures_of_the_readme_are_there_and_small(name: str) -> None:
    data = (ROOT / name).read_bytes()

    assert data.startswith(b"\x89PNG")
    assert int.from_bytes(data[16:20], "big") == 1280
    assert len(data) < 200_000


def test_the_readme_can_be_read_in_one_go_and_its_figures_stand_where_they_come_from() -> None:
    readme, etiquette, performance = page("README.md"), page("docs/etiquette.md"), page("docs/performance.md")
    kept = re.findall(r"^\| \S+ [\d.]+.*? \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", readme, re.MULTILINE)
    costs = re.findall(r"([\d.]+) / ([\d.]+) / (\d+)", sections(readme)["What it does that others do not"])
    measured = re.findall(r"([\d.]+) / ([\d.]+) / (\d+)", sections(performance)["The table"])

    assert len(readme.splitlines()) < 150
    assert len(kept) == 4
    assert [row for row in kept if " / ".join(row) not in etiquette] == []
    rounded = [(f"{float(wall):.1f}", f"{float(cpu):.1f}", peak) for wall, cpu, peak in measured]
    assert costs == rounded
