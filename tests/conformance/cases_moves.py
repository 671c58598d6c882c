"""Cases S32 to S40, S47: where answers lead, and when they are believed."""

from __future__ import annotations

import re
from collections import Counter

from .cases_asking import A, matched, tagged
from .documents import etag, moves, ok, page, rss, says
from .judges import (
    BROKEN,
    KEPT,
    NOT_APPLICABLE,
    NOT_SEEN,
    all_of,
    asked_at_all,
    comes_back,
    one_request,
    starts_at,
    times,
    validators,
)
from .values import Answer, Asked, Case, Judge, Judgement, Play, Seen, Site

DAYS_OF_PROOF = 48.0
SECRETS = ("Authorization", "X-Api-Key", "Cookie")


def leads(status: int, host: str, path: str = "/new") -> Play:
    """Play a redirect to a site of the suite."""
    return lambda asked: moves(status, asked.url(host, path))


def once(first: Play, later: Play) -> Play:
    """Play one thing first and another afterwards."""
    return lambda asked: later(asked) if asked.nth else first(asked)


def _portal(asked: Asked) -> Answer:
    """Play a good feed that a portal stands before at the second and third poll."""
    return moves(301, asked.url("34.portal", "/login")) if asked.nth in (1, 2) else tagged(asked)


def _portalled(seen: Seen) -> Judgement:
    originals = Counter(one.host for one in seen.asked if one.host != "34.portal")
    if len(originals) < 5 or min(originals.values()) < 4:
        fewest = min(originals.values(), default=0) if len(originals) == 5 else 0
        if seen.by_hand and seen.turns > 3 and originals:
            return Judgement(BROKEN, f"a feed was asked at its own address {times(fewest)} in {seen.turns} polls")
        return Judgement(NOT_SEEN, f"asked {times(fewest)}; the portal is gone at the fourth poll")
    led = sum(1 for one in seen.asked if one.answer and one.answer.status == 301)
    at_portal = len(seen.at("/login"))
    if at_portal > led:
        return Judgement(BROKEN, f"the portal was asked directly {times(at_portal - led)}")
    return Judgement(KEPT, "each went on at its own address after the portal had gone")


def _taken_back(seen: Seen) -> Judgement:
    old, new = len(seen.at("/feed")), len(seen.at("/new"))
    if new > 1:
        return Judgement(BROKEN, f"the new address was asked {times(new)}, and led to once")
    if old < 2 or not new:
        return Judgement(NOT_SEEN, f"asked {times(old)}, the new address {times(new)}")
    return Judgement(KEPT, f"asked at the old address {times(old)}, at the new one once")


LONGEST_CHAIN = 6
"""Requests of a chain of redirects, the first one and five hops."""


def _hops(asked: Asked) -> Answer:
    step = int(asked.path.rpartition("/")[2])
    return moves(302, asked.url("37", f"/chain/{step + 1}"))


def _endless(seen: Seen) -> Judgement:
    if not seen.asked:
        return Judgement(NOT_SEEN, "never asked")
    worst: list[str] = []
    for words, prefix, most in (
        ("a loop of two", "/loop", 2),
        ("a loop to itself", "/self", 1),
        ("a chain without an end", "/chain", LONGEST_CHAIN),
        ("a redirect without an address", "/nowhere", 1),
    ):
        asked = [one for one in seen.asked if one.path.startswith(prefix)]
        longest = max((len(attempt) for attempt in seen.attempts(asked)), default=0)
        if longest > most:
            worst.append(f"{words} cost {longest} requests, {most} at most are needed")
    return (
        Judgement(BROKEN, "; ".join(worst))
        if worst
        else Judgement(KEPT, "stopped at the first repeat or the fifth hop")
    )


def _upgraded(seen: Seen) -> Judgement:
    plain = [one for one in seen.asked if not one.secure]
    secure = [one for one in seen.asked if one.secure]
    if not secure:
        if seen.knocks:
            return Judgement(NOT_APPLICABLE, f"the client does not trust the suite's authority ({seen.knocks[0].why})")
        return Judgement(NOT_SEEN, f"asked {times(len(plain))} by http, never by https")
    if len(secure) < 2:
        return Judgement(NOT_SEEN, "asked once by https, a second poll would tell")
    if len(plain) > 1:
        return Judgement(BROKEN, f"asked {times(len(plain))} by http although https had answered well")
    return Judgement(KEPT, f"by http once, then by https {times(len(secure))}")


def _secrets(seen: Seen) -> Judgement:
    own = [one for one in seen.asked if one.host == "39"]
    other = [one for one in seen.asked if one.host == "39.other"]
    sent = [name for name in SECRETS if any(one.header(name) is not None for one in own)]
    if not sent:
        return Judgement(
            NOT_APPLICABLE if own else NOT_SEEN, "no secret was sent; give the client one for this feed to see"
        )
    leaked = [name for name in SECRETS if any(one.header(name) is not None for one in other)]
    if leaked:
        return Judgement(BROKEN, f"{', '.join(leaked)} went to the other host too")
    if not other:
        return Judgement(NOT_SEEN, "the redirect was not followed")
    return Judgement(KEPT, f"{', '.join(sent)} stayed at the first host")


LOCATIONS: dict[str, tuple[bytes, str]] = {
    "relative": (b"relative/other", "/relative/other"),
    "space": (b"/space/x y", "/space/x%20y"),
    "fragment": (b"/fragment/feed.xml#top", "/fragment/feed.xml"),
    "letters": ("/letters/caf\u00e9".encode(), "/letters/caf%C3%A9"),
}
"""What Location says, and the path that is meant; `//host/path` stands apart, as its host is known late."""


def _says_location(said: bytes) -> Play:
    return lambda _: moves(302, said)


def _location_sites() -> tuple[Site, ...]:
    sites = [Site(f"/{name}", _says_location(said), name=name) for name, (said, _) in LOCATIONS.items()]
    sites += [Site(path, tagged, listed=False) for _, path in LOCATIONS.values()]
    sites.append(
        Site("/host", lambda asked: moves(302, asked.url("40.other", "/x").partition(":")[2]), name="//host/path")
    )
    return (*sites, Site("/x", tagged, host="40.other", listed=False))


def _escapes_in_capitals(path: str) -> str:
    """Return the path with its escapes as RFC 3986 would have them; both spellings mean the same."""
    return re.sub("%[0-9a-fA-F]{2}", lambda found: found[0].upper(), path)


def _located(seen: Seen) -> Judgement:
    wanted = {name: ("40", path) for name, (_, path) in LOCATIONS.items()} | {"host": ("40.other", "/x")}
    asked = {(one.host, _escapes_in_capitals(one.path)) for one in seen.asked}
    begun = [name for name in wanted if ("40", f"/{name}") in asked]
    if len(begun) < len(wanted):
        return Judgement(NOT_SEEN, f"{len(begun)} of {len(wanted)} feeds were asked")
    missed = [name for name, place in wanted.items() if place not in asked]
    if asked == {("40", f"/{name}") for name in wanted}:
        return Judgement(NOT_SEEN, "no redirect was followed")
    if missed:
        odd = sorted(
            path for host, path in asked if (host, path) not in wanted.values() and path.strip("/") not in wanted
        )
        return Judgement(
            BROKEN, f"not followed: {', '.join(missed)}" + (f"; asked for {', '.join(odd)} instead" if odd else "")
        )
    return Judgement(KEPT, "each led to where it should")


ALTERNATE = "<link rel='alternate' type='application/rss+xml' href='/found'>"


def _page_in_its_place(asked: Asked) -> Answer:
    if not asked.nth:
        return ok(None, A)
    return Answer(200, ((b"Content-Type", b"text/html"), etag("page")), page("Moved in", ALTERNATE), good=False)


def not_believed(value: bytes, words: str, least: int = 3) -> Judge:
    """Judge that the tag of what was no feed never comes back; a reader that sends no tags at all loses nothing."""

    def judge(seen: Seen) -> Judgement:
        taken = sum(one.header("If-None-Match") == value for one in seen.asked)
        if taken:
            return Judgement(BROKEN, f"sent the tag of {words} {times(taken)}")
        if any(one.header("If-None-Match") or one.header("If-Modified-Since") for one in seen.asked):
            return validators(least)(seen)
        return comes_back(least)(seen)

    return asked_at_all(judge)


def _page_not_believed(seen: Seen) -> Judgement:
    found = len(seen.at("/found"))
    if found:
        return Judgement(BROKEN, f"the feed that the page names was asked {times(found)} in place of its own address")
    return not_believed(b'"page"', "a page")(seen)


CASES = (
    Case(
        "S32",
        "a permanent move is followed from the original address, until days have proven it; validators stay with their address",
        (
            Site("/feed", leads(301, "32.new"), host="32"),
            Site(
                "/new",
                lambda asked: says(304) if matched(asked, b'"n"') else ok(None, etag("n")),
                host="32.new",
                listed=False,
            ),
        ),
        all_of(starts_at(("32", "/feed"), ("32.new", "/new"), hours=DAYS_OF_PROOF), validators()),
    ),
    Case(
        "S33",
        "a move that is taken back is never believed",
        (Site("/feed", once(leads(301, "33"), tagged)), Site("/new", lambda _: ok(rss("1")), listed=False)),
        _taken_back,
    ),
    Case(
        "S34",
        "a portal that takes every feed in for two polls is forgotten",
        (
            *(Site("/feed", _portal, host=f"34.{n}", name=f"feed {n} of 5") for n in range(1, 6)),
            Site(
                "/login",
                lambda _: Answer(200, ((b"Content-Type", b"text/html"),), page("Log in"), good=False),
                host="34.portal",
                listed=False,
            ),
        ),
        _portalled,
    ),
    Case(
        "S35",
        "a temporary move (302, 303, 307) is followed anew every time",
        tuple(
            site
            for status in (302, 303, 307)
            for site in (
                Site(f"/{status}", leads(status, "35", f"/to-{status}"), name=str(status)),
                Site(f"/to-{status}", tagged, listed=False),
            )
        ),
        all_of(*(starts_at(("35", f"/{status}"), ("35", f"/to-{status}")) for status in (302, 303, 307))),
    ),
    Case(
        "S36",
        "a chain is believed at most up to its first temporary step",
        (
            Site("/feed", leads(301, "36", "/mid")),
            Site("/mid", leads(302, "36", "/last"), listed=False),
            Site("/last", tagged, listed=False),
        ),
        all_of(
            starts_at(("36", "/mid"), ("36", "/last")), starts_at(("36", "/feed"), ("36", "/mid"), hours=DAYS_OF_PROOF)
        ),
    ),
    Case(
        "S37",
        "a chain without an end is left at the first repeat or after five hops",
        (
            Site("/loop/a", leads(301, "37", "/loop/b"), name="a loop of two"),
            Site("/loop/b", leads(301, "37", "/loop/a"), listed=False),
            Site("/self", leads(301, "37", "/self"), name="a loop to itself"),
            Site("/chain/0", _hops, name="without an end"),
            *(Site(f"/chain/{n}", _hops, listed=False) for n in range(1, 60)),
            Site("/nowhere", lambda _: Answer(301, good=False), name="no Location"),
        ),
        _endless,
    ),
    Case(
        "S38",
        "a move to https on the same host and path is believed after one good poll",
        (
            Site(
                "/feed",
                lambda asked: tagged(asked) if asked.secure else moves(301, asked.url("38", "/feed", secure=True)),
            ),
        ),
        _upgraded,
    ),
    Case(
        "S39",
        "what is secret stays at the host that it is for",
        (Site("/feed", leads(302, "39.other"), host="39"), Site("/new", tagged, host="39.other", listed=False)),
        _secrets,
    ),
    Case("S40", "a Location is read as browsers read it", _location_sites(), _located),
    Case(
        "S47",
        "a page in the feed's place changes neither the address nor the validators",
        (Site("/feed", _page_in_its_place), Site("/found", lambda _: ok(rss("other")), listed=False)),
        asked_at_all(_page_not_believed),
    ),
    Case(
        "S48",
        "an empty answer is no feed: the validators of the last one stay",
        (
            Site(
                "/empty",
                once(lambda _: ok(None, A), lambda _: Answer(200, (etag("empty"),), b"", good=False)),
                name="200",
            ),
            Site(
                "/nothing",
                once(lambda _: ok(None, A), lambda _: Answer(204, (etag("empty"),), b"", good=False)),
                name="204",
            ),
            Site(
                "/blank",
                once(lambda _: ok(None, A), lambda _: Answer(200, (etag("empty"),), b" \n\t ", good=False)),
                name="white space",
            ),
        ),
        all_of(one_request(), not_believed(b'"empty"', "an empty answer"), comes_back(3)),
    ),
)
