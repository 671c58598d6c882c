"""When nothing new is silence, told from a source's own pauses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from aggregator.habit import remembered
from aggregator.silence import awake, days_of_rest, habit, most_rest, noted, silent_for
from storage.states import ActiveDay

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def told(*entries: datetime) -> tuple[tuple[datetime, ...], tuple[ActiveDay, ...]]:
    """Return what is remembered of entries that came at these times."""
    return remembered((), entries), noted((), entries)


def every_day(days: int, *, at: int = 9) -> list[datetime]:
    """Return an entry a day for so many days up to the Sunday before MONDAY."""
    return [MONDAY - n * DAY + at * HOUR for n in range(days, 0, -1)]


def on_workdays(weeks: int) -> list[datetime]:
    """Return three entries each Monday to Friday for so many weeks up to the Friday before MONDAY."""
    days = [MONDAY - n * DAY for n in range(7 * weeks, 0, -1)]
    return [day + hour * HOUR for day in days if day.weekday() < 5 for hour in (8, 11, 16)]


class TestSilence:
    @pytest.mark.parametrize(("hours", "silent"), [(24, False), (47, False), (49, True)])
    def test_two_pauses_of_a_steady_source_are_silence(self, hours: int, silent: bool) -> None:
        entries = every_day(60)

        found = silent_for(*told(*entries), entries[-1] + hours * HOUR)

        assert (found is not None) is silent

    def test_a_source_that_writes_at_any_time_may_pause_three_times_as_long_as_usual(self) -> None:
        pauses = [2, 5, 20, 50, 24, 9, 110, 33, 1, 12, 26, 48, 15, 60, 8, 30, 3, 41, 18, 22] * 2
        entries = [MONDAY]
        for pause in pauses:
            entries.append(entries[-1] + pause * HOUR)

        known = habit(*told(*entries))

        assert known is not None
        assert known.pause == 60 * HOUR
        assert silent_for(*told(*entries), entries[-1] + 7 * DAY) is None
        assert silent_for(*told(*entries), entries[-1] + 10 * DAY) is not None

    def test_days_of_rest_do_not_count(self) -> None:
        friday = MONDAY - 3 * DAY + 16 * HOUR

        found = silent_for(*told(*on_workdays(8)), MONDAY + 12 * HOUR)

        assert found is None
        assert silent_for(*told(*on_workdays(8)), MONDAY + 3 * DAY) is not None
        assert awake(friday, MONDAY + 12 * HOUR, frozenset({5, 6})) == 20 * HOUR

    def test_a_busy_source_is_told_within_a_day(self) -> None:
        entries = [MONDAY - n * DAY + hour * HOUR for n in range(40, 0, -1) for hour in range(7, 23)]

        found = silent_for(*told(*entries), entries[-1] + 23 * HOUR)

        assert found is not None

    def test_who_came_this_week_is_given_a_weekend(self) -> None:
        entries = [MONDAY + 3 * DAY + n * HOUR for n in range(12)]

        assert silent_for(*told(*entries), entries[-1] + 60 * HOUR) is None
        assert silent_for(*told(*entries), entries[-1] + 63 * HOUR) is not None

    def test_few_entries_make_no_habit(self) -> None:
        assert silent_for(*told(*every_day(5)), MONDAY + 90 * DAY) is None
        assert silent_for((), (), MONDAY) is None

    def test_in_a_holiday_silence_is_told_nine_days_later(self) -> None:
        entries = every_day(60)

        assert silent_for(*told(*entries), entries[-1] + 9 * DAY, holiday=True) is None
        assert silent_for(*told(*entries), entries[-1] + 12 * DAY, holiday=True) is not None


class TestDaysOfRest:
    def test_a_weekend_is_known_after_four_weeks(self) -> None:
        assert days_of_rest(noted((), on_workdays(4))) == frozenset()
        assert days_of_rest(noted((), on_workdays(5))) == frozenset({5, 6})

    def test_a_weekly_source_has_none(self) -> None:
        assert days_of_rest(noted((), [MONDAY - 7 * n * DAY for n in range(12)])) == frozenset()

    def test_whole_weeks_are_counted_as_single_days_are(self) -> None:
        since, until, resting = MONDAY + 5 * HOUR, MONDAY + 30 * DAY + 7 * HOUR, frozenset({5, 6})

        assert awake(since, until, resting) == 30 * DAY + 2 * HOUR - 8 * DAY
        assert awake(until, since, resting) == timedelta()


class TestDays:
    def test_a_day_keeps_its_first_and_its_last_entry(self) -> None:
        days = noted((), [MONDAY + 9 * HOUR, MONDAY + 23.99 * HOUR, MONDAY + DAY])

        assert days == (ActiveDay(20_458, 54, 143), ActiveDay(20_459, 0, 0))

    def test_the_newest_days_are_kept(self) -> None:
        days = noted(noted((), every_day(60)), [MONDAY])

        assert len(days) == 60
        assert days[-1].day == 20_458


class TestHolidays:
    def test_a_third_of_the_sources_at_once_is_a_holiday(self) -> None:
        late, well = (3 * DAY, 2 * DAY), (1 * DAY, 2 * DAY)

        assert most_rest([late] * 3 + [well] * 7)
        assert not most_rest([late] * 2 + [well] * 8)
        assert not most_rest([late] * 7)
