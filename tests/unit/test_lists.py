"""Lists of sources that lie on the web: when they are asked for, and what of them is kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from aggregator import clock
from aggregator.daemon.lists import refresh, stored_lists
from aggregator.network import Network
from storage.contract import StoreError
from storage.sqlite import SqliteStore
from storage.states import ListState

URL = "https://links.example/blogroll.opml"
OPML = b"<opml version='2.0'><body><outline text='A' xmlUrl='https://a.example/feed'/></body></opml>"
HOUR = timedelta(hours=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore.open(tmp_path)) as made:
        yield made


class Site:
    """Answers one after the other, and keeps what it was asked."""

    def __init__(self, *answers: httpx.Response) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return self.answers.pop(0)

    async def refreshed(self, store: SqliteStore) -> bool:
        return await refresh(store, Network(transport=httpx.MockTransport(self)), [URL], "agent")


def due_again(store: SqliteStore) -> ListState:
    """Let the list's time have come; return what was stored of it."""
    [state] = store.lists()
    store.save_list(
        ListState(URL, clock.now(), state.validators, state.body, state.read_at, state.asked_at, state.failures)
    )
    return state


async def test_a_list_is_read_kept_and_asked_again_with_its_validators_six_hours_later(store: SqliteStore) -> None:
    site = Site(httpx.Response(200, headers={"ETag": '"a"'}, content=OPML), httpx.Response(304))

    assert await site.refreshed(store) is True
    assert await site.refreshed(store) is False
    wait = due_again(store).next_at - clock.now()
    assert await site.refreshed(store) is False

    assert stored_lists(store) == {URL: OPML}
    assert 5 * HOUR < wait <= 6 * HOUR
    assert [request.headers.get("If-None-Match") for request in site.asked] == [None, '"a"']


@pytest.mark.parametrize(
    "answer",
    [httpx.Response(200, content=b"<html><title>Log in</title></html>"), httpx.Response(503)],
    ids=["a page in its place", "an error"],
)
async def test_what_cannot_be_read_leaves_the_list_as_it_was(store: SqliteStore, answer: httpx.Response) -> None:
    site = Site(httpx.Response(200, content=OPML), answer)
    await site.refreshed(store)
    due_again(store)

    assert await site.refreshed(store) is False

    [state] = store.lists()
    assert (state.body, state.failures, bool(state.fault)) == (OPML, 1, True)
    assert timedelta(minutes=55) < state.next_at - clock.now() <= HOUR


async def test_the_publisher_may_ask_for_a_longer_rest(store: SqliteStore) -> None:
    site = Site(httpx.Response(200, headers={"Cache-Control": "max-age=86400"}, content=OPML))

    await site.refreshed(store)

    [state] = store.lists()
    assert state.next_at - clock.now() > 23 * HOUR


async def test_a_time_that_a_wrong_clock_set_is_not_waited_for(store: SqliteStore) -> None:
    store.save_list(ListState(URL, clock.now() + timedelta(days=400)))
    site = Site(httpx.Response(200, content=OPML))

    assert await site.refreshed(store) is True

    assert len(site.asked) == 1


async def test_a_store_that_cannot_be_read_leaves_the_lists_unasked(store: SqliteStore) -> None:
    class Broken(SqliteStore):
        def lists(self) -> list[ListState]:
            raise StoreError("the disk is gone")

    site = Site(httpx.Response(200, content=OPML))

    assert await site.refreshed(Broken(store._engine)) is False

    assert site.asked == []
