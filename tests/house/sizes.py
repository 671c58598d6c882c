"""Report how long files and functions are; a file beyond 400 lines is named, as it may have become two jobs."""

from __future__ import annotations

import ast
from pathlib import Path
from statistics import median, quantiles

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted([*ROOT.glob("aggregator/**/*.py"), *ROOT.glob("storage/**/*.py")])


def function_lengths(source: str) -> list[tuple[int, str]]:
    """Return length in lines and name of every function."""
    return [
        ((node.end_lineno or node.lineno) - node.lineno + 1, node.name)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def main() -> None:
    """Print the report."""
    files = {path.relative_to(ROOT): path.read_text(encoding="utf-8") for path in FILES}
    lines = {path: text.count("\n") for path, text in files.items()}
    functions = [(length, f"{path}:{name}") for path, text in files.items() for length, name in function_lengths(text)]
    lengths = [length for length, _ in functions]
    print(f"files: {len(lines)}, {sum(lines.values())} lines, median {median(lines.values()):.0f}")
    print(
        f"functions: {len(lengths)}, median {median(lengths):.0f} lines, nine of ten under {quantiles(lengths, n=10)[-1]:.0f}"
    )
    for path, count in sorted(lines.items(), key=lambda item: -item[1]):
        if count > 400:
            print(f"  long file: {path} ({count} lines)")
    for length, name in sorted(functions, reverse=True)[:3]:
        print(f"  longest functions: {name} ({length} lines)")


if __name__ == "__main__":
    main()
