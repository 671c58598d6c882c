"""Fetches one URL as a poll would, for tests that look at what goes over the wire."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from aggregator.fetch import Limits, fetch
from aggregator.hosts import host_and_port
from aggregator.model import Fetched, NotModified, Source
from aggregator.network import Dialler, Network, Resolver
from aggregator.outcomes import PollError
from aggregator.sockets import Stream, dial
from storage.states import Validators

AGENT = "feed-aggregator/0 (+https://news.example.org/)"
NOTHING_KNOWN = Validators()
FAR_AWAY = "93.184.216.34"
"""A public address. Nothing dials it: `brought_home` stands in."""


async def far_away(host: str, port: int) -> Sequence[str]:
    """Resolve every name to a public address."""
    return [FAR_AWAY]


async def brought_home(addresses: Sequence[str], port: int) -> Stream:
    """Dial the port on this machine, whatever the address: publishers of the test play hosts of the world."""
    return await dial(["127.0.0.1"], port)


def ask(
    url: str,
    validators: Validators = NOTHING_KNOWN,
    *,
    source_url: str | None = None,
    headers: tuple[tuple[str, str], ...] = (),
    seconds: float = 20,
    limits: Limits | None = None,
    allow: Iterable[str] | None = None,
    resolver: Resolver | None = None,
    ssl_context: ssl.SSLContext | None = None,
    dialler: Dialler = dial,
    **settings: object,
) -> Fetched | NotModified:
    """
    Return what one attempt brings; the URL's own host and port may be private unless `allow` says otherwise.

    Other keywords are the source's own.
    """
    allowed = frozenset([host_and_port(url)] if allow is None else allow)
    source = Source("s", source_url or url, "s", timeout=timedelta(seconds=seconds), headers=headers)
    source = replace(source, **settings)  # type: ignore[arg-type]  # keywords of Source
    network = Network(allowed, resolver=resolver, ssl_context=ssl_context, dialler=dialler)
    return asyncio.run(fetch(network, source, url, validators, user_agent=AGENT, limits=limits))


def asked_whole(url: str, validators: Validators = NOTHING_KNOWN, **options: object) -> Fetched:
    """Return the answer, which must have a body."""
    answer = ask(url, validators, **options)  # type: ignore[arg-type]
    assert isinstance(answer, Fetched)
    return answer


def refusal(url: str, validators: Validators = NOTHING_KNOWN, **options: object) -> PollError:
    """Return the error that the attempt must end in."""
    with pytest.raises(PollError) as caught:
        ask(url, validators, **options)  # type: ignore[arg-type]
    return caught.value
