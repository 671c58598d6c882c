"""Cases S01 to S15, S59 to S61: what is sent with a request, and what of an answer is sent back."""

from __future__ import annotations

from .documents import etag, json_feed, modified, ok, rss, says
from .judges import (
    BROKEN,
    KEPT,
    NOT_APPLICABLE,
    NOT_SEEN,
    all_of,
    asked_at_all,
    comes_back,
    count_of,
    if_clocked,
    keeps_floor,
    one_request,
    times,
    validators,
    waits,
)
from .values import Answer, Asked, Case, Judgement, Play, Seen, Site

A, B = etag("a"), etag("b")
THEN = modified(b"Sun, 01 Mar 2026 00:00:00 GMT")


def matched(asked: Asked, value: bytes = b'"a"') -> bool:
    """Return whether the tag came back."""
    return asked.header("If-None-Match") == value


def tagged(asked: Asked) -> Answer:
    """Play the plainest good publisher: a tag, and 304 where it comes back."""
    return says(304) if matched(asked) else ok(None, A)


def fixed(*headers: tuple[bytes, bytes]) -> Play:
    """Play a 200 with these headers every time."""
    return lambda _: ok(None, *headers)


def then(first: Answer, *later: Answer) -> Play:
    """Play one answer after the other, the last one from then on."""
    answers = (first, *later)
    return lambda asked: answers[min(asked.nth, len(answers) - 1)]


def _touched(asked: Asked) -> Answer:
    return ok(None, etag(f"touch {asked.nth}"), modified(f"day {asked.nth}".encode()))


def conditional(asked: Asked) -> bool:
    """Return whether the request may be answered with a 304 at all."""
    return asked.header("If-None-Match") is not None or asked.header("If-Modified-Since") is not None


def _renewed(asked: Asked) -> Answer:
    return says(304, etag(f"renewed {asked.nth}")) if asked.nth and conditional(asked) else ok(None, A)


def _bare(asked: Asked) -> Answer:
    return says(304) if asked.nth and conditional(asked) else ok(None, A, THEN)


def _uncached(*headers: tuple[bytes, bytes]) -> Play:
    return lambda asked: says(304, *headers) if matched(asked) else ok(None, A, *headers)


def _changes_only(asked: Asked) -> Answer:
    """Play a publisher that sends a difference to whoever says that it can read one."""
    able = b"feed" in (asked.header("A-IM") or b"") and asked.header("If-None-Match") is not None
    tag = etag(f"state {asked.nth}")
    if able:
        return Answer(226, ((b"IM", b"feed"), (b"Content-Type", b"application/rss+xml"), tag), rss(f"new {asked.nth}"))
    return ok(rss(f"new {asked.nth}", "1", "2"), tag)


def _differences(seen: Seen) -> Judgement:
    able = [one for one in seen.asked if one.header("A-IM") is not None]
    if not seen.asked:
        return Judgement(NOT_SEEN, "never asked")
    if not able:
        return Judgement(NOT_APPLICABLE, "never asks for differences (A-IM), which it need not")
    bare = sum(one.header("If-None-Match") is None for one in able)
    if bare:
        return Judgement(BROKEN, f"A-IM without a tag {times(bare)}")
    return validators(3)(seen)


ALL = (
    count_of(lambda one: one.method != "GET", "another method than GET"),
    count_of(lambda one: b"://" not in (one.header("User-Agent") or b""), "no address in the User-Agent"),
    count_of(lambda one: one.header("Referer") is not None, "a Referer"),
    count_of(lambda one: one.header("Range") is not None, "a Range"),
    count_of(lambda one: "?" in one.path, "a query that nobody gave it"),
)


def _everything(seen: Seen) -> Judgement:
    said = all_of(*ALL)(seen)
    return Judgement(KEPT, f"on all {len(seen.asked)} requests") if said.verdict is KEPT else said


CASES = (
    Case(
        "all",
        "GET alone, a User-Agent with an address to open, no Referer, no Range, nothing added to the URL",
        (),
        asked_at_all(_everything),
    ),
    Case(
        "S01",
        "the ETag comes back from the second poll on, and polls keep to their floor",
        (Site("/feed", tagged),),
        all_of(validators(), if_clocked(keeps_floor)),
    ),
    Case(
        "S02",
        "any ETag comes back byte for byte: weak, with a comma, unquoted, of 2 KB, with a byte beyond ASCII",
        (
            Site("/weak", fixed(etag(b'W/"a"')), name="weak"),
            Site("/comma", fixed(etag(b'"a,b"')), name="with a comma"),
            Site("/unquoted", fixed(etag(b"abc")), name="unquoted"),
            Site("/long", fixed(etag(b'"' + b"x" * 2048 + b'"')), name="long"),
            Site("/latin", fixed(etag(b'"caf\xe9"')), name="beyond ASCII"),
        ),
        validators(),
    ),
    Case(
        "S03",
        "any Last-Modified comes back byte for byte, nonsense and lower case too",
        (
            Site("/date", fixed(THEN), name="a date"),
            Site("/nonsense", fixed(modified(b"Tue, 31 Foo")), name="nonsense"),
            Site("/lower", fixed(modified(b"sun, 01 mar 2026 00:00:00 gmt")), name="lower case"),
        ),
        validators(),
    ),
    Case(
        "S04",
        "both validators are sent at every poll",
        (Site("/feed", _bare),),
        validators(3),
    ),
    Case("S05", "a feed that is only touched gives its newest validators", (Site("/feed", _touched),), validators(3)),
    Case(
        "S06",
        "each validator is renewed on its own",
        (
            Site("/tag", lambda asked: ok(None, etag(f"{asked.nth}"), THEN), name="new ETag"),
            Site("/date", lambda asked: ok(None, A, modified(b"day %d" % asked.nth)), name="new date"),
        ),
        validators(3),
    ),
    Case("S07", "a 304 may give a new ETag", (Site("/feed", _renewed),), validators(3)),
    Case("S08", "a bare 304 changes no validator", (Site("/feed", _bare),), validators(3)),
    Case(
        "S09",
        "validators that a 200 does not carry any more are forgotten",
        (Site("/feed", then(ok(None, A, THEN), ok(rss("1", "2", "3")))),),
        validators(4),
    ),
    Case(
        "S12",
        "a feed that never gives a validator is polled every two hours at most",
        (Site("/feed", lambda asked: ok(wait=asked.seconds(120) if asked.nth >= 2 else 0)),),
        all_of(asked_at_all(validators()), waits),
    ),
    Case(
        "S13",
        "`Expires: 0` and `no-store` take no validator away",
        (
            Site("/expires", _uncached((b"Expires", b"0")), name="Expires: 0"),
            Site("/no-store", _uncached((b"Cache-Control", b"no-store")), name="no-store"),
        ),
        validators(3),
    ),
    Case(
        "S14",
        "differences (226) are asked for with a tag only, and their tag is the next one sent",
        (Site("/feed", _changes_only),),
        _differences,
    ),
    Case(
        "S15",
        "a 304 that nobody asked for is no answer: its tag is not taken, and nothing is asked again at once",
        (Site("/feed", then(Answer(304, (A,), good=False), Answer(304, (A,), good=False))),),
        all_of(one_request(), validators(), comes_back()),
    ),
    Case(
        "S59",
        "no cookie is ever sent back",
        (Site("/feed", lambda asked: ok(rss(asked.nth), (b"Set-Cookie", b"id=%d; Path=/" % asked.nth))),),
        all_of(comes_back(), count_of(lambda one: one.header("Cookie") is not None, "a Cookie")),
    ),
    Case(
        "S61",
        "two sources with one address cost one request a poll",
        (Site("/feed", tagged, times=2),),
        all_of(comes_back(), one_request()),
    ),
    Case(
        "S70",
        "a JSON Feed that has ended is asked weekly at most",
        (
            Site(
                "/feed",
                lambda asked: ok(
                    json_feed("1", expired=True),
                    (b"Content-Type", b"application/feed+json"),
                    wait=asked.seconds(7 * 24 * 60),
                ),
            ),
        ),
        waits,
    ),
)
