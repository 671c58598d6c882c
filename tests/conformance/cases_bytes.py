"""Cases S41 to S45, S51, S68, S71, S72: slow, endless, cut and packed answers, certificates, names."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from .cases_asking import tagged
from .documents import XML, brotli_stored, etag, gzipped, head, json_feed, ok, raw_deflate, rss, swelling, zstd_stored
from .judges import (
    BROKEN,
    KEPT,
    NOT_APPLICABLE,
    NOT_SEEN,
    all_of,
    asked_at_all,
    comes_back,
    hangs_up,
    one_request,
    times,
    validators,
)
from .values import Answer, Asked, Case, Judgement, Play, Seen, Site, Wire

LONGEST = 45.0
"""Seconds for which the publisher plays a slow answer."""
SHOULD_LEAVE = 33.0
"""A reader leaves after 30; three are given for its start and ours."""
MEGABYTE = 1024 * 1024
ENDLESS = 64 * MEGABYTE


def first_time(play: Callable[[Wire, Asked], Awaitable[None]], later: Play = tagged) -> Play:
    """Play something odd at the first poll, and a good feed from then on."""

    def playing(asked: Asked) -> Answer:
        if asked.nth:
            return later(asked)

        async def on(wire: Wire) -> None:
            await play(wire, asked)

        return Answer(play=on, good=False)

    return playing


# --- slow ---


async def _drip_body(wire: Wire, _: Asked) -> None:
    wire.note("slow")
    await wire.send(head("200 OK", (XML, (b"Content-Length", b"5000"))))
    await _drip(wire, rss(*range(30)))


async def _drip_head(wire: Wire, _: Asked) -> None:
    wire.note("slow")
    await _drip(wire, b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 500)


async def _drip(wire: Wire, data: bytes) -> None:
    for at in range(int(LONGEST)):
        await wire.send(data[at : at + 1])
        await wire.pause(1)


async def _silence(wire: Wire, _: Asked) -> None:
    wire.note("slow")
    await wire.pause(LONGEST)


# --- large ---


async def _endless(wire: Wire, asked: Asked) -> None:
    wire.note("large")
    length = ((b"Content-Length", b"%d" % 2**30),) if asked.path == "/long" else ()
    await wire.send(head("200 OK", (XML, (b"Connection", b"close"), *length)))
    await wire.send(rss("1").removesuffix(b"</channel></rss>"))
    for _ in range(ENDLESS // 65536):
        await wire.send(b"<!--" + b" " * (65536 - 7) + b"-->")


def _not_endless(seen: Seen) -> Judgement:
    large = [one for one in seen.asked if "large" in one.notes and one.until is not None]
    if not large:
        return Judgement(NOT_SEEN, "never asked")
    whole = sum(not one.left for one in large)
    if whole:
        return Judgement(BROKEN, f"took {ENDLESS // MEGABYTE} MB of a body without end, {times(whole)}")
    return Judgement(KEPT, f"left after {max(one.sent for one in large) / MEGABYTE:.0f} MB at most")


def _bomb(coding: bytes, wbits: int) -> Callable[[Wire, Asked], Awaitable[None]]:
    async def play(wire: Wire, asked: Asked) -> None:
        if not offers(asked, coding):
            body = rss("1")
            await wire.send(head("200 OK", (XML, (b"Content-Length", b"%d" % len(body)))) + body)
            return
        wire.note("bomb")
        await wire.send(head("200 OK", (XML, (b"Content-Encoding", coding), (b"Connection", b"close"))))
        for piece in swelling(200, wbits):
            await wire.send(piece)
            await wire.pause(0.01)

    return play


def offers(asked: Asked, coding: bytes) -> bool:
    """Return whether the client says that it can read the coding."""
    offered = [part.partition(b";")[0].strip().lower() for part in (asked.header("Accept-Encoding") or b"").split(b",")]
    return coding in offered or b"*" in offered


def _defused(seen: Seen) -> Judgement:
    bombs = [one for one in seen.asked if "bomb" in one.notes and one.until is not None]
    if not bombs:
        return Judgement(
            NOT_APPLICABLE if seen.asked else NOT_SEEN, "offers no coding that packs" if seen.asked else "never asked"
        )
    whole = [one for one in bombs if not one.left]
    if whole:
        sizes = sum(one.sent for one in whole) // len(whole) // 1024
        return Judgement(
            NOT_SEEN, f"took all {sizes} KB that unpack to 200 MB; whether it unpacked them is not seen from here"
        )
    return Judgement(KEPT, f"left after {max(one.sent for one in bombs) // 1024} KB of those that unpack to 200 MB")


def _five_times(body: bytes) -> bytes:
    for _ in range(5):
        body = gzipped(body)
    return body


# --- cut ---


def _cut(kind: str) -> Play:
    """Play a good feed, then one that is cut, then a good one again: what the cut one carried must not come back."""

    def play(asked: Asked) -> Answer:
        if asked.nth != 1:
            return ok(None, etag("old"))

        async def on(wire: Wire) -> None:
            await wire.send(_cut_bytes(kind))

        return Answer(200, (etag("cut"),), play=on, good=False)

    return play


def _cut_bytes(kind: str) -> bytes:
    whole = rss(*range(20))
    half = whole[: len(whole) * 2 // 3]
    tag = etag("cut")
    match kind:
        case "length":
            return head("200 OK", (XML, tag, (b"Content-Length", b"%d" % len(whole)))) + half
        case "chunked":
            return head("200 OK", (XML, tag, (b"Transfer-Encoding", b"chunked"))) + b"%x\r\n%s\r\n" % (len(half), half)
        case "gzip":
            packed = gzipped(whole)
            short = packed[: len(packed) * 2 // 3]
            said = (XML, tag, (b"Content-Encoding", b"gzip"), (b"Content-Length", b"%d" % len(short)))
            return head("200 OK", said) + short
        case _:
            return head("200 OK", (XML, tag, (b"Connection", b"close"))).replace(b"HTTP/1.1", b"HTTP/1.0") + half


def _old_ones(seen: Seen) -> Judgement:
    """A reader that sends no validators at all loses nothing by a cut."""
    if seen.asked and not any(one.header("If-None-Match") for one in seen.asked):
        return Judgement(NOT_APPLICABLE, "sends no validators")
    taken = sum(one.header("If-None-Match") == b'"cut"' for one in seen.asked)
    if taken:
        return Judgement(BROKEN, f"sent the tag of an answer that was cut {times(taken)}: the lost half never comes")
    return validators(3)(seen)


# --- packed ---


def _coded(coding: bytes | None, body: bytes) -> Play:
    said = () if coding is None else ((b"Content-Encoding", coding),)
    return lambda _: Answer(200, (XML, *said), body, good=False)


def _unoffered(coding: bytes, body: bytes) -> Play:
    """Play a coding that the client did not offer; where it did, a plain feed."""

    def play(asked: Asked) -> Answer:
        if offers(asked, coding):
            return ok(rss("1"))
        return Answer(200, (XML, (b"Content-Encoding", coding)), body, good=False)

    return play


PLAIN = rss("1", "2")


# --- certificates ---


def _distrust(seen: Seen) -> Judgement:
    if not seen.asked and not seen.knocks:
        return Judgement(NOT_SEEN, "never tried")
    words = {"51.expired": "expired", "51.self": "self-signed", "51.name": "for another host", "51.old": "TLS 1.0"}
    believed = sorted({words[one.host] for one in seen.asked if one.secure})
    plain = sum(not one.secure for one in seen.asked)
    faults = [f"asked over a certificate that is: {', '.join(believed)}"] if believed else []
    faults += [f"asked without TLS instead {times(plain)}"] if plain else []
    if faults:
        return Judgement(BROKEN, "; ".join(faults))
    return Judgement(KEPT, f"{len(seen.knocks)} handshakes, none came to a request")


# --- archives, closed connections, names ---

ARCHIVED = 6


def _replaced(asked: Asked) -> Answer:
    link = f"<atom:link rel='prev-archive' href='{asked.url('68', '/archive/1')}'/>"
    first = 100 if asked.nth else 0
    return ok(rss(*range(first, first + 10), extra=link), etag(f"page {min(asked.nth, 1)}"))


def _archive(asked: Asked) -> Answer:
    number = int(asked.path.rpartition("/")[2])
    link = (
        f"<atom:link rel='prev-archive' href='{asked.url('68', f'/archive/{number + 1}')}'/>"
        if number < ARCHIVED
        else ""
    )
    first = 100 - 10 * number
    return ok(rss(*range(first, first + 10), extra=link))


def _next_pages(asked: Asked) -> Answer:
    number = int(asked.path.rpartition("/")[2]) if asked.path.startswith("/json/") else 0
    first = 100 - 10 * number if asked.nth or number else 0
    more = {"next_url": asked.url("68", f"/json/{number + 1}")} if number < ARCHIVED else {}
    return ok(json_feed(*range(first, first + 10), **more), (b"Content-Type", b"application/feed+json"))


def _archives(seen: Seen) -> Judgement:
    followed = [one for one in seen.asked if one.path.startswith(("/archive/", "/json/"))]
    if not followed:
        least = min((len(seen.at(site.path)) for site in seen.sites if site.listed), default=0)
        said = "follows no archive pages, which it need not" if least > 1 else "the page changes at the second poll"
        return Judgement(NOT_APPLICABLE if least > 1 else NOT_SEEN, said)
    most = max(
        len(attempt)
        for prefix in ("/archive/", "/json/")
        for attempt in seen.attempts(one for one in followed if one.path.startswith(prefix)) or [[]]
    )
    if most > 3:
        return Judgement(BROKEN, f"followed {most} pages of an archive in one poll; 3 are the most")
    return Judgement(KEPT, f"followed {most} pages of an archive at most")


def _closes(asked: Asked) -> Answer:
    async def on(_: Wire) -> None:
        """Say nothing and close."""

    return Answer(play=on, good=False) if asked.nth < 2 else tagged(asked)


def _names(seen: Seen) -> Judgement:
    found = {one.host for one in seen.asked}
    listed = {site.host for site in seen.sites if site.listed}
    if not listed:
        return Judgement(NOT_APPLICABLE, "this machine has no IPv6")
    missed = sorted(listed - found)
    if missed:
        return Judgement(BROKEN if found or seen.turns > 1 else NOT_SEEN, f"never asked: {', '.join(missed)}")
    return Judgement(KEPT, "asked over IPv6")


CASES = (
    Case(
        "S41",
        "an answer that drips, or does not come, is left within 30 s",
        (
            Site("/drip", first_time(_drip_body), host="41", name="body drips"),
            Site("/head", first_time(_drip_head), host="41.head", name="headers drip"),
            Site("/silence", first_time(_silence), host="41.silent", name="silence"),
            Site("/stuck", tagged, host="41.stuck", secure=True, name="stuck handshake"),
        ),
        hangs_up(SHOULD_LEAVE, "slow answers"),
    ),
    Case(
        "S42",
        "a body without end is left",
        (
            Site("/endless", first_time(_endless), name="without a length"),
            Site("/long", first_time(_endless), name="said to be 1 GB"),
        ),
        _not_endless,
    ),
    Case(
        "S43",
        "a small body that unpacks to 200 MB is left; a coding that was not offered costs no second request",
        (
            Site("/gzip", first_time(_bomb(b"gzip", 31)), host="43", name="gzip"),
            Site("/deflate", first_time(_bomb(b"deflate", 15)), host="43.deflate", name="deflate"),
            Site(
                "/nested",
                _coded(b"gzip, gzip, gzip, gzip, gzip", _five_times(PLAIN)),
                host="43.nested",
                name="gzip x 5",
            ),
        ),
        all_of(_defused, one_request()),
    ),
    Case(
        "S44",
        "after an answer that was cut the old validators are sent, so that the whole one can come",
        (
            Site("/length", _cut("length"), name="shorter than its length"),
            Site("/chunked", _cut("chunked"), name="without its last chunk"),
            Site("/gzip", _cut("gzip"), name="within gzip"),
            Site("/closed", _cut("closed"), name="within an item"),
        ),
        asked_at_all(_old_ones),
    ),
    Case(
        "S45",
        "a wrong or an odd coding costs one request like any other",
        (
            Site("/plain", _coded(b"gzip", PLAIN), name="gzip, but plain"),
            Site("/unsaid", _coded(None, gzipped(PLAIN)), name="gzip, unsaid"),
            Site("/raw", _coded(b"deflate", raw_deflate(PLAIN)), name="raw deflate"),
            Site("/x-gzip", _coded(b"x-gzip", gzipped(PLAIN)), name="x-gzip"),
            Site("/br", _unoffered(b"br", brotli_stored(PLAIN)), name="br, not offered"),
            Site("/zstd", _unoffered(b"zstd", zstd_stored(PLAIN)), name="zstd, not offered"),
            Site("/unknown", _coded(b"utf-8", PLAIN), name="unknown"),
        ),
        all_of(one_request(), comes_back()),
    ),
    Case(
        "S51",
        "no request goes over a certificate that is expired, self-signed, another's, or over TLS 1.0, and none unencrypted instead",
        (
            Site("/feed", tagged, host="51.expired", secure=True, name="expired"),
            Site("/feed", tagged, host="51.self", secure=True, name="self-signed"),
            Site("/feed", tagged, host="51.name", secure=True, name="another's"),
            Site("/feed", tagged, host="51.old", secure=True, name="TLS 1.0"),
        ),
        _distrust,
    ),
    Case(
        "S68",
        "where a page was replaced whole, three pages of the archive are followed at most",
        (
            Site("/feed", _replaced, name="prev-archive"),
            *(Site(f"/archive/{n}", _archive, listed=False) for n in range(1, ARCHIVED + 1)),
            Site("/json", _next_pages, name="next_url"),
            *(Site(f"/json/{n}", _next_pages, listed=False) for n in range(1, ARCHIVED + 1)),
        ),
        asked_at_all(_archives),
    ),
    Case(
        "S71",
        "a connection that is closed before any byte is not tried again at once",
        (Site("/feed", _closes),),
        all_of(one_request(), comes_back()),
    ),
    Case(
        "S72",
        "an address of IPv6 alone is asked",
        (Site("/feed", tagged, host="72.six", name="IPv6 alone"),),
        _names,
    ),
)
