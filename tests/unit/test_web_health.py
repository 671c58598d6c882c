"""How a source is, in one word and a sentence."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from unit import feed_rules_samples as samples

from aggregator.health import Facts, State, duration, health_of, public_url, roughly, source_rows, unready
from aggregator.model import Source
from storage.states import Rest

NOW, a_state = samples.NOW, samples.a_state

HOURLY = tuple(NOW - timedelta(days=30, hours=20 - place) for place in range(20))

CASES = {
    "polled well": ({}, State.OK, "the last answer was whole"),
    "not modified": ({"last_status": 304}, State.OK, "the last answer was: not modified"),
    "new": ({"last_success_at": None, "last_attempt_at": None}, State.OK, "not polled yet"),
    "failing": (
        {"failures": 3, "failure_kind": "timeout", "failure_detail": "no answer within 30 s"},
        State.FAILING,
        "no answer within 30 s (timeout, 3 times in a row)",
    ),
    "failing once": (
        {"failures": 1, "failure_kind": "dns", "failure_detail": None},
        State.FAILING,
        "dns (dns, once)",
    ),
    "blocked": (
        {"failures": 2, "failure_kind": "blocked", "failure_detail": "403 Forbidden"},
        State.BLOCKED,
        "403 Forbidden (blocked, 2 times in a row)",
    ),
    "asked for a password": (
        {"failures": 1, "failure_kind": "auth", "failure_detail": "401"},
        State.BLOCKED,
        "401 (auth, once)",
    ),
    "gone": (
        {"stopped": "gone", "failures": 2, "failure_kind": "gone"},
        State.GONE,
        "the publisher says that it is gone; `aggregator poll paper` tries it again",
    ),
    "ended": (
        {"stopped": "finished"},
        State.GONE,
        "the publisher says that this feed has ended; `aggregator poll paper` tries it again",
    ),
    "late": (
        {"next_poll_at": NOW - timedelta(minutes=11)},
        State.LATE,
        "its time has passed; nothing polls (is `aggregator run` running?)",
    ),
    "under way": (
        {"next_poll_at": NOW - timedelta(minutes=11), "lease_until": NOW + timedelta(seconds=9)},
        State.OK,
        None,
    ),
    "a little behind": ({"next_poll_at": NOW - timedelta(minutes=9)}, State.OK, None),
    "mended": ({"degraded": "one stray byte"}, State.DEGRADED, "one stray byte"),
    "moved": (
        {"effective_url": "https://paper.example/new?token=abc"},
        State.MOVED,
        "it answers at another address for good; write into feeds.yaml: url: https://paper.example/new?token=***",
    ),
    "not found for two weeks": (
        {
            "failures": 20,
            "failure_kind": "not-found",
            "failure_detail": "404 Not Found",
            "failing_since": NOW - timedelta(days=16),
        },
        State.FAILING,
        "404 Not Found (not-found, 20 times in a row); dead? not found for 16d: look where the feed went, or remove it",
    ),
    "on a fallback": (
        {
            "address": "https://mirror.example/feed?key=1",
            "rests": (
                Rest(
                    "https://paper.example/feed", NOW, 2, "timeout", "no answer within 30 s", NOW - timedelta(hours=1)
                ),
            ),
        },
        State.DEGRADED,
        (
            "served by its fallback https://mirror.example/feed?key=***; the first address fails since "
            "2026-03-05 11:00 UTC (timeout: no answer within 30 s), is tried again at 2026-03-05 12:00 UTC"
        ),
    ),
    "silent": (
        {"ingest_times": HOURLY, "last_status": 200},
        State.SILENT,
        "nothing new for 30d; nine of ten of its pauses were under 1h; it lists the same entries",
    ),
    "quiet for less than a weekend": (
        {"ingest_times": tuple(at + timedelta(days=29) for at in HOURLY)},
        State.OK,
        None,
    ),
    "too new to have a habit": ({"ingest_times": HOURLY[:4]}, State.OK, None),
}


@pytest.mark.parametrize(("changes", "state", "reason"), CASES.values(), ids=CASES.keys())
def test_a_source_is(changes, state, reason):
    health = health_of(a_state(**changes), NOW)

    assert health.state is state
    assert reason is None or health.reason == reason


def test_what_a_source_does_unlike_others_stands_in_its_reason():
    odd = Source("paper", "https://paper.example/feed", "My paper", tls_verify=False, user_agent="Reader/1")

    assert health_of(a_state(), NOW, odd).reason == (
        "the last answer was whole; "
        "its certificate is not verified (tls_verify: false): anybody on the way can read and change it; "
        'it is asked under the name "Reader/1" (user_agent)'
    )


def test_a_paused_source_stands_in_its_place_with_all_keys():
    off = Source("off", "https://off.example/feed", "Off", position=0)
    polled = a_state(source=replace(a_state().source, position=1))

    paused, other = source_rows([polled], {"off": 3}, NOW, paused=[off])

    assert list(paused) == list(other)
    assert [paused[key] for key in ("id", "state", "entries", "next_poll_at", "failures")] == [
        "off",
        "paused",
        3,
        None,
        0,
    ]
    assert "enabled: false" in str(paused["reason"])


def test_a_row_has_the_shape_of_list_json():
    state = a_state(
        failures=1,
        failure_kind="server-error",
        failure_detail="500",
        failing_since=NOW,
        redirect_target="https://u:p@elsewhere.example/feed",
        last_new_at=NOW - timedelta(days=1),
    )

    assert source_rows([state], {"paper": 7}, NOW) == [
        {
            "id": "paper",
            "name": "My paper",
            "url": "https://paper.example/feed",
            "state": "failing",
            "kind": "server-error",
            "reason": "500 (server-error, once)",
            "since": "2026-03-05T12:00:00Z",
            "failures": 1,
            "last_attempt_at": "2026-03-05T11:59:00Z",
            "last_success_at": "2026-03-05T11:59:00Z",
            "last_new_at": "2026-03-04T12:00:00Z",
            "next_poll_at": "2026-03-05T13:00:00Z",
            "next_reason": "as usual",
            "every": "1h",
            "entries": 7,
            "moved_to": "https://elsewhere.example/feed",
            "in_use": "https://paper.example/feed",
        }
    ]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://paper.example/feed?format=rss&page=2", "https://paper.example/feed?format=rss&page=2"),
        ("https://paper.example/s?keyword=python", "https://paper.example/s?keyword=python"),
        ("https://ann:pw@paper.example/feed", "https://paper.example/feed"),
        ("https://paper.example/?api_key=1&x=2", "https://paper.example/?api_key=***&x=2"),
        ("https://paper.example/?x=2;Auth=1;y=3", "https://paper.example/?x=2;Auth=***;y=3"),
        ("http://127.0.0.1:1200/zhihu?key=abc", "http://127.0.0.1:1200/zhihu?key=***"),
        ("https://ann:pw@[broken/feed?x=1", "[broken/feed"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url, shown):
    assert public_url(url) == shown


@pytest.mark.parametrize(
    ("url", "secrets", "shown"),
    [
        ("https://a.example/feed/s3cret-word/rss", ["s3cret-word"], "https://a.example/feed/***/rss"),
        ("https://a.example/xs3cret-wordx?u=s3cret-word", ["s3cret-word"], "https://a.example/x***x?u=***"),
        ("https://a.example/a%20secret%2Fb", ["a secret/b"], "https://a.example/***"),
        ("https://a.example/abc/ab?u=ab&v=cab", ["ab"], "https://a.example/abc/***?u=***&v=cab"),
        ("https://ab.example/c", ["ab"], "https://ab.example/c"),
        ("https://a.example/abcdefgh", ["abcdef", "abcdefgh"], "https://a.example/***"),
    ],
)
def test_what_a_variable_put_into_an_address_is_not_shown(url, secrets, shown):
    assert public_url(url, secrets) == shown


@pytest.mark.parametrize(
    ("seconds", "exact", "rough"),
    [
        (0, "0s", "0s"),
        (45, "45s", "45s"),
        (90, "90s", "90s"),
        (1800, "30m", "30m"),
        (3600, "1h", "1h"),
        (5400, "90m", "90m"),
        (86400, "1d", "1d"),
        (90000, "25h", "25h"),
        (721 * 3600 + 7, "2595607s", "30d"),
        (7205, "7205s", "2h"),
    ],
)
def test_a_span_is_written_exactly_as_in_feeds_yaml_and_roughly_for_people(seconds, exact, rough):
    span = timedelta(seconds=seconds)

    assert (duration(span), roughly(span)) == (exact, rough)


def test_the_daemon_is_ready_when_nothing_is_wrong():
    assert unready(Facts(last_tick_at=NOW), NOW) == []
    assert unready(Facts(polls=False), NOW) == []


def test_a_daemon_that_has_not_ticked_yet_or_cannot_write_is_not_ready():
    assert unready(Facts(store_fault="no space left"), NOW) == [
        "store: no space left",
        "scheduler: has not started yet",
    ]
