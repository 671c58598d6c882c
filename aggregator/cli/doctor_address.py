"""What `doctor URL` looks at: one address, from its name to what the schedule would do. One request is made."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from aggregator import clock
from aggregator.addresses import is_address, is_dialable, is_public
from aggregator.agent import user_agent
from aggregator.cli.common import counted
from aggregator.cli.finding import Finding, Verdict, fail, ok, warn
from aggregator.cli.preview_command import format_name
from aggregator.daemon.once import look_at
from aggregator.freshness import fresh_for
from aggregator.health import public_url
from aggregator.hints import spoken
from aggregator.model import Fetched, Hop, Polling, Reading, Settings, Source
from aggregator.network import resolve
from aggregator.outcomes import Failed, FailureKind, PollError, Updated
from aggregator.rows import source_row
from aggregator.schedule import after
from aggregator.targets import Target, locate
from aggregator.workers import WorkerLimits
from storage.states import HostState, PollState

TOLD = (
    "content-type",
    "etag",
    "last-modified",
    "cache-control",
    "expires",
    "age",
    "retry-after",
    "content-encoding",
    "server",
)
"""Headers that say something of polling or reading."""


def of_address(wanted: str, settings: Settings | None) -> Iterator[Finding]:
    """Yield all about an address: its name, the guard's verdict, the answer, what it is read as, the schedule."""
    polling = settings.polling if settings else Polling()
    source = _source(wanted, settings)
    try:
        target = locate(source.url)
    except (PollError, ValueError) as error:
        why = error.detail if isinstance(error, PollError) else str(error)
        yield fail(
            "address",
            f"{public_url(source.url, source.secrets)}: {why}",
            "it begins with https:// or http:// and names a host",
        )
        return
    yield ok(
        "address",
        public_url(target.text, source.secrets)
        + (f" (source {source.id} of feeds.yaml, with its own settings)" if source.id else ""),
    )
    named = asyncio.run(_name(target, polling))
    yield from named
    if named[-1].verdict is Verdict.FAIL:
        return
    agent = user_agent(polling.user_agent, settings.server.base_url if settings else None)
    began = clock.monotonic()
    source = source if source.id else replace(source, id="doctor")
    try:
        fetched, reading = asyncio.run(look_at(source, polling.allow_private, agent, WorkerLimits.of(polling)))
    except PollError as error:
        yield from _failed(source, error)
        return
    took = clock.monotonic() - began
    yield from _answered(source, fetched, took)
    yield from _read(fetched, reading)
    yield from _planned(source, Updated(fetched, reading))


def _source(wanted: str, settings: Settings | None) -> Source:
    """Return the source of feeds.yaml that has this id or address, else a bare one with no id."""
    written = (*settings.sources, *settings.paused) if settings else ()
    named = (one for one in written if wanted in (one.id, one.url))
    return next(named, Source(id="", url=wanted, name=wanted))


async def _name(target: Target, polling: Polling) -> list[Finding]:
    _, host, port = target.origin
    if is_address(host):
        found = [host]
    else:
        try:
            found = list(await resolve(host, port))
        except (OSError, UnicodeError) as error:
            return [
                fail(
                    "dns",
                    f"{host} does not resolve: {error}",
                    "look for a typing mistake; see whether the site still exists",
                )
            ]
    if not found:
        return [fail("dns", f"{host} resolves to no address", "see whether the site still exists")]
    lines = [] if found == [host] else [ok("dns", f"{host} is {', '.join(found)}")]
    allowed = target.pair in {pair.strip().lower() for pair in polling.allow_private}
    good = [one for one in found if (is_dialable if allowed else is_public)(one)]
    if good:
        return [
            *lines,
            ok("guard", f"may be asked: {'polling.allow_private names it' if allowed else 'a public address'}"),
        ]
    mend = f"for a host of your own: polling: {{allow_private: ['{target.pair}']}}"
    return [*lines, fail("guard", f"{found[0]} is not a public address", mend)]


def _failed(source: Source, error: PollError) -> Iterator[Finding]:
    yield from _hops(error.hops, source)
    status = f"{error.status}: " if error.status else ""
    mend = f"see `{error.kind}` under Failure kinds in docs/operations.md"
    yield from _headers(error.headers)
    what = "tls" if error.kind is FailureKind.TLS else "answer"
    yield fail(what, f"{error.kind}: {status}{error.detail}", mend)
    now = clock.now()
    failed = Failed(error.kind, error.detail, error.status, error.headers, error.hops)
    yield _schedule(source, failed, now)


def _answered(source: Source, fetched: Fetched, took: float) -> Iterator[Finding]:
    yield from _hops(fetched.hops, source)
    if fetched.url.startswith("https:"):
        checked = ok("tls", "the certificate is sound")
        yield (
            checked
            if source.tls_verify
            else warn("tls", "the certificate was not looked at", "drop `tls_verify: false`")
        )
    yield ok("answer", f"{fetched.status}, {counted(len(fetched.body), 'byte')} in {took:.1f} s")
    yield from _headers(fetched.headers)
    if fetched.validators.etag is None and fetched.validators.last_modified is None:
        yield warn(
            "validators", "none: every poll has the whole document", "tell the publisher; it is asked every 2 h at most"
        )
    else:
        kept = [
            name
            for name, there in (("ETag", fetched.validators.etag), ("Last-Modified", fetched.validators.last_modified))
            if there
        ]
        yield ok("validators", f"{' and '.join(kept)}: a poll asks only whether it changed")
    fresh = fresh_for(fetched.headers, clock.now())
    if fresh:
        capped = f", of which {spoken(source.max_freshness)} are kept to" if fresh > source.max_freshness else ""
        yield ok("freshness", f"good for {spoken(fresh)}{capped}")


def _hops(hops: tuple[Hop, ...], source: Source) -> Iterator[Finding]:
    for hop in hops:
        seen = f"{hop.status} from {public_url(hop.url, source.secrets)} to {public_url(hop.target, source.secrets)}"
        lasting = hop.status in (301, 308) and hop is hops[0]
        mend = f"{source.place or 'in feeds.yaml'}: url: {public_url(hop.target, source.secrets)}"
        yield warn("redirect", seen, mend) if lasting else ok("redirect", seen)


def _headers(headers: Mapping[str, str]) -> Iterator[Finding]:
    said = [f"{name}: {headers[name][:120]}" for name in TOLD if name in headers]
    if said:
        yield ok("headers", " · ".join(said))


def _read(fetched: Fetched, reading: Reading) -> Iterator[Finding]:
    if fetched.truncated or reading.truncated:
        yield warn(
            "document", f"ends early: {fetched.truncated or 'its root is not closed'}", "asked again within two hours"
        )
    if reading.degraded:
        yield warn(
            "document", f"had to be mended: {reading.degraded}", "tell the publisher; its entries come all the same"
        )
    info = reading.info
    seen = f"{format_name(info.format or 'unknown')}, {info.title or '(no title)'}, {counted(len(reading.records), 'entry')}"
    if not reading.records:
        yield warn("document", seen, "the feed is sound and has no entries")
        return
    newest = max(reading.records, key=lambda record: record.published)
    yield ok("document", f"{seen}; the newest: {newest.published:%Y-%m-%d %H:%M}Z {newest.title}")


def _planned(source: Source, result: Updated) -> Iterator[Finding]:
    yield _schedule(source, result, clock.now())


def _schedule(source: Source, result: Updated | Failed, now: datetime) -> Finding:
    """Return when a source with this address would be asked next, were this its first poll."""
    row = source_row(source)
    state, _ = after(
        PollState(row, next_poll_at=now, last_attempt_at=now), HostState(row.host), source, result, now, 0.0
    )
    terms = "; ".join(f"{spoken(term.until - now)}: {term.reason}" for term in state.terms[1:])
    others = f" (also {terms})" if terms else ""
    return ok(
        "schedule",
        f"after a first poll it would be asked again in {spoken(state.next_poll_at - now)}: {state.next_reason}{others}",
    )
