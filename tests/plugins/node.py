"""Packages of npm, installed once for each lock file, and the two feed parsers among them: fixture `parsers`."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

INSTALLED = Path(__file__).parents[2] / "artifacts"
READERS = Path(__file__).parents[1] / "clients" / "readers"


def installed(folder: Path) -> Path:
    """Return a copy of the folder with its packages, installed anew only where its lock file is another one."""
    ready = INSTALLED / folder.name / hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()[:12]
    if not ready.exists():
        ready.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=ready.parent) as half:
            site = Path(half) / "site"
            shutil.copytree(folder, site)
            around = os.environ | {"NO_COLOR": "1", "CI": "true"}
            command = ["npm", "ci", "--no-audit", "--no-fund"]
            done = subprocess.run(
                command, cwd=site, check=False, capture_output=True, text=True, timeout=300, env=around
            )
            assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
            # All of it or nothing; of two runs at once the first one's stays.
            with contextlib.suppress(OSError):
                site.rename(ready)
    return ready


@dataclass
class Parsers:
    """rss-parser and feedsmith in one process of node, which reads what it is told to."""

    process: subprocess.Popen[str]

    def read(self, place: str | Path, *libraries: str) -> dict[str, dict[str, Any]]:
        """
        Return by library what it read at a path or URL; both read it where none is named.

        The shapes are those of tests/clients/readers/reader.mjs.
        """
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("\t".join([str(place), *libraries]) + "\n")
        self.process.stdin.flush()
        found = json.loads(self.process.stdout.readline())
        assert isinstance(found, dict)
        return found


@pytest.fixture
def parsers(require: Callable[[str, bool], None]) -> Iterator[Parsers]:
    """Both libraries, with no memory of an earlier test."""
    require("npm", shutil.which("npm") is not None)
    packages = installed(READERS) / "node_modules"
    # The script is the one of the checkout, whatever was installed when; its packages are found beside it.
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "reader.mjs"
        shutil.copyfile(READERS / "reader.mjs", script)
        (script.parent / "node_modules").symlink_to(packages)
        command = ["node", str(script)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            yield Parsers(process)
            assert process.stdin
            process.stdin.close()
            process.wait(10)
