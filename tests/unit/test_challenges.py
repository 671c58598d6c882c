"""Pages that ask a browser to prove itself, and pages that do not."""

from __future__ import annotations

import pytest

from aggregator.challenges import challenger
from aggregator.model import Fetched
from aggregator.outcomes import FailureKind, PollError
from aggregator.parse import parse
from storage.states import Validators

PAGES = {
    "Cloudflare": '<html><head><title>Just a moment...</title></head><script src="/cdn-cgi/challenge-platform/h/g.js">',
    "Anubis": '<html><script id="anubis_challenge" type="application/json">{}</script>',
    "DDoS-Guard": "<html><head><title>DDoS-Guard</title>",
    "Imperva": '<html><iframe src="/_Incapsula_Resource?SWUDNSAI=31">',
    "AWS WAF": "<html><script>AwsWafIntegration.getToken()</script>",
    "DataDome": '<html><script src="https://geo.captcha-delivery.com/captcha/">',
    "HUMAN": '<html><div id="px-captcha"></div>',
    "Sucuri": "<html><script>var s={};sucuri_cloudproxy_js=''</script>",
    "Alibaba Cloud": "<html><script>var arg1='3A';document.cookie='acw_sc__v2='+arg2</script>",
    "Knownsec": "<html><script>document.cookie=('__jsl_clearance=1')</script>",
    "BT firewall": "<html><title>网站防火墙</title><p>宝塔Linux防火墙</p>",
    "Yunsuo": '<html><script>var c="yunsuo_session_verify=1"</script>',
    "a captcha": "<html><head><title>安全验证 - 请稍候</title></head>",
}


@pytest.mark.parametrize(("asks", "page"), PAGES.items(), ids=PAGES)
def test_who_asks_is_named(asks: str, page: str) -> None:
    assert challenger(page) == asks


@pytest.mark.parametrize(
    "page",
    [
        "<html><head><title>Sign in</title></head><body>Cloudflare is our host",
        "<html><head><title>产品安全</title></head><body>如何做好人机验证",
        '<html><script src="https://challenges.example/x.js"></script><title>Not found</title>',
        "",
    ],
    ids=["a sign-in", "an article about captchas", "a script of another name", "nothing"],
)
def test_other_pages_are_none(page: str) -> None:
    assert challenger(page) is None


def test_a_source_behind_one_is_blocked_though_it_was_answered_with_200() -> None:
    fetched = Fetched("https://paper.example/feed", 200, {}, PAGES["Cloudflare"].encode(), Validators())

    with pytest.raises(PollError) as refused:
        parse(fetched)

    assert refused.value.kind is FailureKind.BLOCKED
    assert (
        refused.value.detail == 'a challenge for browsers in place of the feed (Cloudflare), titled "Just a moment..."'
    )


def test_a_feed_that_writes_of_challenges_is_read() -> None:
    body = "<rss version='2.0'><channel><title>Just a moment...</title><item><title>captcha px-captcha</title></item></channel></rss>"

    feed = parse(Fetched("https://paper.example/feed", 200, {}, body.encode(), Validators()))

    assert len(feed.entries) == 1
