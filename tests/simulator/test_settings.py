"""Case S18, and rules 3, 23, 55 to 58: what a source of feeds.yaml has of its own, down the whole corridor."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from aggregator.model import Source
from plugins.certificates import Certificates
from plugins.proxy import LittleProxy
from plugins.publisher import Publisher, reply
from plugins.simulator import FEED, World, always, hourly, ok, rss, says, source
from plugins.wired import Wired, at

Make = Callable[..., World]
OLD = rss("1", "2")


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        pytest.param({"headers": (("Accept", "application/rss+xml"),)}, False, id="another Accept"),
        pytest.param({"headers": (("Authorization", "Bearer other"),)}, False, id="another log-in"),
        pytest.param({"user_agent": "Reader/1"}, False, id="another name"),
        pytest.param({"proxy": "http://127.0.0.1:9"}, True, id="another way there"),
        pytest.param({"name": "Other", "tags": ("x",), "max_body": 1000}, True, id="what no publisher sees"),
    ],
)
async def test_what_changes_the_question_drops_the_validators_once(
    world: Make, change: dict[str, object], *, kept: bool
) -> None:
    """Rule 3, beside S04."""
    before = source("a", headers=(("Authorization", "Bearer one"),))
    after: Source = replace(before, **change)  # type: ignore[arg-type]  # keywords of Source
    w = world(before)
    w.sites[FEED] = lambda asked: says(304) if asked.has(b'"a"') else ok(OLD, {"ETag": '"a"'})
    await w.polls(2)
    w.restart(after)

    await w.polls(2)

    sent = [asked.raw("If-None-Match") for asked in w.log]
    assert sent == [None, b'"a"', b'"a"' if kept else None, b'"a"']
    assert len(w.records()) == 2


async def test_a_cap_of_the_sources_own_holds_and_is_logged_when_it_begins(
    world: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """S18."""
    w = world(hourly(max_freshness=timedelta(hours=5)))
    w.sites[FEED] = always(lambda: ok(OLD, {"Cache-Control": "max-age=1000000000"}))

    with caplog.at_level(logging.INFO, "aggregator.settling"):
        await w.polls(4)

    assert w.hours() == [5, 5, 5]
    assert "capped at 5 h" in str(w.row()["next_reason"])
    said = [record.getMessage() for record in caplog.records if "capped" in record.getMessage()]
    assert said == ["source=a is asked again sooner than it wishes: max-age of 11574 d 1 h, capped at 5 h"]


async def test_each_source_of_a_host_is_told_apart_by_its_feeds_id(wired: Callable[..., Wired]) -> None:
    """Rule 55."""
    publisher = Publisher()
    w = wired(at(publisher, "one", "/1"), at(publisher, "two", "/2"), at(publisher, "own", "/3", user_agent="Ann/2"))
    for path in ("/1", "/2", "/3"):
        publisher.plays(path, reply("200 OK", OLD))

    await w.polls(6)

    publisher.close()
    agents = {asked.target: asked.header("User-Agent") for asked in publisher.asked}
    assert agents == {
        "/1": b"feed-aggregator/1 (+https://news.example.org/; feed-id=b7f211702dea)",
        "/2": b"feed-aggregator/1 (+https://news.example.org/; feed-id=ed85c409bb1d)",
        "/3": b"Ann/2",
    }
    assert len({asked.header("User-Agent") for asked in publisher.asked}) == 3


async def test_a_source_with_a_proxy_is_polled_through_it_and_another_directly(
    wired: Callable[..., Wired], publisher: Publisher, little_proxy: Callable[..., LittleProxy]
) -> None:
    """Rule 57: both are one address, and no one request serves both."""
    proxy = little_proxy(socks=True, log_in=(b"ann", b"s3cret"), names={"a.example": "127.0.0.1"})
    url = publisher.plays("/feed", reply("200 OK", OLD)) and publisher.url("/feed", "a.example")
    w = wired(source("far", url, proxy=proxy.url("socks5h", "ann:s3cret")), source("near", url))

    await w.poll()

    assert proxy.asked == [f"a.example:{publisher.port}".encode()]
    assert len(publisher.asked) == 2
    assert len(w.records("far")) == len(w.records("near")) == 2


async def test_the_log_in_of_a_proxy_that_fails_is_nowhere_to_be_seen(
    wired: Callable[..., Wired], publisher: Publisher, caplog: pytest.LogCaptureFixture
) -> None:
    """Rule 57."""
    gone = Publisher()
    gone.close()
    w = wired(at(publisher, proxy=f"socks5://ann:s3cret@{gone.host}"))

    await w.poll()

    assert w.state().failure_detail == f"the proxy {gone.host} refuses connections"
    assert publisher.connections == 0
    seen = f"{w.state()} {w.row()} {caplog.text} {[outcome.result for outcome in w.outcomes]}"
    assert "s3cret" not in seen


async def test_a_certificate_that_is_not_verified_is_one_sources_own_matter(
    wired: Callable[..., Wired], certificates: Certificates
) -> None:
    """Rule 58, beside S51."""
    publisher = Publisher(tls=certificates.self_signed())
    publisher.plays("/feed", reply("200 OK", OLD))
    w = wired(at(publisher, tls_verify=False), at(publisher, "b"), tls=certificates.client())

    await w.poll()

    publisher.close()
    assert len(w.records("a")) == 2
    assert w.state("b").failure_kind == "tls"
    assert len(publisher.asked) == 1
