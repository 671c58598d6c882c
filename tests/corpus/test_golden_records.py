"""Feeds rebuilt from records of the original system, polled by the real command, give those records back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from lxml import etree

from plugins.originals import DIFFERENCES, differences, stripped
from plugins.served_corpus import Home, Shelf, manifest
from plugins.trees import body, elements, visible

pytestmark = pytest.mark.timeout(300)

PROXY = "https://cors.zfour.workers.dev/?{url}"


@dataclass(frozen=True)
class Made:
    """An item's record file, and the date that it has where its publisher gave none."""

    text: str
    first_seen: str


def polled(corpus: Path, folder: Path, record_body: str) -> dict[str, Made]:
    """Poll every feed, once for each records folder that its items have; return what came of them by golden name."""
    sources = {}
    for row in manifest(corpus, "seed-feed"):
        for item in row["items"]:
            sources.setdefault((row["file"], *item["categories"]), []).append(item)
    ids = {place: f"s{number}" for number, place in enumerate(sources)}
    shelf = Shelf({f"/{file}": (corpus / file).read_bytes() for file, *_ in sources})
    try:
        more = {
            ids[place]: dict(zip(("category", "site", "feed"), place[1:], strict=True))
            | {"images": PROXY, "record_body": record_body}
            for place in sources
        }
        home = Home(folder, shelf, {ids[place]: f"/{place[0]}" for place in sources}, more)
        done = home.run("poll", "--all")
        assert done.returncode == 0, done.stderr
        files = {path.stem.rpartition("-")[2]: path for path in home.records.rglob("*.md")}
        entries = {(entry["source"], entry["guid"]): entry for entry in home.entries()}
    finally:
        shelf.close()
    made = {}
    for place, items in sources.items():
        guids = etree.fromstring((corpus / place[0]).read_bytes()).findall(".//item/guid")
        for item in items:
            entry = entries[ids[place], guids[item["index"]].text]
            # Undated items of a source's first poll have its moment, each a second less than the one above it.
            seen = format_datetime(datetime.fromisoformat(entry["first_seen"]) - timedelta(seconds=item["index"]), True)
            text = files[entry["key"][:12]].read_text(encoding="utf-8")
            made[item["record"].removeprefix("records/")] = Made(text, seen)
    return made


@pytest.fixture(scope="module")
def verbatim(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Made]:
    return polled(corpus, tmp_path_factory.mktemp("verbatim"), "verbatim")


@pytest.fixture(scope="module")
def clean(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Made]:
    return polled(corpus, tmp_path_factory.mktemp("clean"), "clean")


def golden(corpus: Path, name: str) -> str:
    return stripped((corpus / "records" / name).read_text(encoding="utf-8"))


def test_every_item_gives_its_record_through_the_whole_product(verbatim: dict[str, Made], corpus: Path) -> None:
    found = {
        name: differences(golden(corpus, name), stripped(one.text), one.first_seen) for name, one in verbatim.items()
    }

    assert len(found) == 25
    assert found == DIFFERENCES


def test_the_seed_comes_out_of_the_whole_product_exactly(verbatim: dict[str, Made], corpus: Path) -> None:
    assert stripped(verbatim["seed.md"].text) == golden(corpus, "seed.md")


def test_a_clean_record_lacks_only_what_cleaning_removes(verbatim: dict[str, Made], clean: dict[str, Made]) -> None:
    assert clean.keys() == verbatim.keys()
    for name, one in clean.items():
        assert undated(one.text) == undated(verbatim[name].text)
        before, after = html(verbatim[name].text), html(one.text)
        assert list(elements(body(after), keep_all=True)) == list(elements(body(before), keep_all=False)), name
        assert visible(after) == visible(before), name


def undated(text: str) -> list[str]:
    """Return the front matter without its date, which is the moment of the poll where an item has none."""
    return [line for line in text.partition("\n---\n\n")[0].split("\n") if not line.startswith("date: ")]


def html(text: str) -> str:
    return text.partition("\n---\n\n<div>   \n")[2].removesuffix("  \n</div>\n            ")
