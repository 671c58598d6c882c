from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from aggregator.freshness import fresh_for, http_date, retry_after
from aggregator.model import Fetched, Hop, NotModified, Reading, Source
from aggregator.outcomes import Failed, FailureKind, PollResult, Unchanged, Updated
from aggregator.schedule import after
from aggregator.terms import MAX_JITTER
from storage.states import FeedInfo, HostState, PollState, SourceRow, Validators

NOW = datetime(2021, 9, 30, 12, 0, tzinfo=UTC)
URL = "https://blog.example/feed"
ROW = SourceRow("blog", "Blog", URL, "blog.example", 0, 365, 5000, "x")
HOST = HostState("blog.example")

VALUES = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.integers(0, 10**6).map(str),
    st.text(max_size=30),
    st.sampled_from(
        [
            "Thu, 30 Sep 2021 15:00:00 GMT",
            "Thursday, 30-Sep-21 18:00:00 GMT",
            "Thu Sep 30 01:00:00 2021",
            "Fri, 31 Dec 9999 23:59:59 GMT",
            "Mon, 01 Jan 0001 00:00:00 GMT",
        ]
    ),
)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "cache-control": st.one_of(
            VALUES.map(lambda value: f"max-age={value}"), st.just("no-cache"), st.text(max_size=30)
        ),
        "expires": VALUES,
        "age": VALUES,
        "date": VALUES,
        "retry-after": VALUES,
    },
)
HINTS = st.fixed_dictionaries(
    {},
    optional={
        "ttl": VALUES,
        "update_every": VALUES,
        "skip_hours": st.lists(st.integers(-1, 25)).map(lambda hours: ",".join(map(str, hours))),
        "skip_days": st.lists(
            st.sampled_from(["Monday", "tue", "WED", "Thursday", "Fri", "Saturday", "Sunday", "x"])
        ).map(",".join),
    },
)
VALIDATORS = st.builds(Validators, etag=st.none() | st.just(b'"a"'))
HOPS = st.lists(
    st.builds(
        Hop, status=st.sampled_from([301, 302, 308]), url=st.just(URL), target=st.sampled_from([URL, "http://[", "x"])
    ),
    max_size=3,
).map(tuple)
INSTANTS = st.lists(st.integers(0, 6000).map(lambda hours: NOW - timedelta(hours=hours)))

RESULTS: st.SearchStrategy[PollResult] = st.one_of(
    st.builds(
        lambda headers, hints, validators, hops, truncated, expired, new: Updated(
            Fetched(URL, 200, headers, b"", validators, hops, truncated),
            Reading(FeedInfo(), (), hints=hints, expired=expired),
            tuple(new),
        ),
        HEADERS,
        HINTS,
        VALIDATORS,
        HOPS,
        st.none() | st.just("cut"),
        st.booleans(),
        INSTANTS,
    ),
    st.builds(lambda headers, hops: Unchanged(NotModified(URL, headers, Validators(), hops)), HEADERS, HOPS),
    st.builds(lambda headers: Unchanged(Fetched(URL, 200, headers, b"", Validators())), HEADERS),
    st.builds(
        Failed,
        kind=st.sampled_from(
            [kind for kind in FailureKind if kind not in (FailureKind.OFFLINE, FailureKind.INTERRUPTED)]
        ),
        detail=st.just("x"),
        status=st.sampled_from([None, 200, 301, 400, 429, 500, 503]),
        headers=HEADERS,
    ),
)
SOURCES = st.builds(
    lambda every, least, most: Source("blog", URL, "Blog", every=every, at_least=least, at_most=most),
    st.none() | st.integers(1, 10**6).map(lambda seconds: timedelta(seconds=seconds)),
    st.integers(1, 10**5).map(lambda seconds: timedelta(seconds=seconds)),
    st.integers(1, 10**6).map(lambda seconds: timedelta(seconds=seconds)),
)
JITTERS = st.floats(0, 1)


def headers_of(result: PollResult) -> dict[str, str]:
    match result:
        case Updated(fetched=answer) | Unchanged(answer=answer):
            return dict(answer.headers)
        case Failed(headers=headers):
            return dict(headers)


def says_freshness(result: PollResult) -> bool:
    match result:
        case Failed(status=status):
            return status in (429, 503)
        case Unchanged(answer=NotModified(headers=headers)):
            return "cache-control" in headers  # else the Cache-Control of the whole answer rules over its Expires
    return True


@given(source=SOURCES, results=st.lists(RESULTS, min_size=1, max_size=6), jitter=JITTERS)
def test_no_poll_comes_before_what_was_promised(source: Source, results: list[PollResult], jitter: float) -> None:
    state, host, now = PollState(ROW, NOW), HOST, NOW
    for result in results:
        state, host = after(state, host, source, result, now, jitter)
        if state.stopped:
            return
        wait = state.next_poll_at - now
        assert wait >= (source.every or source.at_least)
        asked = retry_after(headers_of(result), now)
        if isinstance(result, Failed) and asked is not None:
            assert wait >= min(asked, timedelta(days=7))
        fresh = fresh_for(headers_of(result), now) if says_freshness(result) else None
        assert fresh is None or wait >= min(fresh, timedelta(hours=48))
        now = state.next_poll_at


@given(source=SOURCES, results=st.lists(RESULTS, min_size=1, max_size=6), jitter=JITTERS)
def test_jitter_only_adds(source: Source, results: list[PollResult], jitter: float) -> None:
    state, host = PollState(ROW, NOW), HOST
    for result in results:
        prompt, _ = after(state, host, source, result, NOW, 0.0)
        state, host = after(state, host, source, result, NOW, jitter)
        assert prompt.next_poll_at <= state.next_poll_at


@given(source=SOURCES, result=RESULTS, jitter=JITTERS)
def test_no_source_is_put_off_for_ever(source: Source, result: PollResult, jitter: float) -> None:
    state, _ = after(PollState(ROW, NOW), HOST, source, result, NOW, jitter)
    longest = max(timedelta(days=7), source.every or timedelta(), source.at_least)

    assert state.next_poll_at - NOW <= longest + MAX_JITTER + timedelta(hours=48)


@given(source=SOURCES, result=RESULTS, jitter=JITTERS)
def test_every_poll_is_counted_and_explained(source: Source, result: PollResult, jitter: float) -> None:
    state, _ = after(replace(PollState(ROW, NOW), lease_until=NOW), HOST, source, result, NOW, jitter)

    assert state.polls == 1
    assert state.lease_until is None
    assert state.next_reason not in ("", "never polled")
    assert (state.failures > 0) == isinstance(result, Failed)


@given(value=st.text(max_size=60))
def test_no_header_raises(value: str) -> None:
    http_date(value, NOW)
    fresh_for({"cache-control": value, "expires": value, "date": value, "age": value}, NOW)
    retry_after({"retry-after": value, "date": value}, NOW)


@given(source=SOURCES, results=st.lists(RESULTS, min_size=1, max_size=4), jitter=JITTERS)
def test_the_terms_tell_when_the_next_poll_is_and_the_first_decides(
    source: Source, results: list[PollResult], jitter: float
) -> None:
    state, host = PollState(ROW, NOW), HOST
    for result in results:
        state, host = after(state, host, source, result, NOW, jitter)
        last = max(term.until for term in state.terms)
        assert timedelta() <= state.next_poll_at - last < timedelta(seconds=1)  # what is less than a second is no term
        waits = [term for term in state.terms if not term.reason.startswith(("jitter", "skipHours"))]
        assert max(waits, key=lambda term: term.until) == state.terms[0]
        assert state.terms[0].reason.partition(": ")[0] in state.next_reason
