"""Which times of trouble begin, go on and end, and how a reader of /health.atom sees them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import feedparser

from aggregator.health import Health, State
from aggregator.incidents import followed
from aggregator.render import IncidentFeed, incidents
from storage.states import Incident, PollState, SourceRow

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ROW = SourceRow("paper", "Paper", "https://paper.example/feed", "paper.example", 0, 365, 5000, "d")
WELL = Health(State.OK, "the last answer was whole")
DEAD = Health(State.FAILING, "no such host (dns, twice in a row)", NOW - HOUR)
OPEN = Incident(7, "paper", "failing", "dns", DEAD.reason, NOW - HOUR, NOW)


def seen(health: Health, **changes: object) -> dict[str, tuple[PollState, Health]]:
    """Return how the one source is."""
    failing = {"failures": 2, "failure_kind": "dns"} if health.state is State.FAILING else {}
    return {"paper": (PollState(ROW, NOW, **{**failing, **changes}), health)}  # type: ignore[arg-type]  # fields of a test


class TestIncidents:
    def test_two_failures_in_a_row_begin_one(self) -> None:
        assert followed([], seen(DEAD, failures=1), NOW) == ()
        assert followed([], seen(DEAD), NOW) == (replace(OPEN, number=0),)

    def test_silence_begins_one_at_once(self) -> None:
        silent = Health(State.SILENT, "nothing new for 9d", NOW - timedelta(days=9))

        (begun,) = followed([], seen(silent), NOW)

        assert (begun.state, begun.kind, begun.began_at, begun.changed_at) == ("silent", None, silent.since, NOW)

    def test_one_that_goes_on_is_left_alone(self) -> None:
        later = Health(State.FAILING, "no such host (dns, 9 times in a row)", NOW - HOUR)

        assert followed([OPEN], seen(later, failures=9), NOW + 9 * HOUR) == ()

    def test_another_kind_of_trouble_is_told_in_the_same_one(self) -> None:
        gone = Health(State.GONE, "the publisher says that it is gone", NOW - HOUR)

        (told,) = followed([OPEN], seen(gone, failure_kind="gone"), NOW + HOUR)

        assert told == replace(OPEN, state="gone", kind="gone", reason=gone.reason, changed_at=NOW + HOUR)

    def test_recovery_ends_it(self) -> None:
        assert followed([OPEN], seen(WELL), NOW + HOUR) == (replace(OPEN, ended_at=NOW + HOUR, changed_at=NOW + HOUR),)

    def test_a_source_that_is_polled_no_more_ends_it(self) -> None:
        assert followed([OPEN], {}, NOW + HOUR) == (replace(OPEN, ended_at=NOW + HOUR, changed_at=NOW + HOUR),)

    def test_a_daemon_that_was_off_ends_none(self) -> None:
        assert followed([OPEN], seen(Health(State.LATE, "its time has passed", NOW)), NOW + HOUR) == ()

    def test_who_fails_again_soon_is_told_of_in_the_same_one(self) -> None:
        ended = replace(OPEN, ended_at=NOW, changed_at=NOW)

        soon, late = NOW + 5 * HOUR, NOW + 7 * HOUR

        assert followed([ended], seen(DEAD), soon) == (replace(OPEN, changed_at=soon),)
        assert [one.number for one in followed([ended], seen(DEAD), late)] == [0]


def feed(*some: Incident) -> IncidentFeed:
    """Return the feed of these incidents."""
    home = "https://news.example/"
    return IncidentFeed("Health of News", f"{home}health.atom", home, some, {"paper": "The Paper & Co"})


class TestItsFeed:
    def test_a_reader_sees_an_entry_an_incident(self) -> None:
        read = feedparser.parse(incidents(feed(OPEN)))

        (entry,) = read.entries
        assert not read.bozo
        assert entry.title == "The Paper & Co: failing"
        assert entry.summary == "no such host (dns, twice in a row) (since 2026-03-05 11:00 UTC)"
        assert entry.link == "https://news.example/source/paper/status"
        assert [tag.term for tag in entry.tags] == ["failing", "dns"]
        assert (entry.published, entry.updated) == ("2026-03-05T11:00:00Z", "2026-03-05T12:00:00Z")

    def test_its_end_edits_the_entry(self) -> None:
        over = replace(OPEN, ended_at=NOW + HOUR, changed_at=NOW + HOUR)

        (before,), (after,) = (feedparser.parse(incidents(feed(one))).entries for one in (OPEN, over))

        assert after.id == before.id
        assert after.title == "The Paper & Co: failing, and well again"
        assert after.updated == "2026-03-05T13:00:00Z"
        assert after.summary.endswith("(from 2026-03-05 11:00 UTC to 2026-03-05 13:00 UTC)")

    def test_without_incidents_it_is_dated_nothing_of_now(self) -> None:
        assert feedparser.parse(incidents(feed())).feed.updated == "2000-01-01T00:00:00Z"
