"""A list of sources on the web, which is somebody else's, opens nothing in the operator's own network."""

from __future__ import annotations

from pathlib import Path

import pytest

from aggregator.config import load
from aggregator.model import Settings

URL = "https://lists.example/mine.opml"
OPENED = "['127.0.0.1:1200', 'rsshub.lan:80', '[fd00::1]:1200']"
INSIDE = [
    "http://127.0.0.1:1200/any", "http://127.0.0.1:1200", "http://rsshub.lan/any", "http://rsshub.lan:80/any", "http://RSSHUB.lan./any", "http://ｒｓｓｈｕｂ.lan/any",
    "http://①②⑦.0.0.1:1200/any", "http://127。0。0。1:1200/any", "http://[fd00::1]:1200/any", "http://[fd00:0:0::1]:1200/any", "feed:http://127.0.0.1:1200/any",
    "http://127.0.0.1:9/any", "http://10.0.0.1/", "http://192.168.1.1/", "http://[::1]/", "http://localhost/", "http://x.localhost:1200/",
]  # fmt: skip


def listed(folder: Path, source: str, at: str = URL, more: str = "") -> Settings:
    """Return what feeds.yaml comes to that names a list with this source, and one that is well."""
    data = (
        "<opml version='2.0' xmlns:a='urn:feed-aggregator:opml'><body>"
        f"<outline text='inside' xmlUrl='{source}' {more}/><outline text='well' xmlUrl='https://well.example/feed'/></body></opml>"
    )
    (folder / "feeds.yaml").write_text(f"version: 1\npolling: {{allow_private: {OPENED}}}\nsources:\n  - opml: {at}\n")
    return load(folder / "feeds.yaml", {}, {at: data.encode()})


@pytest.mark.parametrize("source", INSIDE)
def test_a_list_on_the_web_names_nobody_in_the_operators_own_network(tmp_path: Path, source: str) -> None:
    settings = listed(tmp_path, source)

    assert [one.url for one in settings.sources] == ["https://well.example/feed"]
    assert [warning for warning in settings.warnings if "lies in your own network" in warning] != []


def test_nor_where_a_key_beside_its_address_does_not_fit(tmp_path: Path) -> None:
    settings = listed(tmp_path, "http://127.0.0.1:1200/any", more="a:every='soon'")

    assert [one.url for one in settings.sources] == ["https://well.example/feed"]


def test_a_list_in_the_operators_own_network_is_the_operators(tmp_path: Path) -> None:
    settings = listed(tmp_path, "http://127.0.0.1:1200/any", at="http://rsshub.lan/lists/mine.opml")

    assert [one.url for one in settings.sources] == ["http://127.0.0.1:1200/any", "https://well.example/feed"]


def test_such_a_source_may_stand_in_feeds_yaml_itself(tmp_path: Path) -> None:
    (tmp_path / "feeds.yaml").write_text(
        f"version: 1\npolling: {{allow_private: {OPENED}}}\nsources:\n  - http://127.0.0.1:1200/any\n"
    )

    assert [one.url for one in load(tmp_path / "feeds.yaml", {}).sources] == ["http://127.0.0.1:1200/any"]
