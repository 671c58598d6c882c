"""Every record of the corpus as the API gives it: of the shape that the OpenAPI document promises, each once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from unit.test_web_feeds import ask

from aggregator import clock
from aggregator.health import Facts
from aggregator.model import Polling, Server, Settings, Source, Storage
from aggregator.web import create_app
from aggregator.web.described import SCHEMAS
from storage.sqlite import SqliteStore

BASE = "https://news.example.org/"


@pytest.fixture(scope="module")
def served(polled_corpus: Any) -> Iterator[Any]:
    """Serve the polled corpus."""
    folder: Path = polled_corpus.home.folder / "data"
    store = SqliteStore.open_readonly(folder)
    settings = Settings(
        path=folder / "feeds.yaml",
        server=Server(base_url=BASE, title="Corpus"),
        storage=Storage(path=folder),
        polling=Polling(),
        sources=tuple(Source(id_, f"http://a.example/{id_}", id_, at) for at, id_ in enumerate(polled_corpus.rows)),
    )
    yield create_app(store, lambda: settings, lambda: Facts(polls=False), clock.now)
    store.close()


@pytest.mark.parametrize(("name", "id_"), [("entries", "key"), ("sources", "id")])
def test_all_of_it_is_of_the_shape_that_is_promised(served: Any, name: str, id_: str) -> None:
    held = jsonschema_rs.validator_for(
        {"$ref": f"#/components/schemas/{name}", "components": {"schemas": dict(SCHEMAS)}}, validate_formats=True
    )
    seen: Counter[str] = Counter()
    wrong, path = [], f"/api/v1/{name}?limit=500"
    while path:
        page = ask(served, path).json()
        wrong += [f"{one.instance_path}: {one.message[:200]}" for one in held.iter_errors(page)]
        seen.update(one[id_] for one in page[name])
        path = (page["next"] or "").removeprefix(BASE[:-1])

    assert wrong == []
    assert set(seen.values()) == {1}
    assert len(seen) > 100
