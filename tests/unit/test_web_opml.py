"""The list of subscriptions that anybody may take along: whole, without secrets, readable as it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from unit import feed_rules_samples as samples
from unit.test_web_feeds import ask, settings_in

from aggregator import opml
from aggregator.health import Facts
from aggregator.model import Source, View
from aggregator.web import create_app

NOW = samples.NOW
SOURCES = (
    Source("paper", "https://paper.example/feed", "Paper in feeds.yaml", 0, category="Press"),
    Source("gazette", "https://gazette.example/feed", "Gazette", 1, category="uncategorized", tags=("daily",)),
    Source("keyed", "https://keyed.example/feed?key=s3cret", "Keyed", 2, category="Press"),
    Source("named", "https://ann:pw@named.example/feed", "Named", 3, category="编程"),
    Source("variable", "https://v.example/abcdefgh/feed", "Variable", 4, category="编程", secrets=("abcdefgh",)),
)


@pytest.fixture
def get(tmp_path: Path) -> Callable[..., httpx.Response]:
    store = samples.a_store(tmp_path, samples.a_record())
    views = (
        View("daily", "Daily & all", tags=("daily",)),
        View("all", "All"),
        View("some", "Some", sources=("keyed",)),
    )
    settings = replace(settings_in(tmp_path), sources=SOURCES, views=views)
    app = create_app(store, lambda: settings, lambda: Facts(last_tick_at=NOW), lambda: NOW)
    return lambda path, **headers: ask(app, path, **headers)


def listed(answer: httpx.Response) -> list[tuple[str, str, tuple[str, ...]]]:
    assert answer.status_code == 200, answer.text
    return [(one.title, one.url, one.folders) for one in opml.read(answer.content).feeds]


def test_the_sources_stand_in_folders_and_no_secret_in_any_address(get):
    answer = get("/opml")

    assert listed(answer) == [
        ("The Paper", "https://paper.example/feed", ("Press",)),
        ("Gazette", "https://gazette.example/feed", ()),
        ("Keyed", "https://news.example/source/keyed.atom", ("Press",)),
        ("Named", "https://news.example/source/named.atom", ("编程",)),
        ("Variable", "https://news.example/source/variable.atom", ("编程",)),
    ]
    assert opml.read(answer.content).title == "All the papers"
    assert opml.read(answer.content).feeds[0].html_url == "https://paper.example/"
    assert not [word for word in (b"s3cret", b"pw@", b"abcdefgh", b"***") if word in answer.content]
    assert answer.headers["content-type"] == "text/x-opml; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="subscriptions.opml"'
    assert get("/opml", if_none_match=answer.headers["etag"]).status_code == 304


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("category=Press", ["paper", "keyed"]),
        ("category=Press&source=paper&source=gazette", ["paper"]),
        ("tag=daily", ["gazette"]),
        ("view=daily", ["gazette"]),
        ("view=some", ["keyed"]),
        ("view=all", ["paper", "gazette", "keyed", "named", "variable"]),
    ],
)
def test_a_part_of_them_is_chosen_as_in_feeds(get, query, ids):
    hosts = [url.removeprefix("https://") for _, url, _ in listed(get(f"/opml?{query}"))]

    found = [
        url.split("/source/")[1].removesuffix(".atom") if "/source/" in url else url.split(".")[0] for url in hosts
    ]
    assert found == ids


def test_the_merged_feed_and_the_views_are_subscriptions_too(get):
    assert listed(get("/opml?of=views")) == [
        ("All the papers", "https://news.example/feed.atom", ()),
        ("Daily & all", "https://news.example/feed/daily.atom", ()),
        ("All", "https://news.example/feed/all.atom", ()),
        ("Some", "https://news.example/feed/some.atom", ()),
    ]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("view=dayly", "404 Not Found: there is no view 'dayly' (did you mean 'daily'?)\n"),
        ("of=feeds", "400 Bad Request: of=feeds is none of sources, views\n"),
        (
            "view=daily&tag=a",
            "400 Bad Request: tag= is not for a view, which chooses by feeds.yaml; leave one of them out\n",
        ),
    ],
)
def test_what_is_wrong_is_told_in_plain_text(get, query, said):
    answer = get(f"/opml?{query}")

    assert answer.text == said
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def test_a_view_gives_the_file_its_name(get):
    assert get("/opml?view=daily").headers["content-disposition"] == 'attachment; filename="daily.opml"'
