"""All bodies in flight together: each waits for its share, none fails, none starves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest

from aggregator.budget import SMALL, Budget

MIB = 1024 * 1024


async def settled(*waiting: Awaitable[None]) -> list[bool]:
    """Return which of them are done once nothing moves any more; the rest are cancelled."""
    tasks = [asyncio.ensure_future(one) for one in waiting]
    for _ in range(20):
        await asyncio.sleep(0)
    done = [task.done() for task in tasks]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return done


def test_small_bodies_never_wait_for_large_ones() -> None:
    async def story() -> list[bool]:
        budget = Budget(64 * MIB)
        for _ in range(2):
            await budget.share().hold(16 * MIB, 16 * MIB)
        return await settled(*(budget.share().hold(30_000, 16 * MIB) for _ in range(29)))

    assert asyncio.run(story()) == [True] * 29


def test_a_large_body_waits_until_another_gives_its_share_back() -> None:
    async def story() -> None:
        budget = Budget(64 * MIB)
        first = budget.share()
        await first.hold(MIB, 48 * MIB)
        second = asyncio.create_task(budget.share().hold(MIB, 16 * MIB))
        for _ in range(5):
            await asyncio.sleep(0)

        assert not second.done()

        first.release()
        await asyncio.wait_for(second, 5)

    asyncio.run(story())


def test_a_large_wish_is_not_starved_by_those_who_came_later() -> None:
    async def story() -> list[bool]:
        budget = Budget(64 * MIB)
        await budget.share().hold(MIB, 40 * MIB)
        return await settled(budget.share().hold(MIB, 16 * MIB), budget.share().hold(MIB, 8 * MIB))

    assert asyncio.run(story()) == [False, False]


def test_a_wait_that_is_given_up_leaves_nothing_taken() -> None:
    async def story() -> None:
        budget = Budget(64 * MIB)
        first, second, third = budget.share(), budget.share(), budget.share()
        await first.hold(MIB, 48 * MIB)
        waiting = asyncio.create_task(second.hold(MIB, 48 * MIB))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        second.release()
        first.release()

        await asyncio.wait_for(third.hold(MIB, 48 * MIB), 5)

    asyncio.run(story())


def test_a_share_that_was_granted_and_cancelled_at_once_goes_back() -> None:
    async def story() -> None:
        budget = Budget(64 * MIB)
        first, second = budget.share(), budget.share()
        await first.hold(MIB, 48 * MIB)
        waiting = asyncio.create_task(second.hold(MIB, 48 * MIB))
        for _ in range(3):
            await asyncio.sleep(0)
        first.release()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        second.release()

        await asyncio.wait_for(budget.share().hold(MIB, 48 * MIB), 5)

    asyncio.run(story())


def test_a_hundred_bodies_that_all_grow_come_through() -> None:
    async def one(budget: Budget) -> None:
        with budget.share() as share:
            for size in (SMALL // 2, SMALL * 2, 16 * MIB):
                await share.hold(size, 16 * MIB)
                await asyncio.sleep(0)

    async def story() -> None:
        budget = Budget(64 * MIB)
        async with asyncio.timeout(20):
            await asyncio.gather(*(one(budget) for _ in range(100)))

    asyncio.run(story())


def test_a_wish_beyond_the_whole_budget_takes_all_of_it() -> None:
    async def story() -> None:
        await asyncio.wait_for(Budget(MIB).share().hold(16 * MIB, 16 * MIB), 5)

    asyncio.run(story())


def test_a_body_that_is_given_up_just_as_its_turn_comes_harms_nobody() -> None:
    async def story() -> None:
        budget = Budget(64 * MIB)
        first = budget.share()
        await first.hold(MIB, 48 * MIB)
        given_up = asyncio.create_task(budget.share().hold(MIB, 16 * MIB))
        next_one = asyncio.create_task(budget.share().hold(MIB, 16 * MIB))
        await asyncio.sleep(0)

        given_up.cancel()
        first.release()

        with pytest.raises(asyncio.CancelledError):
            await given_up
        await asyncio.wait_for(next_one, 5)

    asyncio.run(story())


def test_those_who_wait_go_on_where_the_budget_is_raised() -> None:
    async def story() -> None:
        budget = Budget(64 * MIB)
        first = budget.share()
        await first.hold(MIB, 32 * MIB)
        second = asyncio.create_task(budget.share().hold(MIB, 16 * MIB))
        await asyncio.sleep(0)

        budget.resize(96 * MIB)

        await asyncio.wait_for(second, 5)

    asyncio.run(story())


def test_a_budget_that_was_lowered_counts_what_is_held_still() -> None:
    async def story() -> list[bool]:
        budget = Budget(64 * MIB)
        held = [budget.share() for _ in range(2)]
        for share in held:
            await share.hold(MIB, 16 * MIB)
        budget.resize(32 * MIB)
        held[0].release()
        before = await settled(budget.share().hold(MIB, 16 * MIB))
        held[1].release()
        return before + await settled(budget.share().hold(MIB, 16 * MIB), budget.share().hold(MIB, 16 * MIB))

    assert asyncio.run(story()) == [False, True, False]


def test_a_wish_that_is_larger_than_what_the_budget_was_lowered_to_takes_all_of_it() -> None:
    async def story() -> list[bool]:
        budget = Budget(64 * MIB)
        first, second = budget.share(), budget.share()
        await first.hold(MIB, 32 * MIB)
        waiting = asyncio.create_task(second.hold(MIB, 32 * MIB))
        await asyncio.sleep(0)
        budget.resize(16 * MIB)
        first.release()
        await asyncio.wait_for(waiting, 5)
        second.release()
        return await settled(budget.share().hold(MIB, 8 * MIB), budget.share().hold(MIB, 8 * MIB))

    assert asyncio.run(story()) == [True, False]
