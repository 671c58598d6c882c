"""Work in the background gives way to what is made for subscribers, and is not stopped by it."""

from __future__ import annotations

import pytest

from aggregator.daemon.courtesy import MOST, Courtesy


class Time:
    """Time that passes where somebody sleeps, and a maker who is busy until an instant."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.busy_until = 0.0
        self.courtesy = Courtesy(lambda: self.now < self.busy_until, lambda: self.now, self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def waits(self) -> float:
        """Return how long giving way takes now."""
        began = self.now
        self.courtesy.give_way()
        return self.now - began


@pytest.fixture
def time() -> Time:
    return Time()


def test_where_nothing_is_made_nobody_waits(time: Time) -> None:
    assert time.waits() == 0


def test_it_waits_until_what_is_made_is_done(time: Time) -> None:
    time.busy_until = time.now + 0.04

    assert time.waits() == pytest.approx(0.04, abs=0.006)


def test_it_waits_no_longer_than_a_moment(time: Time) -> None:
    time.busy_until = time.now + 60

    assert time.waits() == pytest.approx(MOST, abs=0.006)


def test_it_works_for_as_long_as_it_waited_before_it_waits_again(time: Time) -> None:
    time.busy_until = time.now + 60
    waited = time.waits()

    again = time.waits()
    time.now += waited
    later = time.waits()

    assert (again, later) == (0, pytest.approx(MOST, abs=0.006))
