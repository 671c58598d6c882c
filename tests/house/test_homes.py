"""Each library is imported at home only: docs/dependencies.md says where that is."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OWN = {"aggregator", "storage"}
READS_THE_CLOCK = re.compile(r"\b(?:datetime|date)\.(?:now|utcnow|today)\(|\blocaltime\(|\bgmtime\(")


def modules() -> dict[str, Path]:
    """Return every module of the two packages by its dotted name."""
    paths = [path for package in sorted(OWN) for path in sorted((ROOT / package).rglob("*.py"))]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


def libraries_of(path: Path) -> set[str]:
    """Return the distributions whose packages a module imports, at its top or within a function."""
    tops: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            tops |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written out in full"
            tops.add((node.module or "").partition(".")[0])
    return {dashed(installed()[top][0]) for top in tops - OWN - sys.stdlib_module_names}


@cache
def installed() -> Mapping[str, list[str]]:
    """Return the distributions that bring each importable package; asking takes a tenth of a second."""
    return packages_distributions()


def dashed(name: str) -> str:
    """Return a distribution's name in one spelling."""
    return re.sub(r"[-_]+", "-", name.lower())


def homes() -> dict[str, set[str]]:
    """Return the home column by library, as docs/dependencies.md states it."""
    rows = re.findall(
        r"^\| ([a-z0-9., _-]+) \|.*\| ([^|]+) \|$",
        (ROOT / "docs/dependencies.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    return {
        dashed(library): set(re.findall(r"`([a-z0-9_.]+)`", home))
        for names, home in rows
        if "`" in home
        for library in names.split(", ")
    }


def within(module: str, home: str) -> bool:
    """Tell whether a module is the home or stands in it."""
    return module == home or module.startswith(f"{home}.")


def test_a_library_is_imported_at_home_only() -> None:
    stated = homes()

    assert [
        f"{module} imports {library}, whose home is {sorted(stated.get(library, set())) or 'not in the table'}"
        for module, path in modules().items()
        for library in sorted(libraries_of(path))
        if not any(within(module, home) for home in stated.get(library, set()))
    ] == []


def test_every_stated_home_imports_its_library() -> None:
    imports = {(module, library) for module, path in modules().items() for library in libraries_of(path)}

    assert [
        f"{home} does not import {library}"
        for library, places in homes().items()
        for home in sorted(places)
        if not any(within(module, home) and library == used for module, used in imports)
    ] == []


def test_what_is_imported_is_what_the_package_asks_for() -> None:
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    imported = {library for path in modules().values() for library in libraries_of(path)}

    assert {dashed(re.match(r"[A-Za-z0-9._-]+", line)[0]) for line in asked} == imported - {"pydantic-core"}


def test_only_the_clock_asks_what_time_it_is() -> None:
    readers = [name for name, path in modules().items() if READS_THE_CLOCK.search(path.read_text(encoding="utf-8"))]

    assert readers == ["aggregator.clock"]
