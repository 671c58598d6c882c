"""Under which name a source is asked, what of it is shown, and when its validators go."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aggregator.manners import agent_of, feed_id, settings_digest, unusual
from aggregator.model import BodyStyle, Bounds, Source

SOURCE = Source(id="blog", url="https://blog.example/feed", name="Blog")
USUAL = "feed-aggregator/0.1.0 (+https://news.example.org/)"


@pytest.mark.parametrize(
    ("own", "usual", "agent"),
    [
        (None, USUAL, "feed-aggregator/0.1.0 (+https://news.example.org/; feed-id=eca1c0a28caa)"),
        (None, "feed-aggregator/0.1.0", "feed-aggregator/0.1.0"),
        (
            None,
            "Ann (a person) (+https://a.example/; daily) x",
            "Ann (a person) (+https://a.example/; daily; feed-id=eca1c0a28caa) x",
        ),
        ("Reader/1 (me)", USUAL, "Reader/1 (me)"),
        ("读者 Reader\r\nX: y", USUAL, "Reader X: y"),
        ("读者", USUAL, USUAL),
    ],
)
def test_a_source_is_asked_under_the_usual_name_with_its_feeds_id_or_under_its_own(
    own: str | None, usual: str, agent: str
) -> None:
    assert agent_of(replace(SOURCE, user_agent=own), usual) == agent


def test_the_feeds_id_stays_when_the_feed_moves_and_tells_nothing_of_its_address() -> None:
    moved = replace(SOURCE, url="https://elsewhere.example/feed?key=s3cret", name="Other")

    assert agent_of(moved, USUAL) == agent_of(SOURCE, USUAL)
    assert feed_id("blog") != feed_id("blog-2")


def test_what_is_unusual_is_told_without_secrets() -> None:
    odd = replace(SOURCE, tls_verify=False, user_agent="Reader/1", proxy="socks5://ann:s3cret@127.0.0.1:1080")

    assert unusual(SOURCE) == ()
    assert unusual(odd) == (
        "its certificate is not verified (tls_verify: false): anybody on the way can read and change it",
        'it is asked under the name "Reader/1" (user_agent)',
        "it is asked through the proxy socks5://127.0.0.1:1080",
    )
    assert unusual(replace(SOURCE, headers=(("USER-agent", "Other/2"),))) == (
        'it is asked under the name "Other/2" (user_agent)',
    )


def test_what_changes_the_request_or_the_reading_changes_the_digest() -> None:
    variants = [
        SOURCE,
        replace(SOURCE, url="https://blog.example/other"),
        replace(SOURCE, record_body=BodyStyle.VERBATIM),
        replace(SOURCE, headers=(("Accept", "application/rss+xml"),)),
        replace(SOURCE, headers=(("Authorization", "Bearer one"),)),
        replace(SOURCE, headers=(("Authorization", "Bearer two"),)),
        replace(SOURCE, user_agent="Reader/1"),
        replace(SOURCE, bounds=Bounds(entries=5000)),
        replace(SOURCE, bounds=Bounds(entry=5000)),
    ]

    assert len({settings_digest(one) for one in variants}) == len(variants)


def test_what_does_neither_leaves_it() -> None:
    same = replace(SOURCE, name="Other", proxy="http://127.0.0.1:3128", tls_verify=False, max_body=1000, tags=("x",))

    assert settings_digest(same) == settings_digest(SOURCE) == "54585fa5843ea020"


def test_the_digest_is_too_short_to_check_guesses_of_a_password_with() -> None:
    guesses = [replace(SOURCE, headers=(("Authorization", f"Basic {number}"),)) for number in range(10_000)]
    digests = [settings_digest(one) for one in guesses]

    assert len(digests[0]) == len("54585fa5843ea020") + 1 + 3
    assert len(set(digests)) <= 16**3
