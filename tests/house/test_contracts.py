"""The import contracts bite, and docs/reading.md says the same as they do."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def linted(house: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter over a copy of the house: with `-c`, the working directory is where packages are found first."""
    command = [sys.executable, "-c", LINT, "--no-cache"]
    return subprocess.run(command, cwd=house, capture_output=True, text=True, timeout=100, check=False)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """Return a copy of the packages and their contracts, to be spoiled."""
    for package in ("aggregator", "storage"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_a_module_that_stands_in_no_layer_fails(house: Path) -> None:
    (house / "aggregator/attic.py").write_text('"""A room that nobody planned."""\n')
    (house / "storage/cellar.py").write_text('"""Another."""\n')

    outcome = linted(house)

    assert outcome.returncode == 1
    assert "aggregator.attic" in outcome.stdout
    assert "storage.cellar" in outcome.stdout


def test_an_arrow_that_points_up_fails(house: Path) -> None:
    with (house / "aggregator/schedule.py").open("a") as file:
        file.write("from aggregator.fetch import fetch\nimport random\n")
    with (house / "storage/sqlite/rows.py").open("a") as file:
        file.write("from storage.frontmatter import dumps\n")

    outcome = linted(house)

    assert outcome.returncode == 1
    assert "aggregator.schedule -> aggregator.fetch" in outcome.stdout
    assert "aggregator.schedule -> random" in outcome.stdout
    assert "storage.sqlite.rows -> storage.frontmatter" in outcome.stdout


def layers(package: str) -> list[set[str]]:
    """Return the rooms of each layer of a package, top first, as the contract states them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    stated = next(contract["layers"] for contract in contracts if contract.get("containers") == [package])
    return [set(layer.split(" | ")) for layer in stated]


def rows(package: str) -> list[set[str]]:
    """Return the rooms of each row of the package's table in docs/reading.md."""
    text = (ROOT / "docs/reading.md").read_text(encoding="utf-8")
    table = text.partition(f"| {package}, top first | holds |\n")[2].partition("\n\n")[0]
    return [set(re.findall(r"`(\w+)`", line.split("|")[1])) for line in table.splitlines()[1:]]


@pytest.mark.parametrize("package", ["aggregator", "storage"])
def test_the_tables_of_rooms_say_what_the_contract_says(package: str) -> None:
    assert rows(package) == layers(package)
