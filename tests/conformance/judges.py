"""What several cases are judged by: pure functions of the requests that came; no reader is asked what it made of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise

from .values import MINUTE, Asked, Judge, Judgement, Seen, Verdict

KEPT, BROKEN, NOT_SEEN = Verdict.KEPT, Verdict.BROKEN, Verdict.NOT_SEEN
NEEDS_TIME, NOT_APPLICABLE = Verdict.NEEDS_TIME, Verdict.NOT_APPLICABLE

_WORST_FIRST = (BROKEN, NOT_SEEN, NEEDS_TIME, KEPT, NOT_APPLICABLE)
SLACK = 0.05
"""Seconds that a client's and our clock may differ; of a wait, a fiftieth besides."""


def times(count: int) -> str:
    """Return `once`, `twice`, `5 times`."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def span(seconds: float) -> str:
    """Return a duration in words."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}".replace(".0 ", " ")
    return f"{seconds:.1f} s".replace(".0 ", " ")


def all_of(*judges: Judge) -> Judge:
    """Judge by each of them: the worst verdict holds, with the words of those that came to it."""

    def judge(seen: Seen) -> Judgement:
        found = [judge(seen) for judge in judges]
        worst = min((one.verdict for one in found), key=_WORST_FIRST.index)
        words = dict.fromkeys(one.seen for one in found if one.verdict is worst and one.seen)
        return Judgement(worst, "; ".join(words))

    return judge


def if_clocked(judge: Judge) -> Judge:
    """Judge so where the client polled by a clock of its own; by hand nothing is said."""
    return lambda seen: Judgement(KEPT, "") if seen.by_hand else judge(seen)


def asked_at_all(judge: Judge) -> Judge:
    """Judge so where anything of the case was asked."""

    def judged(seen: Seen) -> Judgement:
        return judge(seen) if seen.asked or seen.knocks else Judgement(NOT_SEEN, "never asked")

    return judged


# --- validators ---


def validators(least: int = 2) -> Judge:
    """
    Judge what was sent back at every host and path against what had been given there.

    The model: each good 2xx replaces both validators, absent ones too; a 304 renews those that it carries; nothing
    else changes them; they go byte for byte to the host and path that gave them. A listed feed that was asked fewer
    than `least` times is not seen.
    """

    def judge(seen: Seen) -> Judgement:
        wrong: Counter[str] = Counter()
        for place in seen.by_place().values():
            wrong.update(_wrong_validators(place))
        count = len(seen.asked)
        if wrong:
            faults = ", ".join(f"{what} on {count}" for what, count in wrong.items())
            return Judgement(BROKEN, f"asked {times(count)}, {faults}")
        rare = [site for site in seen.sites if site.listed and len(seen.at(site.path, site.host)) < least]
        if rare:
            fewest = min(len(seen.at(site.path, site.host)) for site in rare)
            return Judgement(NOT_SEEN, f"a feed of it was asked {times(fewest)}, {least} polls would tell")
        return Judgement(KEPT, f"asked {times(count)}, each with what had been given")

    return asked_at_all(judge)


def _wrong_validators(place: Sequence[Asked]) -> list[str]:
    """Return what is wrong with each request, in words."""
    wrong: list[str] = []
    held: dict[str, bytes | None] = {"If-None-Match": None, "If-Modified-Since": None}
    for one in place:
        for name, expected in held.items():
            sent = one.header(name)
            if sent != expected:
                wrong.append(f"{name} {_fault(sent, expected)}")
        answer = one.answer
        if answer is None or not answer.good or one.left:
            continue
        for name, given in (("If-None-Match", b"ETag"), ("If-Modified-Since", b"Last-Modified")):
            value = answer.header(given)
            if value is not None or answer.status != 304:
                held[name] = value
    return wrong


def _fault(sent: bytes | None, expected: bytes | None) -> str:
    if sent is None:
        return "missing"
    return "sent though none was given" if expected is None else "not what was given last"


def never_sends(name: str, value: bytes, words: str) -> Judge:
    """Judge a header that must not have this value; `words` say where it comes from."""

    def judge(seen: Seen) -> Judgement:
        count = sum(one.header(name) == value for one in seen.asked)
        return Judgement(BROKEN, f"{name} of {words} on {count}") if count else Judgement(KEPT, "")

    return judge


# --- attempts ---


def one_request(words: str = "one request a poll") -> Judge:
    """Judge that no poll asks for the same twice."""

    def judge(seen: Seen) -> Judgement:
        attempts = [part for place in seen.by_place().values() for part in seen.attempts(place)]
        more = [part for part in attempts if len(part) > 1]
        if more:
            most = max(len(part) for part in more)
            return Judgement(BROKEN, f"{len(more)} of {len(attempts)} polls asked again at once, up to {times(most)}")
        return Judgement(KEPT, words)

    return asked_at_all(judge)


def comes_back(least: int = 2) -> Judge:
    """Judge that each listed feed was asked so many times at least; fewer is not seen, as the run may have been short."""

    def judge(seen: Seen) -> Judgement:
        rare = [site for site in seen.sites if site.listed and len(seen.at(site.path, site.host)) < least]
        if not rare:
            return Judgement(KEPT, "asked again afterwards")
        fewest = min(len(seen.at(site.path, site.host)) for site in rare)
        if seen.by_hand and seen.turns > least:
            return Judgement(BROKEN, f"asked {times(fewest)} in {seen.turns} polls")
        return Judgement(NOT_SEEN, f"a feed of it was asked {times(fewest)}, {least} polls would tell")

    return asked_at_all(judge)


# --- time ---


def waits(seen: Seen) -> Judgement:
    """Judge that everybody who asked to be left alone for a time was left alone for it."""
    if not seen.asked:
        return Judgement(NOT_SEEN, "never asked")
    if seen.by_hand:
        return Judgement(NEEDS_TIME, "polled by hand: how long it would stay away by itself is not seen")
    early, kept, open_ = [], 0, 0.0
    for one in seen.asked:
        wait = one.answer.wait if one.answer else 0.0
        if not wait:
            continue
        gap = _next(seen, one) - one.at
        if gap < wait * 0.98 - SLACK and not _is_last(seen, one):
            early.append((gap, wait))
        elif gap < wait * 0.98 - SLACK:
            open_ = max(open_, wait - gap)
        else:
            kept += 1
    if early:
        gap, wait = min(early)
        return Judgement(BROKEN, f"asked again after {span(gap)} where {span(wait)} were due, {times(len(early))}")
    if kept and not open_:
        return Judgement(KEPT, f"left alone for as long as it should be, {times(kept)}")
    if open_:
        return Judgement(NEEDS_TIME, f"left alone so far; {span(open_)} more would tell")
    return Judgement(NOT_SEEN, "asked too seldom to tell")


def _next(seen: Seen, one: Asked) -> float:
    """Return when the next request came that the answer speaks of; the run's end where none did."""
    whole_host = bool(one.answer and one.answer.whole_host)
    later = (
        other.at
        for other in seen.asked
        if other.at > (one.until or one.at) and other.host == one.host and (whole_host or other.path == one.path)
    )
    return min(later, default=seen.until)


def _is_last(seen: Seen, one: Asked) -> bool:
    return _next(seen, one) == seen.until


def returns(seen: Seen) -> Judgement:
    """
    Judge that a reader came back within the time in which a living one does.

    Where time is scaled, one that stays away may keep to a wait of its own that is not: that is not seen.
    """
    if seen.by_hand:
        return Judgement(NEEDS_TIME, "polled by hand: when it would come back by itself is not seen")
    late, back, open_ = [], 0, 0.0
    for one in seen.asked:
        within = one.answer.within if one.answer else 0.0
        if not within:
            continue
        gap = _next(seen, one) - one.at
        if gap > within * 1.02 + 2:
            late.append((gap, within))
        elif _is_last(seen, one):
            open_ = max(open_, within - gap)
        else:
            back += 1
    if late:
        gap, within = max(late)
        if seen.minute != MINUTE:
            return Judgement(NOT_SEEN, f"away for {span(gap)}, which a wait that is not scaled explains too")
        return Judgement(BROKEN, f"away for {span(gap)} where {span(within)} is the most")
    if back:
        return Judgement(KEPT, f"came back {times(back)}")
    return Judgement(NEEDS_TIME if open_ else NOT_SEEN, f"{span(open_)} more would tell" if open_ else "never asked")


def returns_soon(seen: Seen) -> Judgement:
    """Judge that a reader came back within the time that tells; one that polls seldom anyway is not seen."""
    found = returns(seen)
    if found.verdict is BROKEN:
        return Judgement(
            NOT_SEEN, f"{found.seen}; who polls as seldom anyway does the same".replace("is the most", "would tell")
        )
    return found


def keeps_floor(seen: Seen) -> Judgement:
    """Judge that no two polls of a feed lie nearer than the floor."""
    if seen.by_hand:
        return Judgement(NEEDS_TIME, "polled by hand")
    floor = seen.floor * seen.minute
    gaps = [
        later.at - earlier.at
        for site in seen.sites
        if site.listed
        for earlier, later in pairwise(seen.at(site.path, site.host))
    ]
    early = [gap for gap in gaps if gap < floor * 0.98 - SLACK]
    if early:
        return Judgement(
            BROKEN, f"polled again after {span(min(early))}, {times(len(early))}; {span(floor)} is the floor"
        )
    if not gaps:
        return Judgement(NEEDS_TIME, "no feed of it was polled twice")
    return Judgement(KEPT, f"never nearer than {span(min(gaps))}")


def unscaled(judge: Judge) -> Judge:
    """Judge so where time is not scaled: what the case says counts in hours that cannot be."""
    said = Judgement(NEEDS_TIME, "it counts in whole minutes or hours, which cannot be scaled")
    return lambda seen: judge(seen) if seen.by_hand or seen.minute == MINUTE else said


# --- redirects ---


def starts_at(origin: tuple[str, str], target: tuple[str, str], *, hours: float = 0.0) -> Judge:
    """
    Judge that the target was asked only by being led there from the origin; both as host and path.

    With `hours` only in the first so many hours: afterwards a permanent move may be believed.
    """

    def judge(seen: Seen) -> Judgement:
        began = seen.asked[0].at if seen.asked else 0.0
        end = began + hours * 60 * seen.minute if hours else float("inf")
        led, direct = 0, 0
        for one in seen.asked:
            if (one.host, one.path) == origin:
                led += 1
            elif (one.host, one.path) == target and one.at <= end:
                direct += led < 1
                led = max(0, led - 1)
        count = len(seen.at(origin[1], origin[0]))
        if direct:
            return Judgement(BROKEN, f"the target was asked directly {times(direct)}")
        if count < 2 or not seen.at(target[1], target[0]):
            return Judgement(NOT_SEEN, f"asked {times(count)}, the target {times(len(seen.at(target[1], target[0])))}")
        return Judgement(KEPT, f"each of {count} polls began at the original address")

    return asked_at_all(judge)


# --- handshakes, hanging up ---


def hangs_up(seconds: float, words: str) -> Judge:
    """Judge that the client ended each slow answer itself, within so many seconds (of the wall, never scaled)."""

    def judge(seen: Seen) -> Judgement:
        slow = [(one.until - one.at, one.left) for one in seen.asked if one.until and "slow" in one.notes]
        slow += [(knock.until - knock.at, knock.why == "left") for knock in seen.knocks]
        if not slow:
            return Judgement(NOT_SEEN, "never asked, or the answer still lasts")
        held = [took for took, left in slow if not left or took > seconds]
        if held:
            return Judgement(BROKEN, f"{words}: {len(held)} of {len(slow)} were borne for {span(max(held))}")
        return Judgement(KEPT, f"left after {span(max(took for took, _ in slow))} at most")

    return judge


def count_of(what: Callable[[Asked], bool], words: str) -> Judge:
    """Judge that no request is so; `words` say what it is."""

    def judge(seen: Seen) -> Judgement:
        bad = sum(map(what, seen.asked))
        return Judgement(BROKEN, f"{words} on {bad} of {len(seen.asked)}") if bad else Judgement(KEPT, "")

    return judge
