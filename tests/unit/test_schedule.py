from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from aggregator.model import Fetched, Hop, NotModified, Reading, Source
from aggregator.outcomes import Failed, FailureKind, PollResult, Unchanged, Updated
from aggregator.redirects import moving_hosts
from aggregator.schedule import after, interrupted
from storage.states import FeedInfo, HostState, PollState, SourceRow, Validators

NOW = datetime(2021, 9, 30, 12, 0, tzinfo=UTC)  # a Thursday
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
URL = "https://blog.example/feed"
SOURCE = Source(id="blog", url=URL, name="Blog")
ROW = SourceRow("blog", "Blog", URL, "blog.example", 0, 365, 5000, "x")
TAGS = Validators(etag=b'"a"', last_modified=b"Tue, 31 Foo", digest=b"d", url=URL)
LIVELY = tuple(NOW - at * HOUR for at in (3, 2, 1))
STATE = PollState(ROW, NOW, validators=TAGS, ingest_times=LIVELY, last_new_at=NOW - HOUR, last_attempt_at=NOW)
HOST = HostState("blog.example")


def updated(
    headers: dict[str, str] | None = None,
    *,
    validators: Validators = TAGS,
    hops: tuple[Hop, ...] = (),
    truncated: str | None = None,
    body: bytes = b"<rss/>",
    new: tuple[datetime, ...] = (),
    **reading: object,
) -> Updated:
    fetched = Fetched(URL, 200, headers or {}, body, validators, hops, truncated)
    return Updated(fetched, Reading(FeedInfo(), (), **reading), new)  # type: ignore[arg-type]


def not_modified(headers: dict[str, str] | None = None, *, hops: tuple[Hop, ...] = ()) -> Unchanged:
    return Unchanged(NotModified(URL, headers or {}, TAGS, hops))


def failed(kind: FailureKind, status: int | None = None, headers: dict[str, str] | None = None) -> Failed:
    return Failed(kind, "what was seen", status, headers or {})


def states(*results: PollResult, state: PollState = STATE, source: Source = SOURCE) -> list[PollState]:
    """Poll at the very time that each poll set for the next; return the state after each."""
    seen, host, now = [], HOST, NOW
    for result in results:
        state, host = after(replace(state, last_attempt_at=now), host, source, result, now, 0.0)
        seen.append(state)
        now = state.next_poll_at
    return seen


def gaps(*results: PollResult, state: PollState = STATE, source: Source = SOURCE) -> list[timedelta]:
    at = [NOW, *(one.next_poll_at for one in states(*results, state=state, source=source))]
    return [later - earlier for earlier, later in pairwise(at)]


def wait(result: PollResult, *, state: PollState = STATE, source: Source = SOURCE) -> timedelta:
    return gaps(result, state=state, source=source)[0]


def reason(result: PollResult, *, state: PollState = STATE, source: Source = SOURCE) -> str:
    return states(result, state=state, source=source)[0].next_reason


# --- validators ---


def test_a_whole_answer_replaces_both_validators() -> None:
    new = Validators(etag=b'"b"', digest=b"e", url=URL)

    assert states(updated(validators=new))[0].validators == new


def test_validators_that_vanish_are_forgotten() -> None:
    bare = Validators(digest=b"e", url=URL)

    assert states(updated(validators=bare), not_modified())[0].validators == bare


def test_an_equal_body_replaces_the_validators_too() -> None:
    new = Validators(etag=b'"touched"', last_modified=None, digest=b"d", url=URL)
    same_body = Unchanged(Fetched(URL, 200, {}, b"<rss/>", new))

    assert states(same_body)[0].validators == new


def test_a_304_gives_its_merged_validators() -> None:
    merged = Validators(etag=b'"v2"', last_modified=b"Tue, 31 Foo", digest=b"d", url=URL)

    assert states(Unchanged(NotModified(URL, {"etag": '"v2"'}, merged)))[0].validators == merged


@pytest.mark.parametrize(
    "result",
    [
        pytest.param(updated(validators=Validators(etag=b'"cut"'), truncated="it ended after 3 bytes"), id="cut body"),
        pytest.param(failed(FailureKind.NOT_A_FEED, 200), id="a page of HTML"),
    ],
)
def test_what_is_no_whole_feed_leaves_the_validators(result: PollResult) -> None:
    assert states(result)[0].validators == TAGS


def test_a_document_without_its_end_keeps_the_old_validators() -> None:
    cut = replace(updated(validators=Validators(etag=b'"cut"')), reading=Reading(FeedInfo(), (), truncated=True))

    state = states(cut)[0]

    assert state.validators == TAGS
    assert state.degraded == "truncated: the document ends early"


def test_no_store_says_nothing_of_validators() -> None:
    state = states(updated({"cache-control": "no-store"}))[0]

    assert state.validators == TAGS
    assert state.next_poll_at == NOW + HOUR


# --- freshness ---


@pytest.mark.parametrize("answer", [updated, not_modified], ids=["200", "304"])
def test_freshness_holds(answer: object) -> None:
    result = answer({"cache-control": 'MAX-AGE="7200"'})  # type: ignore[operator]

    assert wait(result) == 2 * HOUR
    assert reason(result) == "max-age of 2 h"


def test_freshness_holds_on_an_equal_body() -> None:
    same_body = Unchanged(Fetched(URL, 200, {"cache-control": "max-age=7200"}, b"", TAGS))

    assert wait(same_body) == 2 * HOUR


def test_a_bare_304_keeps_the_freshness_of_the_whole_answer() -> None:
    assert gaps(updated({"cache-control": "max-age=7200"}), not_modified(), not_modified()) == [2 * HOUR] * 3


def test_a_304_may_shorten_the_freshness() -> None:
    polled = gaps(
        updated({"cache-control": "max-age=7200"}), not_modified({"cache-control": "max-age=60"}), not_modified()
    )

    assert polled == [2 * HOUR, HOUR, HOUR]


def test_short_freshness_does_not_undercut_the_floor() -> None:
    assert wait(updated({"cache-control": "max-age=60"})) == HOUR


def test_a_source_has_caps_of_its_own() -> None:
    patient = replace(SOURCE, max_freshness=timedelta(days=4), max_retry_after=timedelta(days=30))
    eager = replace(SOURCE, max_freshness=3 * HOUR, max_retry_after=5 * HOUR)
    fresh, busy = (
        updated({"cache-control": "max-age=999999999"}),
        failed(FailureKind.SERVER_ERROR, 503, {"retry-after": "31536000"}),
    )

    waits = [states(result, source=one)[0] for one in (patient, eager) for result in (fresh, busy)]

    assert [(state.next_poll_at - NOW) for state in waits] == [4 * DAY, 30 * DAY, 3 * HOUR, 5 * HOUR]
    assert [state.next_reason.rpartition(", ")[2] for state in waits] == [
        "capped at 4 d",
        "capped at 30 d",
        "capped at 3 h",
        "capped at 5 h",
    ]


def test_freshness_of_thirty_years_is_capped_and_says_so() -> None:
    result = updated({"cache-control": "max-age=1000000000"})

    assert wait(result) == 48 * HOUR
    assert reason(result) == "max-age of 11574 d 1 h, capped at 2 d"


def test_expires_is_named_where_it_decides() -> None:
    assert reason(updated({"expires": "Thu, 30 Sep 2021 15:00:00 GMT"})) == "Expires in 3 h"


def test_freshness_holds_against_a_written_interval() -> None:
    every_second = replace(SOURCE, every=timedelta(seconds=1))

    assert wait(updated({"cache-control": "max-age=7200"}), source=every_second) == 2 * HOUR


def test_what_is_fresh_until_when_is_stored() -> None:
    assert states(updated({"cache-control": "max-age=7200"}))[0].fresh_until == NOW + 2 * HOUR


# --- the interval ---


def test_a_written_interval_replaces_habit_and_bounds() -> None:
    every_second = replace(SOURCE, every=timedelta(seconds=1))

    assert wait(updated(), source=every_second) == timedelta(seconds=1)
    assert reason(updated(), source=every_second) == "every 1 s, as written"


def test_a_lively_source_is_asked_every_hour() -> None:
    assert wait(updated()) == HOUR
    assert reason(updated()) == "every 1 h"


def test_at_most_bounds_a_sleepy_source() -> None:
    asleep = replace(STATE, ingest_times=(), last_new_at=NOW - 200 * DAY)

    assert wait(not_modified(), state=asleep) == DAY
    assert wait(not_modified(), state=asleep, source=replace(SOURCE, at_most=6 * HOUR)) == 6 * HOUR


def test_entries_with_a_wrong_year_do_not_put_a_source_to_sleep() -> None:
    wrong = tuple(datetime(2001, 1, day, tzinfo=UTC) for day in (1, 2, 3))

    assert wait(not_modified(), state=replace(STATE, ingest_times=wrong, last_new_at=NOW - HOUR)) == 3 * HOUR


def test_jitter_only_adds_and_at_most_a_tenth() -> None:
    early, _ = after(STATE, HOST, SOURCE, updated(), NOW, 0.0)
    late, _ = after(STATE, HOST, SOURCE, updated(), NOW, 1.0)

    assert early.next_poll_at == NOW + HOUR
    assert late.next_poll_at == NOW + 66 * MINUTE


def test_jitter_adds_at_most_a_quarter_of_an_hour() -> None:
    weekly = replace(SOURCE, every=7 * DAY)

    late, _ = after(STATE, HOST, weekly, updated(), NOW, 1.0)

    assert late.next_poll_at == NOW + 7 * DAY + 15 * MINUTE


def test_a_source_that_never_gives_validators_is_asked_every_two_hours() -> None:
    bare = updated(validators=Validators(digest=b"d", url=URL))

    assert gaps(*[bare] * 4) == [HOUR, HOUR, 2 * HOUR, 2 * HOUR]
    assert states(*[bare] * 3)[-1].next_reason == "every 2 h, as it gives no validators"


def test_a_large_body_without_validators_is_asked_for_every_six_hours() -> None:
    large = updated(validators=Validators(digest=b"d", url=URL), body=b" " * 1_000_001)

    assert gaps(*[large] * 3)[-1] == 6 * HOUR


def test_a_floor_that_the_operator_lowered_holds_without_validators_too() -> None:
    bare = updated(validators=Validators(digest=b"d", url=URL))
    own = replace(SOURCE, at_least=MINUTE)

    assert gaps(*[bare] * 4, source=own)[-1] < 2 * HOUR


def test_new_entries_are_remembered_twenty_at_most() -> None:
    new = tuple(NOW - at * MINUTE for at in range(30))

    state = states(updated(new=new))[0]

    assert len(state.ingest_times) == 20
    assert state.ingest_times[-1] == NOW
    assert state.last_new_at == NOW


# --- hints ---


def test_ttl_raises_the_interval() -> None:
    result = updated(hints={"ttl": "10800"})

    assert wait(result) == 3 * HOUR
    assert reason(result) == "ttl of 3 h"


def test_ttl_outlives_a_304() -> None:
    assert gaps(updated(hints={"ttl": "10800"}), not_modified()) == [3 * HOUR, 3 * HOUR]


@pytest.mark.parametrize(
    "hints", [{"ttl": "60"}, {"update_every": "1800"}, {"ttl": "abc"}, {"ttl": "-9"}, {"ttl": "0"}]
)
def test_hints_never_shorten_the_interval(hints: dict[str, str]) -> None:
    assert wait(updated(hints=hints)) == HOUR


def test_hints_are_capped_at_a_day() -> None:
    assert wait(updated(hints={"ttl": "59999940"})) == DAY
    assert wait(updated(hints={"update_every": "9" * 40})) == DAY


def test_a_written_interval_beats_ttl() -> None:
    assert wait(updated(hints={"ttl": "10800"}), source=replace(SOURCE, every=HOUR)) == HOUR


def test_no_poll_falls_into_skipped_hours() -> None:
    night = updated(hints={"skip_hours": "13,14,15,24"})

    early, _ = after(STATE, HOST, SOURCE, night, NOW, 0.0)
    late, _ = after(STATE, HOST, SOURCE, night, NOW, 1.0)

    assert early.next_poll_at == NOW + 4 * HOUR
    assert late.next_poll_at == NOW + 4 * HOUR + 59 * MINUTE
    assert early.next_reason == "every 1 h, moved past the hours it skips"


def test_no_poll_falls_on_skipped_days() -> None:
    weekdays = updated(hints={"skip_days": "Thursday, Friday"})

    assert wait(weekdays) == 36 * HOUR


def test_lists_of_all_hours_or_all_days_say_nothing() -> None:
    everything = updated(
        hints={"skip_hours": ",".join(map(str, range(24))), "skip_days": "Mon,Tue,Wed,Thu,Fri,Sat,Sun"}
    )

    assert wait(everything) == HOUR


def test_skipped_days_never_delay_by_more_than_two_days() -> None:
    six_days = updated(hints={"skip_days": "Thu,Fri,Sat,Sun,Mon,Tue"})

    assert wait(six_days) == 49 * HOUR


def test_a_feed_that_has_ended_is_asked_weekly_for_four_weeks() -> None:
    ended = updated(expired=True)
    polled = states(ended, not_modified(), not_modified(), not_modified(), not_modified())

    assert [state.next_poll_at for state in polled[:4]] == [NOW + week * 7 * DAY for week in (1, 2, 3, 4)]
    assert [state.stopped for state in polled] == [None, None, None, None, "finished"]


def test_a_feed_that_goes_on_after_all_is_polled_as_before() -> None:
    assert gaps(updated(expired=True), updated())[-1] < DAY


# --- failures ---


SERVER_ERROR = failed(FailureKind.SERVER_ERROR, 500)


def test_errors_double_the_wait_up_to_a_day() -> None:
    assert gaps(*[SERVER_ERROR] * 8) == [minutes * MINUTE for minutes in (60, 120, 240, 480, 960, 1440, 1440, 1440)]


def test_one_good_answer_forgets_all_errors() -> None:
    recovered = states(*[SERVER_ERROR] * 8, not_modified())[-1]

    assert recovered.failures == 0
    assert recovered.failure_kind is None
    assert recovered.failing_since is None
    assert recovered.stopped is None


def test_the_reason_names_the_failures() -> None:
    failing = states(*[SERVER_ERROR] * 3)[-1]

    assert failing.next_reason == "backoff after 3 failures"
    assert failing.failing_since == NOW
    assert (failing.failure_kind, failing.failure_detail) == ("server-error", "what was seen")
    assert failing.last_status == 500


def test_a_dead_source_is_still_asked_every_day_after_two_months() -> None:
    dead = states(*[failed(FailureKind.CONNECT)] * 70)

    assert dead[-1].stopped is None
    assert dead[-1].next_poll_at - dead[-2].next_poll_at == DAY
    assert dead[-1].next_poll_at - NOW > 60 * DAY


def test_an_error_never_brings_the_next_poll_nearer() -> None:
    weekly = replace(SOURCE, every=7 * DAY)

    assert wait(SERVER_ERROR, source=weekly) == 7 * DAY


@pytest.mark.parametrize("status", [400, 404, 500, 503, 301])
def test_retry_after_beats_our_own_backoff(status: int) -> None:
    result = failed(FailureKind.SERVER_ERROR, status, {"retry-after": "10800"})

    assert wait(result) == 3 * HOUR
    assert reason(result) == "Retry-After until 2021-09-30 15:00 UTC"
    assert states(result)[0].retry_after_until == NOW + 3 * HOUR


def test_our_own_backoff_beats_a_shorter_retry_after() -> None:
    impatient = failed(FailureKind.SERVER_ERROR, 503, {"retry-after": "1"})

    assert gaps(*[impatient] * 3) == [HOUR, 2 * HOUR, 4 * HOUR]


def test_retry_after_of_a_year_is_capped_at_a_week() -> None:
    result = failed(FailureKind.RATE_LIMITED, 429, {"retry-after": "34560000"})

    assert wait(result) == 7 * DAY
    assert reason(result) == "Retry-After until 2021-10-07 12:00 UTC, capped at 7 d"


@pytest.mark.parametrize("bad", ["-5", "1e3", "soon", "Thu, 30 Sep 2021 11:00:00 GMT"])
def test_a_429_without_a_usable_time_waits_four_hours_and_doubles(bad: str) -> None:
    limited = failed(FailureKind.RATE_LIMITED, 429, {"retry-after": bad})

    assert gaps(*[limited] * 5) == [4 * HOUR, 8 * HOUR, 16 * HOUR, DAY, DAY]


@pytest.mark.parametrize("status", [429, 503])
def test_max_age_holds_on_a_refusal(status: int) -> None:
    kind = FailureKind.RATE_LIMITED if status == 429 else FailureKind.SERVER_ERROR

    assert wait(failed(kind, status, {"cache-control": "max-age=172800", "retry-after": "60"})) == 2 * DAY


def test_max_age_of_an_error_page_says_nothing() -> None:
    assert wait(failed(FailureKind.SERVER_ERROR, 500, {"cache-control": "max-age=172800"})) == HOUR


def test_a_poll_by_hand_that_fails_does_not_end_what_was_promised() -> None:
    promised = replace(STATE, fresh_until=NOW + 40 * HOUR)

    assert wait(SERVER_ERROR, state=promised) == 40 * HOUR
    assert reason(SERVER_ERROR, state=promised) == "an earlier answer asked for this wait"


def test_a_429_holds_for_the_whole_host() -> None:
    _, host = after(STATE, HOST, SOURCE, failed(FailureKind.RATE_LIMITED, 429, {"retry-after": "7200"}), NOW, 0.5)

    assert host == HostState("blog.example", NOW + 2 * HOUR, "what was seen")


def test_a_shorter_429_does_not_end_a_longer_one() -> None:
    held = HostState("blog.example", NOW + 9 * HOUR, "a neighbour")

    _, host = after(STATE, held, SOURCE, failed(FailureKind.RATE_LIMITED, 429, {"retry-after": "60"}), NOW, 0.5)

    assert host == held


def test_a_503_holds_for_the_source_alone() -> None:
    _, host = after(STATE, HOST, SOURCE, failed(FailureKind.SERVER_ERROR, 503, {"retry-after": "7200"}), NOW, 0.5)

    assert host.not_before is None


def test_a_passed_wait_of_the_host_is_forgotten() -> None:
    passed = HostState("blog.example", NOW - MINUTE, "a neighbour")

    _, host = after(STATE, passed, SOURCE, updated(), NOW, 0.5)

    assert host == HostState("blog.example")


@pytest.mark.parametrize(("kind", "status"), [(FailureKind.AUTH, 401), (FailureKind.BLOCKED, 403)])
def test_a_refusal_waits_four_hours_to_a_day(kind: FailureKind, status: int) -> None:
    assert gaps(*[failed(kind, status)] * 5) == [4 * HOUR, 8 * HOUR, 16 * HOUR, DAY, DAY]


def test_what_is_not_found_for_two_weeks_is_asked_weekly() -> None:
    missing = gaps(*[failed(FailureKind.NOT_FOUND, 404)] * 22)

    assert missing[:6] == [minutes * MINUTE for minutes in (60, 120, 240, 480, 960, 1440)]
    assert missing[17] == DAY
    assert missing[-1] == 7 * DAY


def test_gone_once_is_asked_again_after_a_day() -> None:
    polled = states(failed(FailureKind.GONE, 410), not_modified())

    assert polled[0].next_poll_at == NOW + DAY
    assert polled[0].stopped is None
    assert polled[1].stopped is None


def test_gone_twice_in_a_row_stops() -> None:
    polled = states(failed(FailureKind.GONE, 410), failed(FailureKind.GONE, 410))

    assert polled[1].stopped == "gone"
    assert polled[1].next_reason == "410 Gone twice: not polled any more"


def test_gone_twice_with_an_answer_between_does_not_stop() -> None:
    polled = states(failed(FailureKind.GONE, 410), not_modified(), failed(FailureKind.GONE, 410))

    assert polled[2].stopped is None


def test_a_stopped_source_that_answers_is_polled_again() -> None:
    stopped = replace(STATE, stopped="gone", failures=2, failure_kind="gone")

    assert states(updated(), state=stopped)[0].stopped is None
    assert states(failed(FailureKind.GONE, 410), state=stopped)[0].stopped == "gone"


def test_a_truncated_body_is_asked_for_again_within_two_hours() -> None:
    cut = updated(truncated="the body ended after 3 of 9 bytes")

    assert gaps(cut, cut, cut) == [HOUR, 2 * HOUR, 2 * HOUR]
    assert states(cut)[0].degraded == "truncated: the body ended after 3 of 9 bytes"
    assert states(cut)[0].failures == 0


def test_a_truncated_body_of_a_sleepy_source_does_not_wait_a_day() -> None:
    asleep = replace(STATE, ingest_times=(), last_new_at=NOW - 200 * DAY)

    assert wait(updated(truncated="cut"), state=asleep) == 2 * HOUR


def test_a_304_after_a_truncated_body_is_sound_again() -> None:
    assert states(updated(truncated="cut"), not_modified())[1].degraded is None


def test_a_mended_document_stays_degraded_while_it_is_unchanged() -> None:
    assert states(updated(degraded="an undefined entity"), not_modified())[1].degraded == "an undefined entity"


def test_being_offline_is_not_the_publishers_fault() -> None:
    offline = failed(FailureKind.OFFLINE)

    state = states(*[offline] * 20)[-1]

    assert (state.failures, state.failing_since, state.validators) == (0, None, TAGS)
    assert wait(offline) == 5 * MINUTE


def test_being_offline_breaks_no_promise() -> None:
    promised = replace(STATE, retry_after_until=NOW + 3 * HOUR)

    assert wait(failed(FailureKind.OFFLINE), state=promised) == 3 * HOUR


def test_an_interrupted_poll_keeps_its_floor() -> None:
    started = replace(STATE, last_attempt_at=NOW - 10 * MINUTE, next_poll_at=NOW - 11 * MINUTE, lease_until=NOW + HOUR)

    state, _ = after(started, HOST, SOURCE, failed(FailureKind.INTERRUPTED), NOW, 0.5)

    assert state.next_poll_at == NOW + 50 * MINUTE
    assert (state.failures, state.polls, state.lease_until) == (0, 0, None)


def test_an_interrupted_poll_never_moves_the_next_one_nearer() -> None:
    later = replace(STATE, next_poll_at=NOW + 9 * HOUR)

    assert interrupted(later, NOW).next_poll_at == NOW + 9 * HOUR


def test_every_path_ends_the_lease() -> None:
    leased = replace(STATE, lease_until=NOW + HOUR)
    results = [updated(), not_modified(), updated(truncated="cut"), *(failed(kind) for kind in FailureKind)]

    assert [states(result, state=leased)[0].lease_until for result in results] == [None] * len(results)


# --- redirects ---


def hop(target: str, status: int = 301, url: str = URL) -> Hop:
    return Hop(status, url, target)


NEW_HOME = (hop("https://new.example/feed"),)


def followed(*polls: tuple[timedelta, tuple[Hop, ...]], state: PollState = STATE) -> PollState:
    for at, hops in polls:
        state, _ = after(state, HOST, SOURCE, updated(hops=hops), NOW + at, 0.0)
    return state


def test_a_permanent_redirect_is_believed_after_three_polls_over_two_days() -> None:
    soon = followed((0 * DAY, NEW_HOME), (DAY, NEW_HOME), (1.9 * DAY, NEW_HOME))
    few = followed((0 * DAY, NEW_HOME), (2 * DAY, NEW_HOME))
    proven = followed((0 * DAY, NEW_HOME), (DAY, NEW_HOME), (2 * DAY, NEW_HOME))

    assert (soon.effective_url, soon.redirect_target) == (None, "https://new.example/feed")
    assert few.effective_url is None
    assert (proven.effective_url, proven.redirect_target) == ("https://new.example/feed", None)


def test_a_proven_address_stays_while_it_answers() -> None:
    moved = followed((0 * DAY, NEW_HOME), (DAY, NEW_HOME), (2 * DAY, NEW_HOME), (3 * DAY, ()))

    assert moved.effective_url == "https://new.example/feed"
    assert moved.redirect_since == NOW


def test_a_redirect_that_was_taken_back_proves_nothing() -> None:
    state = followed((0 * DAY, NEW_HOME), (DAY, ()), (2 * DAY, NEW_HOME), (3 * DAY, NEW_HOME))

    assert (state.effective_url, state.redirect_seen, state.redirect_since) == (None, 2, NOW + 2 * DAY)


def test_another_target_starts_the_proof_anew() -> None:
    other = (hop("https://other.example/feed"),)

    state = followed((0 * DAY, NEW_HOME), (DAY, NEW_HOME), (2 * DAY, other))

    assert (state.redirect_target, state.redirect_seen) == ("https://other.example/feed", 1)


@pytest.mark.parametrize("status", [302, 303, 307])
def test_a_temporary_redirect_is_never_believed(status: int) -> None:
    hops = (hop("https://new.example/feed", status),)

    state = followed(*[(day * DAY, hops) for day in range(90)])

    assert (state.effective_url, state.redirect_target) == (None, None)


def test_a_chain_is_believed_up_to_its_first_temporary_hop() -> None:
    chain = (hop("https://new.example/feed"), hop("https://cdn.example/x", 302, "https://new.example/feed"))

    state = followed(*[(day * DAY, chain) for day in range(3)])

    assert state.effective_url == "https://new.example/feed"


def test_an_upgrade_to_https_is_believed_at_once() -> None:
    state = followed((0 * DAY, (Hop(301, "http://blog.example/feed", "https://blog.example/feed"),)))

    assert state.effective_url == "https://blog.example/feed"


@pytest.mark.parametrize(
    "target", ["https://blog.example/other", "https://www.blog.example/feed", "https://blog.example/feed?x"]
)
def test_only_the_same_address_is_an_upgrade(target: str) -> None:
    state = followed((0 * DAY, (Hop(301, "http://blog.example/feed", target),)))

    assert state.effective_url is None


def test_a_way_out_of_https_is_never_believed() -> None:
    hops = (hop("http://new.example/feed"),)

    assert followed(*[(day * DAY, hops) for day in range(9)]).effective_url is None


def test_a_portal_that_takes_many_sources_in_is_not_believed() -> None:
    state = followed((0 * DAY, NEW_HOME), (DAY, NEW_HOME))

    crowded, _ = after(state, HOST, SOURCE, updated(hops=NEW_HOME), NOW + 2 * DAY, 0.0, moved_hosts={"new.example": 3})

    assert crowded.effective_url is None


def test_sources_that_move_together_are_counted() -> None:
    mine = followed((0 * DAY, NEW_HOME))
    others = [
        replace(mine, source=replace(ROW, id=name), redirect_since=NOW + at * HOUR)
        for name, at in (("a", 1), ("b", 23), ("c", 25))
    ]

    assert moving_hosts(mine, [mine, *others]) == {"new.example": 2}


def test_before_a_new_address_is_given_up_the_written_one_is_asked() -> None:
    moved = replace(STATE, effective_url="https://new.example/feed")

    assert states(failed(FailureKind.GONE, 410), state=moved)[0].effective_url is None
    assert states(failed(FailureKind.SERVER_ERROR, 500), state=moved)[0].effective_url == "https://new.example/feed"


def test_a_feed_that_only_dates_itself_anew_says_nothing_new_of_itself() -> None:
    first = FeedInfo(title="Blog", updated=NOW)
    state = replace(STATE, feed=first)
    dated = replace(updated(), reading=Reading(replace(first, updated=NOW + HOUR), ()))
    renamed = replace(updated(), reading=Reading(FeedInfo(title="New", updated=NOW + HOUR), ()))

    assert after(state, HOST, SOURCE, dated, NOW, 0.0)[0].feed == first
    assert after(state, HOST, SOURCE, renamed, NOW, 0.0)[0].feed.title == "New"


def test_a_source_that_never_answered_is_asked_again_after_an_hour_not_after_a_dormant_ones_interval() -> None:
    fresh = PollState(ROW, NOW, last_attempt_at=NOW)

    assert gaps(*[failed(FailureKind.DNS)] * 3, state=fresh) == [HOUR, 2 * HOUR, 4 * HOUR]


# --- every term that had a say (rules 20 and 23) ---


def told(*results: PollResult, state: PollState = STATE, source: Source = SOURCE) -> list[tuple[timedelta, str]]:
    """Return how long each term of the last poll makes it wait, and its words."""
    polled = states(*results, state=state, source=source)
    asked_at = NOW if len(polled) == 1 else polled[-2].next_poll_at
    return [(term.until - asked_at, term.reason) for term in polled[-1].terms]


def test_a_written_interval_is_its_own_only_term() -> None:
    assert told(updated(), source=replace(SOURCE, every=HOUR)) == [(HOUR, "every 1 h, as written")]


def test_the_arithmetic_of_the_adaptive_interval_is_told() -> None:
    six_hourly = tuple(NOW - at * 6 * HOUR for at in (4, 3, 2, 1))
    quiet = replace(STATE, ingest_times=six_hourly, last_new_at=NOW - 6 * HOUR)

    assert told(not_modified(), state=quiet) == [
        (
            3 * HOUR,
            (
                "every 3 h: half the usual gap of 6 h is 3 h (4 entries within 30 days); "
                "at most 3 h, as the newest came 6 h ago; at least 1 h, at_least"
            ),
        )
    ]


def test_a_source_without_a_habit_says_what_bounds_it() -> None:
    new = replace(STATE, ingest_times=(), last_new_at=NOW - 40 * DAY, last_success_at=NOW)

    assert told(not_modified(), state=new, source=replace(SOURCE, at_most=8 * HOUR)) == [
        (
            8 * HOUR,
            "every 8 h: too few entries within 30 days to tell a habit; at most 8 h, at_most; at least 1 h, at_least",
        )
    ]


def test_the_longest_wait_stands_first_and_the_others_after_it() -> None:
    terms = told(updated({"cache-control": "max-age=7200"}, hints={"ttl": "10800"}))

    assert [(time, reason.split(":")[0]) for time, reason in terms] == [
        (3 * HOUR, "ttl of 3 h"),
        (2 * HOUR, "max-age of 2 h"),
        (HOUR, "every 1 h"),
    ]


@pytest.mark.parametrize(
    ("result", "until", "reason"),
    [
        pytest.param(
            updated({"cache-control": "max-age=864000"}), 2 * DAY, "max-age of 10 d, capped at 2 d", id="freshness"
        ),
        pytest.param(
            failed(FailureKind.SERVER_ERROR, 503, {"retry-after": "864000"}),
            7 * DAY,
            "Retry-After until 2021-10-07 12:00 UTC, capped at 7 d",
            id="Retry-After",
        ),
        pytest.param(updated(hints={"ttl": "864000"}), DAY, "ttl of 10 d, capped at 1 d", id="ttl"),
    ],
)
def test_a_capped_wait_says_that_it_is(result: PollResult, until: timedelta, reason: str) -> None:
    assert told(result)[0] == (until, reason)


def test_the_caps_of_the_source_are_its_own() -> None:
    patient = replace(SOURCE, max_freshness=DAY, max_retry_after=2 * DAY)

    fresh = told(updated({"cache-control": "max-age=864000"}), source=patient)
    away = told(failed(FailureKind.RATE_LIMITED, 429, {"retry-after": "864000"}), source=patient)

    assert fresh[0] == (DAY, "max-age of 10 d, capped at 1 d")
    assert away[0] == (2 * DAY, "Retry-After until 2021-10-02 12:00 UTC, capped at 2 d")


def test_a_failure_tells_of_backoff_and_interval_beside_what_was_asked_for() -> None:
    terms = told(failed(FailureKind.SERVER_ERROR, 503, {"retry-after": "10800", "cache-control": "max-age=9000"}))

    assert [(time, reason.split(":")[0]) for time, reason in terms] == [
        (3 * HOUR, "Retry-After until 2021-09-30 15"),
        (2.5 * HOUR, "max-age of 2 h 30 min"),
        (HOUR, "backoff after 1 failure"),
        (HOUR, "every 1 h"),
    ]


def test_jitter_and_skipped_hours_end_the_terms() -> None:
    night = updated(hints={"skip_hours": "13,14,15"})

    state, _ = after(STATE, HOST, SOURCE, night, NOW, 0.5)

    assert [(term.until - NOW, term.reason) for term in state.terms[1:]] == [
        (HOUR + 3 * MINUTE, "jitter: 3 min later, so that sources do not come in a herd"),
        (
            4 * HOUR + 29.5 * MINUTE,
            "skipHours and skipDays: 2021-09-30 13:03 UTC is one of the hours that the feed skips",
        ),
    ]
    assert state.next_poll_at == state.terms[-1].until


def test_a_truncated_document_says_what_its_interval_would_have_been() -> None:
    rare = replace(STATE, ingest_times=(), last_new_at=NOW - 40 * DAY, last_success_at=NOW)

    assert told(updated(truncated="cut"), state=rare) == [
        (2 * HOUR, "the document was truncated, it is asked for again: in place of its usual every 12 h")
    ]


def test_a_feed_that_has_ended_a_stopped_one_and_one_offline_have_their_terms_too() -> None:
    ended = told(updated(expired=True))
    gone = told(failed(FailureKind.GONE, 410), failed(FailureKind.GONE, 410))
    offline = told(failed(FailureKind.OFFLINE))

    assert ended[0] == (7 * DAY, "the feed says that it has ended: every week, for four weeks")
    assert gone == [(timedelta(), "410 Gone twice: not polled any more")]
    assert offline == [(5 * MINUTE, "offline: no host could be reached")]
