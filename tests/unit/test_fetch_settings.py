"""What a source may have of its own: a name, limits, certificates that are not verified, cookies along a chain."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from aggregator import __version__
from aggregator.agent import with_agent
from aggregator.model import Source
from aggregator.outcomes import FailureKind
from plugins.asking import ask, asked_whole, brought_home, far_away, refusal
from plugins.certificates import Certificates
from plugins.publisher import Publisher, reply

FEED = b"<rss><channel/></rss>"
FAR: dict[str, Any] = {"resolver": far_away, "dialler": brought_home}
"""Names of the test lead out into the world, and back to its publishers."""


def moved(to: str, *headers: str) -> bytes:
    return reply("302 Found", b"", f"Location: {to}", *headers)


def test_a_source_may_have_a_name_of_its_own(publisher: Publisher) -> None:
    ask(publisher.plays("/feed", reply("200 OK", FEED)), user_agent="Reader/1 (ann)")

    assert publisher.asked[0].header("User-Agent") == b"Reader/1 (ann)"


def test_a_source_may_have_limits_of_its_own(publisher: Publisher) -> None:
    url = publisher.plays("/feed", reply("200 OK", b"<rss>" + b" " * 5000 + b"</rss>"))

    told = "the body says that it has 0.0 MiB; at most 0.00476837 MiB are read (max_download)"
    assert refusal(url, max_download=5000).detail == told
    assert refusal(url, max_body=5000).kind is FailureKind.TOO_LARGE
    assert refusal(url, max_body=5000).detail.endswith("(max_body)")
    assert len(asked_whole(url, max_download=6000, max_body=6000).body) == 5011


@pytest.mark.parametrize("which", ["self-signed", "expired", "of another host"])
def test_a_certificate_is_not_verified_where_the_source_says_so(certificates: Certificates, which: str) -> None:
    contexts = {
        "self-signed": certificates.self_signed,
        "expired": lambda: certificates.server(days=-1),
        "of another host": lambda: certificates.server("other.example"),
    }
    publisher = Publisher(tls=contexts[which]())
    url = publisher.plays("/feed", reply("200 OK", FEED))

    answer = asked_whole(url, tls_verify=False)
    error = refusal(url)
    publisher.close()

    assert answer.body == FEED
    assert error.kind is FailureKind.TLS


def test_what_is_not_verified_is_the_sources_own_host_alone(certificates: Certificates) -> None:
    here, there = Publisher(tls=certificates.self_signed()), Publisher(tls=certificates.self_signed())
    there.plays("/feed", reply("200 OK", FEED))
    here.plays("/feed", moved(there.url(host="there.example")))

    error = refusal(here.url(host="here.example"), tls_verify=False, **FAR)
    here.close()
    there.close()

    assert error.kind is FailureKind.TLS
    assert len(here.asked) == 1
    assert there.asked == []


def test_what_a_hop_sets_goes_to_the_later_hops_of_its_chain_and_no_further(publisher: Publisher) -> None:
    url = publisher.plays("/feed", moved("/gate", "Set-Cookie: seen=1; Path=/", "Set-Cookie: deep=2; Path=/gate/x"))
    publisher.plays("/gate", moved("/feed.xml", "Set-Cookie: pass=3; Path=/", "Set-Cookie: seen=; Max-Age=0; Path=/"))
    publisher.plays("/feed.xml", reply("200 OK", FEED, "Set-Cookie: late=4; Path=/"))

    ask(url)
    ask(url)

    assert [asked.header("Cookie") for asked in publisher.asked] == [None, b"seen=1", b"pass=3"] * 2


def test_a_cookie_of_the_operators_own_goes_first(publisher: Publisher) -> None:
    url = publisher.plays("/feed", moved("/feed.xml", "Set-Cookie: b=2; Path=/"))
    publisher.plays("/feed.xml", reply("200 OK", FEED))

    ask(url, headers=(("Cookie", "a=1"),))

    assert [asked.header("Cookie") for asked in publisher.asked] == [b"a=1", b"a=1; b=2"]


def test_a_chain_that_leaves_the_site_and_comes_back_has_no_cookies_left(publisher: Publisher) -> None:
    publisher.plays("/feed", moved("/on", "Set-Cookie: a=1; Path=/", "Set-Cookie: b=1; Path=/; Domain=example"))
    publisher.plays("/on", moved(publisher.url("/away", "b.example")))
    publisher.plays("/away", moved(publisher.url("/back", "www.a.example"), "Set-Cookie: c=1; Path=/"))
    publisher.plays("/back", reply("200 OK", FEED))

    ask(publisher.url("/feed", "www.a.example"), allow=(), **FAR)

    assert [asked.header("Cookie") for asked in publisher.asked] == [None, b"a=1", None, None]


def test_a_cookie_for_the_whole_domain_goes_to_its_other_hosts(publisher: Publisher) -> None:
    publisher.plays("/feed", moved(publisher.url("/x", "b.a.example"), "Set-Cookie: a=1; Path=/; Domain=a.example"))
    publisher.plays("/x", reply("200 OK", FEED))

    ask(publisher.url("/feed", "www.a.example"), allow=(), **FAR)

    assert [asked.header("Cookie") for asked in publisher.asked] == [None, b"a=1"]


def test_a_name_of_a_sources_own_is_filled_in_as_the_usual_one_is() -> None:
    plain = Source("s", "https://a.example/feed", "s")

    named = with_agent(replace(plain, user_agent="Ann/{version} (+{base_url})"), "https://news.example.org/")

    assert named.user_agent == f"Ann/{__version__} (+https://news.example.org/)"
    assert with_agent(plain, "https://news.example.org/") is plain
