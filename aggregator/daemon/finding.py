"""Find the feeds of an address that an operator names: a few requests, one after the other, nothing stored."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta

from aggregator import clock
from aggregator.addresses import is_public
from aggregator.agent import user_agent
from aggregator.config.urls import source_url
from aggregator.discover import MOST, Candidate, Page, look, usual
from aggregator.fetch import fetch
from aggregator.hosts import host_and_port, host_key
from aggregator.model import Fetched, Polling, Reading, Source
from aggregator.network import Network
from aggregator.outcomes import FailureKind, PollError
from aggregator.workers import WorkerLimits, Workers
from storage.states import Validators

_PERMANENT = frozenset({301, 308})
_UNREACHED = frozenset({FailureKind.CONNECT, FailureKind.TLS, FailureKind.TIMEOUT, FailureKind.PROTOCOL})
_ENOUGH = frozenset({FailureKind.RATE_LIMITED, FailureKind.BLOCKED})
"""After such an answer its host is asked no more."""


@dataclass(frozen=True, slots=True)
class Found:
    """A feed that was fetched and read."""

    url: str
    """What to write into feeds.yaml: where permanent redirects led, else what was asked for."""
    fetched: Fetched
    reading: Reading


@dataclass(slots=True)
class Finding:
    """What an address came to."""

    found: list[Found] = field(default_factory=list)
    failed: list[tuple[str, PollError]] = field(default_factory=list)
    """Candidates that are no feed, or could not be had, each with the reason."""
    page: str | None = None
    """The page that was looked through; None where the address is a feed itself."""
    why: PollError | None = None
    """Why the page is no feed."""
    onward: str | None = None
    """Where the page sends browsers on."""
    passed_over: tuple[Candidate, ...] = ()
    """Candidates beyond the first few, which were not asked for."""
    guessed: bool = False


async def find(
    url: str, *, guess: bool = False, polling: Polling | None = None, base_url: str | None = None
) -> Finding:
    """
    Return the feeds at an address, or those that the page there names, each fetched once and read.

    A private address is asked where the operator named its very host and port, and nowhere else. With `guess`, a page
    that names no feed has the usual places of its site asked for, one after the other, until one is a feed.
    An address without a scheme is asked by https, and by http where nothing answers so. Raises `PollError` where the
    address itself cannot be had or cannot be read, ValueError for what is no http(s) URL.
    """
    asked = asking_urls(url)
    async with AsyncExitStack() as stack:
        asker = _Asker(frozenset(map(host_and_port, asked)), polling or Polling(), base_url)
        stack.push_async_callback(asker.close)
        answer = await _first(asker, asked)
        finding = Finding()
        try:
            finding.found.append(await asker.read(asked[-1], answer))
        except PollError as error:
            if error.kind not in {FailureKind.NOT_A_FEED, FailureKind.EMPTY}:
                raise
            finding.why = error
            await _look_through(asker, look(answer), answer.url, finding, guess=guess)
        return finding


def asking_urls(url: str) -> list[str]:
    """Return what is asked for an address as it was typed, in order. Raises ValueError for what is none of the web."""
    text = url.strip()
    for scheme in ("feed:", "rss:"):
        if text.lower().startswith(scheme):
            text = text[len(scheme) :].removeprefix("//")
    if text.lower().startswith(("http://", "https://")):
        return [source_url(text)]
    if "://" in text or text.startswith(("/", ".", "~")) or not text or " " in text:
        raise ValueError(f"{url!r} is no address of the web; it begins with https:// or http://")
    return [source_url(f"https://{text}"), f"http://{text}"]


async def private_address(url: str) -> bool:
    """Return whether the URL's host lies in a private network, as far as DNS tells; polls of it are refused by default."""
    host, _, port = host_and_port(url).rpartition(":")
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
    except (OSError, ValueError):
        return False
    return not all(is_public(str(one[4][0])) for one in found)


async def _first(asker: _Asker, asked: list[str]) -> Fetched:
    """Return the answer of the address; by http where https reaches nobody and no scheme was typed."""
    while True:
        try:
            return await asker.fetch(asked[0])
        except PollError as error:
            if len(asked) == 1 or error.kind not in _UNREACHED:
                raise
            asked.pop(0)


async def _look_through(asker: _Asker, page: Page, url: str, finding: Finding, *, guess: bool) -> None:
    finding.page, finding.onward = url, page.onward
    finding.passed_over = page.candidates[MOST:]
    await _ask(asker, page.candidates[:MOST], finding)
    if guess and not finding.found:
        finding.guessed = True
        known = {candidate.url for candidate in page.candidates}
        await _ask(asker, [one for one in usual(url) if one.url not in known], finding, first=True)


async def _ask(asker: _Asker, candidates: Iterable[Candidate], finding: Finding, *, first: bool = False) -> None:
    """Fetch and read the candidates, up to the first that is a feed where only one is wanted."""
    closed: set[str] = set()
    for one in candidates:
        if host_key(one.url) in closed:
            continue
        try:
            found = await asker.read(one.url, await asker.fetch(one.url))
        except PollError as error:
            finding.failed.append((one.url, error))
            if error.kind in _ENOUGH:
                closed.add(host_key(one.url))
            continue
        if found.fetched.url not in {other.fetched.url for other in finding.found}:
            finding.found.append(found)
        if first:
            return


class _Asker:
    """Fetches and reads, with the pause between two requests to one site that feeds.yaml asks for."""

    def __init__(self, named: frozenset[str], polling: Polling, base_url: str | None) -> None:
        self._network = Network(named)
        self._workers = Workers(1, WorkerLimits.of(polling))
        self._agent = user_agent(polling.user_agent, base_url)
        self._pause = polling.host_delay
        self._last: dict[str, float] = {}

    async def fetch(self, url: str) -> Fetched:
        """Ask once. Raises PollError."""
        await self._wait(host_key(url))
        source = Source(id="add", url=url, name=url)
        answer = await fetch(self._network, source, url, Validators(), user_agent=self._agent)
        if not isinstance(answer, Fetched):  # rule 15: a 304 to a request without validators is PROTOCOL already
            raise PollError(FailureKind.PROTOCOL, "it says that nothing changed, though nothing was asked about")
        return answer

    async def read(self, url: str, answer: Fetched) -> Found:
        """Return the feed in the answer. Raises PollError."""
        reading = await self._workers.read(Source(id="add", url=url, name=url), answer, clock.now())
        moved = bool(answer.hops) and all(hop.status in _PERMANENT for hop in answer.hops)
        return Found(answer.url if moved else url, answer, reading)

    async def close(self) -> None:
        """End the worker and the connections."""
        await asyncio.to_thread(self._workers.close)
        await self._network.aclose()

    async def _wait(self, host: str) -> None:
        last = self._last.get(host)
        if last is not None:
            rest = timedelta(seconds=last - clock.monotonic()) + self._pause
            await asyncio.sleep(max(0.0, rest.total_seconds()))
        self._last[host] = clock.monotonic()
