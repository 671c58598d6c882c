"""The archive of a feed as a subscriber walks it (RFC 5005 section 4), and the feeds that are there no more."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from lxml import etree
from unit import feed_rules as rules
from unit.feed_rules_samples import NOW

from aggregator.health import Facts
from aggregator.model import Condition, Filter, FilterKind, Polling, Server, Settings, Source, Storage, View
from aggregator.web import create_app
from plugins.telling import NOON, record, sources, tell
from storage.sqlite import SqliteStore

BASE = "https://news.example"
HOUR = timedelta(hours=1)


@dataclass
class Site:
    """A store, settings that may be changed, and who asks."""

    store: SqliteStore
    settings: Settings

    def __post_init__(self) -> None:
        self._app = create_app(self.store, lambda: self.settings, lambda: Facts(last_tick_at=NOW), lambda: NOW)

    def get(self, path: str, **headers: str) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            asked = {"accept-encoding": "identity"} | {name.replace("_", "-"): value for name, value in headers.items()}
            async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
                return await client.get(path, headers=asked)

        return asyncio.run(send())

    def views(self, *views: View) -> None:
        """Let feeds.yaml have these views."""
        self.settings = replace(self.settings, views=views)
        self.store.note_views([view.name for view in views])

    def tells(self, source_id: str, count: int, first: int = 0, **changes: Any) -> None:
        """Let a source bring so many entries, one a poll."""
        for n in range(first, first + count):
            at = NOON + n * HOUR
            link = f"https://{source_id}.example/{n}"
            tell(self.store, record(source_id, f"{n}", link, published=at, updated=at, first_seen=at, **changes))

    def walk(self, path: str) -> list[tuple[str, list[str]]]:
        """Return the addresses from the feed down its archive, with the titles of each document."""
        walked: list[tuple[str, list[str]]] = []
        following: str | None = path
        while following:
            answer = self.get(following)
            assert answer.status_code == 200, answer.text
            walked.append((following, titles(answer)))
            following = link(answer, "prev-archive")
        return walked


def titles(answer: httpx.Response) -> list[str]:
    root = etree.fromstring(answer.content)
    return [
        str(one)
        for one in root.xpath("//*[local-name()='entry' or local-name()='item']/*[local-name()='title']/text()")
    ]


def link(answer: httpx.Response, rel: str) -> str | None:
    found = etree.fromstring(answer.content).xpath(f"/*/*[local-name()='link'][@rel='{rel}']/@href")
    found += etree.fromstring(answer.content).xpath(f"/rss/channel/*[local-name()='link'][@rel='{rel}']/@href")
    return str(found[0]).removeprefix(BASE) if found else None


@contextmanager
def site(folder: Path, *views: View) -> Iterator[Site]:
    known = tuple(Source(id=id_, url=f"https://{id_}.example/feed", name=id_) for id_ in ("paper", "gazette"))
    settings = Settings(
        folder / "feeds.yaml", Server(base_url=f"{BASE}/", title="All"), Storage(folder), Polling(), known
    )
    store = SqliteStore.open(folder)
    store.sync_sources(sources("paper", "gazette"), NOON)
    made = Site(store, settings)
    made.views(*views)
    try:
        yield made
    finally:
        store.close()


def a_view(**changes: Any) -> View:
    return replace(View("v", "The view", entries=2, window=timedelta(0)), **changes)


@pytest.mark.parametrize(("ending", "faults"), [("atom", rules.atom_faults), ("rss", rules.rss_faults)])
@pytest.mark.parametrize("place", ["/feed", "/feed/v", "/source/paper"])
def test_every_feed_has_an_archive_of_valid_documents(tmp_path: Path, place: str, ending: str, faults: Any) -> None:
    with site(tmp_path, a_view()) as it:
        it.tells("paper", 60)
        walked = it.walk(f"{place}.{ending}")
        last = it.get(walked[-1][0])

    assert sorted({title for _, told in walked for title in told}, key=int) == [str(n) for n in range(60)]
    assert len([title for _, told in walked[1:] for title in told]) == len({t for _, told in walked[1:] for t in told})
    assert faults(last.content) == []
    assert b"history" in last.content
    assert link(last, "current") == f"{place}.{ending}"
    assert link(last, "self") == walked[-1][0]
    assert link(last, "prev-archive") is None


def test_a_feed_that_holds_all_has_no_archive(tmp_path: Path) -> None:
    with site(tmp_path, a_view()) as it:
        it.tells("paper", 2)

        assert link(it.get("/feed/v.atom"), "prev-archive") is None


def test_a_document_is_named_by_the_arrivals_that_it_holds(tmp_path: Path) -> None:
    with site(tmp_path, a_view()) as it:
        it.tells("paper", 6)  # arrivals 1 to 6; the newest two stand in the feed

        walked = [(address.rpartition("/")[2], told) for address, told in it.walk("/feed/v.atom")]

    assert walked == [
        ("v.atom", ["5", "4"]),
        ("4-5.atom", ["3"]),
        ("0-4.atom", ["2", "1", "0"]),
    ]


def test_what_a_document_holds_stays_as_it_is_while_entries_arrive(tmp_path: Path) -> None:
    with site(tmp_path, a_view()) as it:
        it.tells("paper", 6)
        before = it.walk("/feed/v.atom")
        it.tells("gazette", 9, first=100)

        after = dict(it.walk("/feed/v.atom"))
        again = [(address, titles(it.get(address))) for address, _ in before[1:]]

    assert again == before[1:]
    assert {title for told in after.values() for title in told} >= {str(n) for n in range(6)}


def test_an_entry_that_is_edited_is_corrected_in_its_place_and_one_that_is_hidden_leaves_it_short(
    tmp_path: Path,
) -> None:
    with site(tmp_path, a_view()) as it:
        it.tells("paper", 6)
        address = it.walk("/feed/v.atom")[-1][0]
        tag = it.get(address).headers["etag"]
        tell(it.store, updated=(record("paper", "1", "https://paper.example/1", title="One", digest="new"),))
        edited = it.get(address)
        it.store.mark_hidden({record("paper", "2").key: "by hand"})

        assert edited.headers["etag"] != tag
        assert sorted(titles(edited)) == ["0", "2", "One"]
        assert sorted(titles(it.get(address))) == ["0", "One"]


def test_what_a_cap_cut_off_is_in_the_archive(tmp_path: Path) -> None:
    with site(tmp_path, a_view(entries=50, per_source=1)) as it:
        it.tells("paper", 5)

        walked = it.walk("/feed/v.atom")

    assert walked[0][1] == ["4"]
    assert {title for _, told in walked[1:] for title in told} >= {"0", "1", "2", "3"}


def test_a_story_stands_where_its_first_entry_arrived_as_it_is_shown_now(tmp_path: Path) -> None:
    both = "https://blog.example/2026/harbour"
    with site(tmp_path, a_view()) as it:
        tell(it.store, record("gazette", "theirs", both, published=NOON))
        it.tells("paper", 3, first=50)
        tell(it.store, record("paper", "ours", both, published=NOON))
        it.tells("paper", 3, first=60)

        walked = it.walk("/feed/v.atom")
        first = it.get(walked[-1][0])

    assert [title for _, told in walked for title in told].count("ours") == 1
    assert "ours" in walked[-1][1]
    assert "theirs" not in [title for _, told in walked for title in told]
    assert record("gazette", "theirs").public_id.encode() in first.content


def test_one_arrival_of_many_entries_is_cut_by_their_keys(tmp_path: Path) -> None:
    many = [
        record("paper", f"{n}", f"https://paper.example/{n}", position=n, first_seen=NOON - n * HOUR)
        for n in range(450)
    ]
    with site(tmp_path, a_view()) as it:
        tell(it.store, *many)

        walked = it.walk("/feed/v.atom")

    archived = [title for _, told in walked[1:] for title in told]
    assert sorted(archived, key=int) == [str(n) for n in range(450)]
    assert max(len(told) for _, told in walked[1:]) <= 100
    assert re.fullmatch(r"/feed/v/archive/[0-9a-f]{16}/1-2-\d+-\d+\.atom", walked[1][0])


def test_documents_hold_no_more_text_than_a_page_may(tmp_path: Path) -> None:
    with site(tmp_path, a_view()) as it:
        it.tells("paper", 40, html=f"<p>{'x' * 900_000}</p>")
        walked = it.walk("/feed/v.atom?content=none")

    assert max(len(told) for _, told in walked[1:]) <= 13
    assert sorted((title for _, told in walked[1:] for title in told), key=int)[:38] == [str(n) for n in range(38)]


def test_a_document_that_has_grown_beyond_what_one_may_hold_leads_to_its_first_part(tmp_path: Path) -> None:
    with site(tmp_path, a_view()) as it:
        it.tells("paper", 250)
        series = it.walk("/feed/v.atom")[1][0].split("/")[-2]
        moved = it.get(f"/feed/v/archive/{series}/0-256.atom")
        walked = it.walk(moved.headers["location"].removeprefix(BASE))

    assert moved.status_code == 302
    assert sorted((title for _, told in walked for title in told), key=int) == [str(n) for n in range(250)]


@pytest.mark.parametrize(
    "change",
    [
        {"sources": ("paper",)},
        {"query": "harbour"},
        {"filters": (Filter(FilterKind.DROP, "rule", (Condition("title", words=("x",)),)),)},
    ],
    ids=["sources", "query", "rules"],
)
def test_another_definition_of_a_view_begins_another_archive_and_the_old_one_is_gone(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    with site(tmp_path, a_view()) as it:
        it.tells("paper", 6)
        old = it.walk("/feed/v.atom")[1][0]
        it.views(a_view(**change))
        gone = it.get(old)

    assert gone.status_code == 410
    assert "https://news.example/feed/v.atom" in gone.text


@pytest.mark.parametrize("change", [{"title": "X"}, {"entries": 3}, {"per_source": 2}, {"window": 5 * HOUR}])
def test_how_a_view_looks_and_how_much_it_shows_is_no_other_archive(tmp_path: Path, change: dict[str, Any]) -> None:
    with site(tmp_path, a_view()) as it:
        it.tells("paper", 6)
        old = it.walk("/feed/v.atom")[-1][0]
        it.views(a_view(**change))

        assert it.get(old).status_code == 200


def test_an_archive_of_what_parameters_choose_keeps_them(tmp_path: Path) -> None:
    with site(tmp_path) as it:
        it.tells("paper", 60)
        it.tells("gazette", 60, first=100)
        walked = it.walk("/feed.rss?source=paper&limit=5")

    assert all(address.endswith("?source=paper") for address, _ in walked[1:])
    assert {title for _, told in walked for title in told} == {str(n) for n in range(60)}


@pytest.mark.parametrize(
    "path",
    [
        "/feed/archive/0123456789abcdef/0-3.atom",
        "/feed/archive/0123456789abcdef/01-2.atom",
        "/feed/archive/0123456789abcdef/5-4.atom",
        "/feed/archive/0123456789abcdef/0-8-0-4.atom",
        "/feed/archive/nonsense/0-4.atom",
        "/feed/archive/0123456789abcdef/0-4.json",
        "/feed/archive/0123456789abcdef/999999999999999999999-9999999999999999999999.atom",
    ],
)
def test_what_can_be_no_archive_document_is_a_404(tmp_path: Path, path: str) -> None:
    with site(tmp_path) as it:
        assert it.get(path).status_code == 404


# --- views that are there no more -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/feed/v.atom", "/feed/v.json", "/view/v", "/feed/v/archive/0123456789abcdef/0-4.rss"]
)
def test_a_view_that_was_taken_out_is_a_410_after_a_restart_too(tmp_path: Path, path: str) -> None:
    with site(tmp_path, a_view()):
        pass
    with site(tmp_path, a_view(name="w")) as it:
        answer, unknown = it.get(path), it.get("/feed/x.atom")
        it.views(a_view())
        back = it.get("/feed/v.atom")

    assert answer.status_code == 410
    assert "taken out of feeds.yaml" in answer.text
    assert unknown.status_code == 404
    assert back.status_code == 200


# --- what changes when --------------------------------------------------------------------------------------------


def test_a_new_entry_changes_the_feeds_that_show_it_and_no_others(tmp_path: Path) -> None:
    drop = Filter(FilterKind.DROP, "rule", (Condition("title", words=("unwanted",)),))
    older = Filter(FilterKind.DROP, "older", (Condition("age", older=20 * HOUR),))
    shapes: list[dict[str, Any]] = [{}, {"entries": 50}, {"per_source": 1}, {"window": 30 * HOUR}, {"query": "title:5"}]
    views = [
        replace(a_view(**shape), name=f"{source}-{n}-{len(more)}", sources=(source,), filters=more)
        for source in ("paper", "gazette")
        for n, shape in enumerate(shapes)
        for more in ((drop,), (drop, older), (drop, older, Filter(FilterKind.UNIQUE, "unique", field="title")))
    ]
    paths = [f"/feed/{view.name}.{ending}" for view in views for ending in ("atom", "json")]
    with site(tmp_path, *views) as it:
        it.tells("paper", 40)
        it.tells("gazette", 40)
        before = {path: it.get(path) for path in paths}
        at = NOON + 100 * HOUR
        tell(it.store, record("paper", "unwanted", "https://paper.example/u", first_seen=at, published=at))
        unmoved = {path: it.get(path) for path in paths}
        tell(it.store, record("paper", "new", "https://paper.example/n", first_seen=at, published=at))
        after = {path: it.get(path) for path in paths}

    def same(one: httpx.Response, other: httpx.Response) -> bool:
        return (one.content, one.headers["etag"]) == (other.content, other.headers["etag"])

    assert len(views) == 30
    assert [path for path in paths if not same(before[path], unmoved[path])] == []
    changed = {path for path in paths if not same(unmoved[path], after[path])}
    assert changed == {path for path in paths if "/paper-" in path and "-4-" not in path}


# --- bounds -----------------------------------------------------------------------------------------------------


def test_a_view_whose_rules_leave_nearly_all_out_pages_on_to_what_they_leave(tmp_path: Path) -> None:
    keep = Filter(FilterKind.KEEP, "rule", (Condition("title", words=("wanted",)),))
    many = [record("paper", f"{n}", None, position=n) for n in range(10_100)]
    with site(tmp_path, a_view(filters=(keep,))) as it:
        tell(it.store, record("paper", "wanted", None, published=NOON - HOUR))
        tell(it.store, *many)
        walked, following = list[str](), "/feed/v.atom"
        while following:
            answer = it.get(following)
            walked.append(" ".join(titles(answer)))
            following = link(answer, "next") or ""
        down = it.walk("/feed/v.atom")

    assert walked == ["", "wanted"]
    assert [told for _, told in down if told] == [["wanted"]]


def test_the_window_counts_from_the_newest_that_the_rules_leave(tmp_path: Path) -> None:
    drop = Filter(FilterKind.DROP, "rule", (Condition("title", words=("noise",)),))
    with site(tmp_path, a_view(entries=1, window=3 * HOUR, filters=(drop,))) as it:
        it.tells("paper", 10)
        late = NOON + 99 * HOUR
        tell(it.store, record("gazette", "noise", None, first_seen=late, published=late))

        assert titles(it.get("/feed/v.atom")) == ["9", "8", "7", "6"]


def test_pages_after_a_capped_document_hold_what_the_cap_cut_off(tmp_path: Path) -> None:
    with site(tmp_path, a_view(entries=2, per_source=1)) as it:
        it.tells("gazette", 1)
        it.tells("paper", 6, first=10)
        found, following = list[list[str]](), "/feed/v.atom"
        while following:
            answer = it.get(following)
            found.append(titles(answer))
            following = link(answer, "next") or ""

    assert found == [["15", "0"], ["14", "13"], ["12", "11"], ["10", "0"]]


def test_of_entries_that_say_the_same_one_stands_on_all_pages_together(tmp_path: Path) -> None:
    unique = Filter(FilterKind.UNIQUE, "rule", field="title")
    with site(tmp_path, a_view(filters=(unique,))) as it:
        for n in range(12):
            at = NOON + n * HOUR
            tell(it.store, record("paper", f"{n}", None, title=f"Title {n % 5}", published=at, first_seen=at))
        found, following = list[str](), "/feed/v.atom"
        while following:
            answer = it.get(following)
            found += titles(answer)
            following = link(answer, "next") or ""

    assert found == ["Title 1", "Title 0", "Title 4", "Title 3", "Title 2"]


def test_of_a_story_those_are_named_that_the_query_and_the_rules_of_the_view_leave(tmp_path: Path) -> None:
    both = "https://blog.example/2026/harbour"
    drop = Filter(FilterKind.DROP, "rule", (Condition("title", words=("unwanted",)),))
    with site(tmp_path, a_view(filters=(drop,)), a_view(name="w")) as it:
        tell(it.store, record("paper", "unwanted", both))
        tell(it.store, record("gazette", "theirs", both))
        view, other = it.get("/feed/v.json").json()["items"], it.get("/feed/w.json").json()["items"]

    assert [(item["title"], "_also_in" in item) for item in view] == [("theirs", False)]
    assert [(item["title"], [one["title"] for one in item["_also_in"]]) for item in other] == [
        ("unwanted", ["gazette"])
    ]
    assert view[0]["id"] == other[0]["id"]
