"""The judges: what they say of a client that does right, of one that does not, and of one that was hardly seen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conformance.cases import CASES, NOT_FROM_HERE
from conformance.judges import all_of, comes_back, keeps_floor, one_request, returns, validators, waits
from conformance.values import Answer, Asked, Case, Headers, Judgement, Knock, Seen, Site, Verdict

BY_ID = {case.id: case for case in CASES}


def url(host: str, path: str, *, secure: bool = False) -> str:
    return f"{'https' if secure else 'http'}://{host}.example{path}"


class Log:
    """Plays the sites of a case to a client that is written out by hand: host, path, when, with which headers."""

    def __init__(self, case: Case | str, *, by_hand: bool = True, minute: float = 60.0) -> None:
        self.case = BY_ID[case] if isinstance(case, str) else case
        self.by_hand, self.minute = by_hand, minute
        self.asked: list[Asked] = []
        self.knocks: list[Knock] = []
        self.now, self.turns = 0.0, 0

    def poll(self, **headers: str) -> Log:
        """Ask for every listed feed once, following no redirect."""
        self.turns += 1
        for site in self.case.sites:
            if site.listed:
                self.ask(site.path, host=site.host, **headers)
        return self.later(1)

    def ask(self, path: str = "/feed", *, host: str = "", secure: bool = False, **headers: str) -> Log:
        """Ask once; `If_None_Match="..."` is that header."""
        host = host or self.case.sites[0].host
        sent: Headers = tuple((k.replace("_", "-").encode(), v.encode("latin-1")) for k, v in headers.items())
        before = [one for one in self.asked if (one.host, one.path, one.secure) == (host, path, secure)]
        first = before[0].at if before else self.now
        one = Asked(
            self.now, host, path, sent, secure=secure, turn=self.turns, nth=len(before), minute=self.minute,
            first=first, url=url, until=self.now,
        )  # fmt: skip
        site = next((site for site in self.case.sites if (site.host, site.path) == (host, path)), None)
        one.answer = site.play(one) if site else Answer(404, good=False)
        self.asked.append(one)
        return self

    def later(self, seconds: float) -> Log:
        self.now += seconds
        return self

    def judged(self) -> Judgement:
        return self.case.judge(self.seen())

    def seen(self) -> Seen:
        return Seen(
            tuple(self.asked), tuple(self.knocks), self.minute, self.by_hand, self.turns, self.now, self.case.sites
        )


def verdict(log: Log) -> Verdict:
    return log.judged().verdict


# --- validators ---


def test_a_tag_that_comes_back_keeps_the_case() -> None:
    log = Log("S01").poll().poll(If_None_Match='"a"').poll(If_None_Match='"a"')

    assert log.judged() == Judgement(Verdict.KEPT, "asked 3 times, each with what had been given")


def test_a_tag_that_is_forgotten_breaks_it_and_is_counted() -> None:
    log = Log("S01").poll().poll().poll()

    assert log.judged() == Judgement(Verdict.BROKEN, "asked 3 times, If-None-Match missing on 2")


def test_one_poll_alone_tells_nothing() -> None:
    assert verdict(Log("S01").poll()) is Verdict.NOT_SEEN
    assert verdict(Log("S01")) is Verdict.NOT_SEEN


def test_a_tag_out_of_nothing_is_a_fault() -> None:
    log = Log("S01").poll(If_None_Match='"made up"').poll(If_None_Match='"a"')

    assert log.judged() == Judgement(Verdict.BROKEN, "asked twice, If-None-Match sent though none was given on 1")


@pytest.mark.parametrize(
    ("case", "sent", "expected"),
    [
        ("S04", [{}, {"If_None_Match": '"a"'}, {"If_None_Match": '"a"'}], Verdict.BROKEN),
        ("S05", [{}, {"If_None_Match": '"touch 0"'}, {"If_None_Match": '"touch 0"'}], Verdict.BROKEN),
        ("S07", [{}, {"If_None_Match": '"a"'}, {"If_None_Match": '"renewed 1"'}], Verdict.KEPT),
        ("S07", [{}, {"If_None_Match": '"a"'}, {"If_None_Match": '"a"'}], Verdict.BROKEN),
        ("S13", [{}, {"If_None_Match": '"a"'}, {"If_None_Match": '"a"'}], Verdict.KEPT),
        ("S13", [{}, {}, {}], Verdict.BROKEN),
        ("S15", [{}, {}, {}], Verdict.KEPT),
        ("S15", [{}, {"If_None_Match": '"a"'}], Verdict.BROKEN),
    ],
)
def test_each_case_of_validators_knows_right_from_wrong(
    case: str, sent: list[dict[str, str]], expected: Verdict
) -> None:
    log = Log(case)
    for headers in sent:
        log.poll(**headers)

    assert verdict(log) is expected


def test_validators_that_a_full_answer_drops_must_not_come_again() -> None:
    both = {"If_None_Match": '"a"', "If_Modified_Since": "Sun, 01 Mar 2026 00:00:00 GMT"}

    assert verdict(Log("S09").poll().poll(**both).poll().poll()) is Verdict.KEPT
    assert verdict(Log("S09").poll().poll(**both).poll(**both).poll(**both)) is Verdict.BROKEN
    assert verdict(Log("S09").poll().poll(**both)) is Verdict.NOT_SEEN


def test_the_tag_of_a_cut_answer_must_not_come_back() -> None:
    old, cut = {"If_None_Match": '"old"'}, {"If_None_Match": '"cut"'}

    assert verdict(Log("S44").poll().poll(**old).poll(**old)) is Verdict.KEPT
    assert verdict(Log("S44").poll().poll(**old).poll(**cut)) is Verdict.BROKEN
    assert verdict(Log("S44").poll().poll().poll()) is Verdict.NOT_APPLICABLE


def test_a_page_in_the_feeds_place_gives_no_tag() -> None:
    kept = Log("S47").poll().poll(If_None_Match='"a"').poll(If_None_Match='"a"')
    fooled = Log("S47").poll().poll(If_None_Match='"a"').poll(If_None_Match='"page"')
    led_astray = Log("S47").poll().poll(If_None_Match='"a"').ask("/found")

    assert [verdict(log) for log in (kept, fooled, led_astray)] == [Verdict.KEPT, Verdict.BROKEN, Verdict.BROKEN]


def test_differences_need_a_tag_and_nobody_needs_differences() -> None:
    asks = {"A_IM": "feed"}

    assert verdict(Log("S14").poll().poll(If_None_Match='"state 0"')) is Verdict.NOT_APPLICABLE
    assert verdict(Log("S14").poll(**asks)) is Verdict.BROKEN
    good = Log("S14").poll().poll(If_None_Match='"state 0"', **asks).poll(If_None_Match='"state 1"', **asks)
    assert verdict(good) is Verdict.KEPT


def test_cookies_are_a_fault_wherever_they_are_sent_back() -> None:
    assert verdict(Log("S59").poll().poll()) is Verdict.KEPT
    assert verdict(Log("S59").poll().poll(Cookie="id=0")) is Verdict.BROKEN


# --- attempts ---


def test_asking_again_at_once_is_a_fault() -> None:
    log = Log("S71").poll().poll().poll()
    log.ask()

    assert log.judged().seen == "1 of 3 polls asked again at once, up to twice"


def test_a_feed_that_is_never_asked_again_is_given_up() -> None:
    log = Log("S29").poll().poll()
    log.turns = 5

    assert log.judged() == Judgement(Verdict.BROKEN, "asked twice in 5 polls")


def test_gone_twice_is_the_end() -> None:
    kept = Log("S30").poll().poll().poll()
    kept.turns += 1

    assert verdict(Log("S30").poll().poll().poll().poll()) is Verdict.BROKEN
    assert verdict(Log("S30").poll().poll().poll()) is Verdict.NOT_SEEN
    assert verdict(kept) is Verdict.KEPT


def test_another_name_after_a_refusal_is_a_fault() -> None:
    assert verdict(Log("S31").poll(User_Agent="a").poll(User_Agent="a")) is Verdict.KEPT
    assert verdict(Log("S31").poll(User_Agent="a").poll(User_Agent="Mozilla")) is Verdict.BROKEN


# --- time ---


def clocked(case: str, *hours: float, end: float, minute: float = 60.0) -> Log:
    """Ask at these hours of the client's clock; the run ends at `end`."""
    log = Log(case, by_hand=False, minute=minute)
    for hour in hours:
        log.now = hour * 60 * minute
        log.turns += 1
        for site in log.case.sites:
            if site.listed:
                log.ask(site.path, host=site.host)
    log.now = end * 60 * minute
    return log


def test_what_takes_hours_is_never_kept_by_hand() -> None:
    timed = [case for case in CASES if verdict(Log(case).poll().poll().poll().poll().poll()) is Verdict.NEEDS_TIME]

    assert [case.id for case in timed] == [
        *("S12", "S16", "S17", "S18", "S19", "S20", "S21", "S22", "S23", "S24", "S25", "S26", "S27", "S28", "S70"),
    ]


@pytest.mark.parametrize("minute", [60.0, 0.1])
def test_a_wait_that_was_asked_for_is_kept_or_broken_at_any_scale(minute: float) -> None:
    kept = clocked("S25", 0, 3.01, end=4, minute=minute)
    broken = clocked("S25", 0, 2, end=4, minute=minute)
    unknown = clocked("S25", 0, end=2, minute=minute)

    assert verdict(kept) is Verdict.KEPT
    assert verdict(broken) is Verdict.BROKEN
    assert verdict(unknown) is Verdict.NEEDS_TIME


def test_a_wait_of_a_host_holds_for_all_that_is_on_it() -> None:
    log = Log("S23", by_hand=False).ask("/feed").later(3600).ask("/other").later(3 * 3600)

    assert log.judged() == Judgement(Verdict.BROKEN, "asked again after 60 min where 2 h were due, once")


def test_errors_must_double_the_wait() -> None:
    doubling = clocked("S26", 0, 1, 3, 7, 15, 31, 55, 79, 103, end=104)
    hourly = clocked("S26", *range(10), end=10)

    assert verdict(doubling) is Verdict.KEPT
    assert verdict(hourly) is Verdict.BROKEN


def test_who_stays_away_for_good_is_told_from_who_was_not_watched() -> None:
    gone = clocked("S18", 0, end=24 * 9)
    waiting = clocked("S18", 0, end=24)

    assert verdict(gone) is Verdict.BROKEN
    assert verdict(waiting) is Verdict.NEEDS_TIME


def test_who_polls_seldom_anyway_is_not_blamed_for_what_he_may_have_read() -> None:
    assert verdict(clocked("S19", 0, 1, end=2)) is Verdict.KEPT
    assert verdict(clocked("S19", 0, 24, end=25)) is Verdict.NOT_SEEN
    assert verdict(clocked("S18", 0, end=24 * 9, minute=0.1)) is Verdict.NOT_SEEN


def test_the_floor_is_that_which_the_client_was_told() -> None:
    log = clocked("S01", 0, 0.5, end=1)

    assert keeps_floor(log.seen()).verdict is Verdict.BROKEN
    assert keeps_floor(replace(log.seen(), floor=30)).verdict is Verdict.KEPT


def test_what_counts_in_whole_hours_is_not_judged_when_time_is_scaled() -> None:
    assert verdict(clocked("S22", 0, 4, end=5, minute=0.1)) is Verdict.NEEDS_TIME


# --- redirects ---


def test_a_target_that_is_asked_directly_was_believed_too_soon() -> None:
    followed = Log("S35")
    direct = Log("S35")
    for log in (followed, direct):
        for turn in range(3):
            log.turns += 1
            known = {"If_None_Match": '"a"'} if turn else {}
            for status in (302, 303, 307):
                if log is followed or not turn:
                    log.ask(f"/{status}")
                log.ask(f"/to-{status}", **known)

    assert verdict(followed) is Verdict.KEPT
    assert verdict(direct) is Verdict.BROKEN


def test_a_validator_must_not_cross_to_another_host() -> None:
    def log(leaks: bool) -> Log:
        made = Log("S32")
        for turn in range(3):
            made.turns += 1
            known = {"If_None_Match": '"n"'} if turn else {}
            made.ask("/feed", **(known if leaks else {}))
            made.ask("/new", host="32.new", **known)
        return made

    assert verdict(log(leaks=False)) is Verdict.KEPT
    assert verdict(log(leaks=True)) is Verdict.BROKEN


def test_a_loop_is_left_at_its_first_repeat() -> None:
    def log(loops: int, hops: int) -> Log:
        made = Log("S37")
        made.turns = 1
        for _ in range(loops):
            made.ask("/loop/a").ask("/loop/b")
        made.ask("/self").ask("/nowhere")
        for hop in range(hops):
            made.ask(f"/chain/{hop}")
        return made

    assert verdict(log(loops=1, hops=6)) is Verdict.KEPT
    assert verdict(log(loops=10, hops=6)) is Verdict.BROKEN
    assert log(loops=1, hops=20).judged().seen == "a chain without an end cost 20 requests, 6 at most are needed"


def test_a_portal_is_forgotten_or_not() -> None:
    def log(believes: bool) -> Log:
        made = Log("S34")
        for turn in range(5):
            made.turns += 1
            for number in range(1, 6):
                if believes and turn > 2:
                    made.ask("/login", host="34.portal")
                    continue
                made.ask("/feed", host=f"34.{number}")
                if turn in (1, 2):
                    made.ask("/login", host="34.portal")
        return made

    assert verdict(log(believes=False)) is Verdict.KEPT
    assert verdict(log(believes=True)) is Verdict.BROKEN


def test_a_move_that_was_taken_back_must_not_be_followed_again() -> None:
    assert verdict(Log("S33").poll().ask("/new").poll().poll()) is Verdict.KEPT
    assert verdict(Log("S33").poll().ask("/new").ask("/new")) is Verdict.BROKEN


def test_https_is_believed_after_it_answered_well() -> None:
    good = Log("S38").ask().ask(secure=True).ask(secure=True)
    slow = Log("S38").ask().ask(secure=True).ask().ask(secure=True)
    distrusting = Log("S38").ask()
    distrusting.knocks.append(Knock(0, "38", 0, "unknown ca"))

    assert [verdict(log) for log in (good, slow, distrusting)] == [
        *(Verdict.KEPT, Verdict.BROKEN, Verdict.NOT_APPLICABLE),
    ]


def test_a_secret_that_travels_is_named() -> None:
    secret = {"Authorization": "Basic eA==", "X_Api_Key": "k"}
    kept = Log("S39").ask(**secret).ask("/new", host="39.other")
    leaked = Log("S39").ask(**secret).ask("/new", host="39.other", X_Api_Key="k")

    assert verdict(kept) is Verdict.KEPT
    assert leaked.judged() == Judgement(Verdict.BROKEN, "X-Api-Key went to the other host too")
    assert verdict(Log("S39").ask()) is Verdict.NOT_APPLICABLE


def test_a_location_that_is_misread_is_told_with_what_was_asked() -> None:
    log = Log("S40").poll()
    for path in ("/relative/other", "/space/x%20y", "/fragment/feed.xml%23top", "/letters/caf%C3%A9"):
        log.ask(path)
    log.ask("/x", host="40.other")

    said = "not followed: fragment; asked for /fragment/feed.xml%23top instead"
    assert log.judged() == Judgement(Verdict.BROKEN, said)


def test_who_follows_no_redirects_is_not_said_to_misread_them() -> None:
    for case in ("S32", "S33", "S35", "S36", "S40"):
        assert verdict(Log(case).poll().poll().poll()) is Verdict.NOT_SEEN


# --- what is more than a request ---


def test_a_slow_answer_is_left_or_borne() -> None:
    def log(seconds: float, left: bool) -> Log:
        made = Log("S41").ask("/drip")
        made.asked[-1].until, made.asked[-1].left = seconds, left
        made.asked[-1].notes.append("slow")
        return made

    assert verdict(log(30, left=True)) is Verdict.KEPT
    assert verdict(log(45, left=False)) is Verdict.BROKEN
    assert verdict(log(44, left=True)) is Verdict.BROKEN


def test_a_body_without_end_is_left_or_taken() -> None:
    def log(left: bool) -> Log:
        made = Log("S42").ask("/endless")
        made.asked[-1].left, made.asked[-1].sent = left, 11 * 1024 * 1024
        made.asked[-1].notes.append("large")
        return made

    assert log(left=True).judged() == Judgement(Verdict.KEPT, "left after 11 MB at most")
    assert verdict(log(left=False)) is Verdict.BROKEN


def test_a_request_over_a_bad_certificate_is_a_fault_and_so_is_plain_text_instead() -> None:
    refused = Log("S51")
    refused.knocks.append(Knock(0, "51.self", 0, "unknown ca"))
    believed = Log("S51").ask(host="51.expired", secure=True)
    plain = Log("S51").ask(host="51.self")

    assert [verdict(log) for log in (refused, believed, plain)] == [Verdict.KEPT, Verdict.BROKEN, Verdict.BROKEN]
    assert believed.judged().seen == "asked over a certificate that is: expired"


def test_a_crowd_on_one_host_comes_one_by_one() -> None:
    apart, together = Log("S52"), Log("S52")
    for number in range(1, 7):
        apart.ask(f"/{number}").later(1.1)
        together.ask(f"/{number}")
        together.asked[-1].until = 0.3

    assert verdict(apart) is Verdict.KEPT
    assert verdict(together) is Verdict.BROKEN


def test_an_archive_is_followed_a_little_or_not_at_all() -> None:
    def log(pages: int) -> Log:
        made = Log("S68").poll().poll()
        for page in range(1, pages + 1):
            made.ask(f"/archive/{page}")
        return made

    assert [verdict(log(pages)) for pages in (0, 3, 6)] == [Verdict.NOT_APPLICABLE, Verdict.KEPT, Verdict.BROKEN]


def test_what_every_request_must_be_is_looked_at_on_all_of_them() -> None:
    named = Log("S01").poll(User_Agent="x/1 (+https://x.example/)")
    nameless = Log("S01").poll(User_Agent="Mozilla/5.0")
    judge = BY_ID["all"].judge

    assert judge(named.seen()) == Judgement(Verdict.KEPT, "on all 1 requests")
    assert judge(nameless.seen()) == Judgement(Verdict.BROKEN, "no address in the User-Agent on 1 of 1")


# --- the suite as a whole ---


def test_a_client_that_never_asks_keeps_nothing() -> None:
    verdicts = {case.id: verdict(Log(case)) for case in CASES}

    assert {id_ for id_, one in verdicts.items() if one in {Verdict.KEPT, Verdict.BROKEN}} == set()


def test_every_case_is_judged_or_says_why_not() -> None:
    numbered = {f"S{number:02d}" for number in range(1, 73)}

    assert {case.id for case in CASES} - {"all"} | NOT_FROM_HERE.keys() == numbered
    assert {case.id for case in CASES} & NOT_FROM_HERE.keys() == set()


def test_the_worst_verdict_holds() -> None:
    site = Site("/feed", lambda _: Answer(), host="1")
    case = Case("S01", "", (site,), all_of(one_request(), validators(), comes_back()))

    assert verdict(Log(case).poll().poll()) is Verdict.KEPT
    assert verdict(Log(case).poll().poll().ask()) is Verdict.BROKEN
    assert waits(Log(case, by_hand=False).poll().seen()).verdict is Verdict.NOT_SEEN
    assert returns(Log(case, by_hand=False).poll().seen()).verdict is Verdict.NOT_SEEN
