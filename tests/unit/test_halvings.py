"""What counts as a gap, and how long the interval stays halved for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from aggregator.gaps import halvings, is_recent, noted
from aggregator.model import Fetched, Reading
from aggregator.outcomes import Updated
from storage.states import FeedInfo, PollState, SourceRow, Validators

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ROW = SourceRow("a", "A", "https://a.example/feed", "a.example", 0, 365, 5000, "")
STATE = PollState(ROW, next_poll_at=NOW, every=6 * HOUR)


def result(*, gap: bool = True, followed: str | None = None) -> Updated:
    fetched = Fetched(ROW.url, 200, {}, b"x", Validators())
    return Updated(fetched, Reading(FeedInfo(), (), followed=followed), gap=gap)


@pytest.mark.parametrize(("days", "left"), [(0, 3), (6.9, 3), (7, 2), (13.9, 2), (14, 1), (21, 0), (400, 0)])
def test_a_halving_goes_with_each_calm_week(days: float, left: int) -> None:
    state = replace(STATE, gaps=3, gap_at=NOW)

    assert halvings(state, NOW + days * DAY) == left


def test_a_clock_that_was_set_back_takes_no_halving_away() -> None:
    assert halvings(replace(STATE, gaps=3, gap_at=NOW), NOW - 30 * DAY) == 3


def test_gap_upon_gap_halves_again_up_to_a_bound() -> None:
    state = STATE
    for day in range(9):
        state = noted(state, result(), NOW + day * HOUR, floor=HOUR)

    assert state.gaps == 5
    assert state.gap_at == NOW + 8 * HOUR


def test_a_gap_after_a_calm_time_counts_from_what_is_left() -> None:
    state = noted(replace(STATE, gaps=3, gap_at=NOW), result(), NOW + 15 * DAY, floor=HOUR)

    assert (state.gaps, halvings(state, NOW + 15 * DAY)) == (2, 2)


def test_at_its_floor_a_source_is_not_halved_on() -> None:
    state = noted(replace(STATE, every=HOUR), result(), NOW, floor=HOUR)

    assert (state.gaps, state.gap_at) == (0, NOW)


def test_what_became_of_it_is_kept_in_words() -> None:
    named, unnamed = (noted(STATE, result(followed=said), NOW, floor=HOUR) for said in ("it was read", None))

    assert named.gap_note == "it was read"
    assert unnamed.gap_note == "entries may have gone by unseen, and it names no older page"


def test_without_a_gap_nothing_is_noted() -> None:
    assert noted(STATE, result(gap=False, followed="after an outage"), NOW, floor=HOUR) == STATE
    assert not is_recent(STATE, NOW)


def test_a_gap_is_recent_for_a_week() -> None:
    state = replace(STATE, gap_at=NOW)

    assert [is_recent(state, NOW + days * DAY) for days in (0, 6.9, 7)] == [True, True, False]
