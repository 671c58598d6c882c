"""Places in lists that nobody was given: every forged one is refused in a sentence, or names a page like any other."""

from __future__ import annotations

import json
import re
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from dataclasses import replace
from urllib.parse import quote

import httpx
import pytest
from unit import feed_rules_samples as samples
from unit.test_web_feeds import ask, settings_in

from aggregator.health import Facts
from aggregator.model import Source, View
from aggregator.web import create_app

Get = Callable[[str], httpx.Response]


def written(text: str | bytes) -> str:
    return urlsafe_b64encode(text if isinstance(text, bytes) else text.encode()).decode().rstrip("=")


PLACE = [1, 1, 1, "a" * 16]
FORGED = [
    "", "0", "-1", "null", "x", "=" * 200, "A" * 199, "A" * 40_000, "....", "%00", "\u0661", "a b", "'; DROP TABLE records; --",
    *map(written, (
        b"\xff\xfe", b"\0" * 100, "", "[]", "{}", "null", "true", "1", '"x"', "[" * 140, "{" * 140, "[[[[1]]]]", "[1,1,1]", "[1,1,1,1]", '[NaN,1,1,"a"]', '[Infinity,"a"]', '[-Infinity,"a"]',
        '[1e999,"a"]', '[NaN,"a"]', '[1e308,"a"]', '[true,"a"]', '[null,"a"]', '["1","a"]', '[[],"a"]', "[{},{}]", "[1,[]]", '[1,"\\ud800"]', '["x",1]', f"[{'9' * 130},\"a\"]", f"[-{'9' * 130},\"a\"]",
    )),
    *(written(json.dumps([*PLACE[:at], wrong, *PLACE[at + 1 :]])) for at in range(4)
      for wrong in (None, True, [], {}, 1.5, "9" * 20, -1, 2**63 - 1, 2**63, -(2**63), 10**60, float("inf"), float("nan"), "\ud800", "' OR 1=1", 0)),
]  # fmt: skip
ANOTHERS = written(json.dumps([1_700_000_000_000_000, 999_999, 3, "zzzzzzzzzzzzzzzz"]))
LISTS = {
    "the merged feed": "/feed.atom?before={}",
    "a feed as JSON": "/feed.json?q=entry&before={}",
    "a view's feed": "/feed/all.rss?before={}",
    "a source's feed": "/source/paper.atom?before={}",
    "the first page": "/?before={}",
    "a search": "/?q=entry&before={}",
    "entries": "/api/v1/entries?before={}",
    "entries of a view": "/api/v1/entries?view=all&before={}",
    "sources": "/api/v1/sources?after={}",
    "sources in a state": "/api/v1/sources?state=ok&after={}",
}


@pytest.fixture(scope="module")
def get(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Get]:
    folder = tmp_path_factory.mktemp("places")
    ids = ["paper", "gazette", "planet"]
    states = [samples.a_state(id_) for id_ in ids]
    store = samples.a_store(folder, *samples.numbered(60), states=states)
    own = tuple(Source(id_, f"https://{id_}.example/feed", id_, at) for at, id_ in enumerate(ids))
    settings = replace(settings_in(folder), sources=own, views=(View("all", "All"),))
    facts = Facts(last_tick_at=samples.NOW)
    app = create_app(store, lambda: settings, lambda: facts, lambda: samples.NOW)
    yield lambda path: ask(app, path)
    store.close()


@pytest.mark.parametrize("name", LISTS)
def test_a_forged_place_is_refused_or_is_a_page(get: Get, name: str) -> None:
    began = time.process_time()

    answers = {forged: get(LISTS[name].format(quote(forged))) for forged in FORGED}

    odd = {forged: answer.status_code for forged, answer in answers.items() if answer.status_code not in {200, 400}}
    refused = [answer for answer in answers.values() if answer.status_code == 400]
    assert odd == {}
    assert len(refused) > 20
    said = [
        answer.text
        for answer in refused
        if not re.search("is no place in|is empty|the query string is longer than 2000 bytes", answer.text)
    ]
    assert said == []
    assert max(len(answer.content) for answer in refused) < 2_000
    assert time.process_time() - began < 10


@pytest.mark.parametrize("name", LISTS)
def test_a_place_of_another_store_is_a_page_of_this_one(get: Get, name: str) -> None:
    answer = get(LISTS[name].format(ANOTHERS))

    # The list of sources has places of its own, and a place among entries is none of them.
    assert answer.status_code == (400 if "/sources" in LISTS[name] else 200)
    assert "zzzz" not in answer.text


@pytest.mark.parametrize("number", ["9" * 18, "9" * 400, "-1", "0", "1e9", "%D9%A1", "0x10", "1_0", "NaN"])
def test_a_number_that_nobody_would_ask_for_is_refused_or_bounded(get: Get, number: str) -> None:
    answers = [get(f"{path}?limit={number}") for path in ("/feed.atom", "/", "/api/v1/entries", "/api/v1/sources")]
    archive = get(f"/feed/archive/{'0' * 16}/0-{number}.atom")

    assert {answer.status_code for answer in answers} == {200 if number.strip("9") == "" else 400}
    assert archive.status_code in {404, 410}
