"""A feeds.yaml as long as they come, in the short form and as a list; and every list of the corpus as a part of one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from aggregator import opml
from aggregator.config import load

LOADED = """
import re, sys
from pathlib import Path
from aggregator.config import load
settings = load(Path(sys.argv[1]), {})
print(len(settings.sources), len({source.id for source in settings.sources}), len(settings.warnings))
# ru_maxrss would be that of the process that started this one, if that was larger.
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) // 1024)
"""


@pytest.mark.parametrize("form", ["short form", "list"])
def test_a_list_of_the_small_web_loads_whole_in_less_than_300_mb(tmp_path: Path, corpus: Path, form: str) -> None:
    urls = (corpus / "opml" / "smallweb.txt").read_text(encoding="utf-8").split()
    path = tmp_path / "feeds.yaml"
    path.write_text("sources:\n" + "".join(f"  - {url}\n" for url in urls), encoding="utf-8")
    if form == "list":
        (tmp_path / "all.opml").write_bytes(opml.write([opml.Listed(url) for url in urls]))
        path.write_text("sources:\n- opml: all.opml\n", encoding="utf-8")

    done = subprocess.run([sys.executable, "-c", LOADED, path], check=True, capture_output=True, text=True)

    counts, megabytes = done.stdout.splitlines()
    assert counts == "36515 36515 2"
    assert int(megabytes) < 300


def test_every_list_of_the_corpus_may_stand_in_a_feeds_yaml(tmp_path: Path, corpus: Path) -> None:
    paths = sorted((corpus / "opml").glob("*.opml"))

    for path in paths:
        (tmp_path / "feeds.yaml").write_text(f"sources:\n- opml: {path}\n")
        listing = opml.read(path.read_bytes())
        settings = load(tmp_path / "feeds.yaml", {})
        left_out = [told for told in settings.warnings if "is left out" in told]

        assert len(settings.sources) + len(left_out) == len(listing.feeds), path.name
        assert len(left_out) <= len(listing.feeds) // 10, path.name
    assert len(paths) > 10
