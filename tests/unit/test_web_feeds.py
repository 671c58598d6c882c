"""What a subscriber gets over HTTP: the feed, 304, gzip, pages, parameters, the token, errors in the path's own form."""

from __future__ import annotations

import asyncio
import gzip
import importlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from lxml import etree
from starlette.types import ASGIApp
from unit import feed_rules as rules
from unit import feed_rules_samples as samples

from aggregator.health import Facts
from aggregator.model import Polling as PollingPart
from aggregator.model import Server, Settings, Source, Storage
from aggregator.web import create_app
from aggregator.web.site import base_of
from storage.sqlite import SqliteStore
from storage.states import HostState
from storage.values import Changes, Poll

NOW = samples.NOW

ATOM = "{http://www.w3.org/2005/Atom}"


def settings_in(folder: Path, **server: object) -> Settings:
    told = {"base_url": "https://news.example/", "title": "All the papers", **server}
    return Settings(
        path=folder / "feeds.yaml",
        server=Server(**told),
        storage=Storage(path=folder),
        polling=PollingPart(),
        sources=(Source(id="paper", url="https://paper.example/feed", name="My paper"),),
    )


@contextmanager
def serving(
    folder: Path, *records: object, facts: Facts | None = None, **server: object
) -> Iterator[Callable[..., httpx.Response]]:
    """Give a function that asks a server over these records."""
    store = samples.a_store(folder, *records)
    settings = settings_in(folder, **server)
    app = create_app(store, lambda: settings, lambda: facts or Facts(last_tick_at=NOW), lambda: NOW)
    try:
        yield lambda path, method="GET", **headers: ask(app, path, method, **headers)
    finally:
        store.close()


def ask(app: ASGIApp, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    """Send one request; names of headers with `_` for `-`."""

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        plain = {"accept-encoding": "identity", "accept": "*/*"}
        asked = plain | {name.replace("_", "-"): value for name, value in headers.items()}
        async with httpx.AsyncClient(transport=transport, base_url="http://elsewhere.example") as client:
            return await client.request(method, path, headers=asked)

    return asyncio.run(send())


def titles(answer: httpx.Response) -> list[str | None]:
    return [entry.findtext(f"{ATOM}title") for entry in etree.fromstring(answer.content).iter(f"{ATOM}entry")]


@pytest.mark.parametrize(
    ("ending", "kind", "faults"),
    [
        ("atom", "application/atom+xml; charset=utf-8", rules.atom_faults),
        ("rss", "application/rss+xml; charset=utf-8", rules.rss_faults),
        ("json", "application/feed+json; charset=utf-8", rules.json_faults),
    ],
)
def test_the_merged_feed_is_served_in_three_valid_formats(tmp_path, ending, kind, faults):
    with serving(tmp_path, *samples.numbered(3)) as get:
        answer = get(f"/feed.{ending}")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == kind
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert answer.headers["vary"] == "Accept, Accept-Encoding"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "last-modified" not in answer.headers
    assert faults(answer.content) == []
    assert answer.content.count(b"Entry ") >= 3


def test_the_second_request_is_a_304_without_a_body(tmp_path):
    with serving(tmp_path, *samples.numbered(3)) as get:
        first = get("/feed.atom")
        second = get("/feed.atom", if_none_match=first.headers["etag"])

    assert second.status_code == 304
    assert second.content == b""
    assert second.headers["etag"] == first.headers["etag"]
    assert second.headers["cache-control"] == "public, max-age=300"
    assert second.headers["vary"] == "Accept, Accept-Encoding"
    assert "content-length" not in second.headers


@pytest.mark.parametrize("form", ['"other", {}', "W/{}", "*", '{} , "other"', '"a,b", W/"c", {}'])
def test_if_none_match_is_understood_in_every_form(tmp_path, form):
    with serving(tmp_path, *samples.numbered(1)) as get:
        tag = get("/feed.rss").headers["etag"]

        assert get("/feed.rss", if_none_match=form.format(tag)).status_code == 304


@pytest.mark.parametrize("form", ['"other"', "", "W/", "no-quotes"])
def test_another_tag_gets_the_bytes(tmp_path, form):
    with serving(tmp_path, *samples.numbered(1)) as get:
        assert get("/feed.rss", if_none_match=form).status_code == 200


def test_each_encoding_has_its_own_etag_and_the_same_content(tmp_path):
    with serving(tmp_path, *samples.numbered(3)) as get:
        bare, packed = get("/feed.atom"), get("/feed.atom", accept_encoding="br, gzip;q=0.5")

    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in bare.headers
    assert packed.headers["etag"] != bare.headers["etag"]
    assert packed.content == bare.content
    assert int(packed.headers["content-length"]) < len(bare.content)


@pytest.mark.parametrize("wish", ["", "identity", "gzip;q=0", "gzip; q=0.000, br", "br", "*;q=0"])
def test_gzip_is_sent_to_nobody_who_does_not_take_it(tmp_path, wish):
    with serving(tmp_path, *samples.numbered(3)) as get:
        assert "content-encoding" not in get("/feed.atom", accept_encoding=wish).headers


@pytest.mark.parametrize("wish", ["gzip", "GZIP", "x-gzip", "*", "deflate, gzip;q=1.0", "gzip;q=0.001"])
def test_gzip_is_sent_to_who_takes_it(tmp_path, wish):
    with serving(tmp_path, *samples.numbered(3)) as get:
        assert get("/feed.atom", accept_encoding=wish).headers["content-encoding"] == "gzip"


def test_the_same_store_gives_the_same_bytes_on_another_day_and_process(tmp_path):
    with serving(tmp_path / "a", *samples.numbered(5)) as get:
        once = [get(f"/feed.{ending}").content for ending in ("atom", "rss", "json")]
    with serving(tmp_path / "b", *samples.numbered(5), facts=Facts(last_tick_at=NOW + timedelta(days=9))) as get:
        again = [get(f"/feed.{ending}").content for ending in ("atom", "rss", "json")]

    assert once == again


def test_gzip_bytes_hold_no_time():
    answer = importlib.import_module("aggregator.web.answer")

    assert answer.represent(b"x" * 99).packed[4:8] == b"\0\0\0\0"
    assert gzip.decompress(answer.represent(b"x" * 99).packed) == b"x" * 99


def test_a_poll_that_brings_nothing_changes_no_byte_and_a_new_entry_does(tmp_path):
    settings, state = settings_in(tmp_path), samples.a_state()
    store = samples.a_store(tmp_path, *samples.numbered(3))
    app = create_app(store, lambda: settings, Facts, lambda: NOW)
    before = ask(app, "/feed.atom").headers["etag"]

    store.save_polls([Poll(replace(state, polls=2, last_success_at=NOW), HostState("paper.example"))], NOW)
    quiet = ask(app, "/feed.atom").headers["etag"]
    new = samples.a_record(key="bbbbbbbbbbbbbbbb", public_id="https://paper.example/new", identity="new", alias="new")
    store.save_polls([Poll(state, HostState("paper.example"), Changes(new=(new,)))], NOW)
    after = ask(app, "/feed.atom")
    store.close()

    assert quiet == before
    assert after.headers["etag"] != before
    assert "A bridge opens" in titles(after)


def test_changed_settings_take_effect_at_the_next_request(tmp_path):
    held = {"settings": settings_in(tmp_path, title="Old name")}
    store = samples.a_store(tmp_path, *samples.numbered(1))
    app = create_app(store, lambda: held["settings"], Facts, lambda: NOW)

    assert b"Old name" in ask(app, "/feed.atom").content
    held["settings"] = settings_in(tmp_path, title="New name")
    answer = ask(app, "/feed.atom").content
    store.close()

    assert b"New name" in answer


def test_many_who_ask_at_once_have_it_rendered_once(tmp_path):
    store, settings = samples.a_store(tmp_path, *samples.numbered(3)), settings_in(tmp_path)
    asked = []

    class Counting(SqliteStore):
        """Counts the pages that are read."""

        def page(self, query):
            asked.append(query)
            return super().page(query)

    store.close()
    reader = Counting.open_readonly(tmp_path)
    app = create_app(reader, lambda: settings, Facts, lambda: NOW)

    async def many() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://x.example") as client:
            return await asyncio.gather(*(client.get("/feed.atom?limit=2") for _ in range(30)))

    answers = asyncio.run(many())
    reader.close()

    assert {answer.status_code for answer in answers} == {200}
    assert len(asked) == 1


def test_pages_partition_the_whole(tmp_path):
    with serving(tmp_path, *samples.numbered(7)) as get:
        seen, path = [], "/feed.atom?limit=3"
        for _ in range(3):
            answer = get(path)
            assert rules.atom_faults(answer.content) == []
            seen += titles(answer)
            links = etree.fromstring(answer.content).findall(f"{ATOM}link[@rel='next']")
            path = links[0].get("href").removeprefix("https://news.example") if links else ""

    assert seen == [f"Entry {place}" for place in range(7)]
    assert path == ""


def test_a_page_of_huge_entries_ends_early_and_loses_none(tmp_path):
    rows = samples.numbered(60, html="x" * 500_000)
    with serving(tmp_path, *rows) as get:
        first = get("/feed.atom?limit=60")
        following = etree.fromstring(first.content).find(f"{ATOM}link[@rel='next']").get("href")
        second = get(following.removeprefix("https://news.example"))

    assert len(titles(first)) == 25
    assert titles(first) + titles(second) == [f"Entry {place}" for place in range(50)]


def test_the_subscription_document_holds_all_that_arrived_of_late(tmp_path):
    with serving(tmp_path, *samples.numbered(80)) as get:
        document, asked = get("/feed.atom"), get("/feed.atom?limit=50")

    assert len(titles(document)) == 80
    assert len(titles(asked)) == 50


def test_the_self_link_is_of_base_url_and_never_of_the_host_header(tmp_path):
    with serving(tmp_path, *samples.numbered(1)) as get:
        answer = get(
            "/feed.atom?utm_source=x&limit=5&token=secret", host="evil.example", x_forwarded_host="evil.example"
        )

    root = etree.fromstring(answer.content)
    assert root.find(f"{ATOM}link[@rel='self']").get("href") == "https://news.example/feed.atom?limit=5"
    assert b"evil" not in answer.content
    assert b"secret" not in answer.content


def test_the_feed_id_stays_when_the_server_moves(tmp_path):
    with serving(tmp_path / "a", *samples.numbered(1)) as get:
        here = etree.fromstring(get("/feed.atom").content).findtext(f"{ATOM}id")
    with serving(tmp_path / "b", *samples.numbered(1), base_url="https://other.example/x/", title="Other") as get:
        there = etree.fromstring(get("/feed.atom?limit=1").content).findtext(f"{ATOM}id")

    assert here == there == "urn:uuid:d524df5b-cc10-56c9-8c20-c2c57e02c514"


def test_a_source_has_a_feed_of_its_own_with_its_backlog(tmp_path):
    old = samples.a_record(
        key="cccccccccccccccc", public_id="https://paper.example/old", identity="old", backlog=True, title="Old"
    )
    with serving(tmp_path, old, *samples.numbered(2)) as get:
        own, merged = get("/source/paper.atom"), get("/feed.atom")

    assert sorted(titles(own)) == ["Entry 0", "Entry 1", "Old"]
    assert titles(merged) == ["Entry 0", "Entry 1"]
    assert etree.fromstring(own.content).findtext(f"{ATOM}title") == "The Paper"
    assert rules.atom_faults(own.content) == []


def test_a_removed_source_keeps_its_feed_and_its_entries_a_sound_source(tmp_path):
    settings, store = settings_in(tmp_path), samples.a_store(tmp_path, *samples.numbered(2))
    store.sync_sources([samples.a_state("other").source], NOW)
    app = create_app(store, lambda: settings, Facts, lambda: NOW)

    own, merged, rss = (ask(app, path).content for path in ("/source/paper.atom", "/feed.atom", "/feed.rss"))
    store.close()

    assert rules.atom_faults(own) == rules.atom_faults(merged) == rules.rss_faults(rss) == []
    assert etree.fromstring(own).findtext(f"{ATOM}title") == "paper"
    assert etree.fromstring(merged).findtext(f".//{ATOM}source/{ATOM}title") == "The Paper"


def test_category_source_and_since_choose(tmp_path):
    rows = samples.numbered(3)
    other = replace(rows[0], categories=("Sport", "The Paper", "latest"))
    since = (rows[1].published).isoformat().replace("+00:00", "Z")
    with serving(tmp_path, other, *rows[1:]) as get:
        assert titles(get("/feed.atom?category=Sport")) == ["Entry 0"]
        assert titles(get("/feed.atom?category=Sport&category=Press")) == ["Entry 0", "Entry 1", "Entry 2"]
        assert titles(get("/feed.atom?source=paper&category=Press")) == ["Entry 1", "Entry 2"]
        assert titles(get(f"/feed.atom?since={since}")) == ["Entry 0", "Entry 1"]
        assert titles(get("/feed.atom?category=none")) == []


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("limit=0", "limit=0"),
        ("limit=ten", "limit=ten"),
        ("limit=-1", "limit=-1"),
        ("since=yesterday", "since=yesterday"),
        ("since=2026-01-01T00:00:00", "since=2026"),
        ("before=%00", "before="),
        ("before=nonsense", "before="),
        ("content=some", "content="),
        ("limit=1&x=" + "a" * 2100, "query string"),
    ],
)
def test_a_parameter_that_cannot_be_served_is_a_400_with_a_sentence(tmp_path, query, word):
    with serving(tmp_path, *samples.numbered(1)) as get:
        answer = get(f"/feed.rss?{query}")

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text.startswith("400 Bad Request: ")
    assert word in answer.text


def test_a_limit_above_500_is_500_and_unknown_parameters_are_passed_over(tmp_path):
    with serving(tmp_path, *samples.numbered(3)) as get:
        many, more = get("/feed.atom?limit=99999999999"), get("/feed.atom?limit=501")
        odd = get("/feed.atom?fbclid=x")

    assert "https://news.example/feed.atom?limit=500" in many.text
    assert more.content == many.content
    assert odd.content == get_plain(tmp_path)


def get_plain(folder: Path) -> bytes:
    store = SqliteStore.open_readonly(folder)
    settings = settings_in(folder)
    answer = ask(create_app(store, lambda: settings, Facts, lambda: NOW), "/feed.atom")
    store.close()
    return answer.content


def test_a_plus_in_a_since_may_come_as_a_blank(tmp_path):
    with serving(tmp_path, *samples.numbered(1)) as get:
        assert get("/feed.atom?since=2026-01-01T00:00:00+08:00").status_code == 200


def test_feed_redirects_to_atom_below_the_prefix_with_its_parameters(tmp_path):
    with serving(tmp_path, *samples.numbered(1), base_url="https://news.example/planet/") as get:
        answer = get("/feed?limit=3")

    assert answer.status_code == 302
    assert answer.headers["location"] == "/planet/feed.atom?limit=3"


def test_a_path_prefix_may_be_left_on_or_taken_off_by_the_proxy(tmp_path):
    with serving(tmp_path, *samples.numbered(1), base_url="https://news.example/planet/") as get:
        on, off, page = get("/planet/feed.atom"), get("/feed.atom"), get("/planet/")

    assert on.content == off.content
    assert b"https://news.example/planet/feed.atom" in on.content
    assert b'href="/planet/static/' in on.content
    assert 'href="/planet/feed.rss"' in page.text


def test_a_browser_gets_the_same_bytes_as_xml_that_it_can_show(tmp_path):
    with serving(tmp_path, *samples.numbered(2)) as get:
        reader, browser = get("/feed.atom"), get("/feed.atom", accept="text/html,application/xhtml+xml,*/*;q=0.8")
        style = etree.fromstring(browser.content).getroottree().xpath("/processing-instruction()")[0].get("href")
        sheet = get(style)

    assert browser.content == reader.content
    assert browser.headers["etag"] == reader.headers["etag"]
    assert browser.headers["content-type"] == "application/xml; charset=utf-8"
    assert "style-src 'self'" in browser.headers["content-security-policy"]
    assert sheet.status_code == 200
    assert sheet.headers["content-type"] == "text/css; charset=utf-8"
    assert sheet.headers["cache-control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize(
    "path", ["/feed.atom", "/feed.json", "/", "/sources.json", "/healthz", "/robots.txt", "/nothing"]
)
def test_head_gives_the_headers_of_get_and_no_body(tmp_path, path):
    with serving(tmp_path, *samples.numbered(2)) as get:
        whole, head = get(path), get(path, "HEAD")

    assert head.content == b""
    assert head.status_code == whole.status_code
    assert dict(head.headers) == dict(whole.headers)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_but_get_and_head_is_answered(tmp_path, method):
    with serving(tmp_path) as get:
        answer = get("/feed.atom", method)

    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD"


def test_errors_speak_the_form_of_their_path(tmp_path):
    with serving(tmp_path) as get:
        feed, data, page = get("/feed.atm"), get("/sourcs.json"), get("/nothing/here")

    assert (feed.status_code, feed.headers["content-type"]) == (404, "text/plain; charset=utf-8")
    assert "did you mean 'atom'" in feed.text
    assert (data.status_code, data.headers["content-type"]) == (404, "application/problem+json")
    assert data.json()["status"] == 404
    assert "did you mean '/sources.json'" in data.json()["detail"]
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "<h1>404 Not Found</h1>" in page.text
    assert {answer.headers["cache-control"] for answer in (feed, data, page)} == {"no-store"}


def test_an_unknown_source_is_a_404_with_the_near_name(tmp_path):
    with serving(tmp_path) as get:
        own, chosen = get("/source/papr.atom"), get("/feed.json?source=papr")

    assert own.text == "404 Not Found: there is no source 'papr' (did you mean 'paper'?)\n"
    assert chosen.text == own.text


def test_what_a_request_says_is_escaped_on_the_error_page(tmp_path):
    with serving(tmp_path) as get:
        answer = get("/<script>alert(1)</script>")

    assert "<script>" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


# --- the token ---


def test_without_the_token_only_health_robots_and_files_are_open(tmp_path):
    with serving(tmp_path, *samples.numbered(1), access_token="s3cret-字") as get:
        closed = [
            get(path).status_code
            for path in ("/", "/feed", "/feed.atom", "/source/paper.rss", "/sources.json", "/nothing")
        ]
        opened = [get(path).status_code for path in ("/healthz", "/readyz", "/robots.txt")]
        answer = get("/feed.atom")

    assert closed == [401] * 6
    assert opened == [200] * 3
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert "s3cret" not in answer.text


def test_the_token_opens_as_parameter_and_as_bearer_and_caches_stay_private(tmp_path):
    with serving(tmp_path, *samples.numbered(1), access_token="s3cret") as get:
        by_query, by_header = get("/feed.atom?token=s3cret"), get("/feed.atom", authorization="bearer s3cret")
        page = get("/?token=s3cret")

    assert by_query.status_code == by_header.status_code == page.status_code == 200
    assert by_query.content == by_header.content
    assert by_query.headers["cache-control"] == "private, max-age=300"
    assert page.headers["cache-control"] == "private, no-store"
    assert b"s3cret" not in by_query.content


@pytest.mark.parametrize(
    "wrong",
    [
        {"path": "/feed.atom?token="},
        {"path": "/feed.atom?token=s3cre"},
        {"path": "/feed.atom?token=s3cret2"},
        {"authorization": "Basic s3cret"},
        {"authorization": "Bearer"},
        {"authorization": b"Bearer \xff"},
    ],
)
def test_a_wrong_token_opens_nothing(tmp_path, wrong):
    with serving(tmp_path, access_token="s3cret") as get:
        assert get(**({"path": "/feed.atom"} | wrong)).status_code == 401


# --- records ---


def test_a_record_is_served_as_the_bytes_of_its_file(tmp_path):
    frontmatter = importlib.import_module("storage.frontmatter")
    record = samples.numbered(1)[0]
    with serving(tmp_path, record) as get:
        answer = get(f"/entry/{record.key}.md")

    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    assert answer.text == frontmatter.dumps(record, frontmatter.RecordForm())
    assert "etag" in answer.headers


@pytest.mark.parametrize("key", ["aaaaaaaaaaaaaaab", "..%2f..%2fetc", "x"])
def test_a_record_that_is_not_there_is_a_404(tmp_path, key):
    with serving(tmp_path) as get:
        assert get(f"/entry/{key}.md").status_code == 404


# --- health ---


def test_sources_json_has_one_row_a_source(tmp_path):
    with serving(tmp_path, *samples.numbered(2)) as get:
        answer = get("/sources.json")

    rows = json.loads(answer.content)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-cache"
    assert [(row["id"], row["state"], row["entries"], row["every"]) for row in rows] == [("paper", "ok", 2, "1h")]


def test_readiness_says_why_to_those_who_may_know(tmp_path):
    late = Facts(last_tick_at=NOW - timedelta(minutes=2), config_fault="feeds.yaml:3:1: unknown key")
    with serving(tmp_path / "open", facts=late) as get:
        told = get("/readyz")
    with serving(tmp_path / "closed", facts=late, access_token="s3cret") as get:
        untold, live = get("/readyz"), get("/healthz")

    assert told.status_code == untold.status_code == 503
    assert told.text == (
        "not ready\nfeeds.yaml: feeds.yaml:3:1: unknown key\nscheduler: has not ticked since 2026-03-05T11:58:00Z\n"
    )
    assert untold.text == "not ready\n"
    assert (live.status_code, live.text) == (200, "ok\n")


def test_a_store_that_cannot_be_read_is_a_503_and_not_ready(tmp_path):
    store, settings = samples.a_store(tmp_path), settings_in(tmp_path)
    app = create_app(store, lambda: settings, lambda: Facts(last_tick_at=NOW), lambda: NOW)
    store.close()

    feed, ready, live, page = (ask(app, path) for path in ("/feed.atom", "/readyz", "/healthz", "/"))

    assert (feed.status_code, feed.headers["retry-after"]) == (503, "60")
    assert ready.status_code == 503
    assert live.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert str(tmp_path) not in feed.text + page.text


# --- the first page ---


def test_the_first_page_shows_entries_and_where_to_subscribe(tmp_path):
    row = samples.numbered(1, image="https://paper.example/lead.jpg")[0]
    with serving(tmp_path, replace(row, title="<b>Bold</b> & free"), title="产品 <早读>") as get:
        answer = get("/")

    page = etree.fromstring(answer.content, etree.HTMLParser(encoding="utf-8"))
    links = {(one.get("type"), one.get("href")) for one in page.findall(".//link[@rel='alternate']")}
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert links == {
        ("application/atom+xml", "/feed.atom"),
        ("application/rss+xml", "/feed.rss"),
        ("application/feed+json", "/feed.json"),
    }
    assert page.findtext(".//h1") == "产品 <早读>"
    assert page.findtext(".//h3/a") == "<b>Bold</b> & free"
    assert page.find(".//h3/a").get("href") == "https://paper.example/1"
    assert page.find(".//main//img").get("src") == "https://paper.example/lead.jpg"
    assert page.findtext(".//a[@class='source']") == "The Paper"
    assert "https://news.example/feed.atom" in answer.text
    assert "1 source · " in "".join(page.find(".//footer").itertext())
    assert "<style" not in answer.text
    assert [one.text for one in page.iter("script")] == [None]
    assert "style=" not in answer.text


def test_the_first_page_goes_on_to_older_ones(tmp_path):
    with serving(tmp_path, *samples.numbered(5)) as get:
        first = get("/?limit=3")
        older = etree.fromstring(first.content, etree.HTMLParser()).find(".//nav/a[@rel='next']").get("href")
        second = get(older)

    assert first.text.count("<h3>") == 3
    assert second.text.count("<h3>") == 2
    assert ">Newest</a>" in second.text
    assert ">Older</a>" not in second.text


def test_the_first_page_of_an_empty_store_says_what_will_happen(tmp_path):
    with serving(tmp_path) as get:
        assert "There are no entries yet" in get("/").text


def test_crawlers_are_kept_from_whole_texts_and_from_private_servers(tmp_path):
    with serving(tmp_path / "open") as get:
        assert get("/robots.txt").text == "User-agent: *\nDisallow: /entry/\n"
    with serving(tmp_path / "closed", access_token="s3cret") as get:
        assert get("/robots.txt").text == "User-agent: *\nDisallow: /\n"


def test_the_icon_is_one(tmp_path):
    with serving(tmp_path) as get:
        answer = get("/favicon.ico")

    assert answer.headers["content-type"] == "image/x-icon"
    assert answer.content[:4] == b"\x00\x00\x01\x00"


def test_a_file_under_another_digest_is_not_there(tmp_path):
    with serving(tmp_path) as get:
        assert get("/static/000000000000/page.css").status_code == 404


@pytest.mark.parametrize(
    ("listen", "base"),
    [
        ("127.0.0.1:8080", "http://127.0.0.1:8080/"),
        ("0.0.0.0:8080", "http://127.0.0.1:8080/"),
        ("[::]:8080", "http://[::1]:8080/"),
        ("[::1]:80", "http://[::1]/"),
        ("unix:/run/x.sock", "http://localhost/"),
    ],
)
def test_without_base_url_links_lead_to_where_the_server_listens(listen, base):
    assert base_of(listen) == base
