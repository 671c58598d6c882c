"""Whose turn it is."""

from __future__ import annotations

from aggregator.turns import Turns


def test_a_host_has_no_more_attempts_at_once_than_it_may() -> None:
    turns = Turns(total=10, per_host=2, delay=0)

    turns.start("a", at=0)
    turns.start("a", at=0)

    assert not turns.may_start("a", at=0)
    assert turns.may_start("b", at=0)


def test_starts_on_one_host_are_as_far_apart_as_written() -> None:
    turns = Turns(total=10, per_host=1, delay=1.0)

    turns.start("a", at=5.0)
    turns.finish("a")

    assert not turns.may_start("a", at=5.9)
    assert turns.may_start("a", at=6.0)


def test_a_host_that_waits_holds_no_place_of_the_total() -> None:
    turns = Turns(total=1, per_host=1, delay=60.0)

    turns.start("a", at=0)
    turns.finish("a")

    assert turns.free == 1
    assert turns.may_start("b", at=0)


def test_the_total_bounds_all_hosts_together() -> None:
    turns = Turns(total=2, per_host=2, delay=0)

    turns.start("a", at=0)
    turns.start("b", at=0)

    assert turns.free == 0
    assert not turns.may_start("c", at=0)


def test_what_is_busy_counts_running_waiting_and_delayed_hosts() -> None:
    turns = Turns(total=9, per_host=3, delay=1.0)

    turns.start("delayed", at=9.5)
    turns.start("running", at=0.0)

    assert turns.busy(10.0, {"queued": 2}) == {"delayed": 3, "running": 1, "queued": 2}
    assert turns.busy(11.0, {}) == {"delayed": 1, "running": 1}


def test_the_earliest_delay_is_told() -> None:
    turns = Turns(total=9, per_host=1, delay=2.0)

    turns.start("a", at=0.0)
    turns.start("b", at=1.0)

    assert turns.next_start(1.0) == 2.0
    assert turns.next_start(2.0) == 3.0
    assert turns.next_start(3.0) is None


def test_new_bounds_forget_neither_what_runs_nor_what_waits() -> None:
    turns = Turns(total=10, per_host=2, delay=1.0)
    turns.start("ended", at=5.0)
    turns.finish("ended")
    turns.start("running", at=4.0)

    turns.bound(total=10, per_host=1, delay=2.0)

    assert not turns.may_start("ended", at=5.5)
    assert turns.may_start("ended", at=6.0)
    assert not turns.may_start("running", at=6.0)
    turns.finish("running")
    assert turns.may_start("running", at=6.0)
