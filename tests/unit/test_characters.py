"""What may stand in a feed as an address, whatever is stored: http and https, with a host that can be asked."""

from __future__ import annotations

import pytest

from aggregator.render.characters import web_uri


@pytest.mark.parametrize(
    "value",
    [
        "javascript://a.example/%0aalert(1)", "JavaScript://a.example/", "data://a.example/x", "vbscript://a.example/", "ftp://a.example/", "file://a.example/etc/passwd",
        "javascript:alert(1)", "data:text/html,x", "//a.example/", "/path", "", "http:", "http://", "https:///x", "http://a.example:99999/", "http://[::1", "http://a b/", "http://a<b/",
    ],
)  # fmt: skip
def test_no_address_of_another_kind_gets_into_a_feed(value: str) -> None:
    assert web_uri(value) is None


@pytest.mark.parametrize("value", ["http://a.example/", "https://a.example:8443/x?y#z", "HTTPS://a.example/"])
def test_an_address_of_the_web_does(value: str) -> None:
    assert web_uri(value) is not None
