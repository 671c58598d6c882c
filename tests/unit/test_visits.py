"""Attempts that are led from one host to another."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aggregator.outcomes import FailureKind, PollError
from aggregator.turns import Turns
from aggregator.visits import MOST_WAIT, Place, Visits
from plugins.simulator import until
from storage.sqlite import SqliteStore

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
URL = "https://b.example/feed"


class Scene:
    """Turns and visits at a clock that is turned by hand."""

    def __init__(self, store: SqliteStore, *, total: int = 9, per_host: int = 1, delay: float = 0.0) -> None:
        self.at = 0.0
        self.woken = 0
        self.turns = Turns(total, per_host, delay)
        self.visits = Visits(self.turns, store, lambda: NOON, lambda: self.at, self.wake)

    def wake(self) -> None:
        self.woken += 1

    def began(self, host: str) -> Place:
        self.turns.start(host, self.at)
        return Place(host)

    async def led(self, place: Place, url: str = URL) -> asyncio.Task[None]:
        """Lead an attempt to a host, and let it come to where it waits."""
        waiting = self.visits.waiting
        going = asyncio.create_task(self.visits.visit(place, url))
        await until(lambda: self.visits.waiting > waiting)
        return going


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore.open(tmp_path)
    yield opened
    opened.close()


async def test_who_is_led_on_gives_back_its_host_and_its_place_while_it_waits(store: SqliteStore) -> None:
    scene = Scene(store, total=2)
    scene.began("b.example")
    place = scene.began("a.example")

    going = await scene.led(place)
    scene.visits.serve(())

    assert (scene.turns.running, scene.turns.free, place.host, scene.woken) == (1, 1, None, 1)
    assert scene.turns.may_start("a.example", 0.0)
    scene.turns.finish("b.example")
    scene.visits.serve(())
    await going
    assert (scene.turns.running, place.host) == (1, "b.example")


async def test_two_that_are_led_to_each_others_hosts_do_not_wait_for_each_other(store: SqliteStore) -> None:
    scene = Scene(store)
    one, other = scene.began("a.example"), scene.began("b.example")

    both = [await scene.led(one, "https://b.example/"), await scene.led(other, "https://a.example/")]
    scene.visits.serve(())
    await asyncio.gather(*both)

    assert (one.host, other.host) == ("b.example", "a.example")


async def test_they_are_served_as_they_came_and_a_delay_apart(store: SqliteStore) -> None:
    scene = Scene(store, delay=1.0)
    first = await scene.led(scene.began("a.example"))
    second = await scene.led(scene.began("c.example"))

    scene.visits.serve(())
    await asyncio.sleep(0.05)

    assert not second.done()
    assert scene.visits.waiting == 1
    await first
    scene.turns.finish("b.example")
    scene.at = 1.0
    scene.visits.serve(())
    await second


async def test_they_take_turns_with_those_that_begin_on_the_host(store: SqliteStore) -> None:
    scene = Scene(store)
    first, second = await scene.led(scene.began("a.example")), await scene.led(scene.began("c.example"))
    scene.visits.serve({"b.example"})
    await first
    scene.turns.finish("b.example")

    scene.visits.serve({"b.example"})
    kept = scene.visits.waiting
    scene.began("b.example")
    scene.visits.began("b.example")
    scene.turns.finish("b.example")
    scene.visits.serve({"b.example"})
    await second

    assert kept == 1


async def test_nobody_waits_for_ever(store: SqliteStore) -> None:
    scene = Scene(store)
    scene.began("b.example")
    going = await scene.led(scene.began("a.example"))

    scene.at = MOST_WAIT + 1
    scene.visits.serve(())

    with pytest.raises(PollError, match="did not come within 120 s") as caught:
        await going
    assert caught.value.kind is FailureKind.INTERRUPTED


async def test_what_is_waited_on_the_way_adds_up(store: SqliteStore) -> None:
    scene = Scene(store)
    place = scene.began("a.example")
    scene.began("b.example")
    going = await scene.led(place)
    scene.at = MOST_WAIT - 10
    scene.turns.finish("b.example")
    scene.visits.serve(())
    await going

    scene.began("c.example")
    on = await scene.led(place, "https://c.example/")
    scene.at = MOST_WAIT + 1
    scene.visits.serve(())

    with pytest.raises(PollError):
        await on


async def test_a_host_that_refuses_meanwhile_is_not_waited_for(store: SqliteStore) -> None:
    scene = Scene(store)
    scene.began("b.example")
    going = await scene.led(scene.began("a.example"))

    scene.turns.hold("b.example", until=60.0)
    scene.visits.serve(())

    with pytest.raises(PollError) as caught:
        await going
    assert caught.value.kind is FailureKind.RATE_LIMITED


async def test_one_more_request_on_a_host_takes_its_turn_anew(store: SqliteStore) -> None:
    scene = Scene(store, delay=1.0)
    place = scene.began("b.example")
    await scene.visits.visit(place, URL)

    going = asyncio.create_task(scene.visits.visit(place, URL, again=True))
    await until(lambda: bool(scene.visits.waiting))
    scene.visits.serve(())
    early = going.done()
    scene.at = 1.0
    scene.visits.serve(())
    await going

    assert not early
    assert place.host == "b.example"


async def test_who_is_cancelled_while_it_waits_leaves_nothing_behind(store: SqliteStore) -> None:
    scene = Scene(store)
    scene.began("b.example")
    place = scene.began("a.example")
    going = await scene.led(place)

    going.cancel()
    await asyncio.wait([going])
    scene.visits.leave(place)

    assert scene.visits.waiting == 0
    assert scene.turns.running == 1
