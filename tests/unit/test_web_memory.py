"""What was rendered is kept while it holds, and no more of it than fits."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from threading import Event, Semaphore

import pytest

from aggregator.web.memory import AT_ONCE, Memory
from storage.contract import StoreError


def run(*steps: tuple[object, str, Callable[[], bytes]], memory: Memory) -> list[bytes]:
    async def all_of_them() -> list[bytes]:
        return [(await memory.get(state, key, make)).body for state, key, make in steps]

    return asyncio.run(all_of_them())


def test_the_same_is_made_once_and_made_anew_when_its_state_changes():
    made = []

    def make() -> bytes:
        made.append(1)
        return b"%d" % len(made)

    answers = run((1, "a", make), (1, "a", make), (1, "b", make), (2, "a", make), memory=Memory())

    assert answers == [b"1", b"1", b"2", b"3"]


def test_the_least_lately_asked_for_goes_first():
    made = []

    def make(name: str) -> Callable[[], bytes]:
        return lambda: made.append(name) or name.encode()

    asked = [(1, name, make(name)) for name in "abacab"]
    run(*asked, memory=Memory(most=2))

    assert made == ["a", "b", "c", "b"]


def test_what_does_not_fit_is_answered_and_not_kept():
    made = []

    def make() -> bytes:
        made.append(1)
        return os.urandom(5000)

    run((1, "a", make), (1, "a", make), memory=Memory(most_bytes=4000))

    assert len(made) == 2


def test_no_more_bytes_are_kept_than_there_is_room_for():
    made = []

    def make(name: str) -> Callable[[], bytes]:
        return lambda: made.append(name) or os.urandom(2000)

    asked = [(1, name, make(name)) for name in "abcca"]
    run(*asked, memory=Memory(most_bytes=5000))

    assert made == ["a", "b", "c", "a"]


def test_a_failure_is_told_and_not_kept():
    answers = iter([ValueError("not now"), b"well"])

    def make() -> bytes:
        answer = next(answers)
        if isinstance(answer, ValueError):
            raise answer
        return answer

    memory = Memory()
    with pytest.raises(ValueError, match="not now"):
        run((1, "a", make), memory=memory)

    assert run((1, "a", make), memory=memory) == [b"well"]


async def test_so_many_are_made_at_once_and_no_more():
    begun, go_on, running = Semaphore(0), Event(), 0

    def make() -> bytes:
        begun.release()
        go_on.wait(10)
        return b"bytes"

    memory = Memory()
    asked = [asyncio.create_task(memory.get(1, name, make)) for name in "abcdef"]
    while await asyncio.to_thread(begun.acquire, timeout=0.2):
        running += 1
    go_on.set()

    assert running == AT_ONCE
    assert len(await asyncio.gather(*asked)) == len("abcdef")


def test_a_client_that_hangs_up_does_not_take_the_bytes_from_the_others():
    made = []

    def make() -> bytes:
        made.append(1)
        return b"bytes"

    async def one_leaves() -> bytes:
        memory = Memory()
        leaver = asyncio.create_task(memory.get(1, "a", make))
        stayer = asyncio.create_task(memory.get(1, "a", make))
        await asyncio.sleep(0)
        leaver.cancel()
        return (await stayer).body

    assert asyncio.run(one_leaves()) == b"bytes"
    assert made == [1]


def test_it_tells_while_something_is_made_and_not_when_making_it_failed():
    told = []
    memory = Memory()

    def make() -> bytes:
        told.append(memory.making)
        raise StoreError("no")

    with pytest.raises(StoreError):
        asyncio.run(memory.get(1, "a", make))

    assert (told, memory.making) == ([1], 0)
