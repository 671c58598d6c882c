"""Search on the page and through OpenSearch: the form, what was found and where, the feed of it, hostile input."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from lxml import etree, html
from unit import feed_rules_samples as samples

from aggregator import indexing
from aggregator.health import Facts
from aggregator.model import Polling, Server, Settings, Source, Storage, View
from aggregator.web import create_app

Get = Callable[..., httpx.Response]
OPENSEARCH = "{http://a9.com/-/spec/opensearch/1.1/}"


@contextmanager
def serving(folder: Path, **server: Any) -> Iterator[Get]:
    """Serve three entries: one with the word in its title, one in its text, one without it; and a view of one word."""
    first, second, third = samples.numbered(3)
    records = (
        replace(first, title="大模型的後臺", html="<p>Ports and harbours</p>"),
        replace(second, title="Second", html="<p>" + "Long before. " * 30 + "关于<b>大模</b>型与大模型 &lt;b&gt;</p>"),
        replace(third, title="Third", html="<p>Nothing of it</p>"),
    )
    with closing(samples.a_store(folder, *records)) as store:
        indexing.bring_up_to_date(store)
        settings = Settings(
            path=folder / "feeds.yaml",
            server=Server(**{"base_url": "https://news.example/sub/", "title": "All & sundry papers"} | server),
            storage=Storage(folder),
            polling=Polling(),
            sources=(Source(id="paper", url="https://paper.example/feed", name="My paper"),),
            views=(View("models", "Models", query='大模型 "ports'), View("a b", "Odd")),
        )
        app = create_app(store, lambda: settings, lambda: Facts(last_tick_at=samples.NOW), lambda: samples.NOW)

        async def send(path: str, **headers: str) -> httpx.Response:
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://elsewhere.example") as client:
                return await client.get(path, headers=headers)

        yield lambda path, **headers: asyncio.run(send(path, **headers))


@pytest.fixture
def get(tmp_path: Path) -> Iterator[Get]:
    with serving(tmp_path) as asked:
        yield asked


def titles(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200
    return [str(one.text_content()) for one in html.fromstring(answer.text).cssselect(".entry h3")]


def marks(answer: httpx.Response, where: str) -> list[str]:
    return [str(one.text_content()) for one in html.fromstring(answer.text).cssselect(f"{where} mark")]


def test_a_search_shows_what_was_found_in_titles_and_texts_and_keeps_the_query(get: Get) -> None:
    answer = get("/?q=大模型")

    assert titles(answer) == ["大模型的後臺", "Second"]
    assert marks(answer, "h3") == ["大模型"]
    assert marks(answer, ".said") == ["大模型", "大模型"]
    assert html.fromstring(answer.text).cssselect("#q")[0].get("value") == "大模型"
    assert "<title>大模型 · All &amp; sundry papers</title>" in answer.text


@pytest.mark.parametrize("q", ["後臺", "后台", "title:后台", '"模型 后台"'.replace(" ", "的")])
def test_forms_of_a_character_are_marked_as_they_were_written(get: Get, q: str) -> None:
    assert "".join(marks(get(f"/?q={q}"), "h3")) in {"後臺", "模型的後臺"}


def test_markup_in_the_query_and_in_the_texts_is_text(get: Get) -> None:
    answer = get("/?q=" + quote('"><script>alert(1)</script> 大模型'))
    found = get("/?q=大模型")

    assert "<script>" not in answer.text
    assert 'value="&#34;&gt;&lt;script&gt;' in answer.text
    assert "&lt;b&gt;" in found.text


def test_nothing_found_is_told_in_a_sentence(get: Get) -> None:
    answer = get("/?q=nowhere")

    assert titles(answer) == []
    assert "Nothing was found for <q>nowhere</q>." in answer.text


def test_the_feeds_of_the_search_are_offered(get: Get) -> None:
    page = html.fromstring(get("/?q=大模型&category=Press").text)

    offered = [link.get("href") for link in page.cssselect(".subscribe a")]

    told = f"category=Press&q={quote('大模型')}"
    assert offered == [f"/sub/feed.{ending}?{told}" for ending in ("atom", "rss", "json")]
    assert [link.get("href") for link in page.cssselect("link[rel=alternate]")] == offered
    assert [(one.get("name"), one.get("value")) for one in page.cssselect("input[type=hidden]")] == [
        ("category", "Press")
    ]
    assert "Subscribe to this search" in page.text_content()


def test_older_and_newest_keep_the_search(get: Get) -> None:
    first = html.fromstring(get("/?q=大模型&limit=1").text)
    older = first.cssselect("a[rel=next]")[0].get("href")

    second = get(older.removeprefix("/sub"))

    assert titles(second) == ["Second"]
    assert f'href="/sub/?q={quote("大模型")}">Newest' in second.text


def test_a_view_is_searched_within_what_it_holds(get: Get) -> None:
    page, feed = get("/view/models?q=后台"), get("/feed/models.json?q=后台")

    assert titles(page) == ["大模型的後臺"]
    assert titles(get("/view/models?q=second")) == []
    assert html.fromstring(page.text).cssselect("form")[0].get("action") == "/sub/view/models"
    assert feed.json()["title"] == "Models · 后台"
    assert [item["title"] for item in feed.json()["items"]] == ["大模型的後臺"]
    assert html.fromstring(get("/view/a%20b").text).cssselect("form")[0].get("action") == "/sub/view/a%20b"


def test_the_feed_of_a_search_in_a_view_is_another_feed(get: Get) -> None:
    ids = {etree.fromstring(get(f"/feed/models.atom{q}").content).findtext("{*}id") for q in ("", "?q=a", "?q=b")}

    assert len(ids) == 3


# --- OpenSearch ---


def test_the_description_names_every_form_of_results_by_absolute_addresses(get: Get) -> None:
    answer = get("/opensearch.xml")
    root = etree.fromstring(answer.content)

    assert answer.headers["content-type"] == "application/opensearchdescription+xml; charset=utf-8"
    assert root.tag == f"{OPENSEARCH}OpenSearchDescription"
    assert root.findtext(f"{OPENSEARCH}ShortName") == "All & sundry pap"
    assert len(root.findtext(f"{OPENSEARCH}LongName") or "") <= 48
    assert {(url.get("type"), url.get("rel"), url.get("template")) for url in root.iter(f"{OPENSEARCH}Url")} == {
        ("text/html", None, "https://news.example/sub/?q={searchTerms}"),
        ("application/atom+xml", None, "https://news.example/sub/feed.atom?q={searchTerms}"),
        ("application/rss+xml", None, "https://news.example/sub/feed.rss?q={searchTerms}"),
        ("application/feed+json", None, "https://news.example/sub/feed.json?q={searchTerms}"),
        ("application/opensearchdescription+xml", "self", "https://news.example/sub/opensearch.xml"),
    }


def test_what_the_description_says_works(get: Get) -> None:
    root = etree.fromstring(get("/opensearch.xml").content)
    templates = [url.get("template", "") for url in root.iter(f"{OPENSEARCH}Url") if url.get("rel") is None]

    answers = [
        get(template.removeprefix("https://news.example/sub").replace("{searchTerms}", quote("大模型 -harbours")))
        for template in templates
    ]

    assert [answer.status_code for answer in answers] == [200] * 4
    assert all("Second" in answer.text and "Third" not in answer.text for answer in answers)


def test_pages_lead_to_the_description(get: Get) -> None:
    for path in ("/", "/view/models", "/?q=x"):
        [link] = html.fromstring(get(path).text).cssselect("link[rel=search]")
        assert (link.get("type"), link.get("href")) == (
            "application/opensearchdescription+xml",
            "/sub/opensearch.xml",
        )


def test_the_token_stands_in_the_description_only_for_who_asked_with_it_in_the_address(tmp_path: Path) -> None:
    with serving(tmp_path, access_token="s3&cret") as get:
        closed = get("/opensearch.xml")
        by_header = get("/opensearch.xml", authorization="Bearer s3&cret")
        by_address = get("/opensearch.xml?token=s3%26cret")
        page = get("/?q=x", authorization="Bearer s3&cret")

    templates = [url.get("template", "") for url in etree.fromstring(by_address.content).iter(f"{OPENSEARCH}Url")]
    assert closed.status_code == 401
    assert b"cret" not in by_header.content
    assert all("token=s3%26cret" in template for template in templates)
    assert by_address.headers["cache-control"] == "private, max-age=300"
    assert b"cret" not in page.content
    assert html.fromstring(page.text).cssselect("input[type=password]")[0].get("name") == "token"


# --- hostile input ---


@pytest.mark.parametrize(
    "q",
    ["%E7%9A%84" * 220, "+".join("abcdefgh"[n % 8] for n in range(990)), "%22" * 660, "(" * 1980, "-a+" * 660, "title:" * 330,
     "NEAR(" * 390, "%00%FF%ED%A0%80" * 130, "%E7%9A%84+" * 198],
    ids=lambda q: f"{q[:6]} {len(q)}",
)  # fmt: skip
@pytest.mark.parametrize("path", ["/", "/feed.atom", "/view/models", "/feed/models.rss"])
def test_a_hostile_query_is_answered_soon(get: Get, path: str, q: str) -> None:
    began = time.perf_counter()

    answer = get(f"{path}?q={q}")

    assert answer.status_code == 200
    assert time.perf_counter() - began < 10


def test_a_query_that_is_too_long_is_refused_with_a_sentence(get: Get) -> None:
    answer = get("/?q=" + "x" * 2000)

    assert answer.status_code == 400
    assert escape("the query string is longer than 2000 bytes") in answer.text
