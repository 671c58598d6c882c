"""A feeds.yaml as long as they come: tens of thousands of real URLs, each in the short form."""

from __future__ import annotations

from pathlib import Path

from aggregator.config import load


def test_a_list_of_the_small_web_loads_whole(tmp_path: Path, corpus: Path) -> None:
    urls = (corpus / "opml" / "smallweb.txt").read_text(encoding="utf-8").split()

    path = tmp_path / "feeds.yaml"
    path.write_text("sources:\n" + "".join(f"  - {url}\n" for url in urls), encoding="utf-8")

    settings = load(path, {})

    assert len(settings.sources) == len({source.id for source in settings.sources}) == 36515
    assert len(settings.warnings) == 2
