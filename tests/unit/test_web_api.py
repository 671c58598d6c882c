"""What a program gets from /api/v1: one shape of a record, pages that partition, sentences as problem+json."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from unit import feed_rules_samples as samples
from unit.test_web_feeds import ask, settings_in

from aggregator.filters import Filter
from aggregator.health import ROW, Facts
from aggregator.model import FilterKind, Settings, Source, View
from aggregator.web import create_app
from aggregator.web.described import SCHEMAS
from storage.images import ImagePolicy
from storage.record import Enclosure, Record
from storage.sqlite import SqliteStore

NOW = samples.NOW


@contextmanager
def serving(
    folder: Path, *records: Record, settings: Settings | None = None, **server: object
) -> Iterator[Callable[..., httpx.Response]]:
    """Give a function that asks a server over these records."""
    ids = sorted({"paper", *(record.source_id for record in records)})
    states = [samples.a_state(id_) for id_ in ids]
    store = samples.a_store(folder, *records, states=[placed(state, at) for at, state in enumerate(states)])
    plain = settings_in(folder, **server)
    plain = replace(
        plain, sources=tuple(Source(id_, f"https://{id_}.example/feed", id_, at) for at, id_ in enumerate(ids))
    )
    app = create_app(store, lambda: settings or plain, lambda: Facts(last_tick_at=NOW), lambda: NOW)
    try:
        yield lambda path, method="GET", **headers: ask(app, path, method, **headers)
    finally:
        store.close()


def placed(state: Any, position: int) -> Any:
    return replace(state, source=replace(state.source, position=position))


def conforms(answer: httpx.Response, name: str) -> bool:
    schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": dict(SCHEMAS)}}
    Draft202012Validator(schema).validate(answer.json())
    return True


def walked(get: Callable[..., httpx.Response], path: str, name: str) -> list[list[dict[str, Any]]]:
    """Return the pages that `next` leads to."""
    pages = []
    while path:
        answer = get(path)
        assert answer.status_code == 200, answer.text
        pages.append(answer.json()[name])
        path = (answer.json()["next"] or "").removeprefix("https://news.example")
    return pages


def test_an_entry_has_every_field_of_the_shape(tmp_path):
    record = samples.a_record(
        enclosures=(Enclosure("https://paper.example/1.mp3", "audio/mpeg", 9, "One", timedelta(seconds=95.5)),),
        image="https://paper.example/1.jpg",
        summary="At noon.",
    )
    with serving(tmp_path, record) as get:
        answer = get("/api/v1/entries/aaaaaaaaaaaaaaaa")
        at_its_page = get("/entry/aaaaaaaaaaaaaaaa.json")

    assert answer.json() == {
        "key": "aaaaaaaaaaaaaaaa",
        "public_id": "https://paper.example/1",
        "source": "paper",
        "title": "A bridge opens",
        "link": "https://paper.example/1",
        "guid": "https://paper.example/1",
        "author": "The Paper",
        "writers": ["Ann Writer"],
        "categories": ["Press", "The Paper", "latest"],
        "tags": ["bridges"],
        "published": "2026-03-01T08:30:00Z",
        "updated": "2026-03-02T09:00:00Z",
        "first_seen": "2026-03-01T09:00:00Z",
        "date_source": "published",
        "image": "https://paper.example/1.jpg",
        "html": "<p>It opens at noon.</p>",
        "summary": "At noon.",
        "enclosures": [
            {"url": "https://paper.example/1.mp3", "type": "audio/mpeg", "length": 9, "title": "One", "duration": 95.5}
        ],
        "podcast": [],
        "language": "en",
        "also_in": [],
    }
    assert conforms(answer, "entry")
    assert answer.headers["content-type"] == "application/json"
    assert at_its_page.content == answer.content


def test_the_pages_partition_the_whole(tmp_path):
    with serving(tmp_path, *samples.numbered(7)) as get:
        pages = walked(get, "/api/v1/entries?limit=3&content=none", "entries")

    assert [[entry["title"] for entry in page] for page in pages] == [
        ["Entry 0", "Entry 1", "Entry 2"],
        ["Entry 3", "Entry 4", "Entry 5"],
        ["Entry 6"],
    ]
    assert {entry["html"] for page in pages for entry in page} == {""}


def test_a_page_says_where_it_goes_on_in_three_ways(tmp_path):
    with serving(tmp_path, *samples.numbered(2), access_token="s3cret") as get:
        answer = get("/api/v1/entries?limit=1&token=s3cret")
        last = get("/api/v1/entries?limit=2&token=s3cret")

    told = answer.json()
    assert told["next"] == f"https://news.example/api/v1/entries?limit=1&before={told['cursor']}"
    assert answer.headers["link"] == f'<{told["next"]}>; rel="next"'
    assert answer.headers["access-control-expose-headers"] == "ETag, Link"
    assert (last.json()["next"], last.json()["cursor"], "link" in last.headers) == (None, None, False)
    assert conforms(last, "entries")


def test_entries_are_chosen_as_in_feeds(tmp_path):
    other = samples.a_record(
        key="bbbbbbbbbbbbbbbb", source_id="gazette", identity="g", alias="g", public_id="https://gazette.example/g",
        title="A boat", categories=("Boats", "Gazette", "latest"), link="https://gazette.example/g", guid="g",
    )  # fmt: skip
    with serving(tmp_path, samples.a_record(), other) as get:
        asked = ["source=gazette", "category=Boats", "category=Boats&category=Press", "since=2026-03-02T00:00:00Z"]
        found = [[one["title"] for one in get(f"/api/v1/entries?{query}").json()["entries"]] for query in asked]

    assert found == [["A boat"], ["A boat"], ["A bridge opens", "A boat"], []]


def test_a_view_is_asked_for_by_name(tmp_path):
    plain = settings_in(tmp_path)
    settings = replace(plain, views=(View("bridges", "Bridges", categories=("Press",)),))
    with serving(tmp_path, *samples.numbered(2), settings=settings) as get:
        answer = get("/api/v1/entries?view=bridges&limit=1")
        pages = walked(get, "/api/v1/entries?view=bridges&limit=1", "entries")
        refused = get("/api/v1/entries?view=bridges&source=paper")
        unknown = get("/api/v1/entries?view=bridge")

    assert answer.json()["next"].startswith("https://news.example/api/v1/entries?view=bridges&limit=1&before=")
    assert [entry["title"] for page in pages for entry in page] == ["Entry 0", "Entry 1"]
    assert refused.json()["detail"] == "source= is not for a view, which chooses by feeds.yaml; leave one of them out"
    assert unknown.json()["detail"] == "there is no view 'bridge' (did you mean 'bridges'?)"


def test_a_view_that_was_taken_out_is_gone(tmp_path):
    store = samples.a_store(tmp_path, samples.a_record())
    store.note_views(["bridges"])
    settings = settings_in(tmp_path)
    app = create_app(store, lambda: settings, lambda: Facts(last_tick_at=NOW), lambda: NOW)

    answer = ask(app, "/api/v1/entries?view=bridges")

    store.close()
    assert (answer.status_code, answer.json()["title"]) == (410, "Gone")
    assert answer.json()["detail"] == "the view 'bridges' was taken out of feeds.yaml"
    assert conforms(answer, "problem")


def test_a_story_stands_in_a_merged_page_once(tmp_path):
    same = samples.a_record(
        key="bbbbbbbbbbbbbbbb", source_id="zeitung", identity="z", alias="z", public_id="https://zeitung.example/z",
        title="The bridge", guid="z", link="http://www.paper.example/1?utm_source=z",
    )  # fmt: skip
    with serving(tmp_path, samples.a_record(), same) as get:
        merged = get("/api/v1/entries").json()["entries"]
        of_one = get("/api/v1/entries?source=zeitung").json()["entries"]

    assert [(one["key"], [also["key"] for also in one["also_in"]]) for one in merged] == [
        ("aaaaaaaaaaaaaaaa", ["bbbbbbbbbbbbbbbb"])
    ]
    assert [(one["key"], [also["key"] for also in one["also_in"]]) for one in of_one] == [
        ("bbbbbbbbbbbbbbbb", ["aaaaaaaaaaaaaaaa"])
    ]


def test_the_views_are_listed_with_their_feeds_and_definitions(tmp_path):
    view = View(
        "bridges", "Bridges", categories=("Press",), per_source=3, window=timedelta(hours=36),
        images=ImagePolicy("https://img.example/?{url}"),
        filters=(Filter(FilterKind.UNIQUE, "unique: title", field="title"),),
    )  # fmt: skip
    with serving(tmp_path, settings=replace(settings_in(tmp_path), views=(view,))) as get:
        answer = get("/api/v1/views")

    assert answer.json() == {
        "views": [
            {
                "name": "bridges",
                "title": "Bridges",
                "page": "https://news.example/view/bridges",
                "feeds": {
                    "atom": "https://news.example/feed/bridges.atom",
                    "rss": "https://news.example/feed/bridges.rss",
                    "json": "https://news.example/feed/bridges.json",
                },
                "definition": {
                    "sources": [],
                    "categories": ["Press"],
                    "tags": [],
                    "query": None,
                    "entries": 50,
                    "window": "36h",
                    "per_source": 3,
                    "content": "full",
                    "images": "https://img.example/?{url}",
                    "filters": ["unique: title"],
                },
            }
        ]
    }
    assert conforms(answer, "views")


def test_sources_come_in_pages_in_the_order_of_feeds_yaml(tmp_path):
    records = [samples.a_record(key=2 * "abcdefgh"[:at] + "c" * (16 - 2 * at), source_id=f"s{at}", identity=f"{at}", alias=f"{at}",
                                public_id=f"https://s{at}.example/1") for at in range(4)]  # fmt: skip
    with serving(tmp_path, *records) as get:
        pages = walked(get, "/api/v1/sources?limit=2", "sources")
        every = get("/sources.json").json()
        failing = get("/api/v1/sources?state=failing").json()
        one = get("/api/v1/sources/s3")

    assert [[row["id"] for row in page] for page in pages] == [["paper", "s0"], ["s1", "s2"], ["s3"]]
    assert [row for page in pages for row in page] == every
    assert list(every[0]) == list(ROW)
    assert failing["sources"] == []
    assert one.json() == every[4]
    assert conforms(one, "source")


def test_a_paused_source_stands_in_its_place(tmp_path):
    settings = settings_in(tmp_path)
    settings = replace(settings, paused=(Source("still", "https://still.example/feed", "Still", position=7),))
    with serving(tmp_path, settings=settings) as get:
        rows = get("/api/v1/sources").json()["sources"]
        paused = get("/api/v1/sources?state=paused").json()["sources"]

    assert [(row["id"], row["state"]) for row in rows] == [("paper", "ok"), ("still", "paused")]
    assert [row["id"] for row in paused] == ["still"]


PROBLEMS = {
    "/api/v1/entries?limit=0": (400, "limit=0 is no whole number from 1 to 500"),
    "/api/v1/entries?limit=1&limit=2": (400, "limit= is given 2 times; once is enough"),
    "/api/v1/entries?categry=a": (400, "there is no parameter 'categry' here (did you mean 'category'?)"),
    "/api/v1/entries?source=": (400, "source= is empty; leave it out"),
    "/api/v1/entries?content=all": (400, "content=all is none of full, summary, none"),
    "/api/v1/entries?before=x": (400, "before= is no place in this feed; take it from the feed's own next link"),
    "/api/v1/entries?since=0001-01-01T00:00:00%2B14:00": (
        400,
        "since=0001-01-01T00:00:00+14:00 is no instant of RFC 3339, such as 2026-01-31T08:00:00Z",
    ),
    "/api/v1/entries?source=papr": (404, "there is no source 'papr' (did you mean 'paper'?)"),
    "/api/v1/entries/aaaaaaaaaaaaaaab": (404, "there is no such record"),
    "/api/v1/entries/../x": (404, "there is no such record"),
    "/api/v1/sources/papr": (404, "there is no source 'papr' (did you mean 'paper'?)"),
    "/api/v1/sources?after=x": (400, "after= is no place in this list; take it from `next` or `cursor`"),
    "/api/v1/sources?state=broken": (
        400,
        "state=broken is none of ok, late, silent, degraded, failing, blocked, gone, moved, paused",
    ),
    "/api/v1/entris": (404, "there is nothing at /api/v1/entris (did you mean '/api/v1/entries'?)"),
    "/entry/aaaaaaaaaaaaaaab.json": (404, "there is no such record"),
    "/sources.jsn": (404, None),
}


@pytest.mark.parametrize("path", [path for path in PROBLEMS if "jsn" not in path and ".." not in path])
def test_what_is_wrong_is_told_as_a_problem(tmp_path, path):
    with serving(tmp_path, samples.a_record()) as get:
        answer = get(path)

    status, detail = PROBLEMS[path]
    told = {"type": "about:blank", "title": {400: "Bad Request", 404: "Not Found"}[status], "status": status}
    assert answer.status_code == status
    assert answer.json() == {**told, "detail": detail, "instance": path.partition("?")[0]}
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert conforms(answer, "problem")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_only_get_and_head_are_answered(tmp_path, method):
    with serving(tmp_path) as get:
        answer = get("/api/v1/entries", method)

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert conforms(answer, "problem")


def test_the_token_opens_the_api(tmp_path):
    with serving(tmp_path, access_token="s3cret") as get:
        shut = get("/api/v1/views")
        opened = get("/api/v1/views", authorization="Bearer s3cret")
        told = get("/api/v1/openapi.json?token=s3cret").json()

    assert (shut.status_code, opened.status_code) == (401, 200)
    assert shut.headers["www-authenticate"] == 'Bearer realm="feeds"'
    assert conforms(shut, "problem")
    assert opened.headers["cache-control"] == "private, max-age=300"
    assert told["security"] == [{"bearer": []}, {"query": []}]


def test_a_store_that_cannot_be_read_is_said_for_a_while(tmp_path):
    store = samples.a_store(tmp_path, samples.a_record())
    settings = settings_in(tmp_path)
    app = create_app(store, lambda: settings, lambda: Facts(last_tick_at=NOW), lambda: NOW)
    store.close()

    answer = ask(app, "/api/v1/entries")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
    assert conforms(answer, "problem")


def test_the_second_request_of_a_page_is_a_304_and_head_has_no_body(tmp_path):
    with serving(tmp_path, *samples.numbered(2)) as get:
        first = get("/api/v1/entries?limit=1")
        second = get("/api/v1/entries?limit=1", if_none_match=first.headers["etag"])
        head = get("/api/v1/entries?limit=1", "HEAD")

    assert (second.status_code, second.content) == (304, b"")
    assert (head.content, head.headers["link"]) == (b"", first.headers["link"])


def test_a_story_names_the_records_that_are_the_same_article(tmp_path):
    same = samples.a_record(
        key="bbbbbbbbbbbbbbbb", source_id="zeitung", identity="z", alias="z", public_id="https://zeitung.example/z",
        title="The bridge", guid="z", link="http://www.paper.example/1?utm_source=z",
    )  # fmt: skip
    with serving(tmp_path, samples.a_record(), same) as get:
        one = get("/api/v1/entries/aaaaaaaaaaaaaaaa")
        other = get("/api/v1/entries/bbbbbbbbbbbbbbbb")

    assert one.json()["also_in"] == [
        {
            "key": "bbbbbbbbbbbbbbbb",
            "source": "zeitung",
            "title": "The bridge",
            "link": "http://www.paper.example/1?utm_source=z",
        }
    ]
    assert [also["key"] for also in other.json()["also_in"]] == ["aaaaaaaaaaaaaaaa"]
    assert conforms(one, "entry")


def test_the_document_names_every_operation_with_its_parameters(tmp_path):
    with serving(tmp_path) as get:
        told = get("/api/v1/openapi.json").json()

    assert told["openapi"] == "3.1.0"
    assert told["servers"] == [{"url": "https://news.example"}]
    assert "security" not in told
    assert {
        path: [one["name"] for one in item["get"].get("parameters", [])] for path, item in told["paths"].items()
    } == {
        "/api/v1/entries": ["q", "category", "source", "tag", "view", "since", "before", "limit", "content"],
        "/api/v1/entries/{key}": ["key"],
        "/api/v1/sources": ["state", "after", "limit"],
        "/api/v1/sources/{id}": ["id"],
        "/api/v1/views": [],
        "/api/v1/openapi.json": [],
    }
    for schema in told["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    assert json.dumps(told).count('"description": ""') == 0


def test_the_store_is_opened_for_reading_and_serves_the_api_too(tmp_path):
    samples.a_store(tmp_path, samples.a_record()).close()
    settings = settings_in(tmp_path)
    store = SqliteStore.open_readonly(tmp_path)
    app = create_app(store, lambda: settings, lambda: Facts(polls=False), lambda: NOW)

    answers = [ask(app, path).status_code for path in ("/api/v1/entries", "/api/v1/sources", "/api/v1/views")]

    store.close()
    assert answers == [200, 200, 200]
