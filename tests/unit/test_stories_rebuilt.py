"""A store that is built again from its record files shows the same stories under the same ids."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

from aggregator.model import Polling, Server, Settings, Source, Storage
from aggregator.rebuilding import Loader, Wish
from plugins.telling import NOON, record, sources, tell, told
from storage.contract import Store
from storage.frontmatter import RecordForm
from storage.posts import Posts
from storage.sqlite import SqliteStore
from storage.values import RecordQuery


def shown(store: Store) -> dict[str, str]:
    """Return by key the id of each record in a merged feed."""
    return {one.key: one.story_id or one.public_id for one in store.page(RecordQuery()).records}


def test_stories_and_their_ids_come_back_from_the_files(tmp_path: Path) -> None:
    names = ("paper", "gazette", "planet")
    written = tuple(Source(id=name, url=f"https://{name}.example/feed", name=name) for name in names)
    storage = Storage(path=tmp_path / "second", records=tmp_path / "records", record_fields=("rss",))
    settings = Settings(tmp_path / "feeds.yaml", Server(), storage, Polling(), written)
    with closing(SqliteStore.open(tmp_path / "first")) as store:
        store.sync_sources(sources(*names), NOON)
        tell(store, record("planet", "harbour"))
        tell(store, record("gazette", "harbour"), record("gazette", "other", "https://blog.example/2026/other"))
        tell(store, record("paper", "harbour"))
        edited = replace(record("planet", "harbour"), link="https://blog.example/2026/other", digest="edited")
        tell(store, updated=[edited])
        records = list(store.records())
        before = told(store), shown(store), [one.story_id for one in records]
        Posts(tmp_path / "records", sync=False).write_many((one, RecordForm(("rss",)), None) for one in records)

    with closing(SqliteStore.open(tmp_path / "second")) as store:
        store.sync_sources(sources(*names), NOON)
        Loader(store, settings, Wish(tmp_path / "records"), NOON).load(lambda *_: None)

        assert (told(store), shown(store), [one.story_id for one in store.records()]) == before
    assert len(before[0]) == 4
    assert before[2][1:] != [None, None, None]
