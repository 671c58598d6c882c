"""Case S51: certificates that are not sound. Each is told, nothing is sent unencrypted, the wait is that of any failure."""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Callable
from datetime import timedelta

import pytest

from plugins.certificates import Certificates
from plugins.publisher import Publisher, reply
from plugins.simulator import rss
from plugins.wired import Wired, at

Make = Callable[..., Wired]


def outdated(certificates: Certificates) -> ssl.SSLContext:
    """Return a server that speaks TLS 1.0 at best; security level 0 is what lets OpenSSL 3 offer it at all."""
    context = certificates.server("a.example")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that it is outdated is the point
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


@pytest.mark.parametrize(
    ("server", "said"),
    [
        pytest.param(
            lambda made: made.server("a.example", days=-1), "the certificate of a.example expired", id="expired"
        ),
        pytest.param(Certificates.self_signed, "the certificate of a.example is self-signed", id="self-signed"),
        pytest.param(
            lambda made: made.server("b.example"),
            "the certificate of a.example belongs to another host",
            id="of another host",
        ),
        pytest.param(outdated, "no TLS with a.example:{port}: it offers only outdated versions", id="TLS 1.0 only"),
    ],
)
async def test_a_connection_that_is_not_sound_is_told_and_nothing_is_sent_over_it(
    wired: Make, certificates: Certificates, server: Callable[[Certificates], ssl.SSLContext], said: str
) -> None:
    """S51."""
    publisher = Publisher(tls=server(certificates))
    publisher.plays("/feed", reply("200 OK", rss("1")))
    w = wired(at(publisher), tls=certificates.client())

    await w.polls(2)

    publisher.close()
    assert w.state().failure_kind == "tls"
    assert w.state().failure_detail == said.format(port=publisher.port)
    assert w.gaps_of_polls() == [timedelta(hours=1)]
    assert w.state().next_reason.startswith("backoff after 2 failures")
    assert publisher.asked == []
    assert publisher.connections == 2


async def test_a_source_whose_certificate_is_sound_again_recovers_by_itself(
    wired: Make, certificates: Certificates
) -> None:
    """S51."""
    publisher = Publisher(tls=certificates.server("a.example", days=-1))
    publisher.plays("/feed", reply("200 OK", rss("1")))
    w = wired(at(publisher), tls=certificates.client())
    await w.polls(2)
    publisher.tls = certificates.server("a.example")

    await w.polls(1)

    publisher.close()
    assert w.titles() == ["Title 1"]
    assert w.state().failures == 0
