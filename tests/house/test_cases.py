"""Every case of the simulator is shown by a test that names it, and tests/simulator/cases.md says by which."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from conformance.cases import CASES, NOT_FROM_HERE

ROOT = Path(__file__).resolve().parents[2]
NUMBERED = {f"S{number:02d}" for number in range(1, 73)}
LEFT_OUT = {"S69"}
"""WebSub is not there yet."""
ROWS = re.findall(
    r"^\| (S\d\d) \| ([^|]*) \| ([^|]*) \| ([^|]*) \|([^|]*)\|$",
    (ROOT / "tests/simulator/cases.md").read_text(encoding="utf-8"),
    re.MULTILINE,
)


def ids(text: str) -> set[str]:
    """Return the cases that a text names, one by one or as the ends of a range."""
    ranges = re.findall(r"\bS(\d\d) to S(\d\d)", text)
    within = {f"S{n:02d}" for first, last in ranges for n in range(int(first), int(last) + 1)}
    return within | set(re.findall(r"\bS\d\d\b", text))


def shown() -> set[str]:
    """Return the cases that stand in the docstring of a test of the simulator or of the daemon."""
    found: set[str] = set()
    for path in [*ROOT.glob("tests/simulator/test_*.py"), *ROOT.glob("tests/daemon/test_*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                found |= ids(ast.get_docstring(node) or "")
    return found


def test_every_case_is_named_by_a_test_that_shows_it() -> None:
    assert NUMBERED - LEFT_OUT - shown() == set()


def test_every_case_has_its_row() -> None:
    assert [row[0] for row in ROWS] == sorted(NUMBERED)


def test_the_table_says_which_cases_the_publishers_side_judges() -> None:
    judged = {case.id for case in CASES} - {"all"}

    assert {id_ for id_, _, _, judges, _ in ROWS if judges.startswith("yes")} == judged
    assert {id_: judges for id_, _, _, judges, _ in ROWS if id_ not in judged} == {
        id_: f"no: {why}" for id_, why in NOT_FROM_HERE.items()
    }


def test_the_files_that_the_table_names_are_there() -> None:
    named = {name for _, _, by, _, _ in ROWS for name in re.findall(r"\btest_\w+", re.sub(r"`[^`]*`", "", by))}
    there = {path.stem for path in ROOT.glob("tests/**/test_*.py")}

    assert named - there == set()
