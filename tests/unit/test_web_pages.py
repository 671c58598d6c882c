"""The pages for people: what they say, where their links lead, and that what publishers write stays text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from lxml import html
from selectolax.lexbor import LexborHTMLParser
from unit import feed_rules_samples as samples
from unit.test_web_feeds import ask

from aggregator.health import Facts
from aggregator.model import Polling, Server, Settings, Source, Storage, View
from aggregator.web import create_app
from aggregator.web.bodies import body_of
from storage.images import ImagePolicy
from storage.record import Enclosure, Record
from storage.sqlite import SqliteStore
from storage.states import Attempt, FeedInfo, HostState, Incident, PollState
from storage.values import Changes, Poll

Get = Callable[..., httpx.Response]
NOW = samples.NOW
EVIL = "</title><script>pwned()</script><img src=x onerror=pwned()>\"'`&#0;\x1b]0;x\x07 {{ 7*7 }} \u202e"


@contextmanager
def serving(
    folder: Path,
    *records: Record,
    states: tuple[PollState, ...] = (),
    views: tuple[View, ...] = (),
    sources: tuple[Source, ...] = (),
    paused: tuple[Source, ...] = (),
    store: Callable[[SqliteStore], None] = lambda _: None,
    facts: Facts | None = None,
    **server: Any,
) -> Iterator[Get]:
    known = states or (samples.a_state(),)
    with closing(samples.a_store(folder, *records, states=known)) as opened:
        store(opened)
        settings = Settings(
            path=folder / "feeds.yaml",
            server=Server(**{"base_url": "https://news.example/", "title": "All the papers"} | server),
            storage=Storage(folder),
            polling=Polling(),
            sources=sources
            or tuple(
                Source(one.source.id, one.source.url, one.source.name, position=one.source.position) for one in known
            ),
            views=views,
            paused=paused,
        )
        app = create_app(opened, lambda: settings, lambda: facts or Facts(last_tick_at=NOW), lambda: NOW)
        yield lambda path, **headers: ask(app, path, **headers)


def found(answer: httpx.Response, choice: str) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [" ".join(str(one.text_content()).split()) for one in html.fromstring(answer.text).cssselect(choice)]


def links(answer: httpx.Response, choice: str = "a") -> list[str]:
    return [str(one.get("href")) for one in html.fromstring(answer.text).cssselect(choice)]


# --- the river ---


def test_an_entry_is_read_where_it_stands_and_its_pictures_wait(tmp_path: Path) -> None:
    row = samples.a_record(
        html='<h1>One</h1><pre>Text</pre><h4>Two</h4><img src="http://p.example/a.png" alt="x">'
        '<audio controls src="https://p.example/a.mp3"></audio>',
        enclosures=(
            Enclosure("https://p.example/a.mp3", "audio/mpeg"),
            Enclosure("https://p.example/a.mp4", None, title="Film"),
            Enclosure("javascript:pwned()", "audio/mpeg"),
        ),
    )
    sources = (Source("paper", "https://paper.example/feed", "P", images=ImagePolicy("https://proxy.example/?{url}")),)

    with serving(tmp_path, row, sources=sources) as get:
        page = html.fromstring(get("/").text)

    [body] = page.cssselect("li.entry details .body")
    assert [(one.tag, one.text) for one in body.cssselect("h1, h2, h3, h4, h5, h6")] == [("h4", "One"), ("h5", "Two")]
    assert [one.get("tabindex") for one in body.cssselect("pre")] == ["0"]
    [picture] = body.cssselect("img")
    assert picture.get("src") == "https://proxy.example/?http://p.example/a.png"
    assert (picture.get("loading"), picture.get("referrerpolicy")) == ("lazy", "no-referrer")
    assert [one.get("preload") for one in page.cssselect("audio, video")] == ["none", "none", "none"]
    assert [one.get("src") for one in page.cssselect(".medium audio, .medium video")] == [
        "https://p.example/a.mp3",
        "https://p.example/a.mp4",
    ]


def test_what_would_make_the_river_long_stands_on_its_own_page(tmp_path: Path) -> None:
    long = replace(samples.a_record(), html="<p>" + "word " * 15_000 + "</p>")

    with serving(tmp_path, long) as get:
        river, page = get("/"), get(f"/entry/{long.key}")

    assert found(river, ".entry .body") == []
    assert f"/entry/{long.key}" in links(river)
    assert found(page, "article .body")[0].count("word") == 15_000


def test_the_rivers_of_a_source_a_category_and_a_view_have_titles_and_feeds_of_their_own(tmp_path: Path) -> None:
    with serving(tmp_path, *samples.numbered(60), views=(View("v", "The view"),)) as get:
        source, category, view = get("/source/paper"), get("/?category=Press"), get("/view/v")
        older = get("/" + links(source, "a[rel=next]")[0].lstrip("/"))
        nobody = get("/source/papper")

    assert [found(one, "h1") for one in (source, category, view)] == [
        ["The Paper"],
        ["Press · All the papers"],
        ["The view"],
    ]
    assert [links(one, "link[rel=alternate]")[0] for one in (source, category, view)] == [
        "/source/paper.atom",
        "/feed.atom?category=Press",
        "/feed/v.atom",
    ]
    assert links(source, "a[rel=next]")[0].startswith("/source/paper?before=")
    assert len(found(older, ".entry")) == 10
    assert found(view, "nav [aria-current=page]") == ["The view"]
    assert nobody.status_code == 404
    assert "did you mean &#39;paper&#39;?" in nobody.text


def test_a_source_with_a_dot_in_its_id_has_its_page_too(tmp_path: Path) -> None:
    with serving(tmp_path, states=(samples.a_state("a.b"), samples.a_state("c.rss"))) as get:
        page, feed, board = get("/source/a.b"), get("/source/a.b.atom"), get("/sources")
        other = get(next(link for link in links(board) if "c.rss" in link and "status" not in link))

    assert (page.headers["content-type"], feed.status_code) == ("text/html; charset=utf-8", 200)
    assert found(other, "h1") == ["The Paper · All the papers"]


# --- an entry ---


def a_story() -> tuple[Record, Record]:
    first = samples.a_record(title="A bridge opens")
    second = samples.a_record(
        key="b" * 16, public_id="tag:other.example,2026:1", source_id="other", identity="x", alias="x", guid=None,
        title="The bridge is open", link="http://www.paper.example/1/?utm_source=x",
    )  # fmt: skip
    return first, second


def test_the_other_sources_of_a_story_are_named(tmp_path: Path) -> None:
    states = (samples.a_state(), samples.a_state("other", feed=FeedInfo(title="The Other")))

    with serving(tmp_path, *a_story(), states=states) as get:
        river, page = get("/"), get("/entry/" + "b" * 16)

    assert found(river, ".entry h3") == ["A bridge opens"]
    assert found(river, ".entry .also") == ["Also in The Other"]
    assert found(page, ".also") == ["Also in The Paper"]
    assert f"/entry/{'a' * 16}" in links(page)
    assert "Merged feeds show the one of paper" in page.text
    assert "it is one story with aaaaaaaaaaaaaaaa (paper)" in page.text


def test_an_entry_tells_where_its_dates_are_from_where_it_stands_and_what_its_file_says(tmp_path: Path) -> None:
    views = (View("v", "The view", categories=("Other",)),)

    with serving(tmp_path, samples.a_record(), views=views) as get:
        page = get("/entry/" + "a" * 16)

    facts = dict(zip(found(page, ".facts dt"), found(page, ".facts dd"), strict=True))
    assert facts["date"] == "2026-03-01 08:30: the publisher's own publication date"
    assert facts["came"] == "2026-03-01 09:00"
    assert found(page, ".standing li") == [
        "the merged feed: it stands there",
        "The view: not now; the view has none of its source, its category and its source's tags",
    ]
    assert found(page, ".file")[0].startswith("--- title:")
    assert [link for link in links(page) if link.startswith("/entry/")] == [
        f"/entry/{'a' * 16}.md",
        f"/entry/{'a' * 16}.json",
    ]


def test_an_entry_that_there_is_not_or_that_is_hidden_has_no_page(tmp_path: Path) -> None:
    with serving(tmp_path, replace(samples.a_record(), hidden="by hand")) as get:
        answers = [get(f"/entry/{key}") for key in ("a" * 16, "b" * 16, "..%2f", "<b>")]

    assert [one.status_code for one in answers] == [404] * 4
    assert {one.headers["content-type"] for one in answers} <= {"text/html; charset=utf-8", "text/plain; charset=utf-8"}


# --- sources ---


def many(count: int) -> tuple[PollState, ...]:
    def one(place: int) -> PollState:
        state = samples.a_state(f"s{place:03}")
        failing = {"failures": 2, "failure_kind": "timeout", "failing_since": NOW - timedelta(hours=place)}
        return replace(state, source=replace(state.source, position=place), **(failing if place % 10 == 9 else {}))

    return tuple(map(one, range(count)))


def test_the_sources_that_want_a_hand_stand_first_and_all_are_reached_by_links(tmp_path: Path) -> None:
    with serving(tmp_path, states=many(120), paused=(Source("off", "https://off.example/feed", "Off"),)) as get:
        first = get("/sources")
        second = get(links(first, "a[rel=next]")[0])
        failing = get("/sources?state=failing")
        wrong, far = get("/sources?state=bad"), get("/sources?page=99")

    assert found(first, ".sources h2")[:3] == ["My s119 failing", "My s109 failing", "My s099 failing"]
    assert found(first, ".filters a") == ["all 121", "failing 12", "ok 108", "paused 1"]
    assert found(second, ".sources h2")[0] == "My s042 ok"
    assert found(failing, ".filters [aria-current]") == ["failing 12"]
    assert len(found(failing, ".sources h2")) == 12
    assert found(far, ".sources h2")[-1] == "Off paused"
    assert wrong.status_code == 400
    assert "state=bad is none of ok, late" in wrong.text


def test_entries_a_day_are_drawn_and_told_in_words(tmp_path: Path) -> None:
    today = samples.a_record(published=NOW)
    before = [replace(one, published=NOW - timedelta(days=2)) for one in samples.numbered(2)]
    listed = replace(samples.numbered(3)[2], published=NOW, backlog=True)

    with serving(tmp_path, today, *before, listed) as get:
        page = get("/sources")

    [drawing] = html.fromstring(page.text).cssselect("svg")
    assert drawing.get("aria-label") == (
        "Entries a day in the 30 days to 2026-03-05: 3 in all, most on 2026-03-03 with 2, 1 on the last day"
    )
    assert [(one.get("x"), one.get("height")) for one in drawing.cssselect("rect")] == [("162", "30"), ("174", "15")]
    assert " style=" not in page.text


def test_a_source_shows_its_polls_its_incidents_and_what_mends_it(tmp_path: Path) -> None:
    went = Attempt(NOW, timedelta(seconds=1.25), "timeout", None, 0, 0, 0, "no answer within 30 s")
    state = samples.a_state(failures=1, failure_kind="timeout", failure_detail="no answer within 30 s")

    def keep(store: SqliteStore) -> None:
        saved = store.save_polls([Poll(state, HostState(state.source.host), Changes(), attempt=went)], NOW)
        assert [one.error for one in saved] == [None]
        store.save_incidents([Incident(0, "paper", "failing", "timeout", "no answer", NOW, NOW, NOW)])

    with serving(tmp_path, states=(state,), store=keep) as get:
        page = get("/source/paper/status")

    assert found(page, ".mends code") == ["aggregator doctor paper", "aggregator poll paper"]
    assert found(page, ".wide tbody tr") == ["03-05 12:00:00timeout: no answer within 30 s1.25 s"]
    assert found(page, ".incidents li") == ["failing 2026-03-05 12:00 to 2026-03-05 12:00: no answer"]
    assert "How long its last 1 polls took, the longest 1.2 s; 1 of them failed" in page.text


def test_what_keeps_the_daemon_from_polling_stands_above_its_sources(tmp_path: Path) -> None:
    full = Facts(last_tick_at=NOW, config_fault="feeds.yaml:14:9: no such key", store_fault="no space is left")
    with serving(tmp_path, facts=full) as get:
        told = found(get("/sources"), "#live > p.trouble")

    assert told == ["not ready feeds.yaml: feeds.yaml:14:9: no such key", "not ready store: no space is left"]


def test_a_daemon_that_is_well_says_nothing_of_itself_above_its_sources(tmp_path: Path) -> None:
    with serving(tmp_path) as get:
        assert found(get("/sources"), "#live > p.trouble") == []


def test_what_happens_to_sources_is_a_feed_that_is_kept_until_it_changes(tmp_path: Path) -> None:
    def keep(store: SqliteStore) -> None:
        store.save_incidents([Incident(0, "paper", "failing", "timeout", "no answer", NOW, NOW)])

    with serving(tmp_path, store=keep) as get:
        feed = get("/health.atom")
        again = get("/health.atom", if_none_match=feed.headers["etag"])
        browser = get("/health.atom", accept="text/html")
        board = get("/sources")

    assert "My paper: failing" in feed.text
    assert feed.headers["content-type"] == "application/atom+xml; charset=utf-8"
    assert (feed.headers["cache-control"], again.status_code) == ("no-cache", 304)
    assert browser.headers["content-type"] == "application/xml; charset=utf-8"
    assert browser.content == feed.content
    assert links(board, "link[rel=alternate]") == ["/health.atom"]


# --- the server itself ---


def test_the_addresses_of_all_feeds_stand_on_one_page(tmp_path: Path) -> None:
    with serving(tmp_path, views=(View("a b", "Odd"),)) as get:
        page = get("/about")

    addresses = found(page, ".address")
    assert addresses[:6] == [
        *(f"https://news.example/feed.{ending}" for ending in ("atom", "rss", "json")),
        *(f"https://news.example/feed/a%20b.{ending}" for ending in ("atom", "rss", "json")),
    ]
    assert {"opml", "health.atom", "opensearch.xml", "api/v1/openapi.json", "source/paper.atom"} <= {
        one.removeprefix("https://news.example/") for one in addresses
    }
    assert "It is ready." in found(page, "main p")[1]


PATHS = ("/", "/?limit=1", "/source/paper", "/view/v", "/entry/{key}", "/sources", "/source/paper/status", "/about")


@pytest.mark.parametrize("path", PATHS)
def test_a_page_that_was_asked_for_with_the_token_leads_on_with_it_and_no_cache_keeps_it(
    tmp_path: Path, path: str
) -> None:
    rows = samples.numbered(2)
    path = path.format(key=rows[0].key)
    with serving(tmp_path, *rows, views=(View("v", "V"),), access_token="s3&cret") as get:
        page = get(f"{path}{'&' if '?' in path else '?'}token=s3%26cret")
        by_header = get(path, authorization="Bearer s3&cret")
        missing = get("/nothing?token=s3%26cret")
        own = [link for link in links(page) if link.startswith("/")]
        closed = [link for link in own if get(link).status_code != 200]

    assert page.status_code == 200
    assert len(own) >= 4
    assert closed == []
    assert links(missing) == ["/?token=s3%26cret"]
    assert page.headers["cache-control"] == "private, no-store"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "cret" not in by_header.text
    assert by_header.headers["cache-control"] == "private, no-cache"


def test_nobody_hears_what_happens_without_the_token(tmp_path: Path) -> None:
    with serving(tmp_path, access_token="s3cret") as get:
        closed, open_ = get("/events"), get("/?token=s3cret")

    assert closed.status_code == 401
    assert html.fromstring(open_.text).get("data-events") is None
    assert 'data-events="/events?token=s3cret"' in open_.text


# --- hostile text ---


def test_hostile_text_stays_text_on_every_page(tmp_path: Path) -> None:
    row = samples.a_record(
        title=EVIL, author=EVIL, writers=(EVIL,), tags=(EVIL,), guid=EVIL, identity=EVIL, alias=EVIL, summary=EVIL,
        link="javascript:pwned()", image="javascript:pwned()", language='en" onload="pwned()', html="",
        categories=(EVIL, EVIL, EVIL), enclosures=(Enclosure("https://x.example/a.mp3", EVIL, title=EVIL),),
    )  # fmt: skip
    state = samples.a_state(
        feed=FeedInfo(title=EVIL, format=EVIL), failures=2, failure_kind="timeout", failure_detail=EVIL,
        hints={"ttl": EVIL}, next_reason=EVIL,
    )  # fmt: skip
    state = replace(state, source=replace(state.source, name=EVIL))

    def keep(store: SqliteStore) -> None:
        store.save_incidents([Incident(0, "paper", "failing", "timeout", EVIL, NOW, NOW)])
        attempt = Attempt(NOW, timedelta(seconds=1), "timeout", 200, 1, 1, 1, EVIL)
        store.save_polls([Poll(state, HostState(state.source.host), Changes(), attempt=attempt)], NOW)

    with serving(tmp_path, row, states=(state,), views=(View("v", EVIL),), store=keep, title=EVIL) as get:
        pages = [get(path.format(key=row.key)) for path in (*PATHS, "/?q=pwned", "/nothing", "/sources?state=failing")]
        feed = get("/health.atom")

    for page in pages:
        tree = LexborHTMLParser(page.text)
        assert tree.root
        for node in tree.root.traverse(include_text=False):
            assert not [name for name in node.attributes if name.startswith("on") or name == "style"]
            assert node.tag not in {"iframe", "object", "embed", "base", "style", "math", "template"}
            assert node.tag != "script" or str(node.attributes["src"]).startswith("/static/")
            assert not str(node.attributes.get("href") or "").startswith("javascript")
            assert not str(node.attributes.get("src") or "").startswith(("javascript", "x"))
        assert "{{" not in page.text or "49" not in page.text
    html.fromstring(feed.content)


@pytest.mark.parametrize(
    "written",
    [
        '<a href="https://x.example/" title="<img src=x><h1>">t</a><h1>One</h1>',
        '<p title="a &gt; b">&lt;img&gt; &lt;h1&gt;</p><img src="https://x.example/a.png" alt="<pre>">',
        '<h2 title="</h2><script>pwned()</script>">Two</h2><h6>Six</h6>',
    ],
)
def test_what_is_put_into_a_body_changes_no_other_part_of_it(written: str) -> None:
    put_in = {"loading", "decoding", "referrerpolicy", "preload", "tabindex"}

    def parts(text: str) -> list[tuple[str, dict[str, str | None], str]]:
        tree = LexborHTMLParser(text)
        assert tree.body
        return [
            (
                "h" if str(node.tag) in {"h1", "h2", "h3", "h6"} else str(node.tag),
                {name: value for name, value in node.attributes.items() if name not in put_in},
                node.text(deep=False),
            )
            for node in tree.body.traverse(include_text=False)
        ]

    assert parts(str(body_of(written, 1))) == parts(written)
