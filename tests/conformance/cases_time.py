"""Cases S16 to S31, S52, S54: how long a publisher is left alone, and who comes back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from .cases_asking import A, matched, tagged
from .documents import ok, rss, says
from .judges import (
    BROKEN,
    KEPT,
    NEEDS_TIME,
    NOT_SEEN,
    all_of,
    comes_back,
    if_clocked,
    keeps_floor,
    one_request,
    returns,
    returns_soon,
    times,
    unscaled,
    waits,
)
from .values import Answer, Asked, Case, Judgement, Play, Seen, Site, Wire

HOUR, DAY = 60, 24 * 60
"""In minutes, scaled or not."""
SLACK_OF_A_START = 0.1
"""Seconds by which two starts may lie nearer on the wire than they did in a busy client."""


def _cached(value: str, minutes: float, *, within: float = 0) -> Play:
    """Play a feed whose Cache-Control says so, seconds standing for `{s}`; `minutes` are what it asks for."""

    def play(asked: Asked) -> Answer:
        said = value.replace("{s}", str(asked.seconds(minutes)))
        headers = (A, (b"Cache-Control", said.encode()))
        wait, back = asked.seconds(minutes), asked.seconds(within) if within else 0
        if matched(asked):
            return Answer(304, headers, wait=wait, within=back)
        return ok(None, *headers, wait=wait, within=back)

    return play


def _on_304_alone(asked: Asked) -> Answer:
    if matched(asked):
        wait = asked.seconds(2 * HOUR)
        return says(304, A, (b"Cache-Control", b"max-age=%d" % wait), wait=wait)
    return ok(None, A)


def _aged(asked: Asked) -> Answer:
    said = (b"Cache-Control", b"max-age=%d" % asked.seconds(2 * HOUR)), (b"Age", b"%d" % asked.seconds(HOUR))
    return ok(None, A, *said, wait=asked.seconds(HOUR) - 1)


def _expires_too(asked: Asked) -> Answer:
    said = (b"Cache-Control", b"max-age=%d" % asked.seconds(10)), (b"Expires", asked.date(10 * HOUR))
    return ok(None, A, *said, within=asked.seconds(9 * HOUR))


def _wrong_clock(asked: Asked) -> Answer:
    off = 5 * HOUR
    said = (b"Date", asked.date(0, off=off)), (b"Expires", asked.date(3 * HOUR, off=off))
    return ok(None, A, *said, wait=asked.seconds(3 * HOUR) - 1, within=asked.seconds(7 * HOUR))


def _hinted(extra: str, minutes: float, *, within: float = 0) -> Play:
    return lambda asked: ok(
        rss("1", extra=extra), wait=asked.seconds(minutes), within=asked.seconds(within) if within else 0
    )


def _skipping(asked: Asked) -> Answer:
    """List the three hours after the one of the first request, by GMT."""
    first = asked.now - timedelta(seconds=asked.at - asked.first)
    hours = "".join(f"<hour>{(first.hour + ahead) % 24}</hour>" for ahead in (1, 2, 3))
    return ok(rss("1", extra=f"<skipHours>{hours}</skipHours>"), A)


def _skipped(seen: Seen) -> Judgement:
    if not seen.asked:
        return Judgement(NOT_SEEN, "never asked")
    if seen.by_hand:
        return Judgement(NEEDS_TIME, "polled by hand")
    first = seen.asked[0].now
    ahead = [
        int((one.now.replace(minute=0, second=0) - first.replace(minute=0, second=0)).total_seconds() // 3600)
        for one in seen.asked
    ]
    bad = sum(1 <= hour % 24 <= 3 for hour in ahead)
    if bad:
        return Judgement(BROKEN, f"asked in an hour that is listed {times(bad)}")
    if seen.until - seen.asked[0].at < 4 * 3600:
        return Judgement(NEEDS_TIME, "four hours from the first poll would tell")
    return Judgement(KEPT, "never asked in an hour that is listed")


def _refuses_once(status: int, value: bytes | None, minutes: float, *more: tuple[bytes, bytes]) -> Play:
    """Play a refusal first, a good feed afterwards; `{s}` of the value is `minutes` in seconds."""

    def play(asked: Asked) -> Answer:
        if asked.nth:
            return tagged(asked)
        said = () if value is None else ((b"Retry-After", value.replace(b"{s}", b"%d" % asked.seconds(minutes))),)
        return says(status, *said, *more, wait=asked.seconds(minutes), whole_host=status == 429)

    return play


def _dated(form: str, minutes: float) -> Play:
    """Play a 429 whose Retry-After is a date of that form; dates hold whole seconds, so one is given away."""

    def play(asked: Asked) -> Answer:
        if asked.nth:
            return tagged(asked)
        at = (asked.now + timedelta(seconds=asked.seconds(minutes))).astimezone(UTC)
        date = (b"Date", asked.date(0, off=0))
        return says(
            429, (b"Retry-After", _written(at, form)), date, wait=max(0, asked.seconds(minutes) - 1), whole_host=True
        )

    return play


def _written(at: datetime, form: str) -> bytes:
    """Return the date by the form; names of days and months never follow the locale."""
    days = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    parts = {
        "day": days[at.weekday()],
        "short": days[at.weekday()][:3],
        "month": months[at.month - 1],
        "d": f"{at.day:2d}",
    }
    return at.strftime(form.format(**parts)).encode()


def _too_much(asked: Asked) -> Answer:
    if asked.nth:
        return tagged(asked)
    days = asked.seconds(400 * DAY)
    return says(429, (b"Retry-After", b"%d" % days), wait=asked.seconds(DAY), within=asked.seconds(8 * DAY))


def _two_days(asked: Asked) -> Answer:
    if asked.nth:
        return tagged(asked)
    wait = asked.seconds(2 * DAY)
    return says(429, (b"Cache-Control", b"max-age=%d" % wait), wait=wait, whole_host=True)


def _failing(asked: Asked) -> Answer:
    if asked.nth >= 8:
        return tagged(asked)
    return says(500, wait=asked.seconds(min(HOUR * 2**asked.nth, DAY)), within=asked.seconds(27 * HOUR))


def _dead_for_months(asked: Asked) -> Answer:
    if asked.at - asked.first > asked.seconds(60 * DAY):
        return tagged(asked)
    return says(502, within=asked.seconds(27 * HOUR))


def _two_months(seen: Seen) -> Judgement:
    if seen.asked and not seen.by_hand and seen.until - seen.asked[0].at < 60 * DAY * seen.minute:
        return Judgement(NEEDS_TIME, "two months would tell")
    return returns(seen)


def _not_found(asked: Asked) -> Answer:
    if not asked.nth:
        return ok()
    late = asked.at - asked.first > asked.seconds(16 * DAY)
    return says(404, wait=asked.seconds(6.9 * DAY) if late else 0, within=asked.seconds((8 if late else 1.2) * DAY))


def _gone_once(asked: Asked) -> Answer:
    return says(410, wait=asked.seconds(23 * HOUR)) if asked.nth == 1 else ok(rss(asked.nth))


def _gone_twice(seen: Seen) -> Judgement:
    gone = [one for one in seen.asked if one.answer and one.answer.status == 410]
    if len(gone) > 2:
        return Judgement(BROKEN, f"asked {times(len(gone) - 2)} more after it had been gone twice")
    if len(gone) < 2:
        return Judgement(NOT_SEEN, f"asked {times(len(seen.asked))}, the third answer would be the second 410")
    later = seen.turns > gone[1].turn if seen.by_hand else seen.until - gone[1].at > 2 * DAY * seen.minute
    if not later:
        return Judgement(NOT_SEEN if seen.by_hand else NEEDS_TIME, "what comes after the second 410 was not seen")
    return Judgement(KEPT, "not asked any more after the second 410")


def _refused(status: int, *headers: tuple[bytes, bytes]) -> Play:
    return lambda asked: says(status, *headers, wait=asked.seconds(4 * HOUR))


def _one_name(seen: Seen) -> Judgement:
    """A feed's own number may stand in the name; at one feed it stays the same."""
    most = max((len({one.header("User-Agent") for one in place}) for place in seen.by_place().values()), default=0)
    if most > 1:
        return Judgement(BROKEN, f"came under {most} names to one feed")
    return Judgement(KEPT, "one request a poll under one name")


async def _slowly(wire: Wire) -> None:
    await wire.pause(0.3)
    body = rss("1")
    await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)


def _crowd(seen: Seen) -> Judgement:
    """One at a time, a second apart; how soon the next poll by hand begins is the hand's."""
    asked = sorted(seen.asked, key=lambda one: one.at)
    if len(asked) < 2:
        return Judgement(NOT_SEEN, f"asked {times(len(asked))}")
    most = max(sum(o.at <= one.at < (o.until or seen.until) for o in asked) for one in asked)
    nearest = min(
        (b.at - a.at + a.lag for a, b in pairwise(asked) if not seen.by_hand or a.turn == b.turn), default=float("inf")
    )
    if most > 1 or nearest < 1 - SLACK_OF_A_START:
        return Judgement(
            BROKEN, f"up to {most} requests at once, {nearest:.2f} s apart at the nearest; 1 and 1 s are asked for"
        )
    return Judgement(KEPT, f"one at a time, {nearest:.1f} s apart at least")


CASES = (
    Case(
        "S16",
        "freshness is kept to: max-age on a 200, on a 304 alone, in capitals and quotes, less the Age",
        (
            Site("/feed", _cached("max-age={s}", 2 * HOUR), name="max-age"),
            Site("/on-304", _on_304_alone, name="on 304 alone"),
            Site("/capitals", _cached('MAX-AGE="{s}"', 2 * HOUR), name="in capitals"),
            Site("/aged", _aged, name="with an Age"),
        ),
        waits,
    ),
    Case(
        "S17",
        "a short max-age makes nobody come before the floor",
        (Site("/feed", _cached("max-age={s}", 1)),),
        keeps_floor,
    ),
    Case(
        "S18",
        "a max-age of 30 years, of 2^63, below zero or of text takes no feed away for longer than 48 h",
        (
            Site("/years", _cached("max-age=1000000000", 0, within=53 * HOUR), name="30 years"),
            Site("/overflow", _cached("max-age=9223372036854775808", 0, within=53 * HOUR), name="2^63"),
            Site("/negative", _cached("max-age=-1", 0, within=27 * HOUR), name="negative"),
            Site("/text", _cached("max-age=soon", 0, within=27 * HOUR), name="text"),
        ),
        returns,
    ),
    Case("S19", "beside a max-age, Expires says nothing", (Site("/feed", _expires_too),), returns_soon),
    Case(
        "S20",
        "Expires is read against the server's own Date, five hours off",
        (Site("/feed", _wrong_clock),),
        all_of(waits, returns_soon),
    ),
    Case(
        "S21",
        "a ttl may lengthen the interval, to a day at most; nonsense says nothing",
        (
            Site("/ttl", _hinted("<ttl>180</ttl>", 3 * HOUR), name="ttl"),
            Site(
                "/sy",
                _hinted("<sy:updatePeriod>hourly</sy:updatePeriod><sy:updateFrequency>2</sy:updateFrequency>", 58),
                name="sy",
            ),
            Site("/huge", _hinted("<ttl>999999</ttl>", 0, within=27 * HOUR), name="huge ttl"),
            Site("/text", _hinted("<ttl>abc</ttl>", 0, within=27 * HOUR), name="ttl of text"),
        ),
        unscaled(all_of(waits, returns)),
    ),
    Case("S22", "no poll in the hours that skipHours lists", (Site("/feed", _skipping),), unscaled(_skipped)),
    Case(
        "S23",
        "a 429 with Retry-After keeps everybody from the whole host",
        (
            Site("/feed", _refuses_once(429, b"{s}", 2 * HOUR), name="refused"),
            Site("/other", tagged, name="beside it"),
        ),
        waits,
    ),
    Case(
        "S24",
        "Retry-After is read in every form, what is none means hours, and a year is no year",
        (
            Site("/feed", _dated("{short}, %d {month} %Y %H:%M:%S GMT", 3 * HOUR), host="24", name="a date"),
            Site("/feed", _dated("{day}, %d-{month}-%y %H:%M:%S GMT", 3 * HOUR), host="24.old", name="RFC 850"),
            Site("/feed", _dated("{short} {month} {d} %H:%M:%S %Y", 3 * HOUR), host="24.asc", name="asctime"),
            Site("/feed", _refuses_once(429, b"Sun, 01 Mar 2020 00:00:00 GMT", 4 * HOUR), host="24.past", name="past"),
            Site("/feed", _refuses_once(429, b"-5", 4 * HOUR), host="24.less", name="negative"),
            Site("/feed", _refuses_once(429, b"1e3", 4 * HOUR), host="24.odd", name="1e3"),
            Site("/feed", _too_much, host="24.year", name="400 days"),
            Site("/feed", _two_days, host="24.fresh", name="max-age"),
        ),
        all_of(waits, if_clocked(returns)),
    ),
    Case(
        "S25",
        "a 503 is waited for as long as it says, or an hour",
        (
            Site("/feed", _refuses_once(503, b"{s}", 3 * HOUR), host="25", name="with Retry-After"),
            Site("/feed", _refuses_once(503, None, HOUR), host="25.bare", name="without"),
        ),
        waits,
    ),
    Case(
        "S26",
        "each error in a row doubles the wait up to a day, and none is tried again at once",
        (Site("/feed", _failing),),
        all_of(one_request(), waits, if_clocked(returns)),
    ),
    Case(
        "S27",
        "a feed dead for two months is asked daily and comes back by itself",
        (Site("/feed", _dead_for_months),),
        _two_months,
    ),
    Case(
        "S28",
        "what is not found is asked daily, after two weeks weekly, never given up",
        (Site("/feed", _not_found),),
        all_of(one_request(), waits, if_clocked(returns)),
    ),
    Case(
        "S29",
        "gone once is not gone: it is asked again, a day later",
        (Site("/feed", _gone_once),),
        all_of(one_request(), comes_back(3), if_clocked(waits)),
    ),
    Case(
        "S30",
        "gone twice is gone",
        (Site("/feed", lambda asked: says(410) if asked.nth else ok()),),
        _gone_twice,
    ),
    Case(
        "S31",
        "a refusal (401, 403, a challenge) is one request under one name, and four hours of rest",
        (
            Site("/feed", _refused(401), host="31", name="401"),
            Site("/feed", _refused(403), host="31.forbidden", name="403"),
            Site("/feed", _refused(403, (b"cf-mitigated", b"challenge")), host="31.challenge", name="a challenge"),
        ),
        all_of(comes_back(), one_request(), _one_name, if_clocked(waits)),
    ),
    Case(
        "S52",
        "many feeds of one host are asked one at a time, a second apart",
        tuple(Site(f"/{n}", lambda _: Answer(play=_slowly), name=f"feed {n} of 6") for n in range(1, 7)),
        _crowd,
    ),
)
