"""Tell a page that asks a browser to prove itself from any other page that stands in a feed's place."""

from __future__ import annotations

import re

_READ = 65_536
_MARKS = (
    (
        "Cloudflare",
        r"/cdn-cgi/challenge-platform/|cf-browser-verification|<title>\s*(?:Just a moment\.\.\.|Attention Required! \|)",
    ),
    ("Anubis", r"/\.within\.website/|anubis_challenge"),
    ("DDoS-Guard", r"<title>\s*DDoS-Guard|/\.well-known/ddos-guard/"),
    ("Imperva", r"_Incapsula_Resource|Incapsula incident ID"),
    ("AWS WAF", r"AwsWafIntegration|awsWafCookieDomainList"),
    ("DataDome", r"(?:geo\.)?captcha-delivery\.com"),
    ("HUMAN", r"px-captcha|_pxAppId"),
    ("Sucuri", r"sucuri_cloudproxy_js|Sucuri WebSite Firewall"),
    ("Alibaba Cloud", r"acw_sc__v\d|aliyun_waf_"),
    ("Knownsec", r"__jsluid_|__jsl_clearance"),
    ("BT firewall", r"btwaf|宝塔.{0,8}防火墙"),
    ("Yunsuo", r"yunsuo_session_verify"),
    ("a captcha", r"<title>[^<]{0,40}(?:人机验证|安全验证|访问验证|captcha|are you (?:a )?human|verify you are human)"),
)  # fmt: skip
"""Who asks, and what stands in such a page of theirs: seen in pages as they were served, not a standard."""
_KNOWN = tuple((name, re.compile(marks, re.IGNORECASE)) for name, marks in _MARKS)


def challenger(page: str) -> str | None:
    """Return who asks the browser to prove itself in the page, None where nobody does."""
    head = page[:_READ]
    return next((name for name, marks in _KNOWN if marks.search(head)), None)
