"""docs/etiquette.md points to functions that exist, and has every rule that the code cites."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/etiquette.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (\d+) \|(.*)\|$", TEXT, re.MULTILINE)
RULES = {int(number): [cell.strip() for cell in cells.split("|")] for number, cells in ROWS}
CODE = sorted([*ROOT.glob("aggregator/**/*.py"), *ROOT.glob("storage/**/*.py"), *ROOT.glob("tests/**/*.py")])


def places() -> list[str]:
    """Return every `module.function` of the last columns."""
    return sorted({name for cells in RULES.values() for name in re.findall(r"`([\w.]+)`", cells[-1])})


def names_in(module: str) -> set[str]:
    """Return the functions, methods and classes of a module, written out or under `aggregator`."""
    for prefix in ("", "aggregator/"):
        for suffix in (".py", "/__init__.py"):
            path = ROOT / f"{prefix}{module.replace('.', '/')}{suffix}"
            if path.exists():
                tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
                return {n.name for n in tree if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}
    return set()


@pytest.mark.parametrize("place", places())
def test_a_rule_lives_where_the_page_says(place: str) -> None:
    module, _, name = place.rpartition(".")

    assert name in names_in(module)


def cited() -> set[int]:
    """Return the numbers behind "rule" and "rules" in code and tests: lists, and the two ends of a range."""
    numbers: set[int] = set()
    for path in CODE:
        text = " ".join(path.read_text(encoding="utf-8").split())
        for found in re.finditer(r"\b[Rr]ules? (\d+(?:(?:, | and | to |-)\d+)*)", text):
            numbers |= set(map(int, re.findall(r"\d+", found[1])))
    return numbers


def test_every_rule_that_is_cited_stands_in_the_page() -> None:
    assert cited() - RULES.keys() == set()


def test_every_rule_says_whether_it_holds() -> None:
    odd = [number for number, cells in RULES.items() if not re.match(r"(holds|part|not yet)\b", cells[-2])]

    assert odd == []


def test_what_does_not_hold_stands_in_the_list_at_the_end() -> None:
    ending = TEXT.partition("## Not there yet")[2]
    open_rules = {number for number, cells in RULES.items() if not cells[-2].startswith("holds")}

    assert set(map(int, re.findall(r"\b\d{1,2}\b", ending))) == open_rules
