"""Views of feeds.yaml as a subscriber gets them: which entries, in which order, how much of each, and the page."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from lxml import etree
from unit import feed_rules as rules
from unit.feed_rules_samples import NOW, a_state, add, numbered

from aggregator.health import Facts
from aggregator.model import Condition, Content, Filter, FilterKind, Polling, Server, Settings, Source, Storage, View
from aggregator.web import create_app
from storage.images import ImagePolicy
from storage.record import Record
from storage.sqlite import SqliteStore

Get = Callable[..., httpx.Response]
HOUR = timedelta(hours=1)


def source(id_: str, **changes: Any) -> Source:
    return Source(id=id_, url=f"https://{id_}.example/feed", name=id_, **changes)


def of(source_id: str, count: int, category: str = "Press", **changes: Any) -> list[Record]:
    """Return records of a source, an hour apart; those of other sources than `a` half an hour after them."""
    back = timedelta(minutes=0 if source_id == "a" else 30)
    return [
        replace(
            record,
            key=f"{source_id}{n:0>15}"[:16],
            public_id=f"tag:x.example,2026:{source_id}:{n}",
            link=f"https://{source_id}.example/{n}",
            guid=f"{source_id}:{n}",
            source_id=source_id,
            categories=(category, source_id, "latest"),
            title=f"{source_id} {n}",
            published=NOW - (10 + n) * HOUR - back,
            first_seen=NOW - timedelta(days=10) - n * HOUR - back,
            **changes,
        )
        for n, record in enumerate(numbered(count))
    ]


@contextmanager
def serving(folder: Path, *records: Record, views: tuple[View, ...], sources: tuple[Source, ...] = ()) -> Iterator[Get]:
    store = SqliteStore.open(folder)
    known = sources or (source("a", tags=("eng",)), source("b"), source("c", tags=("eng", "x")))
    add(store, *records, states=[a_state(one.id) for one in known])
    settings = Settings(
        folder / "feeds.yaml",
        Server(base_url="https://news.example/", title="All"),
        Storage(folder),
        Polling(),
        known,
        views=views,
    )
    app = create_app(store, lambda: settings, lambda: Facts(last_tick_at=NOW), lambda: NOW)

    async def send(path: str, **headers: str) -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        asked = {"accept-encoding": "identity"} | {name.replace("_", "-"): value for name, value in headers.items()}
        async with httpx.AsyncClient(transport=transport, base_url="http://elsewhere.example") as client:
            return await client.get(path, headers=asked)

    try:
        yield lambda path, **headers: asyncio.run(send(path, **headers))
    finally:
        store.close()


def items(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    return list(json.loads(answer.content)["items"])


def titles(answer: httpx.Response) -> list[str]:
    return [item["title"] for item in items(answer)]


def a_view(**changes: Any) -> View:
    return replace(View("v", "The view", window=timedelta(0)), **changes)


def rule(kind: FilterKind, **changes: Any) -> Filter:
    return Filter(kind, "rule", **changes)


@pytest.mark.parametrize(
    ("ending", "faults"), [("atom", rules.atom_faults), ("rss", rules.rss_faults), ("json", rules.json_faults)]
)
def test_a_view_is_served_in_three_valid_formats_under_its_own_title(tmp_path: Path, ending: str, faults: Any) -> None:
    with serving(tmp_path, *of("a", 3), views=(a_view(),)) as get:
        answer = get(f"/feed/v.{ending}")

    assert answer.status_code == 200
    assert faults(answer.content) == []
    assert b"The view" in answer.content
    assert f"https://news.example/feed/v.{ending}".encode() in answer.content
    assert answer.headers["etag"]


def test_a_view_has_an_id_of_its_own_that_rests_on_its_name(tmp_path: Path) -> None:
    views = (a_view(), a_view(name="w"), a_view(name="x", title="Another"))
    with serving(tmp_path, *of("a", 1), views=views) as get:
        ids = {etree.fromstring(get(f"/feed/{name}.atom").content).findtext("{*}id") for name in "vwx"}
        merged = etree.fromstring(get("/feed.atom").content).findtext("{*}id")

    assert len(ids | {merged}) == 4


def test_the_second_request_of_a_view_is_a_304(tmp_path: Path) -> None:
    with serving(tmp_path, *of("a", 1), views=(a_view(),)) as get:
        first = get("/feed/v.atom")

        assert get("/feed/v.atom", if_none_match=first.headers["etag"]).status_code == 304


@pytest.mark.parametrize("path", ["/feed/vv.atom", "/view/vv"])
def test_a_view_that_is_not_there_is_a_404_with_the_near_name(tmp_path: Path, path: str) -> None:
    with serving(tmp_path, views=(a_view(name="vvv"),)) as get:
        answer = get(path)

    assert answer.status_code == 404
    assert "vvv" in answer.text


@pytest.mark.parametrize(
    ("choice", "chosen"),
    {
        "nothing named: all sources": ({}, ["a", "b", "c"]),
        "a source": ({"sources": ("b",)}, ["b"]),
        "a category": ({"categories": ("Science",)}, ["c"]),
        "a tag of sources": ({"tags": ("eng",)}, ["a", "c"]),
        "any of the three": ({"sources": ("b",), "categories": ("Science",)}, ["b", "c"]),
        "a record that matches twice stands once": ({"sources": ("c",), "categories": ("Science",)}, ["c"]),
        "a tag that no source has": ({"tags": ("nobody",)}, []),
    }.values(),
)
def test_a_view_chooses_by(tmp_path: Path, choice: dict[str, Any], chosen: list[str]) -> None:
    records = [*of("a", 1), *of("b", 1), *of("c", 1, "Science")]
    with serving(tmp_path, *records, views=(a_view(**choice),)) as get:
        assert sorted(titles(get("/feed/v.json"))) == [f"{name} 0" for name in chosen]


def test_a_view_holds_its_newest_entries_in_order(tmp_path: Path) -> None:
    with serving(tmp_path, *of("a", 4), *of("b", 4), views=(a_view(entries=3),)) as get:
        assert titles(get("/feed/v.json")) == ["a 0", "b 0", "a 1"]


def test_what_arrived_within_the_window_is_not_cut_off(tmp_path: Path) -> None:
    old = [replace(record, first_seen=NOW - HOUR) for record in of("b", 30)[25:]]
    with serving(tmp_path, *of("a", 10), *old, views=(a_view(entries=2, window=timedelta(hours=2)),)) as get:
        assert titles(get("/feed/v.json")) == ["a 0", "a 1", "b 25", "b 26", "b 27", "b 28", "b 29"]


def test_per_source_lets_the_others_rise(tmp_path: Path) -> None:
    late = [replace(record, published=record.published - timedelta(days=9)) for record in of("b", 2)]
    with serving(tmp_path, *of("a", 30), *late, views=(a_view(entries=3, per_source=2),)) as get:
        assert titles(get("/feed/v.json")) == ["a 0", "a 1", "b 0"]


def test_per_source_counts_what_stands_above_an_entry_that_came_late(tmp_path: Path) -> None:
    old = [replace(record, title="late", published=NOW - timedelta(days=3), first_seen=NOW) for record in of("a", 1)]
    mine = [
        replace(record, key=f"a{place + 50:0>15}", public_id=f"tag:x.example,2026:a:{place + 50}", guid=None)
        for place, record in enumerate(of("a", 3))
    ]
    view = a_view(entries=2, per_source=2, window=HOUR)
    with serving(tmp_path, *old, *mine, *of("b", 2), views=(view,)) as get:
        assert titles(get("/feed/v.json")) == ["a 0", "b 0"]


def test_unique_compares_what_came_late_with_all_that_stands_above_it(tmp_path: Path) -> None:
    late = [replace(record, published=NOW - timedelta(days=3), first_seen=NOW) for record in of("a", 1)]
    above = [replace(record, title="A  0") for record in of("b", 3)][2:]
    view = a_view(entries=1, window=HOUR, filters=(rule(FilterKind.UNIQUE, field="title"),))
    with serving(tmp_path, *late, *above, *of("c", 1), views=(view,)) as get:
        assert titles(get("/feed/v.json")) == ["c 0"]


def test_rules_of_a_view_leave_out_and_older_ones_take_the_places(tmp_path: Path) -> None:
    drop = rule(FilterKind.DROP, conditions=(Condition("title", pattern="a [0-3]$"),))
    with serving(tmp_path, *of("a", 8), views=(a_view(entries=3, filters=(drop,)),)) as get:
        assert titles(get("/feed/v.json")) == ["a 4", "a 5", "a 6"]


def test_older_counts_back_from_the_newest_arrival(tmp_path: Path) -> None:
    drop = rule(FilterKind.DROP, conditions=(Condition("age", older=timedelta(hours=12)),))
    records = [replace(record, first_seen=NOW) for record in of("a", 8)]
    with serving(tmp_path, *records, views=(a_view(filters=(drop,)),)) as get:
        assert titles(get("/feed/v.json")) == ["a 0", "a 1", "a 2"]


def test_of_entries_with_one_title_the_newest_stands(tmp_path: Path) -> None:
    same = [replace(record, title="  THE same") for record in of("b", 2)]
    mine = [
        replace(record, title="The Same", published=record.published + timedelta(minutes=1)) for record in of("a", 1)
    ]
    with serving(tmp_path, *mine, *same, views=(a_view(filters=(rule(FilterKind.UNIQUE, field="title"),)),)) as get:
        assert [item["id"] for item in items(get("/feed/v.json"))] == ["tag:x.example,2026:a:0"]


def test_a_view_changes_titles_of_its_own(tmp_path: Path) -> None:
    put = rule(FilterKind.REPLACE, field="title", pattern="^a ", replacement="[A] ")
    with serving(tmp_path, *of("a", 1), views=(a_view(filters=(put,)),)) as get:
        assert titles(get("/feed/v.json")) == ["[A] 0"]
        assert titles(get("/feed.json")) == ["a 0"]


@pytest.mark.parametrize(
    ("content", "html", "summary"),
    [(Content.FULL, "<p>Words.</p>", None), (Content.SUMMARY, None, "Words."), (Content.NONE, None, None)],
)
def test_a_view_carries_so_much_of_the_body(tmp_path: Path, content: Content, html: str, summary: str) -> None:
    with serving(tmp_path, *of("a", 1, html="<p>Words.</p>"), views=(a_view(content=content),)) as get:
        [by_view] = items(get("/feed/v.json"))
        [by_parameter] = items(get(f"/feed.json?content={content}"))

    assert (by_view.get("content_html"), by_view.get("summary")) == (html, summary)
    assert (by_parameter.get("content_html"), by_parameter.get("summary")) == (html, summary)


@pytest.mark.parametrize(
    ("of_view", "src"),
    [
        (None, "https://proxy.example/?http://x.example/i.png"),
        (ImagePolicy("https://other.example/{url_encoded}"), "https://other.example/http%3A%2F%2Fx.example%2Fi.png"),
        (ImagePolicy("{url}", all_schemes=True), "http://x.example/i.png"),
    ],
    ids=["as the source says", "as the view says", "as published"],
)
def test_images_go_through(tmp_path: Path, of_view: ImagePolicy | None, src: str) -> None:
    records = of("a", 1, html='<img src="http://x.example/i.png">', image="http://x.example/i.png")
    known = (source("a", images=ImagePolicy("https://proxy.example/?{url}")),)
    with serving(tmp_path, *records, views=(a_view(images=of_view),), sources=known) as get:
        [item] = items(get("/feed/v.json"))

    assert item["content_html"] == f'<img src="{src}">'
    assert item["image"] == src


def test_pages_of_a_view_partition_what_its_rules_leave(tmp_path: Path) -> None:
    drop = rule(FilterKind.DROP, conditions=(Condition("title", pattern="[37]$"),))
    view = a_view(sources=("a",), categories=("Science",), filters=(drop,))
    with serving(tmp_path, *of("a", 17), *of("b", 5), *of("c", 12, "Science"), views=(view,)) as get:
        found: list[str] = []
        following: str | None = "/feed/v.json?limit=4"
        while following:
            page = json.loads(get(following.removeprefix("https://news.example")).content)
            found += [item["title"] for item in page["items"]]
            following = page.get("next_url")

    left = [f"{name} {n}" for name, count in (("a", 17), ("c", 12)) for n in range(count) if n % 10 not in (3, 7)]
    assert sorted(found) == sorted(left)


def test_the_document_leads_on_to_the_page_after_it(tmp_path: Path) -> None:
    with serving(tmp_path, *of("a", 6), views=(a_view(entries=2),)) as get:
        first = json.loads(get("/feed/v.json").content)
        second = get(first["next_url"].removeprefix("https://news.example"))

    assert titles(second) == ["a 2", "a 3"]


def test_a_feed_that_is_shorter_than_its_view_leads_nowhere(tmp_path: Path) -> None:
    with serving(tmp_path, *of("a", 2), views=(a_view(entries=2),)) as get:
        assert "next_url" not in json.loads(get("/feed/v.json").content)


@pytest.mark.parametrize("word", ["source=a", "category=Press", "tag=eng"])
def test_a_view_is_not_chosen_from_by_parameters(tmp_path: Path, word: str) -> None:
    with serving(tmp_path, views=(a_view(),)) as get:
        answer = get(f"/feed/v.rss?{word}")

    assert answer.status_code == 400
    assert word.partition("=")[0] in answer.text


def test_a_cursor_that_is_none_is_a_400(tmp_path: Path) -> None:
    with serving(tmp_path, *of("a", 1), views=(a_view(),)) as get:
        assert get("/feed/v.rss?before=nonsense").status_code == 400


def test_the_merged_feed_is_chosen_from_by_tag(tmp_path: Path) -> None:
    with serving(tmp_path, *of("a", 1), *of("b", 1), *of("c", 1), views=()) as get:
        assert sorted(titles(get("/feed.json?tag=eng"))) == ["a 0", "c 0"]
        assert titles(get("/feed.json?tag=eng&source=c")) == ["c 0"]
        assert titles(get("/feed.json?tag=nobody")) == []


def test_the_page_of_a_view_shows_its_entries_and_where_to_subscribe(tmp_path: Path) -> None:
    with serving(tmp_path, *of("a", 3), *of("b", 3), views=(a_view(sources=("a",), entries=2),)) as get:
        first = get("/view/v")
        page = etree.fromstring(first.content, etree.HTMLParser())
        older = get(str(page.xpath("string(//a[@rel='next']/@href)")))

    assert page.xpath("string(//title)") == "The view"
    assert page.xpath("//h3//text()") == ["a 0", "a 1"]
    assert page.xpath("//link[@rel='alternate']/@href") == ["/feed/v.atom", "/feed/v.rss", "/feed/v.json"]
    assert etree.fromstring(older.content, etree.HTMLParser()).xpath("//h3//text()") == ["a 2"]


def test_a_view_of_another_name_than_a_word_is_found(tmp_path: Path) -> None:
    with serving(tmp_path, *of("a", 1), views=(a_view(name="产品"),)) as get:
        answer = get("/feed/%E4%BA%A7%E5%93%81.json")

    assert titles(answer) == ["a 0"]
    assert json.loads(answer.content)["feed_url"] == "https://news.example/feed/%E4%BA%A7%E5%93%81.json"


def test_rules_of_a_source_show_in_feeds_and_on_pages(tmp_path: Path) -> None:
    put = rule(FilterKind.REPLACE, field="title", pattern="^a", replacement="A")
    with serving(tmp_path, *of("a", 1), views=(), sources=(source("a", filters=(put,)),)) as get:
        assert titles(get("/feed.json")) == ["A 0"]
        assert titles(get("/source/a.json")) == ["A 0"]
        assert "A 0" in get("/").text


def test_a_view_that_leaves_nearly_all_out_looks_at_so_many_and_no_more(tmp_path: Path) -> None:
    keep = rule(FilterKind.KEEP, conditions=(Condition("title", words=("nowhere",)),))
    with serving(tmp_path, *of("a", 200), views=(a_view(filters=(keep,)),)) as get:
        assert titles(get("/feed/v.json")) == []
