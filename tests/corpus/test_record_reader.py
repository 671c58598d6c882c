"""The reader takes every record of the original system that is valid YAML, and says why it does not take the others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from storage.reading import FrontMatterError, loads

SEVEN = ["title", "categories", "headimg", "author", "comments", "date", "thumbnail"]


def rows(corpus: Path) -> list[dict[str, object]]:
    manifest = (corpus / "MANIFEST.jsonl").read_text(encoding="utf-8").splitlines()
    return [row for row in map(json.loads, manifest) if row["kind"] == "record"]


def test_every_valid_record_is_read_and_every_invalid_one_refused(corpus: Path) -> None:
    read, refused = [], []
    for row in rows(corpus):
        text = (corpus / str(row["file"])).read_text(encoding="utf-8")
        try:
            said = loads(text, str(row["file"]))
        except FrontMatterError as error:
            refused.append((row["epoch"], error.line, error.reason))
            continue
        read.append(row["epoch"])
        assert list(said.fields) == SEVEN if row["epoch"] == "E4" else [key for key in SEVEN if key != "headimg"]
        assert (said.date is None) == (row["date_form"] == "invalid-date")
        assert said.body
        assert not said.body.startswith("<div>   \n")

    assert (read.count("E4"), read.count("E0"), read.count("E2"), read.count("E3")) == (25, 1, 1, 1)
    assert refused == [("E1", 3, "while parsing a block mapping expected <block end>, but found '<scalar>'")] * 2


def test_a_title_that_yaml_1_1_takes_for_a_number_stays_text(corpus: Path) -> None:
    said = loads((corpus / "records" / "e0-legacy-34293371565.md").read_text(encoding="utf-8"))

    assert said.text("title") == "12_00"


def test_escaped_braces_are_braces_again(corpus: Path) -> None:
    said = loads((corpus / "records" / "e4-oschina-34150304292.md").read_text(encoding="utf-8"))

    assert said.body.count("{") == 2
    assert "&#123;" not in said.body


@pytest.mark.parametrize("style", [None, '"', "'", "|", ">"])
def test_a_site_tool_that_quotes_a_record_anew_changes_nothing_that_it_says(corpus: Path, style: str | None) -> None:
    for row in rows(corpus):
        if row["yaml"] != "ok" or row["epoch"] != "E4":
            continue
        text = (corpus / str(row["file"])).read_text(encoding="utf-8")
        _, head, body = text.split("---\n", 2)
        dumped = yaml.safe_dump(yaml.safe_load(head), allow_unicode=True, default_style=style)
        again = f"---\n{dumped}---\n{body.strip()}\n"

        assert loads(again).digest() == loads(text).digest(), row["file"]
