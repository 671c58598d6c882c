"""Asks one source whether it has something new: one attempt, one deadline, conditional where it can be."""

from __future__ import annotations

import asyncio
import hashlib
import html
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import NoReturn

import httpx

from aggregator import clock
from aggregator.budget import Share
from aggregator.cookies import Cookies
from aggregator.download import Body, Limits, download
from aggregator.hosts import redact, same_site
from aggregator.manners import agent_of
from aggregator.model import Fetched, Hop, NotModified, Source
from aggregator.network import Network
from aggregator.outcomes import FailureKind, PollError
from aggregator.statuses import kind_of, words_of
from aggregator.targets import Target, keeps_secrets, locate, redirected
from storage.states import Validators

__all__ = ["Limits", "Visit", "fetch"]

Visit = Callable[[str], Awaitable[None]]
"""
Takes the turn of the URL's host, before it is asked (rule 61).

Returns at once where the attempt has that host's turn already; else gives back what it has, waits, and takes the other.
Raises PollError, and nothing may be sent: rate-limited where the host asked to be left alone, interrupted where its
turn does not come. What is waited here is not of an attempt's time.
"""

_ACCEPT = (
    b"application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, "
    b"application/json;q=0.8, text/xml;q=0.8, */*;q=0.1"
)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_READ = frozenset({200, 203, 226})
_OURS = frozenset(
    b"host connection accept-encoding content-length transfer-encoding te trailer upgrade expect range "
    b"if-none-match if-modified-since if-match if-unmodified-since if-range a-im "
    b"proxy-authorization proxy-connection".split()
)
"""Headers that a source cannot set: they say what we do, or would change what an answer means."""
_PAGE_LIMITS = Limits(wire=64 * 1024, decoded=256 * 1024)
_PAGE_SECONDS = 5.0
_TITLE = re.compile(rb"<title[^>]{0,200}>([^<]{1,500})", re.IGNORECASE)


async def fetch(
    network: Network,
    source: Source,
    url: str,
    validators: Validators,
    *,
    user_agent: str,
    limits: Limits | None = None,
    share: Share | None = None,
    visit: Visit | None = None,
) -> Fetched | NotModified:
    """
    Ask for the URL once, follow its redirects, and return what it has, or that it has nothing new.

    `url` is what is polled: the source's own, or where a proven redirect led. The validators go to the URL that
    gave them and to no other (rule 3). `user_agent` is what a source is asked under that has no name of its own;
    `limits` stand in place of the source's. `share`, where given, still holds the body's part of the network's budget
    on return, for the caller to release; else it is given back here. `visit` is awaited before each hop of a
    redirect, the deadline standing still; the turn of `url` itself is the caller's to take.
    Raises PollError for everything else, with the failing answer's status and headers, and the hops before it.
    docs/etiquette.md, rules 1 to 8, 35 to 42 and 48 to 59.
    """
    hops: list[Hop] = []
    limits = limits or Limits(wire=source.max_download, decoded=source.max_body)
    mine = share or network.budget.share()
    seconds = source.timeout.total_seconds()
    try:
        async with asyncio.timeout(seconds) as deadline:
            agent = agent_of(source, user_agent)
            attempt = _Attempt(network, source, validators, agent, limits, mine, deadline, hops, visit)
            return await attempt.run(url)
    except TimeoutError as error:
        raise PollError(FailureKind.TIMEOUT, f"no complete answer within {seconds:g} s", hops=tuple(hops)) from error
    except PollError as error:
        error.hops = tuple(hops)
        raise
    finally:
        if share is None:
            mine.release()


@dataclass(frozen=True, slots=True)
class _Leave:
    """What a request of the chain may do."""

    trusted: bool
    """It may carry what is meant for the source alone: its headers, its userinfo (rule 39)."""
    private: bool
    """It may go into a private network, because feeds.yaml itself leads there, and only there (docs/security.md)."""
    asked_for: bool
    """It goes where feeds.yaml says, not where an answer led."""


class _Attempt:
    """One chain of requests, from the URL that is polled to the one that answers."""

    def __init__(
        self,
        network: Network,
        source: Source,
        validators: Validators,
        user_agent: str,
        limits: Limits,
        share: Share,
        deadline: asyncio.Timeout,
        hops: list[Hop],
        visit: Visit | None,
    ) -> None:
        self._network = network
        self._source = source
        self._validators = validators
        self._user_agent = user_agent
        self._limits = limits
        self._share = share
        self._deadline = deadline
        self._hops = hops
        self._visit = visit
        self._home = _start(source.url)
        self._cookies: Cookies | None = None
        self._conditional = False

    async def run(self, url: str) -> Fetched | NotModified:
        """Follow the chain to its end."""
        here, leave = self._begin(_start(url), self._home)
        seen = {here.text}
        while True:
            response = await self._send(here, leave)
            try:
                if response.status_code not in _REDIRECTS:
                    return await self._answer(here, response)
                there = self._next(here, response, seen)
                self._keep_cookies(here, there, response)
            finally:
                await response.aclose()
            here, leave = self._step(here, there, leave)
            await self._turn(here)

    async def _turn(self, there: Target) -> None:
        """Wait for the turn of the host that a redirect leads to; the deadline stands still meanwhile."""
        if self._visit is None:
            return
        started_at, until = clock.awake(), self._deadline.when()
        self._deadline.reschedule(None)
        await self._visit(there.text)
        self._deadline.reschedule(None if until is None else until + clock.awake() - started_at)

    def _begin(self, here: Target, home: Target) -> tuple[Target, _Leave]:
        """Return the first target and what it may, by how it stands to the URL of feeds.yaml, `home`."""
        own = here.pair == home.pair
        trusted = keeps_secrets(home, here)
        if trusted and here.authorization is None:
            here = replace(here, authorization=home.authorization)
        return here, _Leave(trusted, own and self._network.may_be_private(here.pair), own)

    def _step(self, here: Target, there: Target, leave: _Leave) -> tuple[Target, _Leave]:
        """Return the next target and what it may: what was lost on the way does not come back."""
        secret = leave.trusted and (self._source.headers or here.authorization is not None)
        if secret and (here.url.scheme, there.url.scheme) == ("https", "http"):
            said = f"{redact(here.text)} redirects from https to http, and this source sends credentials"
            raise PollError(FailureKind.REDIRECT, said, status=self._hops[-1].status)
        trusted = leave.trusted and keeps_secrets(here, there)
        if trusted:
            there = replace(there, authorization=here.authorization)
        return there, _Leave(trusted, leave.private and there.pair == here.pair, asked_for=False)

    def _next(self, here: Target, response: httpx.Response, seen: set[str]) -> Target:
        """Return where the answer leads, and remember the hop."""
        status, headers = response.status_code, readable(response.headers)
        location = _first(response.headers, b"location")
        if not location:
            said = f"{redact(here.text)} answers {words_of(status)} and does not say where"
            raise PollError(FailureKind.REDIRECT, said, status=status, headers=headers)
        try:
            there = redirected(here, location)
        except PollError as error:
            error.status, error.headers = status, headers
            raise
        if there.text in seen:
            said = f"{redact(here.text)} redirects back to {redact(there.text)}"
            raise PollError(FailureKind.REDIRECT_LOOP, said, status=status, headers=headers)
        if len(self._hops) >= self._limits.hops:
            said = f"more than {self._limits.hops} redirects, the last one to {redact(there.text)}"
            raise PollError(FailureKind.REDIRECT, said, status=status, headers=headers)
        seen.add(there.text)
        self._hops.append(Hop(status, here.text, there.text))
        return there

    def _keep_cookies(self, here: Target, there: Target, response: httpx.Response) -> None:
        """Remember what the hop sets for the next ones, as long as the chain stays on its site (rule 56)."""
        if not same_site(here.text, there.text):
            self._cookies = None
            return
        for name, line in response.headers.raw:
            if name.lower() == b"set-cookie":
                self._cookies = self._cookies or Cookies()
                self._cookies.take(line, *_spot(here), clock.now())

    async def _send(self, here: Target, leave: _Leave) -> httpx.Response:
        request = httpx.Request("GET", here.url, headers=self._headers(here, trusted=leave.trusted))
        source = self._source
        # Who gave up verifying did so for the source's own host, not for whatever it redirects to.
        verified = source.tls_verify or here.origin[1] != self._home.origin[1]
        try:
            return await self._network.send(request, private=leave.private, proxy=source.proxy, verified=verified)
        except PollError as error:
            if error.kind is not FailureKind.REFUSED_ADDRESS:
                raise
            raise PollError(error.kind, f"{error.detail}; {_way_out(here.pair, leave)}") from error
        except httpx.TransportError as error:  # of a transport other than our own
            raise _unsent(error, here) from error

    def _headers(self, here: Target, *, trusted: bool) -> list[tuple[bytes, bytes]]:
        headers = {
            b"user-agent": (b"User-Agent", self._user_agent.encode()),
            b"accept": (b"Accept", _ACCEPT),
            b"accept-encoding": (b"Accept-Encoding", b"gzip, deflate"),
            b"connection": (b"Connection", b"close"),
        }
        if trusted:
            if here.authorization is not None:
                headers[b"authorization"] = (b"Authorization", here.authorization)
            for name, value in self._source.headers:
                raw = name.encode("ascii", "replace")
                if raw.lower() not in _OURS:
                    headers[raw.lower()] = (raw, value.encode("utf-8", "surrogateescape"))
        if self._cookies and (crumbs := self._cookies.header(*_spot(here))):
            own = headers.get(b"cookie")
            headers[b"cookie"] = (b"Cookie", crumbs if own is None else own[1] + b"; " + crumbs)
        known = self._validators
        self._conditional = known.url == here.text and (known.etag is not None or known.last_modified is not None)
        if self._conditional and known.etag is not None:
            headers[b"if-none-match"] = (b"If-None-Match", known.etag)
            headers[b"a-im"] = (b"A-IM", b"feed")
        if self._conditional and known.last_modified is not None:
            headers[b"if-modified-since"] = (b"If-Modified-Since", known.last_modified)
        return list(headers.values())

    async def _answer(self, here: Target, response: httpx.Response) -> Fetched | NotModified:
        """Return what an answer that is no redirect says."""
        status = response.status_code
        if status == 304 and self._conditional:
            return NotModified(here.text, readable(response.headers), self._merged(response), tuple(self._hops))
        challenged = response.headers.get("cf-mitigated") == "challenge"
        if status not in _READ or challenged:
            await self._refuse(response, challenged=challenged)
        headers = readable(response.headers)
        try:
            body = await download(response, self._limits, self._share, self._deadline)
        except PollError as error:
            error.status, error.headers = status, headers
            raise
        if not body.data or body.data.isspace():
            raise PollError(
                FailureKind.EMPTY, f"{words_of(status)}, and the body is empty", status=status, headers=headers
            )
        said = self._validators if body.truncated else _said(response, here, body)
        delta = self._is_delta(status, headers)
        if delta and not body.truncated:
            said = replace(said, digest=None)  # no whole document has it
        return Fetched(here.text, status, headers, body.data, said, tuple(self._hops), body.truncated, delta)

    def _is_delta(self, status: int, headers: Mapping[str, str]) -> bool:
        """Return whether the body holds only what is new since the document whose tag was sent (RFC 3229, rule 15)."""
        asked = self._conditional and self._validators.etag is not None
        manipulations = {name.partition(";")[0].strip().lower() for name in headers.get("im", "").split(",")}
        return asked and status == 226 and "feed" in manipulations

    def _merged(self, response: httpx.Response) -> Validators:
        """Return the stored validators with those that the 304 carries in their place (rules 6 and 7)."""
        etag, last_modified = _first(response.headers, b"etag"), _first(response.headers, b"last-modified")
        known = self._validators
        return replace(known, etag=etag or known.etag, last_modified=last_modified or known.last_modified)

    async def _refuse(self, response: httpx.Response, *, challenged: bool) -> NoReturn:
        """Raise what an answer without a feed means."""
        status, headers = response.status_code, readable(response.headers)
        blocked = challenged and status not in {401, 404, 407, 410, 429}
        kind = FailureKind.BLOCKED if blocked else kind_of(status)
        said = words_of(status)
        if status == 304:
            said += ", though nothing was said that could be unchanged"
        elif kind is FailureKind.PROTOCOL:
            said += ", which is no answer to this request"
        if challenged:
            said += ", a challenge for browsers"
        if kind is FailureKind.BLOCKED and (title := await self._title(response)):
            said += f": {title}"
        raise PollError(kind, said, status=status, headers=headers)

    async def _title(self, response: httpx.Response) -> str | None:
        """Return the title of a page that stands in the feed's place, on one line, as far as it can be had."""
        try:
            async with asyncio.timeout(_PAGE_SECONDS) as deadline:
                page = await download(response, _PAGE_LIMITS, self._share, deadline)
        except (PollError, TimeoutError):
            return None  # the refusal is what counts, and it is known
        found = _TITLE.search(page.data)
        if found is None:
            return None
        text = html.unescape(found[1].decode("utf-8", "replace"))
        return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:100] or None


def readable(headers: httpx.Headers) -> Mapping[str, str]:
    """Return the headers for reading: names in lower case, repeated ones joined; cookies are nobody's business."""
    found: dict[str, str] = {}
    for raw_name, raw_value in headers.raw:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name != "set-cookie":
            found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _start(url: str) -> Target:
    try:
        return locate(url)
    except ValueError as error:
        raise PollError(FailureKind.REFUSED_ADDRESS, f"{redact(url)} cannot be asked: {error}") from error


def _spot(target: Target) -> tuple[str, str, str]:
    """Return scheme, host and path, as cookies are kept by."""
    return target.url.scheme, target.origin[1], target.url.raw_path.partition(b"?")[0].decode("ascii")


def _way_out(pair: str, leave: _Leave) -> str:
    if leave.asked_for:
        return f"if it is yours, name {pair} in polling.allow_private"
    return "a redirect leads there, and permissions do not follow redirects"


def _first(headers: httpx.Headers, name: bytes) -> bytes | None:
    """Return the first value of the header, verbatim; None where it is absent or empty."""
    return next((value for key, value in headers.raw if key.lower() == name and value), None)


def _said(response: httpx.Response, here: Target, body: Body) -> Validators:
    """Return the validators that this answer carries; what it does not carry is cleared (rule 4)."""
    return Validators(
        etag=_first(response.headers, b"etag"),
        last_modified=_first(response.headers, b"last-modified"),
        digest=hashlib.sha256(body.data).digest(),
        url=here.text,
    )


def _unsent(error: httpx.TransportError, here: Target) -> PollError:
    host = here.url.host
    match error:
        case httpx.ConnectError() | httpx.ReadError() | httpx.WriteError():
            return PollError(FailureKind.CONNECT, f"no connection to {host} ({error})")
        case httpx.TimeoutException():
            return PollError(FailureKind.TIMEOUT, f"no answer from {host} ({error})")
        case _:
            return PollError(FailureKind.PROTOCOL, f"{host} does not answer in HTTP ({error})")
